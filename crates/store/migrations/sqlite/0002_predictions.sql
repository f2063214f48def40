-- What the rows of the predictions of one version of a model mean: names and kinds of features, classes, task.
CREATE TABLE prediction_schemas (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX prediction_schemas_of_model ON prediction_schemas (model, version);

-- One row per row of a request.
CREATE TABLE predictions (
    predicted_at INTEGER NOT NULL,
    schema_id INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    row_index INTEGER NOT NULL,
    features TEXT NOT NULL,
    outputs TEXT NOT NULL,
    latency_us INTEGER NOT NULL,
    key_id TEXT,
    caller_id TEXT,
    role TEXT NOT NULL
);
CREATE INDEX predictions_of_schema ON predictions (schema_id, predicted_at);
CREATE INDEX predictions_of_request ON predictions (request_id);
CREATE INDEX predictions_of_caller ON predictions (caller_id) WHERE caller_id IS NOT NULL;

-- What really happened. `id` is that of a request, or the caller's own where `by_caller` is 1.
CREATE TABLE feedback (
    id TEXT NOT NULL,
    by_caller INTEGER NOT NULL,
    row_index INTEGER NOT NULL,
    actual TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (id, by_caller, row_index)
) WITHOUT ROWID;
CREATE INDEX feedback_in_time ON feedback (given_at, id, by_caller, row_index);

-- How far each segment of a journal has been moved into these tables.
CREATE TABLE journal_positions (
    journal TEXT NOT NULL,
    segment INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (journal, segment)
) WITHOUT ROWID;

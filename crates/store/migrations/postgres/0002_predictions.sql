-- What the rows of the predictions of one version of a model mean: names and kinds of features, classes, task.
CREATE TABLE prediction_schemas (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    version TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX prediction_schemas_of_model ON prediction_schemas (model, version);

-- One row per row of a request, in a partition per day (UTC).
CREATE TABLE predictions (
    predicted_at BIGINT NOT NULL,
    schema_id BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    row_index BIGINT NOT NULL,
    features TEXT NOT NULL,
    outputs TEXT NOT NULL,
    latency_us BIGINT NOT NULL,
    key_id TEXT,
    caller_id TEXT,
    role TEXT NOT NULL
) PARTITION BY RANGE (predicted_at);
CREATE INDEX predictions_of_schema ON predictions (schema_id, predicted_at);
CREATE INDEX predictions_of_request ON predictions (request_id);
CREATE INDEX predictions_of_caller ON predictions (caller_id) WHERE caller_id IS NOT NULL;

-- For days so far from today that a clock must have been wrong.
CREATE TABLE predictions_other PARTITION OF predictions DEFAULT;

-- What really happened. `id` is that of a request, or the caller's own where `by_caller` is 1.
CREATE TABLE feedback (
    id TEXT NOT NULL,
    by_caller BIGINT NOT NULL,
    row_index BIGINT NOT NULL,
    actual TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    PRIMARY KEY (id, by_caller, row_index)
);
CREATE INDEX feedback_in_time ON feedback (given_at, id, by_caller, row_index);

-- How far each segment of a journal has been moved into these tables.
CREATE TABLE journal_positions (
    journal TEXT NOT NULL,
    segment BIGINT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (journal, segment)
);

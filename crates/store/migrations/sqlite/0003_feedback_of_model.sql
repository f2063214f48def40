-- An answer may be about the predictions of one model only: `model`, empty for all.
DROP INDEX feedback_in_time;
ALTER TABLE feedback RENAME TO feedback_before;
CREATE TABLE feedback (
    id TEXT NOT NULL,
    by_caller INTEGER NOT NULL,
    row_index INTEGER NOT NULL,
    model TEXT NOT NULL,
    actual TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (id, by_caller, row_index, model)
) WITHOUT ROWID;
INSERT INTO feedback (id, by_caller, row_index, model, actual, given_at)
    SELECT id, by_caller, row_index, '', actual, given_at FROM feedback_before;
DROP TABLE feedback_before;
CREATE INDEX feedback_in_time ON feedback (given_at, id, by_caller, row_index, model);

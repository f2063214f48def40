-- An answer may be about the predictions of one model only: `model`, empty for all.
ALTER TABLE feedback ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE feedback DROP CONSTRAINT feedback_pkey;
ALTER TABLE feedback ADD PRIMARY KEY (id, by_caller, row_index, model);
DROP INDEX feedback_in_time;
CREATE INDEX feedback_in_time ON feedback (given_at, id, by_caller, row_index, model);

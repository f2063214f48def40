-- What schedules have done: one row per due time that a server took on. `outcome` is empty while it runs; whoever runs
-- it says so again and again, and after `lease_until` it is taken for lost.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule TEXT NOT NULL,
    model TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    finished_at INTEGER,
    host TEXT NOT NULL,
    outcome TEXT,
    version INTEGER,
    measured TEXT,
    log TEXT NOT NULL,
    UNIQUE (schedule, due_at)
);
CREATE INDEX runs_of_schedule ON runs (schedule, id);
-- Of all servers, one at a time.
CREATE UNIQUE INDEX runs_under_way ON runs (schedule) WHERE outcome IS NULL;

-- One row: the number that every change of the registry or the keys raises.
CREATE TABLE revision (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
);
INSERT INTO revision (one, number) VALUES (1, 0);

-- A model stays when its last version is deleted, so that no number is given twice.
CREATE TABLE models (
    name TEXT PRIMARY KEY,
    last_version INTEGER NOT NULL
);

CREATE TABLE versions (
    model TEXT NOT NULL REFERENCES models (name),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    artifact TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    source TEXT NOT NULL,
    metadata TEXT NOT NULL,
    model_schema TEXT NOT NULL,
    naming TEXT,
    checks TEXT,
    archived_at INTEGER,
    PRIMARY KEY (model, version)
);

CREATE TABLE aliases (
    model TEXT NOT NULL,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    role TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES versions (model, version)
);

-- Kept when a version is deleted.
CREATE TABLE alias_moves (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    model TEXT NOT NULL,
    alias TEXT NOT NULL,
    action TEXT NOT NULL,
    version INTEGER NOT NULL,
    role TEXT NOT NULL,
    moved_at INTEGER NOT NULL,
    moved_by TEXT NOT NULL,
    note TEXT
);
CREATE INDEX alias_moves_of_model ON alias_moves (model, id);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    models TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    acted_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    details TEXT NOT NULL,
    outcome TEXT NOT NULL
);

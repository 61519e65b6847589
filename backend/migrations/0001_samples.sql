-- Machines, what they sent, and the identity that makes sending again harmless.
CREATE TABLE machines (
    machine_id    TEXT PRIMARY KEY NOT NULL,
    machine_type  TEXT NOT NULL,
    registered_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- measured_at is in microseconds since 1970, UTC; repeats counts how often it was sent again.
CREATE TABLE samples (
    id            INTEGER PRIMARY KEY,
    machine_id    TEXT NOT NULL REFERENCES machines (machine_id),
    sample_number INTEGER,
    measured_at   INTEGER NOT NULL,
    status        TEXT,
    metrics       TEXT NOT NULL,
    repeats       INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Two absent numbers are not equal to each other: samples without a number are never repeats.
CREATE UNIQUE INDEX samples_by_number ON samples (machine_id, sample_number);
CREATE INDEX samples_by_time ON samples (machine_id, measured_at);

CREATE TABLE features (
    id            INTEGER PRIMARY KEY,
    machine_id    TEXT NOT NULL REFERENCES machines (machine_id),
    measured_at   INTEGER NOT NULL,
    features      TEXT NOT NULL
) STRICT;
CREATE INDEX features_by_time ON features (machine_id, measured_at);

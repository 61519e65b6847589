-- Machines, what they sent, and the identity that makes sending again harmless. Instants are in
-- microseconds since 1970, UTC; repeats counts how often a sample was sent again; predictions are a
-- ring of slots for each machine, seq tells their order.
CREATE TABLE machines (
    machine_id    TEXT PRIMARY KEY,
    machine_type  TEXT NOT NULL,
    registered_at TEXT NOT NULL
);

CREATE TABLE samples (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine_id    TEXT NOT NULL REFERENCES machines (machine_id),
    sample_number BIGINT,
    measured_at   BIGINT NOT NULL,
    status        TEXT,
    metrics       TEXT NOT NULL,
    repeats       BIGINT NOT NULL DEFAULT 0,
    fuel_rate_lh  DOUBLE PRECISION,
    kwh           DOUBLE PRECISION
);
CREATE UNIQUE INDEX samples_by_number ON samples (machine_id, sample_number);
CREATE INDEX samples_by_time ON samples (machine_id, measured_at, id, fuel_rate_lh, kwh);

CREATE TABLE features (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine_id    TEXT NOT NULL REFERENCES machines (machine_id),
    measured_at   BIGINT NOT NULL,
    features      TEXT NOT NULL
);
CREATE INDEX features_by_time ON features (machine_id, measured_at);

CREATE TABLE predictions (
    machine_id          TEXT NOT NULL REFERENCES machines (machine_id),
    slot                BIGINT NOT NULL,
    seq                 BIGINT NOT NULL,
    predicted_at        BIGINT NOT NULL,
    risk_score          DOUBLE PRECISION NOT NULL,
    failure_probability DOUBLE PRECISION NOT NULL,
    confidence          DOUBLE PRECISION NOT NULL,
    maintenance_hours   DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (machine_id, slot)
);

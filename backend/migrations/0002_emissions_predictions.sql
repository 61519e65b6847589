-- What emissions are made from, so that sums need not read the readings, and each machine's latest
-- predictions: a ring of slots, seq tells their order.
ALTER TABLE samples ADD COLUMN fuel_rate_lh REAL;
ALTER TABLE samples ADD COLUMN kwh REAL;
UPDATE samples SET fuel_rate_lh = CAST(json_extract(metrics, '$.fuel_rate_lh') AS REAL),
                   kwh = CAST(json_extract(metrics, '$.kwh') AS REAL);
DROP INDEX samples_by_time;
CREATE INDEX samples_by_time ON samples (machine_id, measured_at, id, fuel_rate_lh, kwh);

CREATE TABLE predictions (
    machine_id          TEXT NOT NULL REFERENCES machines (machine_id),
    slot                INTEGER NOT NULL,
    seq                 INTEGER NOT NULL,
    predicted_at        INTEGER NOT NULL,
    risk_score          REAL NOT NULL,
    failure_probability REAL NOT NULL,
    confidence          REAL NOT NULL,
    maintenance_hours   REAL NOT NULL,
    PRIMARY KEY (machine_id, slot)
) STRICT, WITHOUT ROWID;

//! What is read, in SQL that SQLite and PostgreSQL both understand.
//!
//! Invariant: rows that cannot be understood are an error, not a gap.
//! Not here: connections and their pools.

use chrono::DateTime;

use super::{Burned, Predicted, SamplePage, StoreError};
use crate::fleet::Fleet;
use crate::machine::MachineId;
use crate::model::Prediction;
use crate::sample::{Readings, Sample};

/// The numbers of a page, gathered into islands of consecutive ones.
pub(super) const RANGES: &str =
    "SELECT MIN(n), MAX(n), CAST(SUM(repeats) AS BIGINT), COUNT(*) FROM (
        SELECT n, repeats, n - ROW_NUMBER() OVER (ORDER BY n) AS island FROM (
            SELECT sample_number AS n, repeats FROM samples
            WHERE machine_id = $1 AND sample_number IS NOT NULL AND sample_number > $2
            ORDER BY sample_number LIMIT $3) AS page) AS islands
    GROUP BY island ORDER BY 1";

pub(super) const ANY_ABOVE: &str =
    "SELECT EXISTS (SELECT 1 FROM samples WHERE machine_id = $1 AND sample_number > $2)";

/// Every machine with its latest sample.
pub(super) const LATEST: &str =
    "SELECT m.machine_id, s.measured_at, s.status, s.metrics FROM machines m
    LEFT JOIN samples s ON s.id = (
        SELECT id FROM samples WHERE machine_id = m.machine_id
        ORDER BY measured_at DESC, id DESC LIMIT 1)";

/// How many predictions were kept of each machine.
pub(super) const COUNTED: &str = "SELECT machine_id, MAX(seq) FROM predictions GROUP BY machine_id";

pub(super) const PREDICTIONS: &str =
    "SELECT predicted_at, risk_score, failure_probability, confidence, maintenance_hours
    FROM predictions WHERE machine_id = $1 ORDER BY seq DESC LIMIT $2";

/// The sums before the page and the page itself, in one statement: one look at the table.
pub(super) const BURNED: &str = "SELECT measured_at, fuel_rate_lh, kwh,
        (SELECT COALESCE(SUM(fuel_rate_lh), 0.0) FROM samples WHERE machine_id = $1),
        (SELECT COALESCE(SUM(kwh), 0.0) FROM samples WHERE machine_id = $1)
    FROM samples WHERE machine_id = $1 AND (fuel_rate_lh IS NOT NULL OR kwh IS NOT NULL)
    ORDER BY measured_at DESC, id DESC LIMIT $2";

/// A row of [`RANGES`]: first, last, repeats, count.
pub(super) type RangeRow = (i64, i64, i64, i64);
/// A row of [`LATEST`].
pub(super) type LatestRow = (String, Option<i64>, Option<String>, Option<String>);
/// A row of [`PREDICTIONS`].
pub(super) type PredictionRow = (i64, f64, f64, f64, f64);
/// A row of [`BURNED`].
pub(super) type BurnedRow = (i64, Option<f64>, Option<f64>, f64, f64);

/// The number that ended a full page: there may be more behind it.
pub(super) fn last_of_full(rows: &[RangeRow], limit: u32) -> Option<i64> {
    let found: i64 = rows.iter().map(|row| row.3).sum();
    rows.last().filter(|_| found >= i64::from(limit)).map(|row| row.1)
}

pub(super) fn page(rows: &[RangeRow], next: Option<i64>) -> SamplePage {
    SamplePage {
        ranges: rows.iter().map(|row| [row.0, row.1]).collect(),
        repeats: rows.iter().map(|row| row.2).sum(),
        next,
    }
}

pub(super) fn predictions(
    machine: &MachineId,
    rows: Vec<PredictionRow>,
) -> Result<Vec<Predicted>, StoreError> {
    let read = |(at, risk_score, failure_probability, confidence, maintenance_hours)| {
        let at = DateTime::from_timestamp_micros(at).ok_or_else(|| unreadable(machine.as_str()))?;
        let prediction =
            Prediction { risk_score, failure_probability, confidence, maintenance_hours };
        Ok(Predicted { machine_id: machine.clone(), at, prediction })
    };
    rows.into_iter().map(read).collect()
}

pub(super) fn burned(machine: &MachineId, rows: Vec<BurnedRow>) -> Result<Vec<Burned>, StoreError> {
    let mut later = (0.0, 0.0);
    let mut burned = Vec::with_capacity(rows.len());
    for (at, fuel_rate_lh, kwh, fuel, electricity) in rows {
        let measured_at =
            DateTime::from_timestamp_micros(at).ok_or_else(|| unreadable(machine.as_str()))?;
        burned.push(Burned {
            measured_at,
            fuel_rate_lh,
            kwh,
            fuel_sum: fuel - later.0,
            kwh_sum: electricity - later.1,
        });
        later.0 += fuel_rate_lh.unwrap_or_default();
        later.1 += kwh.unwrap_or_default();
    }
    Ok(burned)
}

/// Fills the fleet with every machine, its latest sample.
pub(super) fn fill(fleet: &Fleet, latest: Vec<LatestRow>) -> Result<(), StoreError> {
    for (id, measured_at, status, metrics) in latest {
        let machine_id = MachineId::parse(&id).map_err(|_| unreadable(&id))?;
        fleet.register([&machine_id]);
        if let (Some(micros), Some(metrics)) = (measured_at, metrics) {
            let measured_at =
                DateTime::from_timestamp_micros(micros).ok_or_else(|| unreadable(&id))?;
            let metrics: Readings = serde_json::from_str(&metrics).map_err(|_| unreadable(&id))?;
            fleet.note([&Sample { machine_id, number: None, measured_at, status, metrics }]);
        }
    }
    Ok(())
}

fn unreadable(machine: &str) -> StoreError {
    StoreError::Database(format!("machine `{machine}` has an unreadable row"))
}

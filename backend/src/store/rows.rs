//! A batch as rows: each table's rows travel to the database as one JSON text.
//!
//! Invariant: of one (machine, number) there is one row, the batch's first; the others raise its
//! count of repeats, because PostgreSQL refuses to touch a row twice in one statement.
//! Invariant: rows are in the order of their keys, so that two backends on one database cannot
//! lock each other out.
//! Not here: SQL.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{PREDICTIONS_KEPT, Predicted, Record, Written};
use crate::fleet::Fleet;
use crate::machine::{MachineId, MachineType};
use crate::sample::{Sample, now_text};

/// The most litres or kilowatt hours an hour that a sum takes from one sample.
const MOST_BURNED: f64 = 1e9;

/// `(machine, number, repeats)` of a sample that was written, as the database returns it.
pub(super) type Returned = (String, Option<i64>, i64);

/// What one transaction writes; null where there is nothing.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// `[machine_id, machine_type, registered_at]`.
    pub(super) machines: Option<String>,
    /// `[machine_id, sample_number, measured_at, status, metrics, repeats, fuel_rate_lh, kwh]`.
    pub(super) samples: Option<String>,
    /// `[machine_id, measured_at, features]`.
    pub(super) features: Option<String>,
    /// `[machine_id, slot, seq, predicted_at, risk, failure, confidence, hours]`.
    pub(super) predictions: Option<String>,
}

impl Rows {
    /// The rows of these records. `predictions` counts each machine's predictions so far.
    pub(super) fn of(
        records: &[&Record],
        fleet: &Fleet,
        predictions: &mut BTreeMap<String, i64>,
    ) -> Rows {
        let mut strangers = BTreeSet::<&MachineId>::new();
        let mut numbered = BTreeMap::<(&str, i64), (&Sample, i64)>::new();
        let (mut samples, mut features) = (Vec::new(), Vec::new());
        let mut ring = BTreeMap::<(&str, i64), Value>::new();
        for record in records {
            let id = record.machine_id();
            if !fleet.knows(id) {
                strangers.insert(id);
            }
            match record {
                Record::Sample(s) => match s.number {
                    Some(number) => match numbered.entry((id.as_str(), number)) {
                        Entry::Vacant(first) => drop(first.insert((s, 0))),
                        Entry::Occupied(mut again) => again.get_mut().1 += 1,
                    },
                    None => samples.push(sample_row(s, 0)),
                },
                Record::Features(f) => features.push(json!([
                    id.as_str(),
                    f.measured_at.timestamp_micros(),
                    serde_json::to_string(&f.features).unwrap_or_default(),
                ])),
                Record::Predicted(p) => {
                    let seq = predictions.entry(id.to_string()).or_insert(0);
                    *seq += 1;
                    let slot = *seq % i64::from(PREDICTIONS_KEPT);
                    ring.insert((id.as_str(), slot), prediction_row(p, slot, *seq));
                }
            }
        }
        samples.extend(numbered.values().map(|(sample, repeats)| sample_row(sample, *repeats)));
        Rows {
            machines: text(strangers.into_iter().map(machine_row).collect()),
            samples: text(samples),
            features: text(features),
            predictions: text(ring.into_values().collect()),
        }
    }
}

/// The row of machines that must be known whatever comes.
pub(super) fn machines(ids: &[MachineId]) -> String {
    Value::Array(ids.iter().map(machine_row).collect()).to_string()
}

fn text(rows: Vec<Value>) -> Option<String> {
    (!rows.is_empty()).then(|| Value::Array(rows).to_string())
}

fn machine_row(id: &MachineId) -> Value {
    json!([id.as_str(), MachineType::of(id).name(), now_text()])
}

fn sample_row(sample: &Sample, repeats: i64) -> Value {
    let metrics = serde_json::to_string(&sample.metrics).unwrap_or_default();
    // A sensor that reads below zero does not give back what was burned, and one that reads beyond
    // all reason must not make every later sum infinite.
    let positive = |name| sample.metrics.get(name).map(|value| value.clamp(0.0, MOST_BURNED));
    json!([
        sample.machine_id.as_str(),
        sample.number,
        sample.measured_at.timestamp_micros(),
        sample.status,
        metrics,
        repeats,
        positive("fuel_rate_lh"),
        positive("kwh"),
    ])
}

fn prediction_row(predicted: &Predicted, slot: i64, seq: i64) -> Value {
    let p = &predicted.prediction;
    json!([
        predicted.machine_id.as_str(),
        slot,
        seq,
        predicted.at.timestamp_micros(),
        p.risk_score,
        p.failure_probability,
        p.confidence,
        p.maintenance_hours,
    ])
}

/// What became of each record, given what the database returned.
pub(super) fn written(records: &[&Record], returned: Vec<Returned>) -> Vec<Written> {
    let mut copies = BTreeMap::<(&str, i64), i64>::new();
    for record in records {
        if let Some(key) = key(record) {
            *copies.entry(key).or_insert(0) += 1;
        }
    }
    let mut stored = BTreeMap::<(&str, i64), i64>::new();
    for (machine, number, repeats) in &returned {
        if let Some(number) = number {
            stored.insert((machine, *number), *repeats);
        }
    }
    let mut seen = BTreeSet::new();
    let mut words = Vec::with_capacity(records.len());
    for record in records {
        let Some(key) = key(record) else {
            words.push(Written::New);
            continue;
        };
        // A row that is new counts the batch's other copies only.
        let others = copies.get(&key).map_or(0, |n| n - 1);
        let new = stored.get(&key).is_none_or(|repeats| *repeats == others);
        words.push(if seen.insert(key) && new { Written::New } else { Written::Repeat });
    }
    words
}

fn key(record: &Record) -> Option<(&str, i64)> {
    match record {
        Record::Sample(sample) => Some((sample.machine_id.as_str(), sample.number?)),
        Record::Features(_) | Record::Predicted(_) => None,
    }
}

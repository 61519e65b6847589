//! The last readings of each machine, and the features of each ten of them.
//!
//! Invariant: memory is bounded by the machines that were heard; a window that the process did not
//! live to see whole has no features.
//! Not here: what features are (see `gateway`).

use std::collections::{BTreeMap, BTreeSet};

use crate::gateway::{self, Reading, WINDOW};
use crate::machine::MachineId;
use crate::sample::{Sample, show_instant};

#[derive(Default)]
pub(super) struct Windows {
    of: BTreeMap<MachineId, Vec<Vec<Reading<String>>>>,
    /// The number of each machine's last sample: one that comes again is not counted again.
    last: BTreeMap<MachineId, i64>,
    /// Machines whose features come from elsewhere.
    theirs: BTreeSet<MachineId>,
}

impl Windows {
    /// Somebody else computes this machine's features.
    pub(super) fn leave(&mut self, machine: &MachineId) {
        self.theirs.insert(machine.clone());
        self.of.remove(machine);
    }

    /// Takes note of a sample; the tenth of its window has the features' body.
    pub(super) fn note(&mut self, sample: &Sample) -> Option<String> {
        let machine = &sample.machine_id;
        if self.theirs.contains(machine) {
            return None;
        }
        if let Some(number) = sample.number
            && self.last.insert(machine.clone(), number) == Some(number)
        {
            return None;
        }
        let window = self.of.entry(machine.clone()).or_default();
        window.push(sample.metrics.iter().map(|(name, value)| (name.clone(), *value)).collect());
        if (window.len() as u64) < WINDOW {
            return None;
        }
        let features: BTreeMap<String, f64> = gateway::features(window).into_iter().collect();
        window.clear();
        let body = serde_json::json!({
            "machine_id": machine.as_str(),
            "timestamp": show_instant(sample.measured_at),
            "features": features,
        });
        Some(body.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn sample(number: i64) -> Sample {
        Sample {
            machine_id: MachineId::parse("MILL-3").unwrap(),
            number: Some(number),
            measured_at: DateTime::UNIX_EPOCH,
            status: None,
            metrics: [("rpm".to_owned(), number as f64)].into(),
        }
    }

    #[test]
    fn whoever_sends_features_gets_none_of_ours() {
        let mut windows = Windows::default();
        (1..=5).for_each(|n| assert_eq!(windows.note(&sample(n)), None));
        windows.leave(&sample(1).machine_id);
        (6..=30).for_each(|n| assert_eq!(windows.note(&sample(n)), None));
    }

    #[test]
    fn each_ten_have_features_and_a_repeat_does_not_count() {
        let mut windows = Windows::default();
        let told = [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|n| windows.note(&sample(n)));
        assert!(told[..10].iter().all(Option::is_none) && told[11].is_none());
        let body: serde_json::Value = serde_json::from_str(told[10].as_deref().unwrap()).unwrap();
        assert_eq!(body["machine_id"], "MILL-3");
        assert_eq!(
            (&body["features"]["rpm_sma"], &body["features"]["rpm_derivative"]),
            (&5.5.into(), &1.0.into())
        );
    }
}

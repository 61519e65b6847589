//! What is known of every machine right now, in memory: the answer to lists and predictions.
//!
//! Invariant: only committed samples get in, so the fleet never knows more than the disk.
//! Invariant: a machine's latest sample is the one measured last, not the one that came last: a
//! gateway that replays its backlog must not turn a machine's state back.
//! Not here: history (see `store`).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};

use crate::machine::{MachineId, MachineType};
use crate::model;
use crate::sample::{Readings, Sample};

/// A machine as the last commit left it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Machine {
    pub(crate) id: MachineId,
    pub(crate) kind: MachineType,
    pub(crate) base_risk: f64,
    pub(crate) latest: Option<Latest>,
}

/// A machine's latest sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Latest {
    pub(crate) measured_at: DateTime<Utc>,
    pub(crate) status: Option<String>,
    pub(crate) metrics: Readings,
}

impl Machine {
    fn new(id: MachineId) -> Machine {
        let (kind, base_risk) = (MachineType::of(&id), model::base_risk(&id));
        Machine { id, kind, base_risk, latest: None }
    }

    /// The machine's own word, else that it runs.
    pub(crate) fn status(&self) -> &str {
        self.latest.as_ref().and_then(|l| l.status.as_deref()).unwrap_or("operational")
    }
}

/// All registered machines, in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    machines: RwLock<BTreeMap<MachineId, Arc<Machine>>>,
}

impl Fleet {
    pub(crate) fn get(&self, id: &MachineId) -> Option<Arc<Machine>> {
        self.read().get(id).cloned()
    }

    pub(crate) fn knows(&self, id: &MachineId) -> bool {
        self.read().contains_key(id)
    }

    /// At most `limit` machines with names greater than `after`.
    pub(crate) fn page(&self, after: Option<&MachineId>, limit: usize) -> Vec<Arc<Machine>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read()
            .range::<MachineId, _>((from, Bound::Unbounded))
            .take(limit)
            .map(|(_, machine)| Arc::clone(machine))
            .collect()
    }

    /// Makes machines known; those already known stay as they are.
    pub(crate) fn register<'a>(&self, ids: impl IntoIterator<Item = &'a MachineId>) {
        let mut machines = self.write();
        for id in ids {
            if !machines.contains_key(id) {
                machines.insert(id.clone(), Arc::new(Machine::new(id.clone())));
            }
        }
    }

    /// Takes note of committed samples; registers machines as needed.
    pub(crate) fn note<'a>(&self, samples: impl IntoIterator<Item = &'a Sample>) {
        let mut machines = self.write();
        for sample in samples {
            let known = machines
                .entry(sample.machine_id.clone())
                .or_insert_with_key(|id| Arc::new(Machine::new(id.clone())));
            if known.latest.as_ref().is_some_and(|l| l.measured_at > sample.measured_at) {
                continue;
            }
            // Readers keep the one they hold; nobody sees half a sample.
            *known = Arc::new(Machine {
                id: known.id.clone(),
                kind: known.kind,
                base_risk: known.base_risk,
                latest: Some(Latest {
                    measured_at: sample.measured_at,
                    status: sample.status.clone(),
                    metrics: sample.metrics.clone(),
                }),
            });
        }
    }

    // A poisoned lock holds whole machines all the same: each change is one assignment.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<MachineId, Arc<Machine>>> {
        self.machines.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<MachineId, Arc<Machine>>> {
        self.machines.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::parse_instant;

    fn id(text: &str) -> MachineId {
        MachineId::parse(text).unwrap()
    }

    fn sample(machine: &str, at: &str, vibration: f64) -> Sample {
        Sample {
            machine_id: id(machine),
            number: None,
            measured_at: parse_instant(at).unwrap(),
            status: None,
            metrics: [("vibration".to_owned(), vibration)].into(),
        }
    }

    fn vibration(fleet: &Fleet, machine: &str) -> f64 {
        fleet.get(&id(machine)).unwrap().latest.as_ref().unwrap().metrics["vibration"]
    }

    #[test]
    fn the_latest_is_by_measurement_and_among_equals_by_arrival() {
        let fleet = Fleet::default();
        fleet.note(&[sample("T-1", "2024-01-01T00:00:02Z", 2.0)]);
        fleet.note(&[sample("T-1", "2024-01-01T00:00:01Z", 1.0)]);
        assert_eq!(vibration(&fleet, "T-1"), 2.0);
        fleet.note(&[sample("T-1", "2024-01-01T00:00:02Z", 2.5)]);
        assert_eq!(vibration(&fleet, "T-1"), 2.5);
    }

    #[test]
    fn registering_again_keeps_what_is_known() {
        let fleet = Fleet::default();
        fleet.note(&[sample("T-1", "2024-01-01T00:00:02Z", 2.0)]);
        fleet.register(&[id("T-1"), id("T-2")]);
        assert_eq!(vibration(&fleet, "T-1"), 2.0);
        assert!(fleet.get(&id("T-2")).unwrap().latest.is_none());
        assert!(!fleet.knows(&id("T-3")));
    }

    #[test]
    fn pages_join_to_the_whole_list() {
        let fleet = Fleet::default();
        let ids: Vec<MachineId> = (0..25).map(|n| id(&format!("M-{n:02}"))).collect();
        fleet.register(&ids);
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = fleet.page(after.as_ref(), 10);
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            seen.extend(page.iter().map(|m| m.id.to_string()));
        }
        assert_eq!(seen, (0..25).map(|n| format!("M-{n:02}")).collect::<Vec<_>>());
    }
}

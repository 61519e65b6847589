//! The faults on one link: which are on, what each has done so far, and which were cleared but
//! not yet seen to be gone.
//!
//! Invariant: a fault's numbers are added to in one place each: matched in [`Board::ask`],
//! injected in [`Board::affects`].
//! Not here: requests (`passage`), connections (`proxy`), edges (`record`).

use super::passage::Passage;
use super::seen::{DrawnBy, Fault, Reach};
use super::stream::{Flow, Flows};
use assay_slo::At;
use assay_slo::event::Effect;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

/// What is done to a link.
#[derive(Clone)]
pub enum Action {
    /// Connects are refused and what is open is reset.
    Refuse,
    /// Something is done to single requests.
    Requests(Arc<dyn Fault>),
    /// Something is done to connections, whatever they carry.
    Flows(Arc<dyn Flows>),
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Action::Refuse => f.write_str("Refuse"),
            Action::Flows(_) => f.write_str("Flows"),
            Action::Requests(fault) => write!(f, "Requests({:?})", fault.reach()),
        }
    }
}

/// What a fault has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// As the journal has it.
    pub(crate) effect: Effect,
    /// How many decisions were drawn from the number of the arrival.
    pub(crate) by_arrival: u64,
    /// When the first request was affected.
    pub(crate) first: Option<At>,
}

struct Active {
    action: Action,
    tally: Tally,
    since: Instant,
}

struct Cleared {
    fault: usize,
    action: Action,
    /// Requests with smaller numbers came before the end.
    from: u64,
}

/// The faults on one link, by their index.
#[derive(Default)]
pub(crate) struct Board {
    active: BTreeMap<usize, Active>,
    cleared: Vec<Cleared>,
}

impl Board {
    /// Whether this fault is on.
    pub(crate) fn has(&self, fault: usize) -> bool {
        self.active.contains_key(&fault)
    }

    /// The faults that are on.
    pub(crate) fn active(&self) -> Vec<usize> {
        self.active.keys().copied().collect()
    }

    /// This fault is on.
    pub(crate) fn add(&mut self, fault: usize, action: Action) {
        self.cleared.retain(|cleared| cleared.fault != fault);
        let (tally, since) = (Tally::default(), Instant::now());
        self.active.insert(fault, Active { action, tally, since });
    }

    /// It no longer is; requests numbered from `from` on come after it.
    pub(crate) fn remove(&mut self, fault: usize, from: u64) -> Option<Tally> {
        let Active { action, tally, .. } = self.active.remove(&fault)?;
        self.cleared.push(Cleared { fault, action, from });
        Some(tally)
    }

    /// Whether connects are refused.
    pub(crate) fn refuses(&self) -> bool {
        self.active.values().any(|active| matches!(active.action, Action::Refuse))
    }

    /// How far this fault reaches.
    pub(crate) fn reach(&self, fault: usize) -> Reach {
        match self.active.get(&fault).map(|active| &active.action) {
            Some(Action::Requests(fault)) => fault.reach(),
            Some(Action::Refuse | Action::Flows(_)) | None => Reach::Arriving,
        }
    }

    /// Whether every connection is stalled.
    pub(crate) fn stalls_all(&self) -> bool {
        self.active.values().any(|active| match &active.action {
            Action::Requests(fault) => fault.reach() == Reach::Connections,
            Action::Refuse | Action::Flows(_) => false,
        })
    }

    /// Asks a fault about a connection, once: what it does, by which rules, and the connection's
    /// number among those that it was asked about.
    pub(crate) fn ask_flow(&mut self, fault: usize) -> Option<(Flow, Arc<dyn Flows>, u64)> {
        let Some(Active { action: Action::Flows(rules), tally, .. }) = self.active.get_mut(&fault)
        else {
            return None;
        };
        let nth = tally.effect.matched;
        tally.effect.matched += 1;
        Some((rules.decide(nth)?, Arc::clone(rules), nth))
    }

    /// Bytes went through: all faults that were cleared and not yet seen to be gone.
    pub(crate) fn flowed(&mut self) -> Vec<usize> {
        self.cleared.drain(..).map(|cleared| cleared.fault).collect()
    }

    /// Asks a fault about a request, once.
    pub(crate) fn ask(&mut self, fault: usize, passage: &mut Passage) {
        let Some(Active { action: Action::Requests(rules), tally, since }) =
            self.active.get_mut(&fault)
        else {
            return;
        };
        if !rules.matches(&passage.seen) {
            return;
        }
        // One that came before the fault meets it at its start.
        let on = passage.arrived.saturating_duration_since(*since);
        let ruling = rules.decide(&passage.seen, tally.effect.matched, on);
        tally.effect.matched += 1;
        tally.by_arrival += u64::from(ruling.drawn_by == DrawnBy::Arrival);
        if let Some(fate) = ruling.fate {
            passage.add(fault, fate);
        }
    }

    /// Counts a request that a fault affects; true for the first.
    pub(crate) fn affects(&mut self, fault: usize, ours: bool, at: At) -> bool {
        let Some(Active { tally, .. }) = self.active.get_mut(&fault) else { return false };
        tally.effect.injected += 1;
        tally.effect.ours += u64::from(ours);
        tally.first.replace(tally.first.unwrap_or(at)).is_none()
    }

    /// Counts the connections that refusing found open and reset, and those of them that were in use.
    pub(crate) fn refused(&mut self, fault: usize, (open, used): (u64, u64)) {
        if let Some(Active { tally, .. }) = self.active.get_mut(&fault) {
            tally.effect = Effect { matched: open, injected: used, ours: 0 };
        }
    }

    /// The edge of a refusing fault is its first effect, if it found connections to reset.
    pub(crate) fn refused_at(&mut self, fault: usize, at: At) -> bool {
        match self.active.get_mut(&fault) {
            Some(Active { tally, .. }) if tally.effect.injected > 0 => {
                tally.first = Some(at);
                true
            }
            _ => false,
        }
    }

    /// A request went through: the cleared faults that would have been about it, each once.
    pub(crate) fn went_through(&mut self, passage: &Passage) -> Vec<usize> {
        let mut gone = Vec::new();
        self.cleared.retain(|cleared| {
            let about = match &cleared.action {
                Action::Refuse | Action::Flows(_) => true,
                Action::Requests(fault) => fault.matches(&passage.seen),
            };
            let is_proof = about && passage.number >= cleared.from;
            if is_proof {
                gone.push(cleared.fault);
            }
            !is_proof
        });
        gone
    }
}

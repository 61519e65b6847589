//! What a run takes from the machine that it shares with others.
//!
//! Invariant: for people: no verdict depends on it.
//! Not here: reading it from the system.

use serde::{Deserialize, Serialize};

/// Over one second; in a scorecard, the most of any second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Cores.
    pub cores: u64,
    /// What all threads of this program used, in thousandths of a core.
    pub own_milli: u64,
    /// What everything on the machine used, this program included.
    pub all_milli: u64,
    /// Descriptors that this program had open at its end.
    pub descriptors: u64,
    /// How many it may have; 0: any number.
    pub descriptors_allowed: u64,
    /// TCP sockets of the machine at its end, those that wait for late segments included: each
    /// outgoing one to the same address takes a local port.
    pub sockets: u64,
    /// Local ports that outgoing connections may have.
    pub ports: u64,
}

impl Machine {
    /// Keeps the greater of each.
    pub(crate) fn keep_most(&mut self, other: &Machine) {
        let most = |one: &mut u64, other: u64| *one = (*one).max(other);
        most(&mut self.cores, other.cores);
        most(&mut self.own_milli, other.own_milli);
        most(&mut self.all_milli, other.all_milli);
        most(&mut self.descriptors, other.descriptors);
        most(&mut self.descriptors_allowed, other.descriptors_allowed);
        most(&mut self.sockets, other.sockets);
        most(&mut self.ports, other.ports);
    }
}

//! A planned fault as a rule over connections that nobody looks into.
//!
//! Invariant: pure: which connections it takes depends on the seed, the fault's name and a
//! connection's number since the fault began; how late a piece is also on the piece's number.
//! Not here: drawing (`chance`), obeying (`link`).

use super::chance::{self, For};
use super::planned::{Victims, micros};
use crate::link::{Flow, Flows, Way};
use crate::plan::{Fault, FaultKind, Latency, OutageMode, Side};
use std::time::Duration;

/// A fault of connections.
pub(crate) struct Flowing {
    seed: u64,
    name: String,
    flow: Flow,
    victims: Victims,
    latency: Option<Latency>,
    lasts_us: u64,
}

impl Flowing {
    /// What this fault does to connections; none if it does nothing to them.
    pub(crate) fn new(fault: &Fault, victims: Victims, seed: u64) -> Option<Flowing> {
        let mut latency = None;
        let flow = match &fault.kind {
            FaultKind::Latency(later) => {
                latency = Some(later.clone());
                Flow::Later(match later.side {
                    Side::Request => Way::Up,
                    Side::Response => Way::Down,
                })
            }
            FaultKind::Bandwidth { per_s } => Flow::Pace(*per_s),
            FaultKind::Stall => Flow::Hold(Some(Way::Down)),
            FaultKind::Outage(OutageMode::BlackHole) => Flow::Hold(None),
            FaultKind::Outage(OutageMode::Reset) => Flow::Reset,
            FaultKind::HalfOpen => Flow::HalfOpen,
            FaultKind::LimitBytes { after } => Flow::Limit(*after),
            _ => return None,
        };
        let (name, lasts_us) = (fault.name.clone(), fault.lasts_us);
        Some(Flowing { seed, name, flow, victims, latency, lasts_us })
    }
}

impl Flows for Flowing {
    fn decide(&self, nth: u64) -> Option<Flow> {
        let is_victim = match self.victims {
            Victims::All => true,
            Victims::Share(share) => {
                chance::share(&mut chance::stream(self.seed, &self.name, For::Arrival(nth)), share)
            }
            Victims::Quota(victims) => chance::quota(self.seed, &self.name, victims, nth),
            Victims::EveryNth(n) => (nth + 1).is_multiple_of(n),
            Victims::Next(n) => nth < n,
        };
        is_victim.then_some(self.flow)
    }

    fn later(&self, nth: u64, piece: u64, on: Duration) -> Duration {
        let Some(latency) = &self.latency else { return Duration::ZERO };
        let mut rng = chance::stream(self.seed, &self.name, For::Piece(nth, piece));
        let drawn = micros(chance::delay(&mut rng, &latency.delay));
        Duration::from_micros(latency.ramp.scale(drawn, micros(on), self.lasts_us))
    }
}

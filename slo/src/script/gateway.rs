//! A simulated caller with a breaker behind a link that resets: what the gateway tells, and what
//! arrives at the link.
//!
//! Invariant: seeded; the same world gives the same life.
//! Not here: what is inferred from it.

use super::fleet::ms;
use crate::event::{Attempt, BreakerEvent, BreakerState};
use crate::outcome::Outcome;
use crate::time::At;
use std::collections::{BTreeSet, VecDeque};

/// What one gateway does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    NeverOpens,
    /// Lets every so many-th call through while open.
    Leaks(u64),
    /// Admits two trials at once.
    TwoTrials,
    /// Opens one failure late.
    Late,
}

/// What opens a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Five failures in a row. Any failed trial opens it again.
    Consecutive,
    /// Half of so many results. Once all trials are over, it opens again if half of them failed.
    Rate(usize),
}

/// How a breaker is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) rule: Rule,
    pub(crate) trials: u64,
    /// Each failed trial doubles the time until the next.
    pub(crate) backoff: bool,
    /// Of a thousand calls while the fault is on.
    pub(crate) fail: u64,
}

impl Setting {
    pub(crate) const USUAL: Setting =
        Setting { rule: Rule::Consecutive, trials: 1, backoff: false, fail: 1000 };
}

/// The world it lives in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) per_second: u64,
    pub(crate) random: bool,
    pub(crate) seconds: i64,
    pub(crate) fault_ms: (i64, i64),
    /// How long a failing call takes while nobody answers, and the only caller waits for it; 0:
    /// calls are reset at once, and nobody waits.
    pub(crate) wait_us: u64,
    pub(crate) set: Setting,
    pub(crate) flaw: Flaw,
}

/// What it did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    pub(crate) due: Vec<At>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) arrivals: Vec<Attempt>,
    pub(crate) transitions: Vec<BreakerEvent>,
}

const FAILURES: u64 = 5;
const RECOVERY_US: u64 = 5_000_000;
/// From the gateway to the link, and back, µs.
const HOP_US: u64 = 100;

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 (inclusive) to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

struct Gateway {
    state: BreakerState,
    generation: u64,
    failures: u64,
    opened: At,
    recovery_us: u64,
    trials: u64,
    /// Of the trials: over, and failed.
    over: (u64, u64),
    /// The last results, failed or not.
    window: VecDeque<bool>,
    rejected: u64,
    set: Setting,
    flaw: Flaw,
    /// Calls under way: end, number, generation, failed.
    under_way: BTreeSet<(At, usize, u64, bool)>,
    transitions: Vec<BreakerEvent>,
}

impl Gateway {
    fn to(&mut self, to: BreakerState, at: At) {
        let (from, failures) = (self.state, self.failures);
        let in_flight = self.under_way.len() as u64;
        let event = BreakerEvent { fleet: 0, gateway: 0, from, to, at, failures, in_flight };
        self.transitions.push(event);
        (self.state, self.generation, self.trials) = (to, self.generation + 1, 0);
        (self.over, self.window) = ((0, 0), VecDeque::new());
        if to == BreakerState::Open {
            self.opened = at;
            let again = from == BreakerState::HalfOpen && self.set.backoff;
            self.recovery_us = if again { self.recovery_us * 2 } else { RECOVERY_US };
        }
    }

    /// Whether a call goes through, and whether it is a trial.
    fn admits(&mut self, at: At) -> (bool, bool) {
        if self.state == BreakerState::Open && at.0 >= self.opened.0 + self.recovery_us {
            self.to(BreakerState::HalfOpen, at);
        }
        let most = if self.flaw == Flaw::TwoTrials { 2 } else { self.set.trials };
        match self.state {
            BreakerState::Closed => (true, false),
            BreakerState::Open => {
                self.rejected += 1;
                (matches!(self.flaw, Flaw::Leaks(nth) if self.rejected.is_multiple_of(nth)), false)
            }
            BreakerState::HalfOpen if self.trials < most => {
                self.trials += 1;
                (true, true)
            }
            BreakerState::HalfOpen => (false, false),
        }
    }

    /// Takes the results that are known by then.
    fn settle(&mut self, until: At) {
        while let Some(first) = self.under_way.first().copied().filter(|one| one.0 <= until) {
            self.under_way.remove(&first);
            let (at, _, generation, failed) = first;
            if generation != self.generation {
                continue;
            }
            match self.state {
                BreakerState::Closed => {
                    if self.trips(failed) && self.flaw != Flaw::NeverOpens {
                        self.to(BreakerState::Open, at);
                    }
                }
                BreakerState::HalfOpen => {
                    self.over = (self.over.0 + 1, self.over.1 + u64::from(failed));
                    if let Some(to) = self.tried() {
                        self.failures = 0;
                        self.to(to, at);
                    }
                }
                BreakerState::Open => {}
            }
        }
    }

    /// Whether this result opens it.
    fn trips(&mut self, failed: bool) -> bool {
        self.failures = if failed { self.failures + 1 } else { 0 };
        match self.set.rule {
            Rule::Consecutive => {
                self.failures >= if self.flaw == Flaw::Late { FAILURES + 1 } else { FAILURES }
            }
            Rule::Rate(size) => {
                self.window.push_back(failed);
                if self.window.len() > size {
                    self.window.pop_front();
                }
                let failures = self.window.iter().filter(|failed| **failed).count();
                self.window.len() == size && failures * 2 >= size
            }
        }
    }

    /// What its trials decide.
    fn tried(&self) -> Option<BreakerState> {
        let (over, failed) = self.over;
        match self.set.rule {
            Rule::Consecutive if failed > 0 => Some(BreakerState::Open),
            _ if over < self.set.trials => None,
            Rule::Rate(_) if failed * 2 >= over => Some(BreakerState::Open),
            _ => Some(BreakerState::Closed),
        }
    }
}

/// Lives it.
pub(crate) fn live(world: &World) -> Life {
    let mut chance = Chance(world.seed);
    let mut life = Life::default();
    let mut gateway = Gateway {
        state: BreakerState::Closed,
        generation: 0,
        failures: 0,
        opened: At(0),
        recovery_us: RECOVERY_US,
        trials: 0,
        over: (0, 0),
        window: VecDeque::new(),
        rejected: 0,
        set: world.set,
        flaw: world.flaw,
        under_way: BTreeSet::new(),
        transitions: Vec::new(),
    };
    let (from, to) = (ms(world.fault_ms.0), ms(world.fault_ms.1));
    let mean = 1e6 / world.per_second as f64;
    let (mut at, mut number, mut free) = (0.0, 0, At(0));
    while at < world.seconds as f64 * 1e6 {
        let due = ms(0).plus(at as i64);
        let begun = due.max(free);
        at += if world.random { -mean * libm::log(1.0 - chance.fraction()) } else { mean };
        number += 1;
        life.due.push(due);
        gateway.settle(begun);
        let service = 1_000 + (chance.fraction() * 4_000.0) as u64;
        let (through, trial) = gateway.admits(begun);
        if !through {
            let (done, outcome) = (At(begun.0 + 2), Outcome::FastFail);
            life.attempts.push(Attempt { begun, done, outcome, trial: false });
            continue;
        }
        let arrived = At(begun.0 + HOP_US);
        let plain = At(arrived.0 + service);
        // Reset at once, or when the fault comes; or hanging, until the caller gives up.
        let mut hit =
            || world.set.fail >= 1000 || (chance.fraction() * 1e3) < world.set.fail as f64;
        let (left, failed) = if arrived >= from && arrived < to && hit() {
            (At(arrived.0 + world.wait_us.max(50)), true)
        } else if world.wait_us > 0 {
            (plain, false)
        } else if arrived < from && plain > from && world.set.fail >= 1000 {
            (from, true)
        } else {
            (plain, false)
        };
        let outcome = match (failed, world.wait_us) {
            (false, _) => Outcome::Ok,
            (true, 0) => Outcome::ProtocolError,
            (true, _) => Outcome::Timeout,
        };
        let done = At(left.0 + HOP_US);
        life.arrivals.push(Attempt { begun: arrived, done: left, outcome, trial: false });
        life.attempts.push(Attempt { begun, done, outcome, trial });
        free = if world.wait_us > 0 { done } else { free };
        gateway.under_way.insert((done, number, gateway.generation, failed));
    }
    gateway.settle(At(u64::MAX));
    life.transitions = gateway.transitions;
    life
}

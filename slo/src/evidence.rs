//! All that is known of a run, worked out once, for every question alike.
//!
//! Invariant: nothing here depends on an objective, so no verdict depends on another.
//! Not here: the questions (`objective`, `expectation`).

use crate::breaker::{self, Breakers};
use crate::case::{Anchor, Asked, Case, During, Fault, Moment, Of};
use crate::crosscheck;
use crate::event::EndReason;
use crate::expectation::opening;
use crate::fault::{self, Facts, Worked};
use crate::health::{self, Doubt, LoadHealth};
use crate::phase::Phases;
use crate::time::{At, Share};
use crate::timeline::Timeline;
use crate::words;
use std::collections::{BTreeMap, BTreeSet};

/// A run as the judge sees it.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) case: &'a Case,
    pub(crate) timeline: &'a Timeline,
    pub(crate) phases: Phases,
    pub(crate) loads: Vec<LoadHealth>,
    pub(crate) faults: Vec<Facts>,
    pub(crate) breakers: Breakers,
    /// Loads whose recordings contradict each other.
    pub(crate) disagreements: BTreeMap<usize, String>,
}

impl<'a> Evidence<'a> {
    pub(crate) fn new(case: &'a Case, timeline: &'a Timeline) -> Evidence<'a> {
        let mut phases = Phases::new(case, timeline);
        let breakers = breaker::all(case, timeline, &phases);
        let lines = breakers.lines.iter();
        phases.open = lines.map(|lines| breaker::open_stretches(lines, phases.zero)).collect();
        let mut faults = fault::facts(case, timeline, &phases);
        // What was hit there were connections that nobody used.
        let bypassed = |facts: &Facts| timeline.sightings.bypassed.contains(&facts.score.link);
        let took = faults.iter_mut().filter(|facts| facts.worked == Worked::Took);
        for facts in took.filter(|facts| bypassed(facts)) {
            facts.worked = Worked::Without;
            "without effect: its link was bypassed".clone_into(&mut facts.score.effect);
        }
        Evidence {
            case,
            timeline,
            phases,
            loads: health::of_loads(case, timeline),
            faults,
            breakers,
            disagreements: crosscheck::disagreements(case, timeline),
        }
    }

    /// Why the run ended; none if its journal ends before it did.
    pub(crate) fn end(&self) -> Option<EndReason> {
        self.timeline.end.as_ref().map(|end| end.reason)
    }

    /// Why nothing can be met at all: a part of what happened is not recorded.
    pub(crate) fn cut_short(&self) -> Option<Doubt> {
        let reason = match self.end() {
            None => "the journal ends before the run did",
            Some(EndReason::CouldNotRun) => "the run could not go on",
            Some(EndReason::Lost) => "the run ended early, because an objective was lost",
            Some(_) => return None,
        };
        Some(Doubt { reason: reason.to_owned(), missing: "a run that ends by itself".to_owned() })
    }

    /// Why what depends on faults cannot be judged: the gate before the first stayed closed.
    pub(crate) fn closed(&self) -> Option<Doubt> {
        let gate = self.timeline.before.as_ref().filter(|gate| !gate.open)?;
        Some(Doubt {
            reason: format!(
                "precondition: no fault was injected, because the system was not steady before: {}",
                gate.reasons.join("; ")
            ),
            missing: "a system that is steady before the first fault".to_owned(),
        })
    }

    /// Why what depends on this fault cannot be judged.
    pub(crate) fn fault_doubt(&self, index: usize) -> Option<Doubt> {
        if let Some(closed) = self.closed() {
            return Some(closed);
        }
        let facts = self.faults.get(index)?;
        let missing = match facts.worked {
            Worked::Took => return None,
            Worked::NotApplied if self.case.faults.get(index).is_some_and(Fault::is_manual) => {
                let name = &facts.score.name;
                return Some(Doubt {
                    reason: format!("fault `{name}`: {}", facts.score.effect),
                    missing: format!(
                        "somebody who does it and marks it: `assay mark RUN {name} start`, later `end`"
                    ),
                });
            }
            Worked::Without if self.spared(index) => {
                "more requests while it is on, or a fault that asks for more of them"
            }
            Worked::Without if self.case.faults.get(index).is_some_and(Fault::is_command) => {
                "a run in which its command ends with status 0"
            }
            Worked::Without if self.beside_links(index) => "a service to which it can be done",
            Worked::Without => self.nothing_to_hit(index).unwrap_or(
                "a fault that hits requests: check its `match`, and that traffic goes through its link \
                 while it is on",
            ),
            Worked::Unknown => {
                "callers of ours on its link, or connections open when it comes, \
                                and a run that sees its end"
            }
            Worked::NotApplied => "a run that reaches the fault",
        };
        Some(Doubt {
            reason: format!("fault `{}`: {}", facts.score.name, facts.score.effect),
            missing: missing.to_owned(),
        })
    }

    /// What is missing where all that matched had nothing that such a fault changes.
    fn nothing_to_hit(&self, index: usize) -> Option<&'static str> {
        let effect = self.timeline.faults.get(&index)?.effect?;
        match self.case.faults.get(index)?.kind.as_str() {
            _ if effect.matched == 0 => None,
            "truncate" => Some("answers whose body is longer than its `after`"),
            "limit-bytes" => Some("connections that carry more than its `after` while it is on"),
            "bandwidth" => Some("bodies while it is on: nothing else is slowed"),
            "slow-close" => Some(
                "connections that are to be closed while it is on: clients that keep theirs open are not \
                 touched",
            ),
            _ => None,
        }
    }

    /// Whether a fault hit none of those that matched because it asks for few of them.
    fn spared(&self, index: usize) -> bool {
        let asked = self.case.faults.get(index).map(|fault| fault.asked);
        let matched = self.timeline.faults.get(&index).and_then(|line| line.effect);
        let few = match asked {
            Some(Asked::Share(share)) => share < Share::ONE,
            Some(Asked::EveryNth(_)) => true,
            Some(Asked::Next(_)) | None => false,
        };
        few && matched.is_some_and(|effect| effect.matched > 0 && effect.injected == 0)
    }

    /// Whether a fault acts on no link.
    pub(crate) fn beside_links(&self, index: usize) -> bool {
        self.case.faults.get(index).is_some_and(|fault| fault.shows.is_beside_links())
    }

    /// Why what is judged in these stretches cannot be.
    pub(crate) fn during_doubt(&self, during: &[During]) -> Option<Doubt> {
        during.iter().find_map(|during| match during {
            During::All | During::Steady | During::After => None,
            During::Fault | During::Recovery => {
                (0..self.faults.len()).find_map(|index| self.fault_doubt(index))
            }
            During::Named(index) | During::RecoveryOf(index) => self.fault_doubt(*index),
            During::Open(index) => self.open_doubt(*index),
        })
    }

    /// Why what is judged while this breaker is open cannot be.
    fn open_doubt(&self, index: usize) -> Option<Doubt> {
        if let Some(closed) = self.closed() {
            return Some(closed);
        }
        let name = self.case.breakers.get(index).map_or("?", |breaker| breaker.name.as_str());
        let lines = self.breakers.lines.get(index)?;
        if let Some((line, doubt)) =
            lines.iter().find_map(|line| Some((line, line.unknown()?.clone())))
        {
            let reason = format!("breaker `{name}` ({}): {}", line.of, doubt.reason);
            return Some(Doubt { reason, ..doubt });
        }
        let open = self.phases.open.get(index).is_some_and(|stretches| !stretches.is_empty());
        (!open).then(|| Doubt {
            reason: match lines.iter().any(|line| line.how.is_state()) {
                true => format!("breaker `{name}` was never surely open"),
                false => format!("breaker `{name}` was never open"),
            },
            missing: "a breaker that opens".to_owned(),
        })
    }

    /// Why what uses these loads cannot be met.
    pub(crate) fn load_doubt(&self, of: &BTreeSet<Of>) -> Option<Doubt> {
        let what = of.iter().find_map(|of| self.disagreements.get(&of.load))?;
        Some(Doubt { reason: what.clone(), missing: "a generator without this bug".to_owned() })
    }

    /// Requests of these loads that were due, but left no record.
    pub(crate) fn lost(&self, of: &BTreeSet<Of>) -> u64 {
        health::lost(&self.loads, of)
    }

    /// The instant of a moment, in µs after time 0.
    pub(crate) fn moment(&self, moment: &Moment) -> Result<i64, Doubt> {
        let after_zero = |at: At| at.since(self.phases.zero);
        let edge = |index: usize, end: bool| {
            if let Some(doubt) = self.fault_doubt(index) {
                return Err(doubt);
            }
            let edges = self.faults.get(index).map(|facts| facts.score.edges);
            let at = edges.and_then(|edges| if end { edges.cleared } else { edges.applied });
            at.map(after_zero).ok_or_else(|| Doubt {
                reason: "the fault had not ended when the journal did".to_owned(),
                missing: "a run that ends by itself".to_owned(),
            })
        };
        let anchor = match moment.anchor {
            Anchor::Zero => 0,
            Anchor::FaultStart(index) => edge(index, false)?,
            Anchor::FaultEnd(index) => edge(index, true)?,
            Anchor::LoadEnd(index) => {
                let ends = self.case.loads.get(index).map_or(0, |load| load.ends_us);
                i64::try_from(ends).unwrap_or(i64::MAX)
            }
            // Whoever waits for something after it waits from the latest on.
            Anchor::BreakerOpen(index) => opening::first(self, index)?.1,
            Anchor::BreakerOpenAt { at_us, .. } => at_us,
        };
        Ok(anchor.saturating_add(moment.offset_us))
    }

    /// A moment in words: `down.end + 5 s`.
    pub(crate) fn moment_words(&self, moment: &Moment) -> String {
        let fault = |index: usize| self.case.faults.get(index).map_or("?", |f| f.name.as_str());
        let anchor = match moment.anchor {
            Anchor::Zero => "time 0".to_owned(),
            Anchor::FaultStart(index) => format!("{}.start", fault(index)),
            Anchor::FaultEnd(index) => format!("{}.end", fault(index)),
            Anchor::BreakerOpen(index) | Anchor::BreakerOpenAt { breaker: index, .. } => {
                let breaker = self.case.breakers.get(index);
                format!("{}.open", breaker.map_or("?", |breaker| breaker.name.as_str()))
            }
            Anchor::LoadEnd(index) => {
                format!("{}.end", self.case.loads.get(index).map_or("?", |load| load.name.as_str()))
            }
        };
        match moment.offset_us {
            0 => anchor,
            us if us < 0 => format!("{anchor} - {}", words::duration(us.unsigned_abs())),
            us => format!("{anchor} + {}", words::duration(us.unsigned_abs())),
        }
    }

    /// Stretches in words: `steady, after`.
    pub(crate) fn during_words(&self, during: &[During]) -> String {
        let fault = |index: usize| self.case.faults.get(index).map_or("?", |f| f.name.as_str());
        let names: Vec<String> = during
            .iter()
            .map(|during| match during {
                During::All => "all".to_owned(),
                During::Steady => "steady".to_owned(),
                During::Fault => "fault".to_owned(),
                During::Recovery => "recovery".to_owned(),
                During::After => "after".to_owned(),
                During::Named(index) => fault(*index).to_owned(),
                During::RecoveryOf(index) => format!("{}.recovery", fault(*index)),
                During::Open(index) => {
                    let breaker = self.case.breakers.get(*index);
                    format!("{}.open", breaker.map_or("?", |breaker| breaker.name.as_str()))
                }
            })
            .collect();
        names.join(", ")
    }
}

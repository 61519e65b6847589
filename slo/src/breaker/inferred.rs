//! A breaker's states from the arrivals at a link, without its help.
//!
//! Silence: no arrival for at least max(5/λ, 0.5 s), in which at least 10 were to be expected from
//! what was offered, and no call that will fail is under way: whoever waits for a timeout is silent
//! too. Opened: at a failure's end, with silence after the last arrival. What comes after that is of
//! `trials`.
//!
//! Invariant: what fits no breaker, or could be chance, is a doubt.
//! Not here: what a gateway tells (`told`).

use super::offered::{Offered, retried};
use super::unfit::{killed, refused, unguarded};
use super::{Calls, How, Inferred, Line, Spell, failed, sorted, tolerance};
use crate::case::{Case, Policy};
use crate::event::{Attempt, AttemptsOf};
use crate::health::Doubt;
use crate::phase::Phases;
use crate::scorecard::Between;
use crate::time::{At, SECOND_US};
use crate::timeline::Timeline;
use crate::words;

mod trials;

/// Expected arrivals whose absence is no chance: e^-10 for random arrivals.
const SURE: f64 = 10.0;
/// Expected arrivals whose absence may have a reason, if it is long enough.
const SUSPICIOUS: f64 = 5.0;
/// The shortest silence that is believed, µs.
const LEAST_SILENCE_US: u64 = 500_000;
/// With this share of the expected arrivals nothing has opened.
const HALF: f64 = 0.5;

/// The line of states that arrivals at a link show.
pub(super) fn line(
    case: &Case,
    timeline: &Timeline,
    phases: &Phases,
    link: &str,
    policy: &Policy,
) -> Line {
    let of = format!("arrivals at link `{link}`");
    let told = timeline.sightings.attempts.get(&AttemptsOf::Link(link.to_owned()));
    let cannot = |reason: String, missing: &str| {
        let doubt = Doubt { reason: format!("cannot tell: {reason}"), missing: missing.to_owned() };
        Line::doubtful(of.clone(), How::Inferred, doubt)
    };
    if let Some(name) = refused(case, timeline, link) {
        return cannot(
            format!("while `{name}` refuses connections nobody sees arrivals"),
            "another mode of the outage (reset or black-hole), or evidence by a gateway",
        );
    }
    if let Some(name) = unguarded(case, link) {
        return cannot(
            format!("`{name}` itself goes through `{link}`, past the breaker"),
            "a link of its own for what the breaker guards",
        );
    }
    let Some(told) = told.filter(|line| !line.list.is_empty()) else {
        return cannot(format!("no arrivals at `{link}` were recorded"), "traffic through it");
    };
    if told.left_out > 0 {
        return cannot(
            format!("{} at `{link}` were not written down", words::count(told.left_out, "arrival")),
            "a shorter run, or fewer requests per second",
        );
    }
    let mut arrivals = sorted(&told.list);
    arrivals.retain(|attempt| attempt.begun >= phases.zero);
    let Some(offered) = Offered::new(case, timeline, phases, &arrivals) else {
        return cannot(
            format!("no arrivals at `{link}` before the first fault"),
            "at least one whole second of traffic before the first fault",
        );
    };
    let ends = case.loads.iter().map(|load| load.ends_us).max().unwrap_or(0);
    let until = At(phases.zero.0.saturating_add(ends)).min(timeline.ended());
    // A journal that was cut lacks the last that came, which are written a little later.
    let written = arrivals.last().filter(|_| timeline.end.is_none()).map(|last| last.begun);
    let until = until.min(written.unwrap_or(until));
    let tolerance_us = tolerance(timeline, (SECOND_US as f64 / offered.rate) as u64);
    let quiet = quiet(&arrivals);
    let watch =
        Watch { arrivals: &arrivals, quiet, offered: &offered, until, policy, tolerance_us };
    match watch.spells() {
        Ok(spells) => {
            let calls = Calls { list: arrivals.clone(), left_out: 0 };
            Line {
                retried: retried(&spells, &calls, &offered),
                spells,
                tolerance_us,
                calls: Some(calls),
                unseen: killed(case, timeline),
                ..Line::new(of, How::Inferred, until)
            }
        }
        // What arrived did arrive, whatever it is like.
        Err(Doubt { reason, missing }) => {
            let calls = Some(Calls { list: arrivals.clone(), left_out: 0 });
            Line { calls, ..cannot(reason, &missing) }
        }
    }
}

/// From when after each arrival nobody waits for a call that failed: its own beginning, or the
/// last such end of those before it.
fn quiet(arrivals: &[Attempt]) -> Vec<At> {
    let mut waits = At::default();
    let quiet = arrivals.iter().map(|attempt| {
        if failed(attempt.outcome) == Some(true) {
            waits = waits.max(attempt.done);
        }
        waits.max(attempt.begun)
    });
    quiet.collect()
}

/// Everything that the inference looks at.
struct Watch<'a> {
    arrivals: &'a [Attempt],
    /// See [`quiet`].
    quiet: Vec<At>,
    offered: &'a Offered,
    until: At,
    policy: &'a Policy,
    tolerance_us: u64,
}

impl Watch<'_> {
    fn spells(&self) -> Result<Vec<Spell>, Doubt> {
        let mut spells: Vec<Spell> = Vec::new();
        let mut next = 0;
        while next < self.arrivals.len() {
            let open = spells.last().is_some_and(|spell| spell.ended.is_none());
            next = match spells.last_mut().filter(|_| open) {
                None => match self.opening(next)? {
                    Some((spell, after)) => {
                        spells.push(spell);
                        after
                    }
                    None => self.arrivals.len(),
                },
                Some(spell) => {
                    let (after, again) = self.trials(spell, next)?;
                    spells.extend(again);
                    after
                }
            };
        }
        if spells.is_empty() {
            if !self.would_show() {
                return Err(too_few(self.offered.rate));
            }
            self.kept_coming()?;
        }
        Ok(spells)
    }

    /// Whether being open as long as the breaker is said to be (1 s, where nobody says) would
    /// show as a silence.
    fn would_show(&self) -> bool {
        let failures = || self.arrivals.iter().filter(|one| failed(one.outcome) == Some(true));
        let begun = || failures().map(|one| one.begun);
        let (Some(first), Some(last)) = (begun().min(), begun().max()) else { return true };
        let open_us = self.policy.recovery_us.unwrap_or(SECOND_US) as f64;
        // As many as were offered then, where that can be seen.
        let span_us = last.0.saturating_sub(first.0) as f64;
        let then = self.offered.at_most(first, last) / span_us * SECOND_US as f64;
        let rate = if span_us >= open_us { then } else { self.offered.rate };
        rate * open_us / SECOND_US as f64 >= SURE
    }

    /// At least half of the expected arrivals came while arrivals failed.
    fn kept_coming(&self) -> Result<(), Doubt> {
        let bad = |index: &usize| self.failed(*index) == Some(true);
        let mut all = 0..self.arrivals.len();
        let (Some(first), Some(last)) = (all.clone().find(bad), all.rfind(bad)) else {
            return Ok(());
        };
        let at = |index: usize| self.arrivals.get(index).map_or(self.until, |a| a.begun);
        let expected = self.offered.at_most(at(first), at(last + 1).min(self.until));
        let came = (last + 1 - first) as f64 / expected;
        if came >= HALF || expected <= 0.0 {
            return Ok(());
        }
        let percent = words::number(libm::round(came * 1000.0) / 10.0);
        Err(Doubt {
            reason: format!(
                "while they failed, arrivals fell to {percent} % of those expected, but never \
                 stopped: it did not open, or lets calls through while it is open"
            ),
            missing: "evidence by the breaker's own side".to_owned(),
        })
    }

    /// Up to the last arrival before a silence all came that were to be expected while they failed: else
    /// it had opened before, and lets some through.
    fn fell(&self, from: usize, last: usize) -> Result<(), Doubt> {
        let good = (from..last).rev().find(|index| self.failed(*index) == Some(false));
        let first = good.map_or(from, |good| good + 1);
        // Whoever waits for a call that fails sends nothing meanwhile.
        let expected: f64 = (first..last).map(|index| self.most_missed(index)).sum();
        let came = last.saturating_sub(first) as f64;
        if came >= HALF * expected || expected - came <= 2.5 * libm::sqrt(expected) + 1.0 {
            return Ok(());
        }
        Err(Doubt {
            reason: format!(
                "while they failed {came} arrivals came of {} expected, before they stopped: it may have \
                 opened earlier, and let calls through",
                words::number(libm::round(expected))
            ),
            missing: "evidence by the breaker's own side".to_owned(),
        })
    }

    /// The silence after an arrival: its length, µs, and the arrivals expected in it.
    fn silence(&self, index: usize) -> (u64, f64) {
        let Some(from) = self.quiet.get(index).copied() else { return (0, 0.0) };
        let to = self.arrivals.get(index + 1).map_or(self.until, |attempt| attempt.begun);
        (to.0.saturating_sub(from.0), self.offered.expected(from, to))
    }

    /// The most arrivals that may have been expected in the silence after one.
    fn most_missed(&self, index: usize) -> f64 {
        let Some(from) = self.quiet.get(index).copied() else { return 0.0 };
        let to = self.arrivals.get(index + 1).map_or(self.until, |attempt| attempt.begun);
        self.offered.at_most(from, to)
    }

    fn silent(&self, index: usize) -> bool {
        let least = (5.0 * SECOND_US as f64 / self.offered.rate).max(LEAST_SILENCE_US as f64);
        let (length, expected) = self.silence(index);
        length as f64 >= least && expected >= SURE
    }

    /// Whether the stretch after a failure may have been an open state, or chance: too short for
    /// a silence, but not shorter than half of what the breaker is said to stay open.
    fn vague(&self, index: usize) -> bool {
        let least = self.policy.recovery_us.unwrap_or(LEAST_SILENCE_US) / 2;
        let expected = self.most_missed(index);
        self.failed(index) == Some(true) && expected >= SUSPICIOUS && self.silence(index).0 >= least
    }

    fn failed(&self, index: usize) -> Option<bool> {
        self.arrivals.get(index).and_then(|attempt| failed(attempt.outcome))
    }

    /// Whether an arrival failed, or one before it did and was under way when it came.
    fn fails(&self, index: usize) -> bool {
        let begun = self.arrivals.get(index).map_or(self.until, |attempt| attempt.begun);
        let is_bad = self.failed(index) == Some(true);
        is_bad || self.quiet.get(index).is_some_and(|quiet| *quiet > begun)
    }

    /// The first silence from an arrival on: the opening, and the first arrival after it.
    fn opening(&self, from: usize) -> Result<Option<(Spell, usize)>, Doubt> {
        for index in from..self.arrivals.len() {
            let bad = self.fails(index);
            // After a success chance has a whole run to make a silence.
            if self.silent(index) && (bad || self.silence(index).1 >= 2.0 * SURE) {
                if !bad {
                    return Err(Doubt {
                        reason: "arrivals stopped after a success".to_owned(),
                        missing: "a breaker that opens on failures".to_owned(),
                    });
                }
                self.fell(from, index)?;
                return Ok(Some((self.open(self.opened_after(index), true), index + 1)));
            }
            if self.vague(index) {
                return Err(too_few(self.offered.rate));
            }
        }
        Ok(None)
    }

    fn open(&self, opened: Between, from_closed: bool) -> Spell {
        let leaked = self.policy.recovery_us.map(|_| 0);
        Spell {
            opened,
            from_closed,
            failures: None,
            half_open: None,
            ended: None,
            inferred: Some(Inferred { leaked, ..Inferred::default() }),
        }
    }

    /// It was closed when the last arrival was admitted, and opened at a failure's end.
    fn opened_after(&self, last: usize) -> Between {
        let begun = self.arrivals.get(last).map_or(At::default(), |attempt| attempt.begun);
        let before = self.arrivals.get(..=last).unwrap_or(&[]).iter();
        let ends = before.filter(|attempt| failed(attempt.outcome) == Some(true));
        let ends = ends.map(|attempt| attempt.done).filter(|done| *done >= begun);
        Between { earliest: begun, latest: ends.min().unwrap_or(begun) }
    }
}

fn too_few(rate: f64) -> Doubt {
    Doubt {
        reason: format!(
            "too few arrivals to know a silence from chance ({}/s)",
            words::number(rate)
        ),
        missing: "more requests per second, or a longer recovery of the breaker".to_owned(),
    }
}

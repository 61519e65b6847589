//! Whether an objective is surely lost while its run still goes on, so that the run may end early.
//!
//! Looking again and again makes some look the worst one, so the look itself is no evidence: Wald's
//! sequential probability ratio test (Wald 1945) is right however often it is asked. Between the limit and
//! four times it, it takes a service at its limit for lost in at most one of ninety runs, and finds nine
//! of ten of those that are four times as bad. It is asked of seconds all of whose requests have ended, since
//! errors are often known before what takes its time to go well.
//!
//! It takes what comes for what was, so what is lost must be violated by the judge's own rule as well, on all that is
//! recorded so far and on the later half of it: a bad beginning is not the whole. Bursts count as they are declared
//! or lie in their seconds, and nothing but an exceeded count is lost in the first ten seconds. Where faults are
//! judged, more of them or better times may come, so nothing is lost early.
//!
//! Invariant: nothing is ever met early; equally spread, a bad request more never makes less lost.
//! Not here: ending the run (harness `run`), the verdict (`judge`).

use crate::case::{Ask, Case, During, Objective, Of};
use crate::evidence::Evidence;
use crate::objective::{self, Part, Question};
use crate::scorecard::{ObjectiveScore, Verdict};
use crate::time::Share;
use crate::timeline::Timeline;
use std::collections::BTreeSet;
use std::ops::Range;

/// How often a service at the limit may be taken for lost.
const ALPHA: f64 = 0.01;
/// How often one that is so many [`TIMES`] as bad may be missed.
const BETA: f64 = 0.10;
/// What is surely bad, as a multiple of the limit.
const TIMES: f64 = 4.0;

/// A first second says little, and nothing of how far errors come together.
const LEAST_S: i64 = 10;

/// Wald's test between two shares of bad requests.
#[derive(Debug, Clone, Copy)]
struct Sprt {
    /// At this or above it is the worse share, at `accept` or below the better one.
    reject: f64,
    #[cfg(test)]
    accept: f64,
    /// What a bad request adds, and a good one.
    bad: f64,
    good: f64,
}

impl Sprt {
    /// Of the shares `p0` < `p1`, with these chances of taking the first for the second, and the second
    /// for the first.
    fn new((p0, p1): (f64, f64), (alpha, beta): (f64, f64)) -> Sprt {
        Sprt {
            reject: libm::log((1.0 - beta) / alpha),
            #[cfg(test)]
            accept: libm::log(beta / (1.0 - alpha)),
            bad: libm::log(p1 / p0),
            good: libm::log((1.0 - p1) / (1.0 - p0)),
        }
    }

    /// The logarithm of the ratio, of `k` bad of `n`.
    fn ratio(&self, k: f64, n: f64) -> f64 {
        k * self.bad + (n - k) * self.good
    }
}

/// The first objective that is surely lost, and how, in words: by what was due before second `over`, all of
/// which has ended, and by all that is recorded in second `now`.
#[must_use]
pub fn lost(case: &Case, timeline: &Timeline, over: i64, now: i64) -> Option<String> {
    let evidence = Evidence::new(case, timeline);
    let gating = case.objectives.iter().filter(|one| !one.advisory && !one.criterion);
    gating.into_iter().find_map(|objective| {
        let groups = objective::groups(case, objective).into_iter();
        groups.into_iter().find_map(|(id, of)| {
            let (id, of) = (id.as_str(), &of);
            let look = Look { evidence: &evidence, objective, id, of };
            let score = match objective.ask {
                // No later one takes back what there is too much of.
                Ask::ErrorCount { .. } => look.violated(0..now),
                _ if case.faults.is_empty() || is_without_faults(objective) => look.lost(over, now),
                _ => None,
            }?;
            Some(format!("`{}` is lost: {}", score.id, score.reason))
        })
    })
}

/// An objective, asked of some requests while the run goes on.
struct Look<'a> {
    evidence: &'a Evidence<'a>,
    objective: &'a Objective,
    id: &'a str,
    of: &'a BTreeSet<Of>,
}

impl Look<'_> {
    fn question(&self, seconds: Range<i64>) -> Question<'_> {
        let (objective, of) = (self.objective, self.of.clone());
        Question { objective, of, during: &objective.during, part: Part::look(seconds), runs: None }
    }

    fn violated(&self, seconds: Range<i64>) -> Option<ObjectiveScore> {
        let question = self.question(seconds);
        let score = objective::score(self.evidence, &question, self.id.to_owned()).score;
        (score.verdict == Verdict::Violated).then_some(score)
    }

    fn lost(&self, over: i64, now: i64) -> Option<ObjectiveScore> {
        let limit = limit(self.objective).filter(|_| over >= LEAST_S)?;
        let score = self.violated(0..over)?;
        let effect = objective::effect(self.evidence, &self.question(0..over));
        if !is_lost(limit, score.k as f64 / effect, score.n as f64 / effect) {
            return None;
        }
        self.violated(now / 2..now)?;
        self.violated(0..now)
    }
}

/// Whether it is judged while nothing of the scenario's is broken.
fn is_without_faults(objective: &Objective) -> bool {
    objective.during.iter().all(|during| matches!(during, During::Steady | During::After))
}

fn limit(objective: &Objective) -> Option<Share> {
    let limit = match objective.ask {
        Ask::Latency { percentile, .. } => percentile.rest(),
        Ask::ErrorRate { below } => below,
        _ => return None,
    };
    (limit > Share(0) && limit < Share::ONE).then_some(limit)
}

fn is_lost(limit: Share, k: f64, n: f64) -> bool {
    let limit = limit.fraction();
    let worse = (limit * TIMES).min(f64::midpoint(limit, 1.0));
    let test = Sprt::new((limit, worse), (ALPHA, BETA));
    test.ratio(k, n) >= test.reject
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;
    use crate::script::gateway::Chance;
    use proptest::prelude::*;

    /// Source: slo.md D5. 1499 clean requests accept, three failures at once reject.
    #[test]
    fn walds_bounds_and_steps() {
        let test = Sprt::new((0.000_5, 0.002), (0.05, 0.10));
        let near = |a: f64, b: f64| assert!((a - b).abs() < 5e-8, "{a} {b}");
        near(test.reject, 2.890_371_8);
        near(test.accept, -2.251_291_8);
        near(test.bad, 1.386_294_4);
        near(test.good, -0.001_501_877_6);
        assert!(test.ratio(0.0, 1499.0) <= test.accept && test.ratio(0.0, 1498.0) > test.accept);
        assert!(test.ratio(3.0, 3.0) >= test.reject && test.ratio(2.0, 2.0) < test.reject);
    }

    /// At 100/s for 100 s, looked at each second: at the limit hardly any run is taken for lost, at ten times
    /// the limit all are, and soon.
    #[test]
    fn who_keeps_the_limit_is_hardly_ever_lost_however_often_it_is_looked_at() {
        let limit = Share(10_000_000);
        let lost = |times: u64| {
            let mut chance = Chance(times);
            let ends = (0..500).map(|_| {
                let mut k = 0.0;
                (1..=100u64).find(|second| {
                    let bad = (0..100).filter(|_| chance.fraction() < 0.01 * times as f64).count();
                    k += bad as f64;
                    is_lost(limit, k, (second * 100) as f64)
                })
            });
            ends.flatten().collect::<Vec<u64>>()
        };
        assert!(lost(1).len() <= 10, "{}", lost(1).len());
        let soon = lost(10);
        assert!(soon.len() == 500 && soon.iter().all(|second| *second <= 5), "{soon:?}");
    }

    proptest! {
        #[test]
        fn a_bad_request_more_never_makes_less_lost(limit in 1u64..500_000_000, k in 0u32..50, n in 0u32..5000) {
            let (k, n) = (f64::from(k), f64::from(k) + f64::from(n));
            prop_assert!(!is_lost(Share(limit), k, n) || is_lost(Share(limit), k + 1.0, n + 1.0));
        }
    }

    /// What is lost is violated by the judge as well, to the end of what is known; what is met, open or only
    /// advisory is not lost, nor is what is not over, nor what faults of the scenario are to break.
    #[test]
    fn what_is_lost_is_violated() {
        let so_far = |bad: u64| Script::new(100).errors().run(0..20, bad);
        let at = |script: &Script, over| lost(&script.case, &script.timeline().unwrap(), over, 20);
        let text = at(&so_far(3), 18).unwrap();
        assert!(text.starts_with("`errors` is lost: 95 % sure that more than"), "{text}");
        assert!(text.ends_with("(60 of 2000)"), "{text}");
        assert_eq!(at(&so_far(0), 18), None);
        assert!([9, 1, 0, -1].iter().all(|over| at(&so_far(3), *over).is_none()));
        let mut advisory = so_far(3);
        advisory.case.objectives[0].advisory = true;
        assert_eq!(at(&advisory, 18), None);
        // A bad beginning, and one bad second.
        assert_eq!(at(&Script::new(100).errors().run(0..9, 50).run(9..20, 0), 18), None);
        let burst = Script::new(100).errors().run(0..15, 0).run(15..16, 40).run(16..20, 0);
        assert_eq!(at(&burst, 18), None);
        let mut broken = so_far(3);
        broken.case.objectives[0].during = vec![During::All];
        assert!(at(&broken, 18).is_some());
        broken = broken.fault(50_000..60_000, crate::script::hit(1));
        assert_eq!(at(&broken, 18), None);
        // A count is lost at once, and for good.
        broken.case.objectives[0].ask = Ask::ErrorCount { at_most: 59 };
        assert!(at(&broken, 0).unwrap().contains("is lost"));
        broken.case.objectives[0].ask = Ask::ErrorCount { at_most: 60 };
        assert_eq!(at(&broken, 18), None);
    }
}

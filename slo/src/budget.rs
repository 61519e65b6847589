//! What a run would have cost in production: how much of an objective's budget it spent, what its
//! faults would cost of thirty days, and which burn-rate alerts they would have raised, and when.
//!
//! Budget: the bad share allowed, times the requests. Burn: the bad share over a window, as a multiple
//! of the allowed one; 1 spends the budget in exactly its period (Google, SRE Workbook, ch. 5). The
//! alerts are that chapter's pairs of windows; before and after the run the same traffic is taken to
//! have gone well.
//!
//! Invariant: shown only; no verdict depends on it.
//! Not here: alert rules for Prometheus (harness `report::production`).

use crate::case::{Ask, During, Objective, Of};
use crate::evidence::Evidence;
use crate::interval::round9;
use crate::objective::{self, Question};
use crate::phase::Kind;
use crate::scorecard::{AlertScore, BudgetScore, FaultCost};
use crate::tally::Tally;
use crate::time::{SECOND_US, Share};
use std::collections::{BTreeMap, BTreeSet};

/// The budget's period: 30 days, in seconds.
const PERIOD_S: f64 = 30.0 * 86_400.0;

/// A run lasts at most 7 days.
const LONGEST_S: i64 = 7 * 86_400;

/// A pair of windows, and how long both must burn.
struct Pair {
    name: &'static str,
    long_s: i64,
    short_s: i64,
    threshold: f64,
    after_s: i64,
}

/// Long window, short window, threshold, `for`: those of the shipped objectives.
const PAIRS: [Pair; 3] = [
    Pair { name: "page-fast", long_s: 3_600, short_s: 300, threshold: 14.4, after_s: 120 },
    Pair { name: "page-slow", long_s: 21_600, short_s: 1_800, threshold: 6.0, after_s: 900 },
    Pair { name: "ticket", long_s: 259_200, short_s: 21_600, threshold: 1.0, after_s: 3_600 },
];

/// The budget of an objective over these requests; none where it has no share to spend, or nothing was
/// counted.
pub(crate) fn score(
    evidence: &Evidence<'_>,
    objective: &Objective,
    of: &BTreeSet<Of>,
    own: (u64, u64),
) -> Option<BudgetScore> {
    let limit = match objective.ask {
        Ask::Latency { percentile, .. } => percentile.rest(),
        Ask::ErrorRate { below } => below,
        _ => return None,
    };
    if limit == Share(0) || own.0 == 0 {
        return None;
    }
    let during = [During::All];
    let question = Question { objective, of: of.clone(), during: &during, part: None, runs: None };
    let measured = objective::measure(evidence, &question);
    let all = measured.tally;
    if all.n == 0 || measured.seconds() <= 0.0 {
        return None;
    }
    let burn = |tally: Tally| tally.k as f64 / tally.n.max(1) as f64 / limit.fraction();
    let faults = evidence.faults.iter().enumerate().filter_map(|(index, facts)| {
        let during = [During::Named(index)];
        let question =
            Question { objective, of: of.clone(), during: &during, part: None, runs: None };
        let inside = objective::measure(evidence, &question);
        let share = inside.tally.k as f64 / inside.tally.n.max(1) as f64;
        let seconds = lasted(evidence, index);
        (seconds > 0.0 && inside.tally.n > 0).then(|| FaultCost {
            fault: facts.score.name.clone(),
            seconds: round9(seconds),
            bad: round9(share),
            of_period: round9(seconds * share / (limit.fraction() * PERIOD_S)),
        })
    });
    let (n, k) = own;
    Some(BudgetScore {
        spent: round9(k as f64 / (limit.fraction() * n as f64)),
        burn: round9(burn(all)),
        faults: faults.collect(),
        alerts: alerts(&measured.by_second, all, measured.seconds(), limit),
    })
}

/// How long a fault was on, in seconds.
fn lasted(evidence: &Evidence<'_>, fault: usize) -> f64 {
    let segments = evidence.phases.segments.iter();
    let on = segments.filter(|one| one.kind == Kind::Fault && one.faults.contains(&fault));
    on.map(|one| one.to.since(one.from) as f64 / SECOND_US as f64).sum()
}

/// What each pair would have done.
fn alerts(
    seconds: &BTreeMap<i64, Tally>,
    all: Tally,
    lasted: f64,
    limit: Share,
) -> Vec<AlertScore> {
    // What no run lasts comes from a foreign journal.
    let believed = || seconds.range(0..=LONGEST_S).map(|(second, _)| *second);
    let (Some(first), Some(last)) = (believed().next(), believed().next_back()) else {
        return Vec::new();
    };
    let per_s = all.n as f64 / lasted;
    // Bad ones up to the end of each second that has any.
    let mut sum = 0.0;
    let bad: BTreeMap<i64, f64> = seconds
        .range(first..=last)
        .filter(|(_, tally)| tally.k > 0)
        .map(|(second, tally)| {
            sum += tally.k as f64;
            (*second, sum)
        })
        .collect();
    let until = |second: i64| bad.range(..=second).next_back().map_or(0.0, |(_, sum)| *sum);
    let burn = |second: i64, window: i64| {
        let inside = until(second) - until(second - window);
        inside / (per_s * window as f64) / limit.fraction()
    };
    PAIRS
        .iter()
        .map(|pair| {
            let (mut since, mut fired) = (None, None);
            let (mut long, mut short): (f64, f64) = (0.0, 0.0);
            // What is burnt is seen until it leaves the short window.
            for second in first..=last + pair.short_s + pair.after_s {
                let now = (burn(second, pair.long_s), burn(second, pair.short_s));
                (long, short) = (long.max(now.0), short.max(now.1));
                if now.0 <= pair.threshold || now.1 <= pair.threshold {
                    since = None;
                    continue;
                }
                let begun = *since.get_or_insert(second);
                if second - begun >= pair.after_s {
                    fired = Some(second + 1);
                    break;
                }
            }
            AlertScore {
                name: pair.name.to_owned(),
                long_s: pair.long_s.unsigned_abs(),
                short_s: pair.short_s.unsigned_abs(),
                threshold: pair.threshold,
                long: round9(long),
                short: round9(short),
                fired_s: fired,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Effect;
    use crate::script::Script;

    const HIT: Effect = Effect { matched: 5000, injected: 5000, ours: 5000 };

    fn budget(script: Script) -> BudgetScore {
        script.complete().first().budget.unwrap()
    }

    /// Source: slo.md D6. 5 of 10000 at 0.1 % spend half; an outage of 30 s at 100/s in 300 s burns
    /// 100 times, and costs 1.16 % of thirty days.
    #[test]
    fn what_is_spent_and_what_a_fault_costs() {
        let half = budget(Script::new(100).errors().run(0..5, 1).run(5..100, 0));
        assert_eq!((half.spent, half.burn), (0.5, 0.5));
        assert!(half.faults.is_empty());
        let script = Script::new(300).errors().fault(100_000..130_000, HIT);
        let outage = budget(script.run(0..100, 0).run(100..130, 100).run(130..300, 0));
        assert_eq!((outage.spent, outage.burn), (0.0, 100.0));
        let cost = &outage.faults[0];
        assert_eq!((cost.fault.as_str(), cost.seconds, cost.bad), ("fault0", 30.0, 1.0));
        assert_eq!(cost.of_period, 0.011_574_074_1);
    }

    /// 30 s of outage burn 8.3 times over an hour: too little to page, and the slow pair needs 1 800 s
    /// of it: 30/21600/0.001 = 1.39. A minute burns 16.7 times, from 14.4 × 3.6 s = 52 s on, and pages two
    /// minutes later.
    #[test]
    fn which_alert_would_have_fired_and_when() {
        let fired = |seconds: i64| {
            let script = Script::new(400).errors();
            let script = script.run(0..100, 0).run(100..100 + seconds, 100);
            let alerts = budget(script.run(100 + seconds..400, 0)).alerts;
            let times: Vec<_> = alerts.iter().map(|one| one.fired_s).collect();
            (alerts, times)
        };
        let (alerts, times) = fired(30);
        assert_eq!(times, [None, None, None]);
        assert!((alerts[0].long - 8.333).abs() < 0.001, "{}", alerts[0].long);
        assert_eq!(alerts[0].short, 100.0);
        let (alerts, times) = fired(60);
        assert_eq!(times[0], Some(100 + 51 + 120 + 1));
        assert!((alerts[0].long - 14.4).abs() < 2.3);
        // Never met by accident: a clean run raises none, whatever its length.
        let clean = budget(Script::new(60).errors().run(0..60, 0));
        assert!(clean.alerts.iter().all(|one| one.fired_s.is_none() && one.long == 0.0));
    }

    #[test]
    fn what_has_no_share_has_no_budget() {
        let ask = Ask::ErrorCount { at_most: 0 };
        let none = Script::new(30).objective("none", ask).run(0..30, 0).complete().first();
        assert_eq!(none.budget, None);
        assert_eq!(Script::new(30).errors().complete().first().budget, None);
    }
}

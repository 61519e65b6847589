//! What a run would have cost in production: how much of an objective's budget it spent, what its
//! faults would cost of the time that a budget lasts, and which burn-rate alerts they would have raised,
//! and when.
//!
//! Budget: the bad share allowed, times the requests. Burn: the bad share over a window, as a multiple
//! of the allowed one; 1 spends the budget in exactly its time (Google, SRE Workbook, ch. 5). Time and
//! alerts are those of the objective's SLO file; without one, thirty days and that chapter's pairs of
//! windows. Before and after the run the same traffic is taken to have gone well.
//!
//! Invariant: shown only; no verdict depends on it.
//! Not here: alert rules for Prometheus (harness `report::production`).

use crate::case::{Ask, BurnAlert, During, Objective, Of, Production};
use crate::evidence::Evidence;
use crate::interval::round9;
use crate::objective::{self, Question};
use crate::phase::Kind;
use crate::scorecard::{AlertScore, BudgetScore, FaultCost};
use crate::tally::Tally;
use crate::time::{SECOND_US, Share};
use std::collections::{BTreeMap, BTreeSet};

const DAY_S: u64 = 86_400;

/// A run lasts at most 7 days.
const LONGEST_S: i64 = 7 * 86_400;

/// No window is looked at that is longer: a century, in seconds.
const MOST_S: u64 = 100 * 365 * DAY_S;

/// What holds without an SLO file: that of the shipped objectives.
fn usual() -> Production {
    let pair = |name: &str, long_s, short_s, threshold_ppm, after_s| BurnAlert {
        name: name.to_owned(),
        long_s,
        short_s,
        threshold_ppm,
        at_least: false,
        after_s,
        least: None,
    };
    Production {
        lasts_s: 30 * DAY_S,
        alerts: vec![
            pair("page-fast", 3_600, 300, 14_400_000, 120),
            pair("page-slow", 21_600, 1_800, 6_000_000, 900),
            pair("ticket", 259_200, 21_600, 1_000_000, 3_600),
        ],
    }
}

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
    let usual = usual();
    let production = objective.production.as_ref().filter(|own| own.lasts_s > 0).unwrap_or(&usual);
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
            of_period: round9(seconds * share / (limit.fraction() * production.lasts_s as f64)),
        })
    });
    let (n, k) = own;
    Some(BudgetScore {
        spent: round9(k as f64 / (limit.fraction() * n as f64)),
        burn: round9(burn(all)),
        lasts_s: production.lasts_s,
        faults: faults.collect(),
        alerts: (!measured.by_segment).then(|| {
            let per_s = all.n as f64 / measured.seconds();
            alerts(&production.alerts, &measured.by_second, per_s, limit)
        }),
    })
}

/// How long a fault was on, in seconds.
fn lasted(evidence: &Evidence<'_>, fault: usize) -> f64 {
    let segments = evidence.phases.segments.iter();
    let on = segments.filter(|one| one.kind == Kind::Fault && one.faults.contains(&fault));
    on.map(|one| one.to.since(one.from) as f64 / SECOND_US as f64).sum()
}

/// What each alert would have done, at `per_s` requests a second.
fn alerts(
    asked: &[BurnAlert],
    seconds: &BTreeMap<i64, Tally>,
    per_s: f64,
    limit: Share,
) -> Vec<AlertScore> {
    // What no run lasts comes from a foreign journal. Bad ones up to the end of each second that has any.
    let mut sum = 0.0;
    let bad: BTreeMap<i64, f64> = seconds
        .range(0..=LONGEST_S)
        .filter(|(_, tally)| tally.k > 0)
        .map(|(second, tally)| {
            sum += tally.k as f64;
            (*second, sum)
        })
        .collect();
    let burning = Burning { bad, per_s, limit };
    asked.iter().map(|alert| burning.alert(alert)).collect()
}

/// How a budget burns.
struct Burning {
    /// The sum of the bad up to the end of a second, where some were bad.
    bad: BTreeMap<i64, f64>,
    per_s: f64,
    limit: Share,
}

impl Burning {
    fn until(&self, second: i64) -> f64 {
        self.bad.range(..=second).next_back().map_or(0.0, |(_, sum)| *sum)
    }

    /// Over the window that ends with a second.
    fn burn(&self, second: i64, window: i64) -> f64 {
        let inside = self.until(second) - self.until(second.saturating_sub(window));
        inside / (self.per_s * window as f64) / self.limit.fraction()
    }

    fn alert(&self, alert: &BurnAlert) -> AlertScore {
        let [long_s, short_s, after_s] = [alert.long_s, alert.short_s, alert.after_s]
            .map(|s| i64::try_from(s.min(MOST_S)).unwrap_or(i64::MAX));
        let threshold = alert.threshold_ppm as f64 / 1e6;
        let over = |burn: f64| if alert.at_least { burn >= threshold } else { burn > threshold };
        let counted = self.per_s * long_s as f64;
        let mut score = AlertScore {
            name: alert.name.clone(),
            long_s: alert.long_s,
            short_s: alert.short_s,
            threshold,
            at_least: alert.at_least,
            too_few: alert.least.filter(|least| counted < *least as f64),
            long: 0.0,
            short: 0.0,
            fired_s: None,
        };
        // A burn changes where bad ones come into a window, and where they leave it.
        let changes = |second: &i64| [*second, *second + long_s.max(1), *second + short_s.max(1)];
        let changes: BTreeSet<i64> = self.bad.keys().flat_map(changes).collect();
        let mut since: Option<i64> = None;
        for second in changes {
            // What was over until now may have fired on the way here.
            if let Some(begun) = since.filter(|begun| second > *begun + after_s) {
                score.fired_s = Some(begun + after_s + 1);
                break;
            }
            let [long, short] = [long_s, short_s].map(|window| self.burn(second, window.max(1)));
            (score.long, score.short) =
                (score.long.max(round9(long)), score.short.max(round9(short)));
            since = (over(long) && over(short)).then(|| since.unwrap_or(second));
        }
        if score.too_few.is_some() {
            score.fired_s = None;
        }
        score
    }
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
            let alerts = budget(script.run(100 + seconds..400, 0)).alerts.unwrap();
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
        assert!(clean.alerts.unwrap().iter().all(|one| one.fired_s.is_none() && one.long == 0.0));
    }

    /// An SLO file's own time and alerts: of a week, 30 s of outage cost 5 % of the budget; an alert on
    /// ten times as fast over five minutes fires, one that wants more requests than there are does not.
    #[test]
    fn an_slo_file_s_own_time_and_alerts_count() {
        let alert = |name: &str, at_least: bool, threshold: u64, least: Option<u64>| BurnAlert {
            name: name.to_owned(),
            long_s: 300,
            short_s: 60,
            threshold_ppm: threshold * 1_000_000,
            at_least,
            after_s: 0,
            least,
        };
        let production = Production {
            lasts_s: 7 * 86_400,
            alerts: vec![
                alert("above", false, 100, None),
                alert("at-least", true, 100, None),
                alert("ten", false, 10, Some(30_000)),
                alert("few", false, 10, Some(30_001)),
            ],
        };
        let mut script = Script::new(400).errors().fault(100_000..130_000, HIT);
        script.case.objectives[0].production = Some(production);
        let own = budget(script.run(0..100, 0).run(100..130, 100).run(130..400, 0));
        assert_eq!(own.lasts_s, 604_800);
        assert_eq!(own.faults[0].of_period, 0.049_603_174_6);
        let alerts = own.alerts.unwrap();
        let told = alerts.iter().map(|one| (one.name.as_str(), one.fired_s, one.too_few));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                ("above", None, None),
                ("at-least", Some(130), None),
                ("ten", Some(104), None),
                ("few", None, Some(30_001)),
            ]
        );
        // None are none: nobody is told.
        let mut script = Script::new(400).errors();
        let silent = Production { lasts_s: 86_400, alerts: Vec::new() };
        script.case.objectives[0].production = Some(silent);
        assert_eq!(budget(script.run(0..400, 100)).alerts, Some(vec![]));
    }

    #[test]
    fn what_has_no_share_has_no_budget() {
        let ask = Ask::ErrorCount { at_most: 0 };
        let none = Script::new(30).objective("none", ask).run(0..30, 0).complete().first();
        assert_eq!(none.budget, None);
        assert_eq!(Script::new(30).errors().complete().first().budget, None);
    }
}

//! Whether the requests in a `hold`, of which every second must have one, could tell a recovery from none.
//!
//! The judge calls a stretch good unless it is surely bad, so a stretch of very few requests is
//! good whatever becomes of them. The fewest that are evidence: so many that, were the service
//! still half-way between its limit and failing all, the stretch would be surely bad with the
//! objective's confidence.
//!
//! Not here: whether every second has a request (`feasible`), judging (crate slo).

use super::super::notes::Notes;
use crate::plan::demand::{Known, Pool, expected};
use crate::plan::traffic::Traffic;
use crate::plan::words;
use crate::spec::scalar::Duration;
use assay_slo::Share;
use assay_slo::case::{Ask, Case, Objective, Of};
use assay_slo::goodput::{self, LEAST_SECONDS};
use assay_slo::interval::{cdf, least_bad};
use assay_slo::time::SECOND_US;

/// No more are looked for.
const MOST: u64 = 2_000;
/// A service that fails so much has not recovered.
const HALF: Share = Share(Share::ONE.0 / 2);

/// A chance that is not worth a warning.
const RARE: f64 = 0.05;

/// When the hold can begin and how long it is, µs after time 0 and µs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    pub(super) first_us: u64,
    pub(super) last_us: u64,
    pub(super) lasts_us: u64,
}

/// Warns where a recovery could be met on almost nothing.
pub(super) fn check(
    name: &str,
    objective: &Objective,
    hold: Hold,
    traffic: Traffic<'_>,
    notes: &mut Notes<'_>,
) {
    let limit = match &objective.ask {
        Ask::Latency { percentile, .. } => percentile.rest(),
        Ask::ErrorRate { below } => *below,
        _ => return,
    };
    let due = |from: u64| {
        let stretch = from..from.saturating_add(hold.lasts_us);
        expected(traffic, &objective.of, std::slice::from_ref(&stretch))
    };
    let (due, known) = due(hold.first_us).min(due(hold.last_us));
    let bad = Share(HALF.0 + limit.0 / 2);
    let confidence = objective.confidence;
    if known == Known::AtLeast || due == 0 || tells(due, limit, bad, confidence) {
        return;
    }
    let most = if known == Known::AtMost { "at most " } else { "" };
    let found = (due + 1..=MOST).find(|n| tells(*n, limit, bad, confidence));
    let help = match found {
        Some(least) => {
            format!("{least} would tell: {}", remedy(objective, due, least, hold, traffic))
        }
        None => "send more, or write a longer `hold`".to_owned(),
    };
    notes.warn(format!(
        "`{name}` expects {most}{} in its hold of {}, so few that it could be met with {bad} of them \
         bad; {help}",
        words::several(due, "request", "requests"),
        Duration { us: hold.lasts_us },
    ));
}

/// Warns where chance may leave a second of the hold without a request: nobody knows how it was then.
pub(super) fn check_seconds(
    name: &str,
    objective: &Objective,
    hold: Hold,
    traffic: Traffic<'_>,
    notes: &mut Notes<'_>,
) {
    let stretch = hold.first_us..hold.last_us.saturating_add(hold.lasts_us);
    let (due, known) = expected(traffic, &objective.of, std::slice::from_ref(&stretch));
    let seconds = |us: u64| us as f64 / SECOND_US as f64;
    let a_second = due as f64 / seconds(stretch.end - stretch.start);
    let empty = 1.0 - (1.0 - (-a_second).exp()).powf(seconds(hold.lasts_us).ceil());
    if !matches!(known, Known::About | Known::AtMost) || empty < RARE {
        return;
    }
    notes.warn(format!(
        "`{name}` expects {a_second:.1} requests a second by chance: in {:.0}% of all runs a second of its \
         hold of {} has none, and is no evidence; send more often, or write a shorter `hold`",
        empty * 100.0,
        Duration { us: hold.lasts_us },
    ));
}

/// Whether so many requests are evidence, and a few more are as well: one more request may allow
/// one more bad one.
fn tells(n: u64, limit: Share, bad: Share, confidence: Share) -> bool {
    (n..n + 8).all(|n| is_evidence(n, limit, bad, confidence))
}

/// Whether so many requests, of which this share is bad, would surely be too many bad ones.
fn is_evidence(n: u64, limit: Share, bad: Share, confidence: Share) -> bool {
    let passing = least_bad(n, limit, confidence).map(|least| least.saturating_sub(1));
    passing.is_some_and(|most| cdf(most, n, bad) <= confidence.rest().fraction())
}

/// The rate or the length that would do.
fn remedy(objective: &Objective, due: u64, least: u64, hold: Hold, traffic: Traffic<'_>) -> String {
    let seconds = (u128::from(hold.lasts_us) * u128::from(least))
        .div_ceil(u128::from(due) * u128::from(SECOND_US));
    let longer = format!("write `hold: {seconds}s`");
    match Pool::new(traffic.loads, &objective.of).constant() {
        Some(arrivals) => {
            let rate = u128::from(arrivals.start_milli_per_min) * u128::from(least);
            let per_s = rate.div_ceil(u128::from(due) * 60_000);
            format!("raise the rate to {per_s}/s, or {longer}")
        }
        None => format!("send more then, or {longer}"),
    }
}

/// Warns where a level before the fault is known too badly to tell a whole recovery from the
/// asked share of it: with few seconds before, arrivals count as random ones.
pub(super) fn check_goodput(
    name: &str,
    of: &[Of],
    at_least: Share,
    traffic: Traffic<'_>,
    case: &Case,
    notes: &mut Notes<'_>,
) {
    let Some(first_us) = case.faults.iter().map(|fault| fault.starts_us).min() else { return };
    let seconds = first_us / SECOND_US;
    if seconds == 0 || seconds >= LEAST_SECONDS as u64 {
        return;
    }
    let before = 0..first_us;
    let (due, known) = expected(traffic, of, std::slice::from_ref(&before));
    let rate = due as f64 * SECOND_US as f64 / first_us as f64;
    let Some(needed) = goodput::needs(at_least, seconds as f64, 1.0) else { return };
    if known == Known::AtLeast || rate >= needed {
        return;
    }
    notes.warn(format!(
        "`{name}` knows the level before from {seconds} s only, so arrivals count as random: that \
         needs {needed} ok answers a second, and {rate:.0} are planned; start the first fault at \
         {LEAST_SECONDS}s or later, or send more often"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::compile::tests::{changed, planned};

    const SURE: Share = Share(950_000_000);

    #[test]
    fn the_fewest_that_are_evidence() {
        let least = |limit: u64| {
            let limit = Share(limit);
            (1..).find(|n| tells(*n, limit, Share(HALF.0 + limit.0 / 2), SURE))
        };
        // One bad is surely more than 0.1 %, and 0.4995^5 is the first below 5 %.
        assert_eq!(least(1_000_000), Some(5));
        // Of 10 three are surely more than 5 %, and two or fewer are seen in 3.9 %.
        assert_eq!(least(50_000_000), Some(10));
        assert!(!is_evidence(1, Share(60_000_000), Share::ONE, SURE), "one is never surely bad");
    }

    fn warnings(rate: &str, hold: &str) -> String {
        let text = changed(&[
            ("rate: 200/s", rate),
            ("weight: 3", "weight: 1"),
            ("below: 1%, per-request: true", "below: 5%, advisory: true"),
            ("percentile: 95, below: 300ms", "percentile: 95, below: 300ms, advisory: true"),
            ("  - unaffected: {of: [browse], during: [half], keeps: [fast]}\n", ""),
            ("within: 5s, hold: 5s", hold),
        ]);
        planned(&text).unwrap_or_else(|problems| panic!("{problems}")).warnings.join("\n")
    }

    #[test]
    fn chance_may_leave_a_second_without_a_request() {
        let rate = |rate: &str| warnings(rate, "within: 5s, hold: 5s");
        let wanted = "2.0 requests a second by chance: in 52% of all runs a second of its hold of 5s has none";
        assert!(
            rate("arrivals: poisson\n      rate: 2/s").contains(wanted),
            "{}",
            rate("arrivals: poisson\n      rate: 2/s")
        );
        assert!(!rate("arrivals: poisson\n      rate: 6/s").contains("by chance"));
        assert!(!rate("rate: 2/s").contains("by chance"));
    }

    #[test]
    fn a_recovery_on_almost_nothing_is_warned_about() {
        let weak = warnings("rate: 1/s", "within: 5s, hold: 5s");
        let wanted = "`recovers errors after half.end` expects 5 requests in its hold of 5s, so \
                      few that it could be met with 52.5% of them bad; 10 would tell: raise the \
                      rate to 2/s, or write `hold: 10s`";
        assert!(weak.contains(wanted), "{weak}");
        assert!(!warnings("rate: 1/s", "within: 5s, hold: 10s").contains("in its hold"));
        assert!(!warnings("rate: 2/s", "within: 5s, hold: 5s").contains("in its hold"));
    }
}

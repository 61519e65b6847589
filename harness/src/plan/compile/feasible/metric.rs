//! Whether a metric is read often enough for what is asked of it.
//!
//! Not here: judging it (crate slo).

use super::named;
use crate::plan::compile::notes::Notes;
use crate::plan::{phases, words};
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use assay_slo::case::{Case, During, MetricMust};
use assay_slo::time::SECOND_US;

/// A growth needs so many samples; with twice as many it can also be certain.
const GROWTH: u64 = 8;

/// Refuses what could never be decided.
pub(super) fn check(
    name: &str,
    must: &MetricMust,
    (case, ends_us): (&Case, u64),
    trail: &Trail,
    notes: &mut Notes<'_>,
) {
    let Some(metric) = case.metrics.get(must.metric) else { return };
    // When a breaker is open nobody plans.
    if must.during.iter().any(|during| matches!(during, During::Open(_))) {
        return;
    }
    let stretches = phases::planned(&must.during, &case.faults, ends_us);
    let whole: u64 = stretches.iter().map(|stretch| stretch.end - stretch.start).sum();
    let during = named(&must.during, case);
    let begins = stretches.first().map_or(0, |first| first.start.saturating_add(must.skip_us));
    let judged =
        stretches.iter().map(|on| on.end.saturating_sub(on.start.max(begins))).sum::<u64>();
    if judged == 0 {
        let message = match whole {
            0 => format!("`{name}` would judge nothing: the run has no {during}"),
            _ => format!("`{name}` skips all of {during}, which is {} long", words::time(whole)),
        };
        notes.entry(trail, message, "let the load run longer, or skip less");
        return;
    }
    let least = if must.growth.is_some() { GROWTH } else { 1 };
    let reads = judged / metric.every_us.max(1);
    if reads < least {
        let needed = least.saturating_mul(metric.every_us).saturating_sub(judged);
        let longer = Duration { us: needed.div_ceil(SECOND_US) * SECOND_US };
        let message = format!(
            "`{name}` is read {} during {during}, and this needs {least}",
            words::several(reads, "time", "times")
        );
        let often = Duration { us: judged / least / 1000 * 1000 };
        let help = format!("read it every {often}, or let that last {longer} longer");
        notes.entry(trail, message, help);
    }
}

//! Expectations that hold counts of the other side against ours.
//!
//! Not here: whether there are reads enough (crate slo says so of a run).

use super::{Given, deadline, metrics};
use crate::plan::compile::names;
use crate::plan::compile::notes::Notes;
use crate::spec::Trail;
use crate::spec::scalar::Duration;
use crate::spec::types::{Metric, Reconciles};
use assay_slo::case::{Anchor, Must, ReconcilesMust};

pub(super) fn compile(
    asked: &Reconciles,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let of = names::of(Some(&asked.of), given.loads, &trail.key("of"), notes);
    let metric = metrics::index(&asked.metric, given.scenario, &trail.key("metric"), notes);
    if let Some(why) = no_count(given.scenario.metrics.get(&asked.metric)) {
        let message = format!("`{}` is {why}, which counts no requests", asked.metric);
        let help = "name a metric that counts, such as rows of a table or requests_total";
        notes.value(&trail.key("metric"), message, help);
    }
    let at_most = asked.differ.at_most.0;
    let by = match (&asked.after, asked.within) {
        (None, None) => None,
        (Some(after), Some(within)) => {
            let deadline = deadline(after, within, given, trail, notes)?;
            let ends = given.traffic.ends_us();
            let last = of.iter().filter_map(|of| ends.get(of.load)).max().copied().unwrap_or(0);
            let until = deadline.planned_us.saturating_add(deadline.within_us);
            let is_planned = !matches!(deadline.after.anchor, Anchor::BreakerOpen(_));
            if is_planned && given.timetable.complete && until < last {
                notes.warn(format!(
                    "`reconciles` of `{}` is over at {}, while requests are still sent until {}: \
                     those under way then can be counted by neither side, so it may decide nothing; \
                     write `after:` the end of the load",
                    asked.metric,
                    Duration { us: until },
                    Duration { us: last }
                ));
            }
            Some(deadline.pair())
        }
        (Some(_), None) => {
            let message = "`after` has no deadline".to_owned();
            notes.entry(&trail.key("after"), message, "write `within: 30s` beside it");
            None
        }
        (None, Some(_)) => {
            let message = "`within` does not say from when".to_owned();
            notes.entry(&trail.key("within"), message, "write `after: LOAD.end` beside it");
            None
        }
    };
    Some(Must::Reconciles(ReconcilesMust { of, metric: metric?, at_most, by }))
}

/// Why a metric cannot count what was sent.
fn no_count(metric: Option<&Metric>) -> Option<&'static str> {
    match metric? {
        Metric::Process(_) => Some("what processes take"),
        Metric::Promql(of) if of.query.to_string().contains("rate(") => Some("a rate"),
        Metric::Promql(_) | Metric::Prometheus(_) | Metric::Command(_) => None,
    }
}

//! A service is ready again in time after a fault.
//!
//! Invariant: met only by a look that found it ready before the deadline, violated only by one
//! that began after it and did not.
//! Not here: how it is looked (harness `run`).

use super::Answer;
use super::part::{Part, in_time, worst};
use crate::case::Moment;
use crate::evidence::Evidence;
use crate::scorecard::Verdict;
use crate::words;

/// Judges it.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    service: &str,
    after: &Moment,
    within_us: u64,
) -> Answer {
    let within = words::duration(within_us);
    let asks = format!(
        "service `{service}` ready within {within} after {} (instants as exact as the looks)",
        evidence.moment_words(after)
    );
    let part = match evidence.moment(after) {
        Ok(moment) => when(evidence, service, moment, within_us),
        Err(doubt) => Part::doubt(doubt),
    };
    worst(asks, &[part.unless(evidence.cut_short())])
}

fn when(evidence: &Evidence<'_>, service: &str, moment: i64, within_us: u64) -> Part {
    let zero = evidence.phases.zero;
    let looks = evidence.timeline.samples.looks.iter().rev();
    let Some(looks) = looks.into_iter().find(|looks| looks.service == service) else {
        return Part::open(
            "nobody looked whether it was ready",
            "a run that goes on until the service is ready, or its time is over",
        );
    };
    let after = |at: crate::At| at.since(zero).saturating_sub(moment);
    let not_ready = looks.not_ready.map(after);
    if let Some(ready) = looks.ready.map(after) {
        let earliest = not_ready.unwrap_or(0).clamp(0, ready.max(0));
        return in_time("ready", (earliest, ready), within_us);
    }
    let within = i64::try_from(within_us).unwrap_or(i64::MAX);
    let text = format!("not ready within {}: {}", words::duration(within_us), looks.detail);
    match not_ready {
        Some(last) if last > within => Part::new(Verdict::Violated, text),
        _ => Part::open(
            format!("it was not looked at for long enough: {}", looks.detail),
            "a run that goes on until its time is over",
        ),
    }
}

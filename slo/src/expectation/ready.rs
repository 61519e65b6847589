//! A service is ready again in time after a fault.
//!
//! Invariant: met only by a look that found it ready before the deadline, violated only by one
//! that began after it and did not.
//! Invariant: looks after one fault's end say nothing of another's.
//! Not here: how it is looked (harness `run`).

use super::Answer;
use super::part::{Part, in_time, worst};
use crate::case::Moment;
use crate::event::Looks;
use crate::evidence::Evidence;
use crate::scorecard::Verdict;
use crate::time::At;
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
        Ok(moment) => {
            let anchor = moment.saturating_sub(after.offset_us);
            when(evidence, looks(evidence, service, anchor), moment, within_us)
        }
        Err(doubt) => Part::doubt(doubt),
    };
    worst(asks, &[part.unless(evidence.cut_short())])
}

/// The looks at a service that began with this end of a fault: of several (two expectations ask) those
/// that saw most.
fn looks<'a>(evidence: &'a Evidence<'_>, service: &str, anchor: i64) -> Option<&'a Looks> {
    let since = |at: At| at.since(evidence.phases.zero);
    let spans = evidence.timeline.faults.values().flat_map(|line| &line.spans);
    let ends = spans.filter_map(|span| span.cleared).map(since);
    let until = ends.filter(|end| *end > anchor).min().unwrap_or(i64::MAX);
    let all = evidence.timeline.samples.looks.iter();
    let later: Vec<&Looks> =
        all.filter(|looks| looks.service == service && since(looks.from) >= anchor).collect();
    let own = later.iter().filter(|looks| since(looks.from) < until);
    let own = own.max_by_key(|looks| (looks.ready.is_some(), looks.not_ready));
    // Another fault may have ended in the moment before the first look.
    own.or_else(|| later.iter().min_by_key(|looks| looks.from)).copied()
}

fn when(evidence: &Evidence<'_>, looks: Option<&Looks>, moment: i64, within_us: u64) -> Part {
    let zero = evidence.phases.zero;
    let Some(looks) = looks else {
        return Part::open(
            "nobody looked whether it was ready",
            "a run that goes on until the service is ready, or its time is over",
        );
    };
    let after = |at: At| at.since(zero).saturating_sub(moment);
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

//! What was observed, as people read it.
//!
//! Invariant: for people only; no verdict depends on it.
//! Not here: what follows from it (`decide`).

use super::{Measured, Question};
use crate::case::{Clock, During};
use crate::evidence::Evidence;
use crate::time::Share;
use crate::times::Times;
use crate::words;

/// `P95 312 ms`, or without histograms `97.2 % ok in less than 500 ms`.
pub(super) fn latency(
    evidence: &Evidence<'_>,
    question: &Question<'_>,
    measured: &Measured,
    (percentile, below_us, clock): (Share, u64, Clock),
) -> String {
    let tally = measured.tally;
    if tally.n == 0 {
        return "nothing".to_owned();
    }
    // Histograms know segments, not the seconds of a breaker's state or of a step.
    let whole = question.part.is_none();
    let exact = whole && !question.during.iter().any(|during| matches!(during, During::Open(_)));
    let covered = |segment: usize| evidence.phases.covers(segment, question.during);
    let times = Times::of(evidence.timeline, |key| {
        exact && question.of.contains(&key.of) && key.clock == clock && covered(key.segment)
    });
    let limit = words::duration(below_us);
    let Some(value) = times.percentile(percentile) else {
        return format!("{} ok in less than {limit}", words::ratio(tally.n - tally.k, tally.n));
    };
    // Rounding must not make it look like the limit itself.
    let about = words::about(value);
    let value = if about == limit { words::duration(value) } else { about };
    let failed = match measured.failed {
        0 => String::new(),
        failed => format!(", {failed} of {} not ok", tally.n),
    };
    format!("{} {value}{failed}", words::percentile(percentile))
}

/// `0.03 % (3 of 10400)`.
pub(super) fn share(k: u64, n: u64) -> String {
    if n == 0 { "nothing".to_owned() } else { format!("{} ({k} of {n})", words::ratio(k, n)) }
}

//! No thundering herd: the greatest second of arrivals after a fault, over the mean in steady.
//!
//! Invariant: exact counts; the second that holds the moment is split by what the second before
//! had, and undecided where that matters.
//! Not here: what the arrivals led to.

use super::Answer;
use super::arrivals::{self, SECOND, Seconds, Sums};
use super::part::{Part, worst};
use crate::case::{During, Moment};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::scorecard::Verdict;
use crate::time::SECOND_US;
use crate::words;

/// Judges it.
pub(super) fn judge(
    evidence: &Evidence<'_>,
    link: &str,
    peak_milli: u64,
    after: &Moment,
    within_us: u64,
) -> Answer {
    let asks = format!(
        "at most {} the steady arrivals at `{link}` in any second of {} after {} (whole seconds)",
        factor(peak_milli),
        words::duration(within_us),
        evidence.moment_words(after)
    );
    let moment = match evidence.moment(after) {
        Ok(moment) => moment,
        Err(doubt) => return Answer::doubtful(asks, doubt),
    };
    match part(evidence, link, peak_milli, moment, within_us) {
        Ok(part) => worst(asks, &[part]),
        Err(doubt) => Answer::doubtful(asks, doubt),
    }
}

fn part(
    evidence: &Evidence<'_>,
    link: &str,
    peak_milli: u64,
    moment: i64,
    within_us: u64,
) -> Result<Part, Doubt> {
    let seconds = arrivals::at(evidence, link)?;
    let steady = arrivals::whole(evidence, &[During::Steady]);
    let length: i64 = steady.iter().map(|range| range.end - range.start).sum();
    let came = Sums::of(seconds).all(&steady);
    if came == 0 {
        return Err(Doubt {
            reason: format!("nothing arrived at `{link}` in steady"),
            missing: "steady traffic through it".to_owned(),
        });
    }
    let length = length.max(1).unsigned_abs();
    let exceeds = |n: u64| {
        u128::from(n) * u128::from(length) * 1000 > u128::from(peak_milli) * u128::from(came)
    };
    let within = i64::try_from(within_us).unwrap_or(i64::MAX);
    let to = moment.saturating_add(within);
    let inside = -(-moment).div_euclid(SECOND)..to.div_euclid(SECOND);
    let whole = seconds.range(inside.start..inside.end.max(inside.start));
    let greatest = whole.map(|(_, n)| *n).max().unwrap_or(0);
    let (edge_least, edge_most) = edge(seconds, moment, to);
    let least = greatest.max(edge_least);
    let most = greatest.max(edge_most);
    let ratio = |n: u64| words::number(n as f64 * length as f64 / came as f64);
    let mean = words::number(came as f64 / length as f64);
    let text = format!(
        "{} in the fullest second, {}x of {mean}/s ({} allowed)",
        words::count(most, "arrival"),
        ratio(most),
        factor(peak_milli)
    );
    if exceeds(least) {
        return Ok(Part::new(Verdict::Violated, text));
    }
    if exceeds(most) {
        let text = format!("{text}: in a second that is only partly inside");
        return Ok(Part::open(text, "a fault that ends at a whole second"));
    }
    let (_, ends) = arrivals::sending(evidence);
    if ends < to {
        let more = to.saturating_sub(ends).unsigned_abs().div_ceil(SECOND_US);
        let more = words::duration(more.saturating_mul(SECOND_US));
        return Ok(Part::open(
            format!("the load ended too early: {text}"),
            format!("needs {more} more of load after the moment"),
        ));
    }
    Ok(Part::new(Verdict::Met, text).unless(evidence.cut_short()))
}

/// The least and the most that arrived inside in the seconds that are only partly inside.
fn edge(seconds: &Seconds, moment: i64, to: i64) -> (u64, u64) {
    let count = |second: i64| seconds.get(&second).copied().unwrap_or(0);
    let (first, outside) = (moment.div_euclid(SECOND), moment.rem_euclid(SECOND));
    let mut edge = (0, 0);
    if outside > 0 {
        let n = count(first);
        // Before the moment three times as many as a second earlier, at most.
        let before =
            u128::from(count(first.saturating_sub(1))) * 3 * outside.unsigned_abs() as u128;
        let before = u64::try_from(before.div_ceil(u128::from(SECOND_US))).unwrap_or(u64::MAX);
        edge = (n.saturating_sub(before), n);
    }
    if to.rem_euclid(SECOND) > 0 {
        edge.1 = edge.1.max(count(to.div_euclid(SECOND)));
    }
    edge
}

/// A factor in thousandths: `1.5x`.
pub(super) fn factor(milli: u64) -> String {
    format!("{}x", words::number(milli as f64 / 1000.0))
}

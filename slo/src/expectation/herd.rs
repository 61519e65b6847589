//! No thundering herd: the greatest second of arrivals after a fault, over the mean in steady.
//!
//! Where more is due in a second than in steady, as on a ramp, as many times more may arrive. Of several
//! loads nobody knows which lead to the arrivals: then the least of their factors must suffice to be met,
//! and not even the greatest to be violated.
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
    let levels = Levels::new(evidence, &steady, length);
    let exceeds = |n: u64, (now, steady): Times| {
        let (n, length, came) = (u128::from(n), u128::from(length), u128::from(came));
        n * length * steady * 1000 > u128::from(peak_milli) * came * now
    };
    let within = i64::try_from(within_us).unwrap_or(i64::MAX);
    let to = moment.saturating_add(within);
    let inside = -(-moment).div_euclid(SECOND)..to.div_euclid(SECOND);
    let ratio = |(second, n): (i64, u64)| {
        let (now, steady) = levels.at(second).0;
        n as f64 * length as f64 * steady as f64 / (came as f64 * now as f64)
    };
    let whole = seconds.range(inside.start..inside.end.max(inside.start));
    let whole: Vec<(i64, u64)> = whole.map(|(second, n)| (*second, *n)).collect();
    let [edges_least, edges_most] = edges(seconds, moment, to);
    let fullest = whole.iter().chain(&edges_most).copied();
    let most = fullest.max_by(|a, b| ratio(*a).total_cmp(&ratio(*b)));
    let most = most.unwrap_or((inside.start, 0));
    let (now, due) = levels.at(most.0).0;
    let mean = came as f64 / length as f64 * now as f64 / due as f64;
    let text = format!(
        "{} in the fullest second, {}x of {}/s ({} allowed)",
        words::count(most.1, "arrival"),
        words::number(ratio(most)),
        words::number(mean),
        factor(peak_milli)
    );
    let sure = |(second, n): &(i64, u64)| {
        levels.at(*second).1.is_some_and(|greatest| exceeds(*n, greatest))
    };
    let possible = |(second, n): &(i64, u64)| exceeds(*n, levels.at(*second).0);
    if whole.iter().chain(&edges_least).any(sure) {
        return Ok(Part::new(Verdict::Violated, text));
    }
    if whole.iter().chain(&edges_least).any(possible) {
        let text = format!(
            "{text}: but not all loads send as they did in steady, and nobody knows which of them \
             lead to these arrivals"
        );
        return Ok(Part::open(text, "loads that all send as much as in steady, or one load"));
    }
    if edges_most.iter().any(possible) {
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

/// A factor as a fraction, at least 1.
type Times = (u128, u128);

/// How many times as much as in steady the loads send in a second.
struct Levels(Vec<(Seconds, u64)>, u64);

impl Levels {
    fn new(evidence: &Evidence<'_>, steady: &[std::ops::Range<i64>], length: u64) -> Levels {
        let each = (0..evidence.case.loads.len()).map(|load| {
            let due = arrivals::due(evidence, |of| of.load == load).unwrap_or_default();
            let before = Sums::of(&due).all(steady);
            (due, before)
        });
        Levels(each.collect(), length)
    }

    /// The least and the greatest factor of one load: which of them lead to the arrivals nobody knows.
    /// There is no greatest if one sends that did not in steady. What waits for answers sends as in steady.
    fn at(&self, second: i64) -> (Times, Option<Times>) {
        let Levels(each, length) = self;
        let factor = |(due, before): &(Seconds, u64)| -> Option<Times> {
            let now = u128::from(due.get(&second).copied().unwrap_or(0)) * u128::from(*length);
            match (now, u128::from(*before)) {
                (now, before) if now <= before => Some((1, 1)),
                (_, 0) => None,
                more => Some(more),
            }
        };
        let mut least = None;
        let mut greatest = Some((1, 1));
        for factor in each.iter().map(factor) {
            let less = |a: Times, b: Times| a.0 * b.1 < b.0 * a.1;
            least = match (least, factor) {
                (Some(known), Some(other)) if less(other, known) => Some(other),
                (known, other) => known.or(other),
            };
            greatest = match (greatest, factor) {
                (Some(known), Some(other)) if less(known, other) => Some(other),
                (known, Some(_)) => known,
                (_, None) => None,
            };
        }
        (least.unwrap_or((1, 1)), greatest)
    }
}

/// The seconds that are only partly inside, with the least and the most that arrived inside.
fn edges(seconds: &Seconds, moment: i64, to: i64) -> [Vec<(i64, u64)>; 2] {
    let count = |second: i64| seconds.get(&second).copied().unwrap_or(0);
    let (first, outside) = (moment.div_euclid(SECOND), moment.rem_euclid(SECOND));
    let (mut least, mut most) = (Vec::new(), Vec::new());
    if outside > 0 {
        let n = count(first);
        // Before the moment three times as many as a second earlier, at most.
        let before =
            u128::from(count(first.saturating_sub(1))) * 3 * outside.unsigned_abs() as u128;
        let before = u64::try_from(before.div_ceil(u128::from(SECOND_US))).unwrap_or(u64::MAX);
        least.push((first, n.saturating_sub(before)));
        most.push((first, n));
    }
    if to.rem_euclid(SECOND) > 0 {
        let last = to.div_euclid(SECOND);
        most.push((last, count(last)));
    }
    [least, most]
}

/// A factor in thousandths: `1.5x`.
pub(super) fn factor(milli: u64) -> String {
    format!("{}x", words::number(milli as f64 / 1000.0))
}

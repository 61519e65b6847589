//! A metric keeps its limits: its values, its growth, its increase.
//!
//! Values: every sample is judged, and nobody knows what was between two. Growth: a robust slope;
//! surely above its limit is violated, surely not above it met, each with 95 %. Increase: what a
//! counter added, also when it began anew, or was born with its first event; between the samples just outside of a stretch and
//! those just inside it, so that what was added at its edge is not held against it, nor hidden.
//!
//! Invariant: what was not read cannot be met.
//! Not here: the slope (`slope`), coming down after a fault (`settles`).

use super::Answer;
use super::counted::{Read, reads, within};
use super::part::{Part, partial, worst};
use super::slope::{LEAST, Slope, slope};
use super::watch::{Point, Watch};
use crate::amount;
use crate::case::{Growth, MetricMust, Unit};
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::number::Number;
use crate::scorecard::Verdict;
use crate::time::SECOND_US;
use crate::words;

/// A longer run than this many times is not proposed.
const MOST_TIMES_LONGER: f64 = 20.0;

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, must: &MetricMust) -> Answer {
    let watch = Watch::new(evidence, must.metric);
    let unit = watch.as_ref().map_or(Unit::Plain, |watch| watch.metric.unit);
    let asks = asks(evidence, must, unit);
    let watch = match watch {
        Ok(watch) => watch,
        Err(doubt) => return Answer::doubtful(asks, doubt),
    };
    if let Some(doubt) = evidence.during_doubt(&must.during) {
        return Answer::doubtful(asks, doubt);
    }
    let stretches = skipped(evidence.phases.stretches(&must.during), must.skip_us);
    let samples = stretches.iter().map(|stretch| watch.within(*stretch).len()).sum::<usize>();
    if samples == 0 {
        return Answer::doubtful(asks, never_read(evidence, &watch));
    }
    let mut parts = Vec::new();
    if !must.value.is_none() {
        parts.push(values(&watch, must, &stretches));
    }
    let reads = watch.is_counter().then(|| reads(evidence, must.metric, &watch));
    let counter = reads.as_deref();
    parts.extend(must.growth.map(|growth| grows(&watch, counter, growth, &stretches)));
    parts.extend(must.increase.map(|most| increases(&watch, counter, most, &stretches)));
    let doubt = partial(evidence).or_else(|| watch.hole(&stretches));
    let parts: Vec<Part> = parts.into_iter().map(|part| part.unless(doubt.clone())).collect();
    worst(asks, &parts)
}

fn asks(evidence: &Evidence<'_>, must: &MetricMust, unit: Unit) -> String {
    let name = evidence.case.metrics.get(must.metric).map_or("?", |metric| metric.name.as_str());
    let every = evidence.case.metrics.get(must.metric).map_or(0, |metric| metric.every_us);
    let value = Some(must.value.words(unit)).filter(|words| !words.is_empty());
    let growth = must.growth.map(|growth| {
        let most = amount::each(&amount::limit(growth.at_most, unit), growth.per_us);
        format!("growth at most {most}")
    });
    let increase =
        must.increase.map(|most| format!("increase at most {}", amount::limit(most, unit)));
    let asked: Vec<String> = [value, growth, increase].into_iter().flatten().collect();
    let skip = match must.skip_us {
        0 => String::new(),
        us => format!(", without the first {}", words::duration(us)),
    };
    format!(
        "`{name}` {} during {}{skip} (read every {})",
        asked.join(", "),
        evidence.during_words(&must.during),
        words::duration(every)
    )
}

/// Stretches without the beginning of the first.
fn skipped(stretches: Vec<(i64, i64)>, skip_us: u64) -> Vec<(i64, i64)> {
    let skip = i64::try_from(skip_us).unwrap_or(i64::MAX);
    let begins = stretches.first().map_or(0, |(from, _)| from.saturating_add(skip));
    let kept = stretches.into_iter().map(|(from, to)| (from.max(begins), to));
    kept.filter(|(from, to)| from < to).collect()
}

fn never_read(evidence: &Evidence<'_>, watch: &Watch<'_>) -> Doubt {
    evidence.cut_short().unwrap_or_else(|| {
        let why = watch.last_missed().map_or_else(String::new, |why| format!(": {why}"));
        Doubt {
            reason: format!("`{}` was never read then{why}", watch.metric.name),
            missing: "reads that succeed while it is judged".to_owned(),
        }
    })
}

fn values(watch: &Watch<'_>, must: &MetricMust, stretches: &[(i64, i64)]) -> Part {
    let unit = watch.metric.unit;
    let points = || stretches.iter().flat_map(|stretch| watch.within(*stretch));
    let limits = &must.value;
    let asked = limits.words(unit);
    let shown = |point: &Point| {
        let at = words::seconds(point.at);
        format!("{} at {at}", amount::observed(point.value.get(), unit))
    };
    let bad: Vec<&Point> = points().filter(|point| !limits.hold(point.value)).collect();
    let all = points().count() as u64;
    if let Some(first) = bad.first() {
        let many = words::count(all, "sample");
        let text = format!("{} ({asked} asked), {} of {many} outside", shown(first), bad.len());
        return Part::new(Verdict::Violated, text);
    }
    let upper = limits.below.or(limits.at_most).is_some();
    let lower = limits.above.or(limits.at_least).is_some();
    let greatest = points().max_by_key(|point| point.value).filter(|_| upper);
    let least = points().min_by_key(|point| point.value).filter(|_| lower);
    let seen = [("at most", greatest), ("at least", least)];
    let seen = seen.into_iter().filter_map(|(word, point)| {
        Some(format!("{word} {}", amount::observed(point?.value.get(), unit)))
    });
    let seen: Vec<String> = seen.collect();
    let text = format!("{} ({asked} asked)", seen.join(", "));
    Part::new(Verdict::Met, text)
}

/// A counter's reads as if it had never begun anew.
fn unwound(reads: &[Read]) -> Vec<(f64, f64)> {
    let mut sum = reads.first().map_or(0.0, |first| first.value - first.added);
    let unwound = reads.iter().map(|read| {
        sum += read.added;
        (seconds(read.asked, read.at), sum)
    });
    unwound.collect()
}

fn seconds(asked: i64, at: i64) -> f64 {
    (asked as f64 + (at - asked) as f64 / 2.0) / SECOND_US as f64
}

fn grows(
    watch: &Watch<'_>,
    counter: Option<&[Read]>,
    growth: Growth,
    stretches: &[(i64, i64)],
) -> Part {
    let unit = watch.metric.unit;
    let restarts = watch.restarts();
    let mut segments = Vec::new();
    for stretch in stretches {
        if let Some(reads) = counter {
            segments.push(unwound(within(reads, *stretch)));
            continue;
        }
        let points = watch.within(*stretch);
        // What a process had before it ended is no measure of the next.
        let lives = points.chunk_by(|a, b| !restarts.iter().any(|at| a.at < *at && *at <= b.at));
        segments.extend(lives.map(|life| {
            let seconds = |point: &Point| seconds(point.asked, point.at);
            life.iter().map(|point| (seconds(point), point.value.get())).collect()
        }));
    }
    let n: usize = segments.iter().map(Vec::len).sum();
    let per_s = SECOND_US as f64 / growth.per_us.max(1) as f64;
    let each = |slope: f64| amount::each(&amount::observed(slope / per_s, unit), growth.per_us);
    let limit = amount::each(&amount::limit(growth.at_most, unit), growth.per_us);
    let covered: f64 = segments.iter().map(|points| length(points)).sum();
    let Some(slope) = slope(&segments) else {
        let every = watch.metric.every_us;
        let more = every.saturating_mul((LEAST - n.min(LEAST)) as u64);
        return Part::open(
            format!("{} are too few for a growth", words::count(n as u64, "sample")),
            format!("needs {LEAST} samples: {} more to judge", words::duration(more)),
        );
    };
    let most = growth.at_most.get() * per_s;
    let sure = match (slope.lower.is_finite(), slope.upper.is_finite()) {
        (true, true) => format!("95 % sure {} to {}", each(slope.lower), each(slope.upper)),
        (true, false) => format!("95 % sure above {}", each(slope.lower)),
        (false, true) => format!("95 % sure below {}", each(slope.upper)),
        (false, false) => "not sure at all".to_owned(),
    };
    let text = format!("grew by {} ({sure}; {limit} allowed)", each(slope.middle));
    if slope.upper <= most {
        Part::new(Verdict::Met, text)
    } else if slope.lower > most {
        Part::new(Verdict::Violated, text)
    } else {
        Part::open(text, longer(slope, most, covered, n))
    }
}

fn length(points: &[(f64, f64)]) -> f64 {
    match (points.first(), points.last()) {
        (Some((from, _)), Some((to, _))) => to - from,
        _ => 0.0,
    }
}

/// How long would decide: the interval shrinks with the length to the power of 1.5.
fn longer(slope: Slope, most: f64, covered: f64, n: usize) -> String {
    let (reach, distance) = match slope.middle <= most {
        true => (slope.upper - slope.middle, most - slope.middle),
        false => (slope.middle - slope.lower, slope.middle - most),
    };
    let times = match reach.is_finite() && distance > 0.0 {
        true => libm::pow(reach / distance, 2.0 / 3.0) * 1.1,
        // Too few points for a side: as many as surely have one.
        false if distance > 0.0 => (3 * LEAST) as f64 / n.max(1) as f64,
        false => f64::INFINITY,
    };
    let judged = words::seconds((covered * SECOND_US as f64) as i64);
    if times > MOST_TIMES_LONGER {
        return format!(
            "the growth is at its limit: a limit farther from it decides, not more than {judged}"
        );
    }
    let needed = libm::ceil(covered * times.max(1.1) / 5.0) * 5.0;
    let needed = words::seconds((needed * SECOND_US as f64) as i64);
    format!("about {needed} of samples to judge would decide, {judged} do not")
}

/// What was added in one stretch: at least, and at most.
fn increase(
    watch: &Watch<'_>,
    counter: Option<&[Read]>,
    stretch: (i64, i64),
) -> Option<(f64, f64)> {
    let Some(reads) = counter else {
        let inside = watch.within(stretch);
        let rise = inside.last()?.value.get() - inside.first()?.value.get();
        return Some((rise, rise));
    };
    let (first, rest) = within(reads, stretch).split_first()?;
    let least: f64 = rest.iter().map(|read| read.added).sum();
    let after = reads.iter().find(|read| read.at > stretch.1).map_or(0.0, |read| read.added);
    Some((least, least + first.added + after))
}

fn increases(
    watch: &Watch<'_>,
    counter: Option<&[Read]>,
    most: Number,
    stretches: &[(i64, i64)],
) -> Part {
    let unit = watch.metric.unit;
    let parts = stretches.iter().filter_map(|stretch| increase(watch, counter, *stretch));
    let (least, greatest) = parts.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
    let limit = amount::limit(most, unit);
    let shown = |value: f64| amount::observed(value, unit);
    let seen = match least == greatest {
        true => shown(least),
        false => format!("{} to {}", shown(least), shown(greatest)),
    };
    let text = format!("increased by {seen} ({limit} allowed)");
    if least > most.get() {
        Part::new(Verdict::Violated, text)
    } else if greatest <= most.get() {
        Part::new(Verdict::Met, text)
    } else {
        let missing = "it may have increased outside of what is judged: read it more often";
        Part::open(format!("{text}: at the edge of what is judged"), missing)
    }
}

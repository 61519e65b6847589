//! Whether a run is worse than its baseline by more than a margin.
//!
//! Non-inferiority: not worse only if even the far ends of both intervals keep the margin, worse only
//! if even the near ends break it. Times relative, by [`side`](super::side); shares in points, by
//! Newcombe's hybrid score interval (Newcombe 1998, method 10).
//!
//! Invariant: a worse run is never judged better, nor a greater margin worse.
//! Not here: which objective asks (`objective`), this run's own health (`objective`).

use super::side::{Known, Side};
use super::{Baseline, Past, PastPart, alike, needed, superior};
use crate::case::{Clock, During};
use crate::scorecard::{ChangeScore, Verdict};
use crate::time::Share;
use crate::words;

/// With fewer runs a side how much runs differ is not seen.
const ENOUGH_RUNS: usize = 3;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ask {
    /// A percentile is at most so much above the baseline's.
    Latency { percentile: Share, at_most: Share, clock: Clock },
    /// The share of requests that are not ok is at most so many points above the baseline's.
    Errors { at_most: Share },
}

/// Of which requests, when.
#[derive(Debug, Clone)]
pub(crate) struct Question<'q> {
    pub(crate) ask: Ask,
    /// Load and request.
    pub(crate) names: Vec<(&'q str, &'q str)>,
    pub(crate) during: &'q [During],
    /// Names of the faults, by index.
    pub(crate) faults: Vec<&'q str>,
    pub(crate) confidence: Share,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) verdict: Verdict,
    pub(crate) observed: String,
    pub(crate) reason: String,
    /// What would decide it, if it is undecided.
    pub(crate) missing: String,
    /// What all of the times say, in a sentence; where times are compared.
    pub(crate) in_all: Option<String>,
    pub(crate) change: Option<ChangeScore>,
}

/// Decides a question about these runs.
pub(crate) fn decide(question: &Question<'_>, baseline: &Baseline, new: &[Past]) -> Held {
    let clock = match question.ask {
        Ask::Latency { clock, .. } => clock,
        Ask::Errors { .. } => Clock::Service,
    };
    let fits = |load: &str, request: &str, part: &PastPart| {
        question.names.contains(&(load, request)) && question.covers(part)
    };
    let (base, ours) = (Side::new(&baseline.runs, clock, fits), Side::new(new, clock, fits));
    let held = match question.ask {
        Ask::Latency { percentile, at_most, .. } => {
            latency(question, (percentile, at_most), baseline, (&base, &ours))
        }
        Ask::Errors { at_most } => errors(question, at_most, (&base, &ours)),
    };
    match doubt(question, baseline, new, (&base, &ours)) {
        Some((reason, missing)) => Held {
            verdict: Verdict::Inconclusive,
            reason,
            missing,
            // Nothing is said of what cannot be compared.
            in_all: None,
            ..held
        },
        None => held,
    }
}

impl Question<'_> {
    fn covers(&self, part: &PastPart) -> bool {
        let has = |fault: usize| {
            let name = self.faults.get(fault);
            name.is_some_and(|name| part.faults.iter().any(|known| known == name))
        };
        let phase = part.phase.as_str();
        self.during.iter().any(|during| match during {
            During::All => true,
            During::Steady => phase == "steady",
            During::Fault => phase == "fault",
            During::Recovery => phase == "recovery",
            During::After => phase == "after",
            During::Named(fault) => phase == "fault" && has(*fault),
            During::RecoveryOf(fault) => phase == "recovery" && has(*fault),
            During::Open(_) => false,
        })
    }
}

/// Why nothing can be said, and what would help.
fn doubt(
    question: &Question<'_>,
    baseline: &Baseline,
    new: &[Past],
    (base, ours): (&Side, &Side),
) -> Option<(String, String)> {
    let name = &baseline.name;
    let again = || "a baseline of the same scenario and machine".to_owned();
    let (Some(first), Some(own)) = (baseline.runs.first(), new.first()) else {
        let write = format!("a baseline: run the scenario with `--save-baseline {name}`");
        return Some((format!("there is no baseline `{name}`"), write));
    };
    let mut unlike = baseline.unlike.clone();
    unlike.extend(alike::differences(first, own));
    if !unlike.is_empty() {
        return Some((
            format!("baseline `{name}` is of unlike runs: {}", unlike.join("; ")),
            again(),
        ));
    }
    if let Some(why) = baseline.runs.iter().find_map(|run| run.ill.as_ref()) {
        let missing = "a baseline of runs that say something".to_owned();
        return Some((format!("a run of baseline `{name}` says nothing: {why}"), missing));
    }
    if base.all.n == 0 {
        return Some((format!("baseline `{name}` has no such request in these phases"), again()));
    }
    if ours.all.n == 0 {
        let missing = "requests whose outcome is known".to_owned();
        return Some(("no request was judged".to_owned(), missing));
    }
    let timed = matches!(question.ask, Ask::Latency { .. });
    let without = |side: &Side| timed && side.all.lacks_times();
    (without(base) || without(ours)).then(|| {
        let reason = "not all times of the requests were recorded".to_owned();
        (reason, "runs that end by themselves".to_owned())
    })
}

fn latency(
    question: &Question<'_>,
    (percentile, at_most): (Share, Share),
    baseline: &Baseline,
    (base, ours): (&Side, &Side),
) -> Held {
    let few = base.runs.len().min(ours.runs.len()) < ENOUGH_RUNS;
    let noise = match baseline.noise_permille {
        Some([p50, ..]) if few && percentile <= Share(750_000_000) => p50,
        Some([_, p95, _]) if few && percentile <= Share(970_000_000) => p95,
        Some([.., p99]) if few => p99,
        _ => 0,
    };
    let was = widened(base.percentile(percentile, question.confidence), noise);
    let is = ours.percentile(percentile, question.confidence);
    // x of one side against 1 + m times y of the other, without rounding.
    let whole = u128::from(Share::ONE.0);
    let keeps = |x: u64, y: u64| {
        x != u64::MAX && u128::from(x) * whole <= u128::from(y) * (whole + u128::from(at_most.0))
    };
    // What surely was never is no shorter than anything.
    let verdict = if keeps(is.high, was.low) {
        Verdict::Met
    } else if was.high != u64::MAX && !keeps(is.low, was.high) {
        Verdict::Violated
    } else {
        Verdict::Inconclusive
    };
    let change = |x: u64, y: u64| {
        (x != u64::MAX && y != u64::MAX && y > 0).then(|| x as f64 / y as f64 - 1.0)
    };
    let (lower, upper) = (change(is.low, was.high), change(is.high, was.low));
    let value = change(is.value, was.value);
    let rank = words::percentile(percentile);
    let observed = format!("{rank} {} → {}{}", time(was.value), time(is.value), signed(value));
    let range = |known: Known<u64>| format!("{} to {}", time(known.low), time(known.high));
    let (sure, allowed) = (words::share(question.confidence), words::share(at_most));
    let sides = format!(
        "{rank} was {} ({}), is {} ({})",
        range(was),
        counted(base),
        range(is),
        counted(ours)
    );
    let noise = match noise {
        0 => String::new(),
        n => format!("; equal runs differ here by {}.{} % of it", n / 10, n % 10),
    };
    let reason = match verdict {
        Verdict::Met => format!("{sure} sure of at most {allowed} more: {sides}{noise}"),
        Verdict::Violated => format!("{sure} sure of more than {allowed} more: {sides}{noise}"),
        Verdict::Inconclusive => {
            format!("not {sure} sure of either: {sides}, {allowed} more is the limit{noise}")
        }
    };
    let change = ChangeScore {
        relative: true,
        lower: lower.map(crate::interval::round9),
        upper: upper.map(crate::interval::round9),
        base_n: base.all.n,
        base_runs: base.runs.len() as u64,
        runs: ours.runs.len() as u64,
    };
    let missing = price(value, (lower, upper), at_most.fraction())
        .unwrap_or_else(|| untimed(question.confidence, percentile, (base, ours)));
    let in_all = superior::sentence(&base.all, &ours.all);
    Held { verdict, observed, reason, missing, in_all, change: Some(change) }
}

fn errors(question: &Question<'_>, at_most: Share, (base, ours): (&Side, &Side)) -> Held {
    let z = normal_quantile(question.confidence);
    let (was, is) = (base.bad(question.confidence, z), ours.bad(question.confidence, z));
    let (lower, upper) = newcombe(is, was);
    let limit = at_most.fraction();
    let verdict = if upper <= limit {
        Verdict::Met
    } else if lower > limit {
        Verdict::Violated
    } else {
        Verdict::Inconclusive
    };
    let value = is.value - was.value;
    let points = |x: f64| format!("{} points", words::number(x * 100.0));
    let observed = format!(
        "{} → {} not ok",
        words::ratio(base.all.k, base.all.n),
        words::ratio(ours.all.k, ours.all.n)
    );
    let (sure, allowed) = (words::share(question.confidence), points(limit));
    let sides = format!(
        "{} of {} were not ok, {} of {} are ({} to {})",
        base.all.k,
        counted(base),
        ours.all.k,
        counted(ours),
        points(lower),
        points(upper)
    );
    let reason = match verdict {
        Verdict::Met => format!("{sure} sure of at most {allowed} more: {sides}"),
        Verdict::Violated => format!("{sure} sure of more than {allowed} more: {sides}"),
        Verdict::Inconclusive => {
            format!("not {sure} sure of either: {sides}, {allowed} more is the limit")
        }
    };
    let change = ChangeScore {
        relative: false,
        lower: Some(crate::interval::round9(lower)),
        upper: Some(crate::interval::round9(upper)),
        base_n: base.all.n,
        base_runs: base.runs.len() as u64,
        runs: ours.runs.len() as u64,
    };
    let missing = price(Some(value), (Some(lower), Some(upper)), limit).unwrap_or_default();
    Held { verdict, observed, reason, missing, in_all: None, change: Some(change) }
}

/// Both ends further out by what equal runs differ by, in thousandths.
fn widened(known: Known<u64>, permille: u64) -> Known<u64> {
    let times = |us: u64, up: u64, down: u64| {
        let wide = u128::from(us) * u128::from(up) / u128::from(down);
        if us == u64::MAX { us } else { u64::try_from(wide).unwrap_or(u64::MAX) }
    };
    let more = permille.saturating_add(1000);
    Known { low: times(known.low, 1000, more), high: times(known.high, more, 1000), ..known }
}

/// Between what the difference of two shares lies (Newcombe 1998, method 10).
pub(super) fn newcombe(one: Known<f64>, other: Known<f64>) -> (f64, f64) {
    let difference = one.value - other.value;
    let far = |a: f64, b: f64| libm::sqrt(a * a + b * b);
    let down = far(one.value - one.low, other.high - other.value);
    let up = far(one.high - one.value, other.value - other.low);
    ((difference - down).max(-1.0), (difference + up).min(1.0))
}

/// The normal distribution's two-sided quantile: 1.959964 for 95 %.
pub(super) fn normal_quantile(confidence: Share) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    let outside = confidence.rest().fraction();
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        match libm::erfc(middle / std::f64::consts::SQRT_2) > outside {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

const TURNS: &str = "runs of both by turns (`baseline: {against: …}`, `repeat: {runs: 5}`)";

/// How much more it would take: widths fall as the root of the requests. None where a bound is unknown.
fn price(
    value: Option<f64>,
    (lower, upper): (Option<f64>, Option<f64>),
    limit: f64,
) -> Option<String> {
    let (value, lower, upper) = (value?, lower?, upper?);
    let (width, room) = if value <= limit {
        (upper - value, limit - value)
    } else {
        (value - lower, value - limit)
    };
    let times = (width / room) * (width / room);
    Some(match times.is_finite() && (1.0..1000.0).contains(&times) {
        true => format!(
            "needs about {} times as many requests on both sides, or {TURNS}",
            words::number(libm::ceil(times * 10.0) / 10.0)
        ),
        false => format!("more requests on both sides, or {TURNS}: it lies at the limit itself"),
    })
}

/// What a percentile takes that is not known on some side.
fn untimed(confidence: Share, percentile: Share, (base, ours): (&Side, &Side)) -> String {
    match needed::latency(percentile, confidence) {
        Some(least) if base.all.n.min(ours.all.n) < least => {
            format!("at least {least} requests on each side, or {TURNS}")
        }
        _ => format!("fewer requests that are not ok, or {TURNS}"),
    }
}

fn time(us: u64) -> String {
    if us == u64::MAX { "never".to_owned() } else { words::about(us) }
}

/// ` (+5.8 %)`.
fn signed(change: Option<f64>) -> String {
    match change {
        None => String::new(),
        Some(change) => {
            let sign = if change < 0.0 { "-" } else { "+" };
            format!(" ({sign}{})", words::percent(if change < 0.0 { -change } else { change }))
        }
    }
}

/// `18000 requests`, `90000 requests in 5 runs`.
fn counted(side: &Side) -> String {
    let n = words::count(side.all.n, "request");
    match side.runs.len() {
        0 | 1 => n,
        runs => format!("{n} in {runs} runs"),
    }
}

//! From counts to a verdict: by exact interval, by count. Doubts are weighed later.
//!
//! Invariant: the same counts give the same verdict; a stricter limit never gives a better one.
//! Not here: slices (`availability`), health, faults and lost journals (`objective`).

use super::availability::{self, Slices};
use super::clustered::{self, Asked, Seen};
use super::{Measured, Question, asks::short, change, observed, throughput, windows};
use crate::case::{Ask, Load, LoadKind};
use crate::evidence::Evidence;
use crate::interval;
use crate::scorecard::{ChangeScore, Verdict};
use crate::tally::Tally;
use crate::time::{SECOND_US, Share};
use crate::words;

/// A verdict by the numbers alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decided {
    pub(crate) verdict: Verdict,
    pub(crate) n: u64,
    pub(crate) k: u64,
    pub(crate) unknown: u64,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
    pub(crate) limit: f64,
    /// The design effect that the bounds are made with.
    pub(crate) effect: f64,
    pub(crate) observed: String,
    pub(crate) reason: String,
    /// What would decide it, if it is undecided.
    pub(crate) missing: String,
    /// Of what is held against a baseline.
    pub(crate) change: Option<ChangeScore>,
}

/// Decides a question, on the service clock if that is asked.
pub(crate) fn decide(
    evidence: &Evidence<'_>,
    question: &Question<'_>,
    measured: &Measured,
    on_service: bool,
) -> Decided {
    let counted = if on_service { measured.service } else { measured.tally };
    let tally = Tally { unknown: counted.unknown.saturating_add(measured.lost), ..counted };
    let ask = &question.objective.ask;
    match *ask {
        Ask::Latency { percentile, below_us, clock, .. } => {
            let asked = (percentile, below_us, clock);
            let observed = observed::latency(evidence, question, measured, asked);
            let limit = percentile.rest();
            let whole = rate(evidence, question, (measured, on_service), tally, limit, observed);
            windows::hold(whole, question, measured, limit, on_service)
        }
        Ask::ErrorRate { below } => {
            let observed = observed::share(tally.k, tally.n);
            let whole = rate(evidence, question, (measured, on_service), tally, below, observed);
            windows::hold(whole, question, measured, below, on_service)
        }
        Ask::ErrorCount { at_most } => count(tally, at_most),
        Ask::Availability { at_least, slice_s, slice_target, slice_least } => {
            let target =
                Slices { at_least, length_s: slice_s, target: slice_target, least: slice_least };
            availability::decide(measured, &target)
        }
        Ask::Throughput { at_least } => throughput::decide(question, measured, tally, at_least),
        Ask::LatencyChange { .. } | Ask::ErrorRateChange { .. } => {
            change::decide(evidence, question, tally, on_service)
        }
    }
}

fn rate(
    evidence: &Evidence<'_>,
    question: &Question<'_>,
    (measured, on_service): (&Measured, bool),
    tally: Tally,
    limit: Share,
    observed: String,
) -> Decided {
    let Tally { n, k, unknown } = tally;
    let confidence = question.objective.confidence;
    let effect = question.objective.terms.effect();
    let (all, most) = (n.saturating_add(unknown), k.saturating_add(unknown));
    let of = |count: u64| count as f64 / effect as f64;
    let lower = interval::lower(of(k), of(all), confidence.fraction());
    let upper = interval::upper(of(most), of(all), confidence.fraction());
    let verdict = if effect == 1 {
        interval::decide(n, k, unknown, limit, confidence)
    } else if n > 0 && lower > limit.fraction() {
        Verdict::Violated
    } else if n > 0 && upper <= limit.fraction() {
        Verdict::Met
    } else {
        Verdict::Inconclusive
    };
    let seconds = if on_service { &measured.service_by_second } else { &measured.by_second };
    // Bursts make nothing violated: as many bad ones are this run's, whenever they came.
    let asked = Asked { limit, declared: effect, confidence };
    let seen = (n > 0 && verdict != Verdict::Violated)
        .then(|| clustered::seen(seconds.values().copied(), unknown, asked))
        .flatten()
        .filter(|seen| seen.upper > upper);
    let bursts = seen.is_some_and(|seen| seen.upper > limit.fraction());
    let verdict = match verdict {
        Verdict::Met if bursts => Verdict::Inconclusive,
        verdict => verdict,
    };
    let upper = seen.map_or(upper, |seen| seen.upper);
    let (sure, allowed) = (words::share(confidence), words::share(limit));
    let bad = short(&question.objective.ask);
    let not_known = match unknown {
        0 => String::new(),
        unknown => format!(", {unknown} unknown"),
    };
    let in_bursts = match (seen, effect) {
        (Some(Seen { effect, .. }), _) => {
            format!(", in bursts: design effect {}", words::number(effect))
        }
        (None, 1) => String::new(),
        (None, effect) => format!(", in bursts of {effect}"),
    };
    let counts = format!("{k} of {n}{not_known}{in_bursts}");
    let (low, high) = (words::above(lower), words::at_most(upper));
    let reason = match verdict {
        Verdict::Met => {
            format!("{sure} sure that less than {allowed} were {bad}: at most {high} ({counts})")
        }
        Verdict::Violated => {
            format!("{sure} sure that more than {allowed} were {bad}: at least {low} ({counts})")
        }
        Verdict::Inconclusive if n == 0 => format!("no request was judged{not_known}"),
        Verdict::Inconclusive => format!(
            "not {sure} sure of either: between {low} and {high} may be {bad} ({counts}), \
             {allowed} is the limit"
        ),
    };
    let missing = price(evidence, question, measured, tally, limit, seen);
    Decided {
        verdict,
        n,
        k,
        unknown,
        lower: Some(lower),
        upper: Some(upper),
        limit: limit.fraction(),
        effect: seen.map_or(effect as f64, |seen| seen.effect),
        observed,
        reason,
        missing,
        change: None,
    }
}

/// What certainty would cost: `1161 more clean requests = 39 s at 30/s`.
fn price(
    evidence: &Evidence<'_>,
    question: &Question<'_>,
    measured: &Measured,
    tally: Tally,
    limit: Share,
    seen: Option<Seen>,
) -> String {
    let most = tally.k.saturating_add(tally.unknown);
    let effect = question.objective.terms.effect();
    let confidence = question.objective.confidence;
    let least = interval::least_n(limit, most.div_ceil(effect), confidence);
    let least = least.map(|least| least.saturating_mul(effect));
    let clustered = seen.map_or(Some(0), |Seen { effect, k, n, .. }| {
        let bad = k.saturating_add(tally.unknown) as f64;
        let least = interval::least_clustered(limit, bad, effect, confidence)?;
        // The other bad ones are there, too.
        Some(least.saturating_add(tally.due().saturating_sub(n.saturating_add(tally.unknown))))
    });
    let Some(least) = least.zip(clustered).map(|(one, other)| one.max(other)) else {
        return "a limit above 0 %: no number of requests proves that none is bad".to_owned();
    };
    let more = least.saturating_sub(tally.due()).max(1);
    let need =
        format!("needs {more} more clean {}", if more == 1 { "request" } else { "requests" });
    let rate = planned_rate(evidence, question).or_else(|| {
        let seconds = measured.seconds();
        (seconds > 0.0 && tally.n > 0).then(|| tally.due() as f64 / seconds)
    });
    match rate {
        Some(rate) if rate > 0.0 => {
            let seconds = libm::ceil(more as f64 / rate);
            format!("{need} = {seconds} s at {}/s", words::number(rate))
        }
        _ => need,
    }
}

/// Planned requests a second, where the question covers whole loads.
fn planned_rate(evidence: &Evidence<'_>, question: &Question<'_>) -> Option<f64> {
    if question.part.is_some() {
        return None;
    }
    let mut rate = 0.0;
    for (index, load) in evidence.case.loads.iter().enumerate() {
        let covered = question.of.iter().filter(|of| of.load == index).count();
        let Load { kind, starts_us, ends_us, planned, requests, journeys, .. } = load;
        if covered == 0 {
            continue;
        }
        // Of what nobody plans the rate is what was observed.
        let timed = *kind == LoadKind::Open && !journeys;
        if covered < requests.len() || ends_us <= starts_us || !timed {
            return None;
        }
        rate += *planned as f64 * SECOND_US as f64 / (ends_us - starts_us) as f64;
    }
    (rate > 0.0).then_some(rate)
}

/// Of exact counts, why they say this, and what would decide where they do not.
pub(super) fn why(verdict: Verdict, counted: String, tally: Tally) -> (String, String) {
    let Tally { n, unknown, .. } = tally;
    match verdict {
        Verdict::Inconclusive if n == 0 => {
            ("no request was judged".to_owned(), "requests whose outcome is known".to_owned())
        }
        Verdict::Inconclusive => (
            format!("{counted}, but the outcome of {unknown} is unknown"),
            format!("the outcome of {}", words::count(unknown, "request")),
        ),
        _ => (counted, String::new()),
    }
}

fn count(tally: Tally, at_most: u64) -> Decided {
    let Tally { n, k, unknown } = tally;
    let verdict = if k > at_most {
        Verdict::Violated
    } else if n > 0 && k.saturating_add(unknown) <= at_most {
        Verdict::Met
    } else {
        Verdict::Inconclusive
    };
    let counted = format!("{k} of {n} not ok, {at_most} allowed");
    let (reason, missing) = why(verdict, counted, tally);
    Decided {
        verdict,
        n,
        k,
        unknown,
        lower: None,
        upper: None,
        limit: at_most as f64,
        effect: 1.0,
        observed: observed::share(k, n),
        reason,
        missing,
        change: None,
    }
}

/// How many requests tell as much as one that is independent: as declared, or as is seen.
pub(crate) fn effect(evidence: &Evidence<'_>, question: &Question<'_>) -> f64 {
    let measured = super::measure(evidence, question);
    let seen = clustered::effect(measured.by_second.values().copied());
    seen.max(question.objective.terms.effect() as f64)
}

/// Whether k bad of n surely break a limit, where bad ones come in bursts of so many.
pub(crate) fn breaks((k, n): (u64, u64), limit: Share, confidence: Share, bursts: u64) -> bool {
    if bursts == 1 {
        return interval::is_violated(k, n, limit, confidence);
    }
    let of = |count: u64| count as f64 / bursts as f64;
    n > 0 && interval::lower(of(k), of(n), confidence.fraction()) > limit.fraction()
}

/// Whether `part` of `whole` is at least this share.
pub(crate) fn reaches(part: u64, whole: u64, share: Share) -> bool {
    u128::from(part) * u128::from(Share::ONE.0) >= u128::from(whole) * u128::from(share.0)
}

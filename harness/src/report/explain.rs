//! One verdict at length: what was counted, the interval, the limit, the worst of it, and what
//! would change it.
//!
//! Invariant: pure; it computes with the judge's own arithmetic and decides nothing.
//! Invariant: every line begins with our own text.
//! Not here: which run (`cli`), judging (crate slo).

use super::foreign::line;
use super::layout::wrap;
use super::look::Color;
use super::{budget, coverage, order, units};
use crate::judge::Judged;
use assay_slo::Verdict;
use assay_slo::case::{Ask, Objective};
use assay_slo::interval::{cdf, greatest_bad, least_bad};
use assay_slo::scorecard::{ExpectationScore, ObjectiveScore};

/// Lines are broken here.
const WIDTH: usize = 100;

/// What is known of one objective or expectation, or of all; each objective per request is found
/// by its own id, or with the others by the objective's name.
///
/// # Errors
/// The names there are, if nothing has this one.
pub fn explain(judged: &Judged, only: Option<&str>, color: Color) -> Result<String, Vec<String>> {
    let card = &judged.scorecard;
    let is_asked = |id: &str| {
        only.is_none_or(|only| {
            id == only || id.strip_prefix(only).is_some_and(|rest| rest.starts_with(" ("))
        })
    };
    let mut out = String::new();
    for score in order::objectives(&card.objectives).into_iter().filter(|one| is_asked(&one.id)) {
        objective(&mut out, score, asked(judged, score), color);
    }
    let expectations = order::expectations(&card.expectations).into_iter();
    for score in expectations.filter(|one| is_asked(&one.id)) {
        expectation(&mut out, score, color);
    }
    if out.is_empty() && only.is_some() {
        let objectives = card.objectives.iter().map(|one| one.id.clone());
        return Err(objectives.chain(card.expectations.iter().map(|one| one.id.clone())).collect());
    }
    if only.is_none() {
        let verdict = card.verdict;
        let sign = color.verdict(verdict, &order::mark(verdict, false));
        out = format!("{sign}: {}\n{out}", line(&card.sentence));
    }
    Ok(out)
}

/// The objective that a score is of.
fn asked<'j>(judged: &'j Judged, score: &ObjectiveScore) -> Option<&'j Objective> {
    let all = &judged.header.case.objectives;
    let named = |one: &&Objective| {
        let rest = score.id.strip_prefix(one.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || (one.per_request && rest.starts_with(" (")))
    };
    // Of two names that fit the longer is meant.
    all.iter().filter(named).max_by_key(|one| one.name.len())
}

fn objective(out: &mut String, score: &ObjectiveScore, asked: Option<&Objective>, color: Color) {
    heading(out, score.verdict, score.advisory, &score.id, color);
    row(out, "asks", &score.asks);
    row(out, "judged", &coverage::covered(score));
    let unknown = match score.unknown {
        0 => String::new(),
        unknown => format!(", and of {unknown} more nobody knows"),
    };
    row(out, "counted", &format!("{} of {} bad{unknown}", score.k, score.n));
    row(out, "observed", &score.observed);
    if let (Some(lower), Some(upper)) = (score.lower, score.upper)
        && score.steps.is_empty()
    {
        let sure = units::share(score.confidence);
        let (lower, upper) = (digits(lower), digits(upper));
        row(out, "interval", &format!("{lower} to {upper} are bad, {sure} sure on each side"));
        row(out, "limit", &digits(score.limit));
    }
    if let Some(change) = &score.change {
        row(out, "change", &units::change(change, score.limit));
    }
    if let Some(worst) = &score.worst {
        row(out, "worst", worst);
    }
    row(out, "because", &score.reason);
    if let Some(missing) = &score.missing {
        row(out, "missing", missing);
    }
    for line in score.budget.iter().flat_map(budget::lines) {
        row(out, "budget", &line);
    }
    for what in asked.into_iter().flat_map(|asked| changes(score, asked)) {
        row(out, "changes", &what);
    }
}

fn expectation(out: &mut String, score: &ExpectationScore, color: Color) {
    heading(out, score.verdict, false, &score.id, color);
    row(out, "asks", &score.asks);
    row(out, "observed", &score.observed);
    row(out, "because", &score.reason);
    if let Some(missing) = &score.missing {
        row(out, "missing", missing);
    }
}

fn heading(out: &mut String, verdict: Verdict, advisory: bool, id: &str, color: Color) {
    let mark = color.verdict(verdict, &order::mark(verdict, advisory));
    out.push_str(&format!("\n{mark} {}\n", color.heading(&line(id))));
}

fn row(out: &mut String, name: &str, text: &str) {
    out.push_str(&wrap(&format!("  {name:9} "), &line(text), WIDTH));
}

/// A fraction in percent, with the digits that a limit can be compared by.
fn digits(fraction: f64) -> String {
    let percent = fraction * 100.0;
    let places = if percent <= 0.0 { 0.0 } else { (3.0 - percent.log10().floor()).clamp(0.0, 9.0) };
    let text = format!("{percent:.*}", places as usize);
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// Errors at a time, of bursts whose risk is told.
const BURST: u64 = 5;

/// What would make another verdict of as many requests, and which limits would.
fn changes(score: &ObjectiveScore, asked: &Objective) -> Vec<String> {
    let limit = match asked.ask {
        Ask::Latency { percentile, .. } => percentile.rest(),
        Ask::ErrorRate { below } => below,
        Ask::ErrorCount { at_most } => return vec![counted(score, at_most)],
        _ => return Vec::new(),
    };
    let effect = asked.terms.effect();
    let all = score.n.saturating_add(score.unknown) / effect;
    let confidence = asked.confidence;
    let met = greatest_bad(all, limit, confidence).map(|bad| bad.saturating_mul(effect));
    let broken = least_bad(all, limit, confidence).map(|bad| bad.saturating_mul(effect));
    let as_many = score.n.saturating_add(score.unknown);
    let met = match met {
        None => format!("of {as_many} requests it cannot be met, even without a bad one"),
        Some(most) if score.deff > effect as f64 => {
            format!("of {as_many} requests it is met with at most {most} independent bad ones")
        }
        Some(most) => format!("of {as_many} requests it is met with at most {most} bad"),
    };
    let broken = match broken {
        None => "and not violated whatever they are".to_owned(),
        Some(least) => format!("violated from {least}, undecided between"),
    };
    let mut changes = vec![format!("{met}, {broken}: there were {}", score.k)];
    if let (Some(lower), Some(upper)) = (score.lower, score.upper)
        && score.n > 0
    {
        let what = match asked.ask {
            Ask::Latency { .. } => "so many may miss it",
            _ => "so many may be bad",
        };
        changes.push(format!(
            "these counts meet a limit of {} or more, and break one below {} ({what})",
            digits(upper),
            digits(lower)
        ));
    }
    if score.verdict == Verdict::Met && effect == 1 {
        // Of bursts that are seen the design effect tells; with none or a few there is little to see.
        let least = greatest_bad(all / BURST, limit, confidence).unwrap_or(0);
        changes.push(format!(
            "were errors to come {BURST} at a time, a service exactly at this limit would be met in {} of \
             such runs: `bursts: {BURST}` allows for it",
            digits(cdf(least, all / BURST, limit))
        ));
    }
    if asked.terms.window_s.is_some() {
        changes.push("each of its windows can violate it too".to_owned());
    }
    changes
}

fn counted(score: &ObjectiveScore, at_most: u64) -> String {
    match at_most.checked_sub(score.k) {
        Some(spare) => format!("{} more bad would violate it", spare.saturating_add(1)),
        None => format!("{} fewer bad would meet it", score.k - at_most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::journal::tests::header;
    use crate::report::sample;
    use assay_slo::Share;
    use assay_slo::case::{Of, Place, Terms};

    fn judged(id: &str, ask: Ask, score: ObjectiveScore) -> Judged {
        let mut header = header();
        header.case.objectives.push(Objective {
            name: id.to_owned(),
            place: Place::default(),
            ask,
            of: vec![Of { load: 0, request: 0 }],
            during: vec![],
            per_request: true,
            advisory: false,
            confidence: Share(950_000_000),
            late_mark: 0,
            criterion: false,
            terms: Terms::default(),
            production: None,
        });
        let mut scorecard = sample::scorecard();
        scorecard.objectives = vec![score];
        Judged { header, scorecard, end: None }
    }

    /// Source of the thresholds: the vectors of `interval` for 0.1 % at 95 %.
    #[test]
    fn what_would_change_a_verdict() {
        let ask = Ask::ErrorRate { below: Share(1_000_000) };
        let mut score = sample::objective("errors (list)", Verdict::Inconclusive);
        (score.n, score.k, score.limit) = (10_000, 5, 0.001);
        (score.lower, score.upper) = (Some(0.000_197_034_956), Some(0.001_051_013_72));
        let judged = judged("errors", ask, score);
        let text = explain(&judged, Some("errors"), Color::Plain).unwrap();
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in [
            "? inconclusive errors (list)",
            "counted 5 of 10000 bad",
            "interval 0.0197 % to 0.1051 % are bad, 95.0 % sure on each side limit 0.1 %",
            "of 10000 requests it is met with at most 4 bad, violated from 16, undecided between: \
             there were 5",
            "these counts meet a limit of 0.1051 % or more, and break one below 0.0197 %",
        ] {
            assert!(flat.contains(wanted), "no {wanted:?} in {flat}");
        }
        let known = explain(&judged, Some("error"), Color::Plain).unwrap_err();
        assert_eq!(known.first().map(String::as_str), Some("errors (list)"));
        assert!(explain(&judged, None, Color::Plain).unwrap().contains("errors (list)"));
    }

    /// Source: P(no burst) = (1 - 0.001)^2000 by SciPy's binom.pmf.
    #[test]
    fn what_bursts_would_do_to_what_is_met_is_told() {
        let told = |deff: f64| {
            let ask = Ask::ErrorRate { below: Share(1_000_000) };
            let mut score = sample::objective("errors", Verdict::Met);
            (score.n, score.k, score.limit, score.deff) = (10_000, 0, 0.001, deff);
            let judged = judged("errors", ask, score);
            let text = explain(&judged, Some("errors"), Color::Plain).unwrap();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let flat = told(1.0);
        assert!(flat.contains("met in 13.52 % of such runs: `bursts: 5` allows for it"), "{flat}");
        assert!(flat.contains("with at most 4 bad,"), "{flat}");
        assert!(told(4.0).contains("with at most 4 independent bad ones,"));
    }

    #[test]
    fn a_count_says_how_many_more() {
        let mut score = sample::objective("none", Verdict::Met);
        (score.k, score.lower, score.upper) = (1, None, None);
        let judged = judged("none", Ask::ErrorCount { at_most: 3 }, score);
        let text = explain(&judged, Some("none"), Color::Plain).unwrap();
        assert!(text.contains("3 more bad would violate it"), "{text}");
        assert_eq!(digits(Share(1_000_000).fraction()), "0.1 %");
    }
}

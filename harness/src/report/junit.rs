//! junit.xml: one suite for the scenario, one test case for each objective and expectation.
//!
//! Invariant: without failure and error exactly when the exit code is 0; a reader of this file
//! alone is never greener than the pipeline. What no case tells, the extra case `the run` does.
//! Invariant: names hold no measured value and are unique, else histories break and servers drop
//! cases; the message is repeated in the text, since some servers show only one of them.
//! Not here: XML escapes (quick-junit).

use super::exit::{Exit, OnInconclusive};
use super::foreign::line;
use super::head::Head;
use super::layout::columns;
use super::{coverage, steps};
use assay_slo::case::Place;
use assay_slo::scorecard::{ExpectationScore, ObjectiveScore};
use assay_slo::{Scorecard, Verdict};
use chrono::{DateTime, FixedOffset};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;
use std::time::Duration;

/// The file's bytes.
///
/// # Errors
/// When quick-junit cannot write it; it writes to memory, so there is no known cause.
pub fn junit_xml(head: &Head, scorecard: &Scorecard) -> io::Result<Vec<u8>> {
    let scenario = named(&head.scenario, "scenario");
    let mut suite = TestSuite::new(&scenario);
    if let Some(started) = started(head) {
        suite.set_timestamp(started);
    }
    let ended_ms = scorecard.phases.iter().map(|phase| phase.to_ms).max().unwrap_or(0);
    suite.set_time(Duration::from_millis(u64::try_from(ended_ms).unwrap_or(0)));
    let file = line(&head.file);
    if !file.is_empty() {
        suite.extra.insert("file".into(), file.into());
    }
    for (name, value) in [
        ("tool", head.tool.clone()),
        ("run-id", head.run_id.clone()),
        ("seed", head.seed.to_string()),
        ("sha256", head.sha256.clone()),
    ] {
        suite.add_property((name.to_owned(), line(&value)));
    }
    for (name, value) in &head.labels {
        suite.add_property((line(name), line(value)));
    }
    let mut parts: Vec<Part> = Vec::new();
    parts.extend(scorecard.objectives.iter().map(of_objective));
    parts.extend(scorecard.expectations.iter().map(of_expectation));
    parts.extend(of_run(head, scorecard, &parts));
    let mut taken = BTreeSet::new();
    for part in &parts {
        suite.add_test_case(case(head, &scenario, part, &mut taken));
    }
    let sentence = line(&scorecard.sentence);
    if !sentence.is_empty() {
        suite.set_system_out(sentence);
    }
    let mut report = Report::new(&scenario);
    report.add_test_suite(suite);
    report.to_string().map(String::into_bytes).map_err(io::Error::other)
}

/// What becomes a test case.
struct Part<'a> {
    class: &'static str,
    name: String,
    place: Option<&'a Place>,
    seconds: f64,
    found: Found,
    reason: String,
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Found {
    Decides(Verdict),
    Advises(Verdict),
    /// The run itself went wrong, in a word.
    Broke(&'static str),
}

fn of_objective(score: &ObjectiveScore) -> Part<'_> {
    let found = if score.advisory { Found::Advises } else { Found::Decides };
    Part {
        class: "objectives",
        name: named(&score.id, "objective"),
        place: Some(&score.place),
        seconds: score.seconds,
        found: found(score.verdict),
        reason: named(&score.reason, score.verdict.word()),
        text: objective_text(score),
    }
}

fn of_expectation(score: &ExpectationScore) -> Part<'_> {
    let mut text = fact("asks", &score.asks) + &fact("observed", &score.observed);
    if let Some(missing) = &score.missing {
        text += &fact("missing", missing);
    }
    Part {
        class: "expectations",
        name: named(&score.id, "expectation"),
        place: Some(&score.place),
        seconds: 0.0,
        found: Found::Decides(score.verdict),
        reason: named(&score.reason, score.verdict.word()),
        text,
    }
}

/// What the other cases do not tell: a run that broke, or a verdict that none of them carries.
fn of_run<'a>(head: &Head, scorecard: &Scorecard, parts: &[Part<'_>]) -> Option<Part<'a>> {
    let part = |found, reason: String| Part {
        class: "run",
        name: "the run".to_owned(),
        place: None,
        seconds: 0.0,
        found,
        reason,
        text: fact("verdict", scorecard.verdict.word()) + &fact("because", &scorecard.sentence),
    };
    let broke = match head.exit {
        Exit::CouldNotRun => Some("run.could_not_run"),
        Exit::StillBroken => Some("run.still_broken"),
        Exit::Interrupted => Some("run.interrupted"),
        Exit::Terminated => Some("run.terminated"),
        Exit::Invalid => Some("run.invalid"),
        Exit::Met | Exit::Violated | Exit::Inconclusive => {
            head.stopped_by.as_ref().map(|_| "run.stopped")
        }
    };
    if let Some(broke) = broke {
        return Some(part(Found::Broke(broke), run_trouble(head)));
    }
    let verdict = match (scorecard.verdict, head.exit) {
        (Verdict::Met, Exit::Inconclusive | Exit::Violated) => Verdict::Inconclusive,
        (verdict, _) => verdict,
    };
    let told =
        verdict == Verdict::Met || parts.iter().any(|part| part.found == Found::Decides(verdict));
    (!told).then(|| part(Found::Decides(verdict), named(&scorecard.sentence, verdict.word())))
}

/// What went wrong with the run itself, in one line.
pub(super) fn run_trouble(head: &Head) -> String {
    let what = match head.exit.is_of_the_run() {
        true => head.exit.meaning(),
        false => "stopped",
    };
    let why: Vec<String> =
        head.stopped_by.iter().chain(&head.still_broken).map(|why| line(why)).collect();
    if why.is_empty() { what.to_owned() } else { format!("{what}: {}", why.join("; ")) }
}

fn case(
    head: &Head,
    scenario: &str,
    part: &Part<'_>,
    taken: &mut BTreeSet<(&'static str, String)>,
) -> TestCase {
    let (status, aside) = status(head.on_inconclusive, part);
    let mut case = TestCase::new(unique(part, taken), status);
    case.set_classname(format!("{scenario}.{}", part.class));
    case.set_time(Duration::try_from_secs_f64(part.seconds).unwrap_or_default());
    let file = line(part.place.map_or(&head.file, |place| &place.file));
    if !file.is_empty() {
        case.extra.insert("file".into(), file.into());
    }
    if let Some(place) = part.place.filter(|place| place.line > 0) {
        case.extra.insert("line".into(), place.line.to_string().into());
    }
    if let Some(aside) = aside {
        case.set_system_out(aside);
    }
    case
}

/// The status, and what stands beside it where it has no text of its own.
fn status(policy: OnInconclusive, part: &Part<'_>) -> (TestCaseStatus, Option<String>) {
    let reason = &part.reason;
    let unclear = format!("inconclusive: {reason}");
    let bad = |kind, ty: &str, message: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(ty);
        texts(&mut status, message, &part.text);
        (status, None)
    };
    let skipped = |message: &str| {
        let mut status = TestCaseStatus::skipped();
        texts(&mut status, message, &part.text);
        (status, None)
    };
    match (part.found, policy) {
        (Found::Decides(Verdict::Met), _) => {
            (TestCaseStatus::success(), Some(format!("{reason}\n{}", part.text.trim_end())))
        }
        (Found::Advises(Verdict::Met), _) => (
            TestCaseStatus::success(),
            Some(format!("advisory: {reason}\n{}", part.text.trim_end())),
        ),
        (Found::Advises(verdict), _) => skipped(&format!("advisory, {}: {reason}", verdict.word())),
        (Found::Decides(Verdict::Violated), _) => {
            bad(NonSuccessKind::Failure, "slo.violated", reason)
        }
        (Found::Decides(Verdict::Inconclusive), OnInconclusive::Exit3) => {
            bad(NonSuccessKind::Error, "slo.inconclusive", &unclear)
        }
        (Found::Decides(Verdict::Inconclusive), OnInconclusive::Fail) => {
            bad(NonSuccessKind::Failure, "slo.inconclusive", &unclear)
        }
        (Found::Decides(Verdict::Inconclusive), OnInconclusive::Pass) => skipped(&unclear),
        (Found::Broke(how), _) => bad(NonSuccessKind::Error, how, reason),
    }
}

fn texts(status: &mut TestCaseStatus, message: &str, text: &str) {
    status.set_message(message);
    status.set_description(format!("{message}\n{}", text.trim_end()));
}

/// The part's name, numbered when it is taken already.
fn unique(part: &Part<'_>, taken: &mut BTreeSet<(&'static str, String)>) -> String {
    let mut name = part.name.clone();
    let mut number = 1;
    while !taken.insert((part.class, name.clone())) {
        number += 1;
        name = format!("{} #{number}", part.name);
    }
    name
}

fn objective_text(score: &ObjectiveScore) -> String {
    let mut text = fact("asks", &score.asks);
    text += &fact("during", &coverage::covered(score));
    text += &fact("observed", &score.observed);
    if let Some(worst) = &score.worst {
        text += &fact("worst", worst);
    }
    if let Some(missing) = &score.missing {
        text += &fact("missing", missing);
    }
    text += &figures(score);
    let mut rows: Vec<_> = steps::rows(score).map(|row| row.to_vec()).collect();
    if !rows.is_empty() {
        rows.insert(0, steps::HEADS.map(str::to_owned).to_vec());
    }
    columns(&mut rows);
    rows.iter().for_each(|row| text += &format!("{}\n", row.join("  ")));
    text
}

/// The numbers of the verdict, heads above figures.
fn figures(score: &ObjectiveScore) -> String {
    let bound = |bound: Option<f64>| bound.map_or("-".to_owned(), |bound| bound.to_string());
    let cells = [
        ("n", score.n.to_string()),
        ("k", score.k.to_string()),
        ("unknown", score.unknown.to_string()),
        ("L", bound(score.lower)),
        ("U", bound(score.upper)),
        ("limit", score.limit.to_string()),
        ("confidence", score.confidence.to_string()),
        ("deff", score.deff.to_string()),
    ];
    let (mut heads, mut values) = (String::new(), String::new());
    for (head, value) in &cells {
        let width = head.len().max(value.len());
        // Writing to a string cannot fail.
        _ = write!(heads, "{head:<width$}  ");
        _ = write!(values, "{value:<width$}  ");
    }
    format!("{}\n{}\n", heads.trim_end(), values.trim_end())
}

fn fact(name: &str, value: &str) -> String {
    format!("{name:<9} {}\n", line(value))
}

fn named(name: &str, otherwise: &str) -> String {
    let name = line(name);
    if name.is_empty() { otherwise.to_owned() } else { name }
}

fn started(head: &Head) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(&head.started).ok()
}

#[cfg(test)]
mod tests;

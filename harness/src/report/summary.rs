//! summary.md: the run on one page, for GitHub's job summary and everything that shows Markdown.
//!
//! Invariant: at most [`MOST_BYTES`]; beyond its limit GitHub drops the whole page while the step
//! stays green. What does not fit is counted, not passed over.
//! Invariant: the verdict's sentence comes first; the worst row comes first in each table.
//! Not here: the escapes (`foreign`).

use super::foreign::{clip, html, markdown};
use super::head::Head;
use super::headline::headline;
use super::{budget, coverage, order, steps, units};
use assay_slo::Scorecard;
use assay_slo::case::Clock;
use assay_slo::scorecard::{
    ExpectationScore, FaultScore, LoadScore, ObjectiveScore, Phase, TimesScore,
};
use std::fmt::Write;

/// The page's limit; GitHub's is 1 MiB for all that a step writes.
pub const MOST_BYTES: usize = 960 * 1024;

/// Characters of one cell or sentence.
const LONGEST: usize = 1500;

/// The page.
#[must_use]
pub fn summary_md(head: &Head, scorecard: &Scorecard) -> String {
    let mut page = Page { text: String::new() };
    let first = headline(head, scorecard);
    page.push(&format!(
        "## {}: {}\n\n{}\n",
        first.mark(),
        cell(&head.scenario),
        cell(&first.sentence)
    ));
    page.push(&format!("\nExit code {}{}\n", first.exit, stopped(head)));
    if let Some(hypothesis) = &head.hypothesis {
        page.push(&format!("\n> Hypothesis: {}\n", cell(hypothesis)));
    }
    let rows = order::objectives(&scorecard.objectives).into_iter().map(objective);
    let heads = ["", "Objective", "Asks", "Observed", "n", "During", "Why"];
    page.table("Objectives", &heads, rows, 520);
    for capacity in scorecard.objectives.iter().filter(|one| !one.steps.is_empty()) {
        let rows = steps::rows(capacity).map(|row| row.map(|text| cell(&text)));
        page.table(&format!("Steps of {}", cell(&capacity.id)), &steps::HEADS, rows, 560);
    }
    let rows = budget::rows(&scorecard.objectives).into_iter();
    page.noted(
        budget::TITLE,
        budget::NOTE,
        &budget::HEADS,
        rows.map(|row| row.map(|text| cell(&text))),
        600,
    );
    let rows = order::expectations(&scorecard.expectations).into_iter().map(expectation);
    page.table("Expectations", &["", "Expectation", "Asks", "Observed", "Why"], rows, 680);
    let heads = ["Fault", "Kind", "Link", "Asked", "Injected", "Seen", "Effect"];
    page.table("Faults", &heads, scorecard.faults.iter().map(fault), 740);
    let findings = scorecard.findings.iter().map(|finding| format!("- {}\n", cell(finding)));
    page.section("Findings", "", findings, 830);
    page.push(
        "\n<details>\n<summary>Phases, loads, health, and how to repeat this run</summary>\n",
    );
    page.table("Phases", &["Phase", "From", "To", "n", "Not ok"], phases(scorecard), 850);
    let heads = ["Load", "Planned", "Begun", "Outcomes", "Times of what was ok"];
    page.table("Loads", &heads, scorecard.loads.iter().map(load), 880);
    page.push(&format!("\n**Health** {}\n", cell(&scorecard.health.sentence)));
    page.push(&format!("\n{}\n", repeat(head)));
    page.push("\n</details>\n");
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A heading, `before`, and as many rows as fit while the page stays under so many KiB.
    fn section(
        &mut self,
        title: &str,
        before: &str,
        rows: impl ExactSizeIterator<Item = String>,
        kib: usize,
    ) {
        let total = rows.len();
        if total == 0 {
            return;
        }
        _ = write!(self.text, "\n### {title}\n\n{before}");
        let mut shown = 0;
        for row in rows {
            if self.text.len() + row.len() > kib * 1024 {
                break;
            }
            self.push(&row);
            shown += 1;
        }
        if shown < total {
            _ = write!(self.text, "\n… and {} more, in verdict.json.\n", total - shown);
        }
    }

    fn table<const N: usize>(
        &mut self,
        title: &str,
        heads: &[&str; N],
        rows: impl ExactSizeIterator<Item = [String; N]>,
        kib: usize,
    ) {
        self.noted(title, "", heads, rows, kib);
    }

    /// The same with a sentence of how to read it.
    fn noted<const N: usize>(
        &mut self,
        title: &str,
        note: &str,
        heads: &[&str; N],
        rows: impl ExactSizeIterator<Item = [String; N]>,
        kib: usize,
    ) {
        let note = if note.is_empty() { String::new() } else { format!("{note}\n\n") };
        let before = format!("{note}| {} |\n|{}\n", heads.join(" | "), "---|".repeat(N));
        let rows = rows.map(|cells| format!("| {} |\n", cells.join(" | ")));
        self.section(title, &before, rows, kib);
    }
}

fn cell(text: &str) -> String {
    markdown(&clip(text, LONGEST))
}

/// A reason, and what is missing.
fn why(reason: &str, missing: Option<&String>) -> String {
    match missing {
        Some(missing) => format!("{}<br>Missing: {}", cell(reason), cell(missing)),
        None => cell(reason),
    }
}

fn objective(score: &ObjectiveScore) -> [String; 7] {
    let mut observed = cell(&score.observed);
    if let Some(worst) = &score.worst {
        observed += &format!("<br>Worst: {}", cell(worst));
    }
    [
        order::mark(score.verdict, score.advisory),
        cell(&score.id),
        cell(&score.asks),
        observed,
        score.n.to_string(),
        cell(&coverage::covered(score)),
        why(&score.reason, score.missing.as_ref()),
    ]
}

fn expectation(score: &ExpectationScore) -> [String; 5] {
    [
        order::mark(score.verdict, false),
        cell(&score.id),
        cell(&score.asks),
        cell(&score.observed),
        why(&score.reason, score.missing.as_ref()),
    ]
}

fn fault(score: &FaultScore) -> [String; 7] {
    let count = |count: Option<u64>| count.map_or("unknown".to_owned(), |count| count.to_string());
    [
        cell(&score.name),
        cell(&score.kind),
        cell(&score.link),
        count(score.asked),
        count(score.injected),
        count(score.seen),
        cell(&score.effect),
    ]
}

fn phases(scorecard: &Scorecard) -> impl ExactSizeIterator<Item = [String; 5]> {
    scorecard.phases.iter().map(|phase| {
        let at = |ms: i64| format!("{:.1} s", ms as f64 / 1e3);
        [
            phase_name(phase),
            at(phase.from_ms),
            at(phase.to_ms),
            phase.requests.to_string(),
            format!("{} ({})", phase.bad, units::share_of(phase.bad, phase.requests)),
        ]
    })
}

fn phase_name(phase: &Phase) -> String {
    if phase.faults.is_empty() {
        cell(&phase.name)
    } else {
        format!("{} ({})", cell(&phase.name), cell(&phase.faults.join(", ")))
    }
}

fn load(score: &LoadScore) -> [String; 5] {
    [
        cell(&score.name),
        score.planned.to_string(),
        score.begun.to_string(),
        cell(&outcomes(score)),
        clocks(score).map(times).collect::<Vec<_>>().join("<br>"),
    ]
}

/// Those of its times that a line has room for: who asked for the first byte reads it with the
/// objective, and in the report.
pub(super) fn clocks(score: &LoadScore) -> impl Iterator<Item = &TimesScore> {
    score.times.iter().filter(|times| matches!(times.clock, Clock::Response | Clock::Service))
}

/// `ok 11800, http_5xx 190`, and how many resets hit an idle connection.
pub(super) fn outcomes(score: &LoadScore) -> String {
    let mut all: Vec<_> =
        score.outcomes.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if score.idle_resets > 0 {
        all.push(format!("of these {} idle_reset", score.idle_resets));
    }
    if score.idle_resent > 0 {
        all.push(format!("{} sent again after an idle_reset", score.idle_resent));
    }
    all.join(", ")
}

/// `response P50 3.1 ms, P95 31 ms, P99 80 ms, max 130 ms`.
pub(super) fn times(score: &TimesScore) -> String {
    let clock = match score.clock {
        Clock::Response => "response",
        Clock::Service | Clock::ServiceSeen => "service",
        Clock::FirstByte | Clock::ServiceFirstByte => "first byte",
    };
    let time = units::time;
    format!(
        "{clock} P50 {}, P95 {}, P99 {}, max {}",
        time(score.p50_us),
        time(score.p95_us),
        time(score.p99_us),
        time(score.max_us)
    )
}

fn stopped(head: &Head) -> String {
    head.stopped_by.as_ref().map_or_else(String::new, |by| format!("; stopped: {}", cell(by)))
}

fn repeat(head: &Head) -> String {
    let mut text = String::from("<pre>");
    let seed = head.seed.to_string();
    for (name, value) in [
        ("again", &head.command),
        ("scenario", &head.file),
        ("sha256", &head.sha256),
        ("seed", &seed),
        ("run", &head.run_id),
        ("started", &head.started),
        ("tool", &head.tool),
    ] {
        _ = writeln!(text, "{name:<9} {}", html(&clip(value, LONGEST)));
    }
    for (name, value) in head.labels.iter().take(20) {
        _ = writeln!(text, "label     {}: {}", html(&clip(name, 80)), html(&clip(value, 80)));
    }
    text + "</pre>"
}

#[cfg(test)]
mod tests;

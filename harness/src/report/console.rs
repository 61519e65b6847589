//! What is printed when a run is over: the worst first, the verdict and where to read on last.
//!
//! Invariant: pure; the same run gives the same text.
//! Invariant: every line begins with our own text, so no name can pose as one of them.
//! Not here: what is printed while it goes on (`live`).

use super::foreign::line;
use super::head::Head;
use super::headline::{headline, only_measured};
use super::layout::{columns, wrap};
use super::look::{Color, Detail};
use super::{coverage, order, steps, summary};
use assay_slo::scorecard::{ExpectationScore, FaultScore, ObjectiveScore};
use assay_slo::{Scorecard, Verdict};
use console::measure_text_width;
use std::fmt::Write;

/// Lines are broken here.
const WIDTH: usize = 100;

/// The text, ending in a newline.
#[must_use]
pub fn console(head: &Head, scorecard: &Scorecard, detail: Detail, color: Color) -> String {
    let mut out = String::new();
    if detail > Detail::Quiet {
        out += &opening(head, detail, color);
        let objectives = order::objectives(&scorecard.objectives);
        let rows = objectives.into_iter().map(|one| objective(one, detail));
        judged(&mut out, "Objectives", rows, color);
        let expectations = order::expectations(&scorecard.expectations);
        let rows = expectations.into_iter().map(|one| expectation(one, detail));
        judged(&mut out, "Expectations", rows, color);
        faults(&mut out, &scorecard.faults, color);
        loads(&mut out, scorecard, color);
        // What is still broken comes last, with what mends it.
        let is_told = |text: &&String| {
            text.strip_prefix("still broken: ")
                .is_none_or(|left| !head.still_broken.iter().any(|one| one == left))
        };
        let findings = scorecard.findings.iter().filter(is_told).map(|text| line(text));
        section(&mut out, "Findings", color, findings);
        if !scorecard.health.well || detail == Detail::Verbose {
            let health = line(&scorecard.health.sentence);
            section(&mut out, "Load generator", color, std::iter::once(health));
        }
        out.push('\n');
    }
    closing(&mut out, head, scorecard, color);
    out
}

fn opening(head: &Head, detail: Detail, color: Color) -> String {
    let (name, started) = (color.heading(&line(&head.scenario)), line(&head.started));
    let mut out = format!("scenario {name}, seed {}, started {started}\n", head.seed);
    if let Some(hypothesis) = &head.hypothesis {
        out += &wrap("hypothesis: ", &line(hypothesis), WIDTH);
    }
    if detail == Detail::Verbose {
        let (file, sha256) = (line(&head.file), line(&head.sha256));
        out += &wrap("file ", &format!("{file}, sha256 {sha256}"), WIDTH);
        out += &wrap("run ", &format!("{}, by {}", line(&head.run_id), line(&head.tool)), WIDTH);
    }
    out
}

/// One judged line, and what is said below it.
struct Judged {
    verdict: Verdict,
    cells: Vec<String>,
    /// Of a capacity: its steps.
    steps: Vec<Vec<String>>,
    below: Vec<String>,
}

fn objective(score: &ObjectiveScore, detail: Detail) -> Judged {
    let advisory = if score.advisory { ", advisory" } else { "" };
    let cells = vec![
        order::mark(score.verdict, false),
        line(&score.id),
        line(&score.asks),
        line(&score.observed),
        format!("{}{advisory}", coverage::judged(score)),
    ];
    let mut below = Vec::new();
    below.extend(score.worst.as_ref().map(|worst| format!("worst: {}", line(worst))));
    explain(&mut below, score.verdict, detail, &score.reason, score.missing.as_ref());
    if detail == Detail::Verbose {
        let bound = |bound: Option<f64>| bound.map_or("-".to_owned(), |bound| bound.to_string());
        below.push(format!("during: {}", coverage::covered(score)));
        below.push(format!(
            "k {}, unknown {}, L {}, U {}, limit {}, confidence {}, deff {}",
            score.k,
            score.unknown,
            bound(score.lower),
            bound(score.upper),
            score.limit,
            score.confidence,
            score.deff
        ));
    }
    let mut rows: Vec<_> = steps::rows(score).map(|row| row.to_vec()).collect();
    columns(&mut rows);
    Judged { verdict: score.verdict, cells, steps: rows, below }
}

fn expectation(score: &ExpectationScore, detail: Detail) -> Judged {
    let mark = order::mark(score.verdict, false);
    let cells = vec![mark, line(&score.id), line(&score.observed)];
    let mut below = Vec::new();
    if score.verdict != Verdict::Met || detail == Detail::Verbose {
        below.push(format!("asks: {}", line(&score.asks)));
    }
    explain(&mut below, score.verdict, detail, &score.reason, score.missing.as_ref());
    Judged { verdict: score.verdict, cells, steps: Vec::new(), below }
}

fn explain(
    below: &mut Vec<String>,
    verdict: Verdict,
    detail: Detail,
    reason: &str,
    missing: Option<&String>,
) {
    if verdict != Verdict::Met || detail == Detail::Verbose {
        below.push(format!("because: {}", line(reason)));
    }
    below.extend(missing.map(|missing| format!("missing: {}", line(missing))));
}

fn judged(out: &mut String, title: &str, rows: impl Iterator<Item = Judged>, color: Color) {
    let rows: Vec<Judged> = rows.collect();
    if rows.is_empty() {
        return;
    }
    _ = writeln!(out, "\n{}", color.heading(title));
    let mut cells: Vec<_> = rows.iter().map(|row| row.cells.clone()).collect();
    columns(&mut cells);
    for (row, cells) in rows.iter().zip(cells) {
        let mut first = String::new();
        let mut last = String::new();
        for (place, cell) in cells.iter().enumerate() {
            first.push_str(&last);
            first.push_str("  ");
            last = if place == 0 { color.verdict(row.verdict, cell) } else { cell.clone() };
        }
        if measure_text_width(&first) < WIDTH / 2 {
            out.push_str(&wrap(&first, &last, WIDTH));
        } else {
            _ = writeln!(out, "{first}{last}");
        }
        for cells in &row.steps {
            if let Some((observed, cells)) = cells.split_last() {
                out.push_str(&wrap(&format!("      {}  ", cells.join("  ")), observed, WIDTH));
            }
        }
        for text in &row.below {
            out.push_str(&wrap("      ", text, WIDTH));
        }
    }
}

fn faults(out: &mut String, faults: &[FaultScore], color: Color) {
    if faults.is_empty() {
        return;
    }
    _ = writeln!(out, "\n{}", color.heading("Faults"));
    let count = |count: Option<u64>| count.map_or("unknown".to_owned(), |count| count.to_string());
    let mut rows: Vec<_> = faults
        .iter()
        .map(|fault| {
            vec![
                line(&fault.name),
                match fault.link.as_str() {
                    // A person does it, to nothing that we know.
                    "" => line(&fault.kind),
                    link => format!("{} on {}", line(&fault.kind), line(link)),
                },
                format!("asked {}", count(fault.asked)),
                format!("injected {}", count(fault.injected)),
                format!("seen {}", count(fault.seen)),
                line(&fault.effect),
            ]
        })
        .collect();
    columns(&mut rows);
    for row in rows {
        _ = writeln!(out, "  - {}", row.join("  "));
    }
}

fn loads(out: &mut String, scorecard: &Scorecard, color: Color) {
    let texts = scorecard.loads.iter().map(|load| {
        let outcomes = line(&summary::outcomes(load));
        // Nobody can plan how many requests users and fleets will send.
        let of = if load.planned > 0 { format!(" of {}", load.planned) } else { String::new() };
        let mut text = format!("{}: {}{of} begun", line(&load.name), load.begun);
        if !outcomes.is_empty() {
            text += &format!("; {outcomes}");
        }
        for times in summary::clocks(load) {
            text += &format!("; {}", summary::times(times));
        }
        text
    });
    section(out, "Loads", color, texts);
}

fn section(out: &mut String, title: &str, color: Color, texts: impl Iterator<Item = String>) {
    let mut texts = texts.peekable();
    if texts.peek().is_some() {
        _ = writeln!(out, "\n{}", color.heading(title));
    }
    for text in texts {
        out.push_str(&wrap("  - ", &text, WIDTH));
    }
}

fn closing(out: &mut String, head: &Head, scorecard: &Scorecard, color: Color) {
    let first = headline(head, scorecard);
    let mark = first.mark();
    let sentence = wrap("", &format!("{mark}: {}", line(&first.sentence)), WIDTH);
    match sentence.strip_prefix(&mark) {
        Some(rest) if !only_measured(head, scorecard) => {
            *out += &(color.verdict(first.looks, &mark) + rest);
        }
        _ => *out += &sentence,
    }
    if let Some(by) = &head.stopped_by {
        *out += &wrap("", &format!("stopped: {}", line(by)), WIDTH);
    }
    for left in &head.still_broken {
        // Not wrapped: there is a command in it, to be copied.
        _ = writeln!(out, "still broken: {}", line(left));
    }
    _ = writeln!(out, "exit code {}", first.exit);
    whereabouts(out, head);
}

/// How to repeat it, and where to read on.
fn whereabouts(out: &mut String, head: &Head) {
    let run_dir = line(&head.run_dir);
    let run_dir = run_dir.trim_end_matches('/');
    _ = writeln!(out, "repeat   {}", line(&head.command));
    if run_dir.is_empty() {
        return;
    }
    _ = writeln!(out, "reports  {run_dir}/report.html  summary.md  junit.xml  verdict.json");
    if head.kept > 0 {
        let what = if head.kept == 1 { "exchange" } else { "exchanges" };
        _ = writeln!(
            out,
            "failures {run_dir}/failures/  {} failed {what}, with their curl lines",
            head.kept
        );
    }
}

#[cfg(test)]
mod tests;

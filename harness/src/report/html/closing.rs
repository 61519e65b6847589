//! What closes the page: findings, the scenario, how to repeat the run, and method.
//!
//! Not here: numbers.

use super::super::foreign;
use super::super::head::Head;
use super::markup::{fitting, left_out, long, text};
use super::series::Series;
use crate::record::journal::Calibration;
use maud::{Markup, html};

/// Bytes of findings.
const ROOM: usize = 20 * 1024;

/// Bytes of the scenario.
const ROOM_SCENARIO: usize = 48 * 1024;

/// The findings; nothing if there are none.
pub(super) fn findings(all: &[String]) -> Markup {
    let (kept, list) = fitting(all.iter().map(|text| html! { li { (long(text)) } }), ROOM);
    html! {
        @if !all.is_empty() {
            section id="findings" aria-labelledby="findings-head" {
                h2 id="findings-head" { "Findings" }
                p class="aside" { "What nobody asked for and you should know." }
                ul { (list) }
                (left_out(all.len() - kept))
            }
        }
    }
}

/// How to repeat the run, and where it was made.
pub(super) fn repeat(head: &Head, series: &Series) -> Markup {
    let environment = series.environment.as_ref().map(|environment| {
        format!(
            "{} cores, {} MiB, kernel {}, {} build",
            environment.cores, environment.memory_mib, environment.kernel, environment.profile
        )
    });
    let calibration = series.environment.as_ref().and_then(|one| one.calibration.as_ref());
    let calibration = calibration.map(Calibration::sentence);
    let facts = [
        ("Scenario", head.file.clone()),
        ("SHA-256", head.sha256.clone()),
        ("Seed", head.seed.to_string()),
        ("Run", head.run_id.clone()),
        ("Started", head.started.clone()),
        ("Tool", head.tool.clone()),
        ("Where", environment.unwrap_or_else(|| "unknown".to_owned())),
        ("Calibration", calibration.unwrap_or_else(|| "none: see `assay calibrate`".to_owned())),
    ];
    html! {
        section id="repeat" aria-labelledby="repeat-head" {
            h2 id="repeat-head" { "To repeat it" }
            pre { code { (long(&head.command)) } }
            dl class="facts" {
                @for (name, value) in facts { div { dt { (name) } dd { (text(&value)) } } }
            }
        }
    }
}

/// The scenario as it was decoded.
pub(super) fn scenario(yaml: &str) -> Markup {
    let whole = foreign::block(yaml);
    let lines = whole.lines().map(|line| html! { (foreign::clip(line, 4_000)) "\n" });
    let (kept, shown) = fitting(lines, ROOM_SCENARIO);
    let more = whole.lines().count() - kept;
    html! {
        section id="scenario" aria-labelledby="scenario-head" {
            h2 id="scenario-head" { "Scenario" }
            @if yaml.trim().is_empty() {
                p { "scenario.yaml is not in the run directory." }
            } @else {
                details {
                    summary { "As it was resolved, secrets masked" }
                    pre { code { (shown) } }
                    @if more > 0 { p class="aside" { "… and " (more) " more lines, in scenario.yaml." } }
                }
            }
        }
    }
}

/// What the words and numbers mean.
pub(super) fn method() -> Markup {
    html! {
        section id="method" aria-labelledby="method-head" {
            h2 id="method-head" { "Method" }
            dl class="method" {
                dt { "met, violated, inconclusive" }
                dd {
                    "Met: the bad share is below the limit with the stated confidence. Violated: it "
                    "is above it with the stated confidence. Inconclusive: neither could be shown, "
                    "and the report says what would decide it. Absent or doubtful evidence is "
                    "never met."
                }
                dt { "Interval" }
                dd {
                    "Exact binomial bounds (Clopper–Pearson), one-sided, 95 % unless stated "
                    "otherwise, on counts: P95 < 500 ms asks whether fewer than 5 % of the requests "
                    "were not ok in less than 500 ms. No average of percentiles decides anything."
                }
                dt { "Response and service time" }
                dd {
                    "Response: from the instant a request was due by the timetable to its last "
                    "byte, so waiting behind a slow answer counts, as it does for people. Service: "
                    "from its first byte written. Users and fleets have only the latter."
                }
                dt { "Phases" }
                dd {
                    "Fault: while any fault is on, by its acknowledged edges. Recovery: after a "
                    "fault's end, as long as the scenario says. Steady: the rest before the last "
                    "fault's end. After: the rest later. A request belongs to the phase it was due "
                    "in; one under way when a fault is applied belongs to the fault, unless it had "
                    "by then taken longer than its objective's limit."
                }
                dt { "Not ok" }
                dd {
                    "Everything that is neither 2xx nor 3xx nor what the request's own check "
                    "accepts. fast_fail was rejected by our own gateway's open breaker: no attempt "
                    "was made. not_sent and cut are unknown: the generator could not send them, or "
                    "the run ended first."
                }
                dt { "Curves" }
                dd {
                    "From the journal and latency.hlog, for people. Times of a second are of what "
                    "ended in it and was ok; outcomes are by the second a request was due. "
                    "Verdicts come from exact counts, not from curves."
                }
            }
        }
    }
}

//! The faults: asked, injected, seen, and their edges.
//!
//! Not here: what follows from their effect (crate slo).

use super::markup::{known, number, table, text, words};
use super::scale::exact;
use super::series::Series;
use assay_slo::At;
use assay_slo::scorecard::FaultScore;
use maud::{Markup, html};

/// What the counts are of.
const COUNTED: &str = "Requests that faults should have affected, did affect, and whose callers saw it; on \
                       links that read no requests (`protocol: tcp`) the first two are connections";
/// Bytes for the rows of one table.
const ROOM: usize = 12 * 1024;

/// The section; nothing without faults.
pub(super) fn faults(all: &[FaultScore], series: &Series) -> Markup {
    let counts = [
        words("Fault"),
        words("Kind"),
        words("At"),
        number("Asked"),
        number("Injected"),
        number("Seen"),
        words("Effect"),
    ];
    let instants = [
        words("Fault"),
        number("Asked for"),
        number("Applied"),
        number("First affected"),
        number("Cleared"),
        number("First unaffected"),
    ];
    let at = |at: Option<At>| match (at, series.zero) {
        (Some(at), Some(zero)) => html! { (exact(at.since(zero) as f64 / 1e6)) },
        _ => html! { "never seen" },
    };
    let row = |fault: &FaultScore| {
        [
            html! { strong { (text(&fault.name)) } },
            html! { (text(&fault.kind)) },
            html! { (text(&fault.link)) },
            html! { (known(fault.asked)) },
            html! { (known(fault.injected)) },
            html! { (known(fault.seen)) },
            html! { (text(&fault.effect)) },
        ]
    };
    let edges = |fault: &FaultScore| {
        let edges = fault.edges;
        [
            html! { strong { (text(&fault.name)) } },
            at(edges.asked),
            at(edges.applied),
            at(edges.first_affected),
            at(edges.cleared),
            at(edges.first_unaffected),
        ]
    };
    html! {
        @if !all.is_empty() {
            section id="faults" aria-labelledby="faults-head" {
                h2 id="faults-head" { "Faults" }
                (table(COUNTED, &counts, all.iter().map(row), ROOM))
                (table("Edges, seconds after time 0", &instants, all.iter().map(edges), ROOM))
            }
        }
    }
}

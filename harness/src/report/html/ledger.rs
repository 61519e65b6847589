//! The fleets' books: generated, acknowledged, read back, lost.
//!
//! Invariant: what nobody could count is called unknown, never 0.
//! Not here: how samples are matched (fleet), what may be lost (crate slo).

use super::super::units;
use super::markup::{fitting, known, left_out, long, number, table, text, words};
use super::scale::length;
use super::series::Series;
use assay_slo::event::Ledger;
use maud::{Markup, html};

/// Bytes for the rows.
const ROOM: usize = 12 * 1024;

/// Lines of a lost sample's story.
const MOST_LINES: usize = 20;

/// The section; nothing without a fleet's account.
pub(super) fn ledger(series: &Series) -> Markup {
    let columns = [
        words("Fleet"),
        number("Generated"),
        number("Acknowledged"),
        number("Read back"),
        number("Lost"),
        number("Duplicated"),
        number("Unexpected"),
        number("Out of order"),
        number("Discarded"),
        number("In outboxes"),
        number("Age P95 / max"),
    ];
    let name = |ledger: &Ledger| {
        let fleets = series.case.as_ref().map(|case| &case.fleets);
        let fleet = fleets.and_then(|fleets| fleets.get(ledger.fleet));
        text(fleet.map_or("?", |fleet| &fleet.name))
    };
    let rows = series.ledgers.iter().map(|ledger| row(ledger, &name(ledger)));
    let drawn = series.ledgers.iter().map(|ledger| balance(ledger, &name(ledger)));
    let (kept, drawn) = fitting(drawn, ROOM);
    html! {
        @if !series.ledgers.is_empty() {
            section id="ledger" aria-labelledby="ledger-head" {
                h2 id="ledger-head" { "Ledger" }
                (drawn)
                (left_out(series.ledgers.len() - kept))
                (table("Samples of each fleet", &columns, rows, ROOM))
                p class="aside" {
                    "Lost: generated and not read back, acknowledged or not. Age: from generated "
                    "to acknowledged."
                }
                @for ledger in series.ledgers.iter().take(3) { (story(ledger, &name(ledger))) }
            }
        }
    }
}

fn row(ledger: &Ledger, name: &str) -> [Markup; 11] {
    let store = ledger.store;
    let plain = |count: u64| html! { (count) };
    let age = (units::time(ledger.age_p95_us), units::time(ledger.age_max_us));
    [
        html! { (name) },
        plain(ledger.generated),
        plain(ledger.acknowledged),
        html! { (known(store.map(|store| store.found))) },
        html! {
            (known(store.map(|store| store.lost)))
            @if let Some(store) = store && store.lost > 0 {
                span class="aside" { (store.lost_acknowledged) " of them acknowledged" }
            }
        },
        html! { (known(store.and_then(|store| store.duplicated))) },
        html! { (known(store.map(|store| store.unexpected))) },
        html! { (known(store.and_then(|store| store.out_of_order))) },
        plain(ledger.discarded),
        plain(ledger.in_outbox),
        html! { (age.0) " / " (age.1) },
    ]
}

/// Generated as a whole, what became of it as its parts.
fn balance(ledger: &Ledger, name: &str) -> Markup {
    let Some(store) = ledger.store else {
        let why = ledger.problem.as_deref().unwrap_or("nobody asked for it");
        return html! { p { strong { (name) } ": the store was never read back: " (long(why)) } };
    };
    let width = 560.0;
    let all = ledger.generated.max(store.found.saturating_add(store.lost)).max(1) as f64;
    let found = store.found as f64 / all * width;
    let lost = store.lost as f64 / all * width;
    // One lost sample of a million must be seen too.
    let lost = if store.lost > 0 { lost.max(4.0) } else { 0.0 };
    let found = found.min(width - lost);
    let said = format!(
        "{name}: {} generated, {} read back, {} lost",
        ledger.generated, store.found, store.lost
    );
    html! {
        figure class="balance" {
            figcaption { (said) @if let Some(problem) = &ledger.problem { "; " (long(problem)) } }
            svg role="img" viewBox={ "0 0 " (length(width)) " 16" } fill="currentColor" {
                title { (said) }
                rect width=(length(width)) height="14" fill="none" stroke="currentColor"
                    stroke-opacity="0.6" {}
                rect width=(length(found)) height="14" class="a-green" fill="#009E73" {}
                @if store.lost > 0 {
                    rect x=(length(found)) width=(length(lost)) height="14" class="a-vermillion" fill="#D55E00" {}
                    path d={ "M" (length(found)) " 0V14" } stroke="currentColor" stroke-width="1.5" {}
                }
            }
        }
    }
}

fn story(ledger: &Ledger, name: &str) -> Markup {
    let more = ledger.first_lost.len().saturating_sub(MOST_LINES);
    html! {
        @if !ledger.first_lost.is_empty() {
            details open {
                summary { "The first lost sample of " (name) }
                ol { @for line in ledger.first_lost.iter().take(MOST_LINES) { li { (long(line)) } } }
                @if more > 0 { p class="aside" { "… and " (more) " more lines." } }
            }
        }
    }
}

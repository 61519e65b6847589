//! Where the rows of an open load end: it ends there too, or must not begin.
//!
//! Invariant: an open load never comes to a request without a row: whether it would is known here,
//! from its arrivals alone.
//! Not here: closed loads, of which nobody knows how many requests they make.

use super::notes::Notes;
use super::parts::LoadParts;
use crate::plan::Arrivals;
use crate::plan::turns::Turns;
use crate::plan::words::{count, several, time};
use crate::spec::types::WhenExhausted;

/// Ends arrivals where the rows of `when-exhausted: stop` do, and refuses those that outlast rows
/// of `when-exhausted: fail`.
pub(super) fn check(
    name: &str,
    parts: &LoadParts<'_>,
    turns: &Turns,
    warmup: u64,
    arrivals: &mut Arrivals,
    notes: &mut Notes<'_>,
) {
    let (key, unit) = match parts.journey.is_empty() {
        true => ("requests", ("request", "requests")),
        false => ("journey", ("journey", "journeys")),
    };
    let trail = parts.trail.key(key);
    let planned = arrivals.count();
    let before = if warmup > 0 { " after its warm-up" } else { "" };
    if let Some((last, rows)) = turns.last(WhenExhausted::Stop).filter(|(last, _)| *last < planned)
    {
        if last == 0 {
            let message =
                format!("the rows of `{}` are used up before time 0, by the warm-up", rows.name);
            let help = "write more rows, a shorter warm-up, or `when-exhausted: recycle`";
            return notes.value(&trail, message, help);
        }
        arrivals.cut_after(last);
        notes.warnings.push(format!(
            "load {name} ends at {}, after {} of {}{before}: the rows of `{}` are used up",
            time(arrivals.ends_us()),
            several(last, unit.0, unit.1),
            count(planned),
            rows.name,
        ));
    }
    let planned = arrivals.count();
    if let Some((last, rows)) = turns.last(WhenExhausted::Fail).filter(|(last, _)| *last < planned)
    {
        let message = format!(
            "it sends {}{before}, but the rows of `{}` last for {}",
            several(planned, unit.0, unit.1),
            rows.name,
            count(last)
        );
        let help = "write more rows, a shorter load, or `when-exhausted: recycle` or `stop`";
        notes.value(&trail, message, help);
    }
}

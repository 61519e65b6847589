//! Where the rows of an open load end: it ends there too, or must not begin. Of users, who come as
//! often as they are answered, a warning where the rows, or the time, cannot be enough.
//!
//! Invariant: an open load never comes to a request without a row: whether it would is known here,
//! from its arrivals alone.
//! Not here: telling of it in the run (`run`, `load::users`).

use super::notes::Notes;
use super::parts::LoadParts;
use crate::plan::turns::Turns;
use crate::plan::users::{Crowd, Step, Users};
use crate::plan::words::{count, several, time};
use crate::plan::{Arrivals, UsedUp};
use crate::spec::types::WhenExhausted;
use assay_slo::case::Scarce;

/// Ends arrivals where the rows of `when-exhausted: stop` do, and refuses those that outlast rows
/// of `when-exhausted: fail`. Gives the rows that end it.
pub(super) fn check(
    name: &str,
    parts: &LoadParts<'_>,
    turns: &Turns,
    warmup: u64,
    arrivals: &mut Arrivals,
    notes: &mut Notes<'_>,
) -> Option<UsedUp> {
    let (key, unit) = match parts.journey.is_empty() {
        true => ("requests", ("request", "requests")),
        false => ("journey", ("journey", "journeys")),
    };
    let trail = parts.trail.key(key);
    let planned = arrivals.count();
    let before = if warmup > 0 { " after its warm-up" } else { "" };
    let mut used_up = None;
    if let Some((last, rows)) = turns.last(WhenExhausted::Stop).filter(|(last, _)| *last < planned)
    {
        if last == 0 {
            let message =
                format!("the rows of `{}` are used up before time 0, by the warm-up", rows.name);
            let help = "write more rows, a shorter warm-up, or `when-exhausted: recycle`";
            notes.value(&trail, message, help);
            return None;
        }
        let ends_us = arrivals.ends_us();
        arrivals.cut_after(last);
        let words = format!(
            "load {name} ends at {}, after {} of {}{before}: the rows of `{}` are used up",
            time(arrivals.ends_us()),
            several(last, unit.0, unit.1),
            count(planned),
            rows.name,
        );
        notes.warnings.push(words.clone());
        used_up = Some(UsedUp { rows: rows.name.clone(), ends_us, words });
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
    used_up
}

/// Warns where users are to make more journeys than there are rows.
pub(super) fn warn_of(users: &Users, notes: &mut Notes<'_>) {
    let Some((last, rows)) = users.rows().filter(|(last, _)| users.expected() > *last) else {
        return;
    };
    notes.warn(format!(
        "load {} may end early: its users are to make some {}, and the rows of `{rows}` last for {}",
        users.name,
        several(users.expected(), "journey", "journeys"),
        count(last)
    ));
}

/// Warns where no user comes to the last request of a journey, and where users cannot make the journeys
/// that they share, in their time.
pub(super) fn warn_of_time(users: &Users, notes: &mut Notes<'_>) {
    let steps = users.journey();
    let last = steps.iter().rposition(|step| matches!(step, Step::Send(_))).unwrap_or(0);
    let pauses = steps.iter().take(last).map(|step| match step {
        Step::Pause { min_us, .. } => *min_us,
        Step::Send(_) => 0,
    });
    let (waits_us, ends_us) = (pauses.fold(0, u64::saturating_add), users.crowd.ends_us());
    if waits_us >= ends_us {
        notes.warn(format!(
            "load {} ends before any of its users has made a journey: the pauses before its last request \
             alone take {}, and the load {}",
            users.name,
            time(waits_us),
            time(ends_us)
        ));
    }
    let Crowd::Shared { vus, iterations, max_us } = users.crowd else { return };
    // After the last nobody waits.
    let waits = iterations.div_ceil(vus.max(1)).saturating_sub(1);
    let shortest_us = waits.saturating_mul(users.shortest_us());
    if shortest_us > max_us {
        notes.warn(format!(
            "load {} cannot make its {}: their pauses and pace alone take {}, and `max-duration` is {}",
            users.name,
            several(iterations, "journey", "journeys"),
            time(shortest_us),
            time(max_us)
        ));
    }
}

/// The rows that users may use up before their time.
pub(super) fn scarce(users: &Users) -> Option<Scarce> {
    let (last, rows) = users.rows()?;
    let suffices = matches!(users.crowd, Crowd::Shared { iterations, .. } if iterations <= last);
    (!suffices).then(|| Scarce { rows, ends_us: users.crowd.ends_us() })
}

/// The same of an open load.
pub(super) fn cut(used_up: &UsedUp) -> Scarce {
    Scarce { rows: used_up.rows.clone(), ends_us: used_up.ends_us }
}

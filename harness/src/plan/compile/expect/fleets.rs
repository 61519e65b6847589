//! What a fleet's samples must keep.
//!
//! Invariant: what the read-back cannot show is refused.
//! Not here: whether a backlog could drain (`feasible::backlog`).

use super::{Given, check_left, deadline};
use crate::plan::Fleet;
use crate::plan::compile::notes::Notes;
use crate::plan::compile::{MOST_RUN_US, positive};
use crate::plan::fleet::{Found, ReadBack};
use crate::spec::Trail;
use crate::spec::scalar::{self, Name};
use crate::spec::types::{AtMostBound, BacklogAsked, LedgerAsked};
use assay_slo::case::{Bound, Must};
use assay_slo::time::SECOND_US;

/// The index of a fleet, the fleet, and whether it is as it was meant: what it can show depends on
/// all of it.
fn fleet<'s>(
    name: &Name,
    given: Given<'s>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<(usize, &'s Fleet, bool)> {
    let index = given.scenario.fleets.get_index_of(name);
    if index.is_none() {
        let known: Vec<&str> = given.scenario.fleets.keys().map(|name| name.as_str()).collect();
        let message = format!("unknown fleet `{name}`");
        let among = (&["fleets"][..], "fleets");
        notes.unknown(&trail.key("fleet"), name.as_str(), message, among, &known);
    }
    let is_certain = !notes.left_out().touches_entry("fleets", name.as_str());
    index.and_then(|index| Some((index, given.traffic.fleets.get(index)?, is_certain)))
}

pub(super) fn ledger(
    asked: &LedgerAsked,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let (index, fleet, is_certain) = fleet(&asked.fleet, given, trail, notes)?;
    let stored = [
        ("lost", &asked.lost),
        ("duplicated", &asked.duplicated),
        ("unexpected", &asked.unexpected),
        ("out-of-order", &asked.out_of_order),
    ];
    if stored.iter().all(|(_, limit)| limit.is_none()) && asked.age.is_none() {
        let message = "it asks nothing of the ledger".to_owned();
        notes.entry(trail, message, "write such as `lost: {at-most: 0}`");
    }
    for (key, _) in stored.iter().filter(|(_, limit)| is_certain && limit.is_some()) {
        check_shown(key, fleet, &trail.key(key), notes);
    }
    let age_us = asked.age.as_ref().map(|age| {
        let way = trail.key("age");
        if is_certain && fleet.gateway.is_none() {
            let message = format!("`{}` has no gateway of ours to see ages", fleet.name);
            notes.entry(&way, message, "leave it out, or write `gateway:` in the fleet");
        }
        positive(age.at_most, MOST_RUN_US, &way.key("at-most"), notes)
    });
    Some(Must::Ledger {
        fleet: index,
        lost: bound(&asked.lost),
        duplicated: bound(&asked.duplicated),
        unexpected: bound(&asked.unexpected),
        out_of_order: bound(&asked.out_of_order),
        age_us,
    })
}

fn bound(limit: &Option<AtMostBound>) -> Option<Bound> {
    limit.as_ref().map(|limit| match limit.at_most {
        scalar::Bound::Count(count) => Bound::Count(count.0),
        scalar::Bound::Share(share) => Bound::Share(share.0),
    })
}

/// Whether the read-back can show this.
fn check_shown(key: &str, fleet: &Fleet, trail: &Trail, notes: &mut Notes<'_>) {
    let (message, help) = match (&fleet.read_back, key) {
        (None, _) => (
            format!("nothing reads back what became of the samples of `{}`", fleet.name),
            "write `read-back:` in the fleet",
        ),
        (Some(ReadBack::Http { found: Found::Ranges(_), duplicates: None, .. }), "duplicated") => (
            "ranges do not show what was stored twice".to_owned(),
            "write `duplicates:` in the read-back, or read `items:` back",
        ),
        (Some(ReadBack::Http { found: Found::Ranges(_), .. }), "out-of-order") => (
            "ranges do not show in which order samples were stored".to_owned(),
            "read `items:` back, or leave it out",
        ),
        _ => return,
    };
    notes.entry(trail, message, help);
}

pub(super) fn backlog(
    asked: &BacklogAsked,
    given: Given<'_>,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let (index, fleet, is_certain) = fleet(&asked.fleet, given, trail, notes)?;
    if is_certain && fleet.gateway.is_none() {
        let message =
            format!("`{}` has no gateway of ours whose backlog could be seen", fleet.name);
        let help = "write `gateway:` in the fleet; for an edge of your own use `settles` on a \
                    metric of its backlog";
        notes.entry(trail, message, help);
    }
    if asked.peak.is_none() && asked.drained.is_none() {
        let message = "it asks nothing of the backlog".to_owned();
        notes.entry(trail, message, "write `peak: {at-most: …}` or `drained:`");
    }
    let drained = asked.drained.as_ref().and_then(|within| {
        let trail = trail.key("drained");
        let deadline = deadline(&within.after, within.within, given, &trail, notes)?;
        // It must stay so for a second; outboxes may drain after the last sample.
        let last = fleet.ends_us().saturating_add(fleet.drain_us);
        check_left(&deadline, SECOND_US, Some(last), given, &trail, notes);
        Some(deadline.pair())
    });
    Some(Must::Backlog {
        fleet: index,
        peak: asked.peak.as_ref().map(|peak| peak.at_most.0),
        drained,
    })
}

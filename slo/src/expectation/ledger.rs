//! Nothing was lost: a fleet's account against bounds.
//!
//! Invariant: exact; what was never read back, or not whole, cannot be met.
//! Not here: how the store is read (harness `fleet`).

use super::Answer;
use super::part::{Part, partial, worst};
use crate::case::Bound;
use crate::event::Ledger;
use crate::evidence::Evidence;
use crate::health::Doubt;
use crate::objective::reaches;
use crate::scorecard::Verdict;
use crate::words;

/// What is asked of an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) lost: Option<Bound>,
    pub(super) duplicated: Option<Bound>,
    pub(super) unexpected: Option<Bound>,
    pub(super) out_of_order: Option<Bound>,
    pub(super) age_us: Option<u64>,
}

/// Judges it.
pub(super) fn judge(evidence: &Evidence<'_>, fleet: usize, bounds: &Bounds) -> Answer {
    let asks = asks(evidence, fleet, bounds);
    let Some(ledger) = evidence.timeline.sightings.ledgers.get(&fleet) else {
        let doubt = evidence.cut_short().unwrap_or_else(|| Doubt {
            reason: "no account of its samples was given".to_owned(),
            missing: "a run that reads the store back".to_owned(),
        });
        return Answer::doubtful(asks, doubt);
    };
    let mut parts = store(evidence, ledger, bounds);
    parts.extend(bounds.age_us.map(|us| age(evidence, ledger, us)));
    let doubt = partial(evidence).or_else(|| short(evidence, fleet, ledger));
    let parts = parts.into_iter().map(|part| part.unless(doubt.clone()));
    let mut answer = worst(asks, &parts.collect::<Vec<Part>>());
    if answer.verdict == Verdict::Violated && !ledger.first_lost.is_empty() {
        let story = ledger.first_lost.join(" ");
        answer.reason =
            format!("{}; the first lost: {}", answer.reason, story.trim_end_matches('.'));
    }
    answer
}

/// What the store shows.
fn store(evidence: &Evidence<'_>, ledger: &Ledger, bounds: &Bounds) -> Vec<Part> {
    let Bounds { lost, duplicated, unexpected, out_of_order, .. } = *bounds;
    if [lost, duplicated, unexpected, out_of_order].iter().all(Option::is_none) {
        return Vec::new();
    }
    let (Some(store), None) = (ledger.store, &ledger.problem) else {
        let why = ledger.problem.as_ref().map_or(String::new(), |problem| format!(": {problem}"));
        let reason = format!("the store was never read back{why}");
        return vec![Part::open(reason, "a read-back of the store that works")];
    };
    if store.found.saturating_add(store.lost) != ledger.generated {
        return vec![Part::open(
            format!(
                "the account does not add up: {} found and {} lost of {} generated",
                store.found, store.lost, ledger.generated
            ),
            "an account without this bug",
        )];
    }
    if ledger.generated == 0 {
        return vec![Part::open("no sample was generated", "a fleet that generates samples")];
    }
    let whole = partial(evidence);
    let mut parts = Vec::new();
    if let Some(bound) = lost {
        let part = bounded("lost", Some(store.lost), ledger.generated, bound);
        // What an interrupted run did not deliver might still have come.
        parts.push(match whole {
            Some(doubt) => Part::doubt(doubt),
            None => part,
        });
    }
    for (what, count, bound) in [
        ("stored more than once", store.duplicated, duplicated),
        ("found that nobody generated", Some(store.unexpected), unexpected),
        ("out of order", store.out_of_order, out_of_order),
    ] {
        parts.extend(bound.map(|bound| bounded(what, count, ledger.generated, bound)));
    }
    parts
}

fn bounded(what: &str, count: Option<u64>, generated: u64, bound: Bound) -> Part {
    let Some(count) = count else {
        let missing = "a read-back that lists samples, or counts them";
        return Part::open(format!("the read-back cannot show what was {what}"), missing);
    };
    let holds = match bound {
        Bound::Count(most) => count <= most,
        // At most this share: at least the rest is not so.
        Bound::Share(share) => {
            count <= generated && reaches(generated - count, generated, share.rest())
        }
    };
    let text = format!("{count} of {generated} {what} ({} allowed)", limit(bound));
    Part::new(if holds { Verdict::Met } else { Verdict::Violated }, text)
}

fn age(evidence: &Evidence<'_>, ledger: &Ledger, most_us: u64) -> Part {
    let text = format!(
        "the oldest sample was {} old when it was acknowledged ({} allowed)",
        words::about(ledger.age_max_us),
        words::duration(most_us)
    );
    if ledger.age_max_us > most_us {
        return Part::new(Verdict::Violated, text);
    }
    let open = ledger.generated.saturating_sub(ledger.acknowledged);
    let open = open.saturating_sub(ledger.discarded);
    if ledger.acknowledged == 0 || open > 0 || evidence.cut_short().is_some() {
        return Part::open(
            format!("{} never acknowledged", words::count(open, "sample")),
            "a longer drain",
        );
    }
    Part::new(Verdict::Met, text)
}

/// A fleet that generated less than it should is our fault.
fn short(evidence: &Evidence<'_>, fleet: usize, ledger: &Ledger) -> Option<Doubt> {
    let planned = evidence.case.fleets.get(fleet).map_or(0, |fleet| fleet.planned);
    let short = u128::from(ledger.generated) * 100 < u128::from(planned) * 99;
    short.then(|| Doubt {
        reason: format!(
            "the fleet was short: of {} only {} were generated (99 % are needed)",
            words::count(planned, "planned sample"),
            ledger.generated
        ),
        missing: "devices that keep up".to_owned(),
    })
}

fn limit(bound: Bound) -> String {
    match bound {
        Bound::Count(most) => most.to_string(),
        Bound::Share(share) => words::share(share),
    }
}

fn asks(evidence: &Evidence<'_>, fleet: usize, bounds: &Bounds) -> String {
    let name = evidence.case.fleets.get(fleet).map_or("?", |fleet| fleet.name.as_str());
    let at_most = |bound: Option<Bound>, what: &str| {
        bound.map(|bound| format!("at most {} {what}", limit(bound)))
    };
    let parts = [
        at_most(bounds.lost, "lost"),
        at_most(bounds.duplicated, "duplicated"),
        at_most(bounds.unexpected, "unexpected"),
        at_most(bounds.out_of_order, "out of order"),
        bounds.age_us.map(|us| format!("acknowledged within {}", words::duration(us))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("samples of `{name}`: {} (exact)", parts.join(", "))
}

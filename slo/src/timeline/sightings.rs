//! What fleets, breakers and links told: transitions, single attempts, arrivals, backlogs and
//! accounts, folded in the order of the file.
//!
//! Invariant: several generators' accounts, arrivals and backlogs merge by addition.
//! Invariant: indices point into the case and sums cannot overflow, or the journal is refused.
//! Not here: what follows from them (`breaker`, `expectation`).

use super::{LATEST, MOST, Malformed, believable};
use crate::case::Case;
use crate::event::{
    Attempt, Attempts, AttemptsOf, Backlog, BreakerEvent, Event, Ledger, NotBack, Store,
};
use crate::time::{At, SECOND_US};
use std::collections::{BTreeMap, BTreeSet};

/// More single attempts than any journal holds.
const MOST_ATTEMPTS: usize = 10_000_000;
/// More transitions than any breaker makes.
const MOST_TRANSITIONS: usize = 1_000_000;

/// Everything that is told beside the counts of requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sightings {
    /// By fleet and gateway, by instant.
    pub(crate) transitions: BTreeMap<(usize, u32), Vec<BreakerEvent>>,
    pub(crate) attempts: BTreeMap<AttemptsOf, AttemptLine>,
    /// By link and second; a link is watched if it is here.
    pub(crate) arrivals: BTreeMap<String, BTreeMap<i64, u64>>,
    /// By fleet, by instant.
    pub(crate) backlogs: BTreeMap<usize, Vec<Backlog>>,
    pub(crate) ledgers: BTreeMap<usize, Ledger>,
    /// Links through which nothing went.
    pub(crate) bypassed: BTreeSet<String>,
    /// Services that were not ready in time after a fault, and when that was known.
    pub(crate) not_back: Vec<(At, NotBack)>,
    transitions_told: usize,
    attempts_told: usize,
}

/// Single attempts of one gateway or link.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AttemptLine {
    /// In the order of the file.
    pub(crate) list: Vec<Attempt>,
    /// More there were.
    pub(crate) left_out: u64,
}

impl Sightings {
    /// Folds one event; others than these are none of its business.
    pub(crate) fn add(&mut self, at: At, event: &Event, case: &Case) -> Result<(), Malformed> {
        match event {
            Event::Breaker(event) => self.add_transition(event, case),
            Event::Attempts(attempts) => self.add_attempts(attempts, case),
            Event::Arrivals { link, second, n } => self.add_arrivals(link, *second, *n),
            Event::Backlog(backlog) => self.add_backlog(backlog, case),
            Event::Bypassed { link } => {
                self.bypassed.insert(link.clone());
                Ok(())
            }
            Event::Ledger(ledger) => self.add_ledger(ledger, case),
            Event::NotBack(missed) if missed.fault >= case.faults.len() => {
                Err(Malformed::new("a service is not back from a fault that the case has not"))
            }
            Event::NotBack(missed) => {
                self.not_back.push((at, missed.clone()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_transition(&mut self, event: &BreakerEvent, case: &Case) -> Result<(), Malformed> {
        check_fleet(case, event.fleet)?;
        believable(event.at)?;
        if event.from == event.to {
            return Err(Malformed::new("a breaker changed to the state that it was in"));
        }
        self.transitions_told += 1;
        if self.transitions_told > MOST_TRANSITIONS {
            return Err(Malformed::new("there are more transitions than any breaker makes"));
        }
        let line = self.transitions.entry((event.fleet, event.gateway)).or_default();
        let place = line.partition_point(|known| known.at <= event.at);
        line.insert(place, event.clone());
        Ok(())
    }

    fn add_attempts(&mut self, attempts: &Attempts, case: &Case) -> Result<(), Malformed> {
        if let AttemptsOf::Gateway(fleet, _) = &attempts.of {
            check_fleet(case, *fleet)?;
        }
        self.attempts_told = self.attempts_told.saturating_add(attempts.list.len());
        if self.attempts_told > MOST_ATTEMPTS {
            return Err(Malformed::new("there are more single attempts than any journal holds"));
        }
        for attempt in &attempts.list {
            believable(attempt.done)?;
            if attempt.done < attempt.begun {
                return Err(Malformed::new("an attempt ended before it began"));
            }
        }
        let line = self.attempts.entry(attempts.of.clone()).or_default();
        line.left_out = line.left_out.saturating_add(attempts.left_out).min(MOST);
        line.list.extend(&attempts.list);
        Ok(())
    }

    fn add_arrivals(&mut self, link: &str, second: i64, n: u64) -> Result<(), Malformed> {
        if second.unsigned_abs() > LATEST.0 / SECOND_US {
            return Err(Malformed::new("arrivals lie more than 115 days from time 0"));
        }
        let seconds = self.arrivals.entry(link.to_owned()).or_default();
        let sum = seconds.entry(second).or_default();
        *sum = sum.saturating_add(n);
        if *sum > MOST {
            return Err(Malformed::new("more requests arrived in a second than any run sends"));
        }
        Ok(())
    }

    fn add_backlog(&mut self, backlog: &Backlog, case: &Case) -> Result<(), Malformed> {
        check_fleet(case, backlog.fleet)?;
        believable(backlog.at)?;
        if backlog.least > backlog.peak || backlog.peak > MOST || backlog.generated > MOST {
            return Err(Malformed::new(
                "a backlog has a least above its peak, or is beyond belief",
            ));
        }
        let line = self.backlogs.entry(backlog.fleet).or_default();
        let place = line.partition_point(|known| known.at < backlog.at);
        match line.get_mut(place).filter(|known| known.at == backlog.at) {
            // The same instant of another generator.
            Some(known) => {
                known.generated = known.generated.saturating_add(backlog.generated).min(MOST);
                known.acknowledged = known.acknowledged.saturating_add(backlog.acknowledged);
                known.peak = known.peak.saturating_add(backlog.peak).min(MOST);
                known.least = known.least.saturating_add(backlog.least).min(MOST);
            }
            None => line.insert(place, *backlog),
        }
        Ok(())
    }

    fn add_ledger(&mut self, ledger: &Ledger, case: &Case) -> Result<(), Malformed> {
        check_fleet(case, ledger.fleet)?;
        let store = ledger.store.unwrap_or_default();
        let counts = [ledger.generated, ledger.acknowledged, store.found, store.lost];
        if counts.iter().any(|count| *count > MOST) {
            return Err(Malformed::new("an account has more samples than any run generates"));
        }
        if ledger.store.is_some_and(|store| store.lost > ledger.generated) {
            return Err(Malformed::new("an account lost more samples than were generated"));
        }
        match self.ledgers.get_mut(&ledger.fleet) {
            Some(known) => merge(known, ledger),
            None => {
                self.ledgers.insert(ledger.fleet, ledger.clone());
            }
        }
        Ok(())
    }
}

fn check_fleet(case: &Case, fleet: usize) -> Result<(), Malformed> {
    if fleet < case.fleets.len() {
        return Ok(());
    }
    Err(Malformed::new(format!("fleet {fleet} is named, which the case has not")))
}

/// Adds another generator's account.
fn merge(known: &mut Ledger, more: &Ledger) {
    let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more).min(MOST);
    add(&mut known.generated, more.generated);
    add(&mut known.acknowledged, more.acknowledged);
    add(&mut known.discarded, more.discarded);
    add(&mut known.in_outbox, more.in_outbox);
    let both = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?).min(MOST));
    known.store = known.store.zip(more.store).map(|(a, b)| Store {
        found: a.found.saturating_add(b.found).min(MOST),
        lost: a.lost.saturating_add(b.lost).min(MOST),
        lost_acknowledged: a.lost_acknowledged.saturating_add(b.lost_acknowledged).min(MOST),
        duplicated: both(a.duplicated, b.duplicated),
        unexpected: a.unexpected.saturating_add(b.unexpected).min(MOST),
        out_of_order: both(a.out_of_order, b.out_of_order),
    });
    known.problem = known.problem.take().or_else(|| more.problem.clone());
    known.age_max_us = known.age_max_us.max(more.age_max_us);
    known.age_p95_us = known.age_p95_us.max(more.age_p95_us);
    if known.first_lost.is_empty() {
        known.first_lost.clone_from(&more.first_lost);
    }
}

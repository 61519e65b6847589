//! Planned open loads: what arrives, when.
//!
//! Invariant: the first request of an arrival is due by the timetable, each later one of a journey
//! when the step before it has ended.
//! Not here: the arithmetic of due instants (`arrivals`), users who wait (`users`).

use super::users::Step;
use super::{Client, Request, Spread, Stairs, Target, arrivals};

/// One stream of arrivals.
#[derive(Debug, Clone)]
pub struct Load {
    /// Its name.
    pub name: String,
    /// Where its requests go.
    pub to: Target,
    /// When requests are due, or journeys begin.
    pub arrivals: Arrivals,
    /// How it goes up, if it goes up in steps.
    pub stairs: Option<Stairs>,
    /// How they are sent.
    pub client: Client,
    /// What is sent, in the order of [`assay_slo::case::Load::requests`].
    pub requests: Vec<Request>,
    /// Which request the k-th arrival is: `cycle[k % cycle.len()]`, smooth weighted round-robin. Of
    /// a journey all that it sends, in order.
    pub cycle: Vec<u16>,
    /// What each arrival begins; none where it is one request.
    pub journey: Option<Journey>,
    /// Why its arrivals end before their time, where they do.
    pub used_up: Option<UsedUp>,
}

/// Rows that do not last for a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedUp {
    /// The name of their set.
    pub rows: String,
    /// When the load would end with more of them, µs after time 0.
    pub ends_us: u64,
    /// What that comes to, in a sentence.
    pub words: String,
}

/// What an arrival goes through, whatever becomes of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// How many values it captures: slots of [`super::answer::Capture`].
    pub captures: usize,
}

impl Journey {
    /// What it sends, in order.
    #[must_use]
    pub fn cycle(&self) -> Vec<u16> {
        let sent = self.steps.iter().filter_map(|step| match step {
            Step::Send(request) => u16::try_from(*request).ok(),
            Step::Pause { .. } => None,
        });
        sent.collect()
    }

    /// How long its pauses are at most, µs.
    #[must_use]
    pub fn pauses_us(&self) -> u64 {
        let pause = |step: &Step| match step {
            Step::Pause { max_us, .. } => *max_us,
            Step::Send(_) => 0,
        };
        self.steps.iter().map(pause).fold(0, u64::saturating_add)
    }
}

impl Load {
    /// How many requests an arrival brings if nothing breaks it off.
    #[must_use]
    pub fn each(&self) -> u64 {
        if self.journey.is_some() { self.cycle.len() as u64 } else { 1 }
    }

    /// What arrives, one and many.
    #[must_use]
    pub fn unit(&self) -> (&'static str, &'static str) {
        match self.journey {
            Some(_) => ("journey", "journeys"),
            None => ("request", "requests"),
        }
    }

    /// How long what the last arrival begins may take at most, µs.
    #[must_use]
    pub fn rest_us(&self) -> u64 {
        let timeout_us =
            |at: &u16| self.requests.get(usize::from(*at)).map_or(0, |request| request.timeout_us);
        match &self.journey {
            None => self.cycle.iter().map(timeout_us).max().unwrap_or(0),
            Some(journey) => {
                let sends = self.cycle.iter().map(timeout_us);
                sends.fold(journey.pauses_us(), u64::saturating_add)
            }
        }
    }
}

/// A load that ends some time after a fault whose end nobody knows before; the load's arrivals are
/// planned up to the latest possible end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// Index into [`assay_slo::Case::loads`].
    pub load: usize,
    /// Index into [`super::Plan::faults`].
    pub fault: usize,
    /// How long after its end, µs.
    pub after_us: u64,
}

/// When requests are due: stretches one after another from `starts_us`, the rate changing
/// linearly within each (a constant rate is one stretch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrivals {
    /// µs after time 0.
    pub starts_us: u64,
    /// Rate at the start, in thousandths of a request a minute: every rate that can be written is a
    /// whole number of them, and integers agree on every machine.
    pub start_milli_per_min: u64,
    /// The stretches.
    pub stretches: Vec<Stretch>,
    /// How they lie around the rate.
    pub spread: Spread,
    /// Where it ends earlier: those after it have no rows.
    pub cut: Option<arrivals::Cut>,
}

/// A stretch of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its length, µs.
    pub lasts_us: u64,
    /// Rate at its end, in thousandths of a request a minute.
    pub end_milli_per_min: u64,
}

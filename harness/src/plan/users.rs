//! Planned closed loads.
//!
//! Not here: driving them (`load::users`).

use super::turns::Turns;
use super::{Client, Request, Target};
use crate::spec::types::WhenExhausted;

/// A closed load: users who wait for their answers.
#[derive(Debug, Clone)]
pub struct Users {
    /// Index into [`assay_slo::Case::loads`], whose requests are these, each once.
    pub load: usize,
    /// Its name.
    pub name: String,
    /// Where its requests go.
    pub to: Target,
    /// How many users, when.
    pub crowd: Crowd,
    /// A journey takes at least this long, µs; 0: no pace.
    pub pace_us: u64,
    /// How its requests are sent.
    pub client: Client,
    /// What is sent; what users do refers to it by index.
    pub requests: Vec<Request>,
    /// What each user does, over and over.
    pub does: Does,
    /// How many values a journey captures: slots of [`super::answer::Capture`].
    pub captures: usize,
}

impl Users {
    /// How many journeys, or requests where there are none, begin at most because a set whose end
    /// stops the load has so many rows.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        if let Does::Independent { cycle } = &self.does {
            let turns = Turns::new(cycle, &self.requests, 0);
            return turns.last(WhenExhausted::Stop).map(|(last, _)| last);
        }
        let dynamics = self.requests.iter().filter_map(|request| request.dynamic.as_ref());
        let sets = dynamics.flat_map(super::Dynamic::sets);
        let stopping = sets.filter(|rows| rows.when_exhausted == WhenExhausted::Stop);
        stopping.filter_map(|rows| rows.lasts()).min()
    }
}

/// What users do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    /// These steps, in order; goose decides who acts when.
    Journey(Vec<Step>),
    /// Whoever is free sends the next request at once: the k-th is `cycle[k % cycle.len()]`. There
    /// is nothing for goose to decide, so the load engine's threads send.
    Independent {
        /// Indices of requests.
        cycle: Vec<u16>,
    },
}

/// How many users a closed load has, and when. Starts at time 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crowd {
    /// Always so many.
    Constant {
        /// Users.
        vus: u64,
        /// How long, µs.
        lasts_us: u64,
        /// They start spread over this, µs.
        ramp_up_us: u64,
    },
    /// As many as the stages say.
    Ramping {
        /// Users at the start.
        start: u64,
        /// Stretches: length in µs, and users at its end.
        stages: Vec<(u64, u64)>,
    },
    /// So many journeys in all, shared by the users.
    Shared {
        /// Users.
        vus: u64,
        /// Journeys.
        iterations: u64,
        /// At most this long, µs.
        max_us: u64,
    },
}

/// A step of a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Sends a request (index into [`Users::requests`]).
    Send(usize),
    /// Waits any length between two, µs.
    Pause {
        /// The least.
        min_us: u64,
        /// The greatest.
        max_us: u64,
    },
}

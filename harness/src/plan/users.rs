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
    /// stops the load has so many rows; and the set's name.
    #[must_use]
    pub fn rows(&self) -> Option<(u64, String)> {
        if let Does::Independent { cycle } = &self.does {
            let turns = Turns::new(cycle, &self.requests, 0);
            return turns.last(WhenExhausted::Stop).map(|(last, rows)| (last, rows.name.clone()));
        }
        let dynamics = self.requests.iter().filter_map(|request| request.dynamic.as_ref());
        let sets = dynamics.flat_map(super::Dynamic::sets);
        let stopping = sets.filter(|rows| rows.when_exhausted == WhenExhausted::Stop);
        let lasting = stopping.filter_map(|rows| Some((rows.lasts()?, rows.name.clone())));
        lasting.min_by_key(|(last, _)| *last)
    }

    /// How many journeys are to be expected if answers come at once, where pace, pauses or their
    /// number say anything of that; at least one for each user.
    #[must_use]
    pub fn expected(&self) -> u64 {
        let users = self.crowd.most();
        let pauses = self.journey().iter().map(|step| match step {
            Step::Pause { min_us, max_us } => min_us / 2 + max_us / 2,
            Step::Send(_) => 0,
        });
        let each_us = pauses.fold(0, u64::saturating_add).max(self.pace_us);
        match &self.crowd {
            Crowd::Shared { iterations, .. } => *iterations,
            Crowd::Constant { vus, lasts_us, .. } => {
                let all = u128::from(*vus) * u128::from(*lasts_us);
                whole(all.checked_div(u128::from(each_us))).max(users)
            }
            Crowd::Ramping { start, stages } => {
                let (mut from, mut doubled) = (*start, 0_u128);
                for (lasts_us, to) in stages {
                    doubled += (u128::from(from) + u128::from(*to)) * u128::from(*lasts_us);
                    from = *to;
                }
                whole(doubled.checked_div(2 * u128::from(each_us))).max(users)
            }
        }
    }
}

fn whole(journeys: Option<u128>) -> u64 {
    u64::try_from(journeys.unwrap_or(0)).unwrap_or(u64::MAX)
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

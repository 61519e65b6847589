//! A planned fault as a rule over requests.
//!
//! Invariant: pure and order-free: whether our own request is a victim, and how long it waits,
//! depends on the seed, the fault's name and the request's key alone (with a ramp its wait also on
//! when it comes); who is a victim of a quota,
//! the nth or among the next is decided by the number of the arrival.
//! Not here: drawing (`chance`), paths (`glob`), obeying (`link`).

use super::chance::{self, For};
use crate::link::{Answer, DrawnBy, Ending, Fate, Fault, Glob, Reach, Ruling, Seen, Tail};
use crate::plan::{Affects, Delay, Latency, Match, Side};
use assay_slo::Share;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// What it does to a victim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It, or its answer, waits.
    Delay {
        /// For how long.
        latency: Latency,
        /// How long the fault lasts, µs: its ramp ends with it.
        lasts_us: u64,
    },
    /// It is answered.
    Answer(Arc<Answer>),
    /// It and its answer are kept, and everything else on its connection.
    BlackHole,
    /// Its connection is reset, also if it was passed on before.
    Reset,
    /// Its connection is reset when it arrives.
    Abort,
    /// So many bytes of its answer's body are passed on.
    Cut(u64),
    /// Its answer is kept.
    Stall,
    /// Its answer is no HTTP.
    Garbage,
    /// The end of its connection is withheld.
    Linger,
    /// Bodies have so many bytes a second.
    Pace(u64),
}

/// Which of the matching requests are victims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victims {
    /// Every one.
    All,
    /// Each with this probability.
    Share(Share),
    /// So many of each [`chance::BLOCK`] arrivals.
    Quota(u64),
    /// Each whose number, from 1, this divides.
    EveryNth(u64),
    /// So many, the first.
    Next(u64),
}

impl Victims {
    /// As they are planned.
    ///
    /// # Errors
    /// The share of a quota that is not in whole percent.
    pub(crate) fn of(affects: Affects) -> Result<Victims, Share> {
        let percent = Share::ONE.0 / chance::BLOCK;
        Ok(match affects {
            Affects::All => Victims::All,
            Affects::Share(share) => Victims::Share(share),
            Affects::Quota(share) if share.0 % percent == 0 => Victims::Quota(share.0 / percent),
            Affects::Quota(share) => return Err(share),
            Affects::EveryNth(n) => Victims::EveryNth(n),
            Affects::Next(n) => Victims::Next(n),
        })
    }
}

/// A fault of requests.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    seed: u64,
    name: String,
    harm: Harm,
    victims: Victims,
    methods: Vec<String>,
    path: Option<Glob>,
    headers: Vec<(String, String)>,
}

impl Planned {
    /// This harm to these requests; a quota is in whole percent.
    ///
    /// # Errors
    /// The share of a quota that is not.
    pub(crate) fn new(
        seed: u64,
        name: &str,
        harm: Harm,
        affects: Affects,
        matches: &Match,
    ) -> Result<Planned, Share> {
        let victims = Victims::of(affects)?;
        Ok(Planned {
            seed,
            name: name.to_owned(),
            harm,
            victims,
            methods: matches.methods.clone(),
            path: matches.path.as_deref().map(Glob::new),
            headers: matches.headers.clone(),
        })
    }

    fn is_about_all(&self) -> bool {
        let matches_all = self.methods.is_empty() && self.path.is_none() && self.headers.is_empty();
        matches_all && self.victims == Victims::All
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Fault for Planned {
    fn matches(&self, seen: &Seen) -> bool {
        let method = seen.method.as_str();
        (self.methods.is_empty() || self.methods.iter().any(|asked| asked == method))
            && self.path.as_ref().is_none_or(|glob| glob.covers(seen.path()))
            && self.headers.iter().all(|(name, value)| {
                let mut sent = seen.headers.get_all(name.as_str()).iter();
                sent.any(|sent| sent.as_bytes() == value.as_bytes())
            })
    }

    fn decide(&self, seen: &Seen, nth: u64, on: Duration) -> Ruling {
        let (what, drawn_by) = match seen.key() {
            Some(key) => (For::Key(key), DrawnBy::Key),
            None => (For::Arrival(nth), DrawnBy::Arrival),
        };
        let harm_is_drawn = match &self.harm {
            Harm::Delay { latency, .. } => !matches!(latency.delay, Delay::Fixed { .. }),
            Harm::Garbage => true,
            _ => false,
        };
        let draws = harm_is_drawn || matches!(self.victims, Victims::Share(_));
        let mut rng = draws.then(|| chance::stream(self.seed, &self.name, what));
        let is_victim = match (self.victims, &mut rng) {
            (Victims::Quota(victims), _) => chance::quota(self.seed, &self.name, victims, nth),
            (Victims::EveryNth(n), _) => (nth + 1).is_multiple_of(n),
            (Victims::Next(n), _) => nth < n,
            (Victims::Share(share), Some(rng)) => chance::share(rng, share),
            (Victims::All | Victims::Share(_), _) => true,
        };
        let fate = is_victim.then(|| match &self.harm {
            Harm::Answer(answer) => Fate::end(Ending::Answer(answer.clone())),
            Harm::BlackHole => Fate::end(Ending::Stall),
            Harm::Reset | Harm::Abort => Fate::end(Ending::Reset),
            Harm::Cut(bytes) => Fate::tail(Tail::Cut(Reverse(*bytes))),
            Harm::Stall => Fate::tail(Tail::Stall),
            Harm::Linger => Fate::tail(Tail::Linger),
            Harm::Pace(bytes) => Fate::pace(*bytes),
            Harm::Delay { .. } | Harm::Garbage => {
                let mut rng = rng.unwrap_or_else(|| chance::stream(self.seed, &self.name, what));
                match &self.harm {
                    Harm::Delay { latency, lasts_us } => {
                        let drawn = micros(chance::delay(&mut rng, &latency.delay));
                        let us = latency.ramp.scale(drawn, micros(on), *lasts_us);
                        match latency.side {
                            Side::Request => Fate::delay(Duration::from_micros(us)),
                            Side::Response => Fate::late(Duration::from_micros(us)),
                        }
                    }
                    _ => Fate::tail(Tail::Garbage(chance::garbage(&mut rng))),
                }
            }
        });
        Ruling { fate, drawn_by: if draws { drawn_by } else { DrawnBy::Nothing } }
    }

    fn reach(&self) -> Reach {
        match (&self.harm, self.is_about_all()) {
            (Harm::BlackHole, true) => Reach::Connections,
            (Harm::BlackHole, false) | (Harm::Reset | Harm::Stall, _) => Reach::UnderWay,
            _ => Reach::Arriving,
        }
    }
}

//! Declared faults: what each asks for, when, and how it shows.
//!
//! Invariant: planned stretches only; when a fault was on in fact, its edges say.
//! Not here: what a fault did (crate's `fault`).

use crate::time::Share;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One declared fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Its name in the scenario.
    pub name: String,
    /// What it does in one word: `latency`, `error`, `outage`, `kill`, `pause`, ….
    pub kind: String,
    /// The link or service it acts on; of a command its first word.
    pub link: String,
    /// How its effect shows to callers.
    pub shows: Shows,
    /// Its link reads no requests, so what it asks for and does is counted in connections.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connections: bool,
    /// Some requests do not match it, and pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spares_some: bool,
    /// Which of the matching requests it asks for.
    pub asked: Asked,
    /// Planned start, µs after time 0.
    pub starts_us: u64,
    /// Planned length, µs.
    pub lasts_us: u64,
    /// How long after its end is called its recovery, µs.
    pub recovery_us: u64,
    /// How often it comes again; none: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

impl Fault {
    /// Whether no call succeeds where it is while it is on. A slow one may, and nobody knows what a command
    /// does, or whoever was asked to break something.
    pub(crate) fn hits_all(&self) -> bool {
        let kind = self.kind.as_str();
        let shows = match self.shows {
            Shows::Status(status) => status >= 500,
            Shows::Refused | Shows::Broken => true,
            Shows::Connections => kind == "outage",
            Shows::Gone => kind != "restart",
            Shows::Done => ["pause", "disconnect"].contains(&kind),
            Shows::Slow { .. } | Shows::Unseen => false,
        };
        shows && !self.spares_some && self.asked == Asked::Share(Share::ONE)
    }

    /// The stretches in which it is planned to be on, µs after time 0.
    pub fn spans(&self) -> impl Iterator<Item = Range<u64>> {
        Again::spans(self.again, self.starts_us, self.lasts_us)
    }

    /// How often it is planned to come.
    #[must_use]
    pub fn times(&self) -> u64 {
        self.again.map_or(0, |again| again.times).saturating_add(1)
    }

    /// Whether a person does it, and says when.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        self.kind == "manual"
    }

    /// Whether a command of the scenario does it.
    #[must_use]
    pub fn is_command(&self) -> bool {
        self.kind == "command"
    }

    /// Whether it hits fewer than it asks for where answers are short, or come in another way.
    #[must_use]
    pub fn spares_by_answer(&self) -> bool {
        matches!(self.kind.as_str(), "truncate" | "slow-close" | "bandwidth" | "limit-bytes")
    }
}

/// That a fault comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// How often, besides the first time.
    pub times: u64,
    /// From start to start, µs.
    pub every_us: u64,
}

impl Again {
    /// The stretches, µs after time 0, of a fault that first starts then and lasts so long.
    pub fn spans(
        again: Option<Again>,
        starts_us: u64,
        lasts_us: u64,
    ) -> impl Iterator<Item = Range<u64>> {
        let Again { times, every_us } = again.unwrap_or(Again { times: 0, every_us: 0 });
        (0..=times).map(move |nth| {
            let starts = starts_us.saturating_add(every_us.saturating_mul(nth));
            starts..starts.saturating_add(lasts_us)
        })
    }

    /// From the first start to the last end, µs, of a fault that lasts so long each time.
    #[must_use]
    pub fn whole_us(again: Option<Again>, lasts_us: u64) -> u64 {
        let until_last = again.map_or(0, |again| again.every_us.saturating_mul(again.times));
        until_last.saturating_add(lasts_us)
    }
}

/// How many of the matching requests a fault asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// This share.
    Share(Share),
    /// Each whose number, from 1, this divides.
    EveryNth(u64),
    /// So many, the first.
    Next(u64),
}

/// How a fault's effect is recognised in what callers recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shows {
    /// Answers with this status.
    Status(u16),
    /// Requests that took at least as long as the predicate of this mark allows
    /// ([`crate::Mark::Below`], service clock): the delay's lower end.
    Slow {
        /// Index into [`crate::Case::marks`].
        mark: usize,
    },
    /// Connections refused.
    Refused,
    /// No answer, a reset or a timeout.
    Broken,
    /// Not by what callers record: whom a slow body makes late depends on its length.
    Unseen,
    /// In connections that a link counts, not in requests: callers see what their protocol makes of
    /// it, at best a broken or late answer.
    Connections,
    /// Not at a link: a process was ended. Its effect is 1 if it was seen to be gone.
    Gone,
    /// Not at a link either, and nothing need be gone: a service stands still, a command or a
    /// person does something. Its effect is 1 each time it was seen to be done.
    Done,
}

impl Shows {
    /// Whether no link has counted it, and everybody may miss what it did.
    #[must_use]
    pub fn is_beside_links(&self) -> bool {
        matches!(self, Shows::Gone | Shows::Done)
    }
}

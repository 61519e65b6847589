//! Which requests a question is about: its request kinds, in its stretches.
//!
//! A request belongs to the phase of its due instant. One that was under way when a fault was
//! applied belongs to that fault's phase, unless it had by then been under way for longer than
//! the limit: an outage must not redden its own steady phase, nor hide a slow request.
//!
//! Invariant: what was due in the warm-up is never judged.
//! Not here: what counts as bad (`tally`).

use crate::case::{Case, During, Of};
use crate::event::Straddle;
use crate::phase::{Kind, Phases};
use crate::timeline::{Counts, Key, Timeline};
use std::collections::BTreeSet;
use std::ops::Range;

/// The age beyond which a request is called slow where nothing else says so.
pub(crate) const SLOW_US: u64 = 1_000_000;

/// A question's requests.
#[derive(Debug, Clone)]
pub(crate) struct Window<'a> {
    pub(crate) of: BTreeSet<Of>,
    pub(crate) during: &'a [During],
    /// Older requests stay in the phase they were due in.
    pub(crate) limit_us: u64,
    /// Only those due in these seconds.
    pub(crate) seconds: Option<Range<i64>>,
}

/// Where one cell lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose.
    pub(crate) of: Of,
    /// In the window.
    pub(crate) inside: bool,
    /// Counted to a fault though it was due before.
    pub(crate) moved: bool,
}

impl Window<'_> {
    /// All cells of its request kinds from time 0 on, each with its place.
    pub(crate) fn cells<'b>(
        &'b self,
        case: &'b Case,
        phases: &'b Phases,
        timeline: &'b Timeline,
    ) -> impl Iterator<Item = (Place, &'b Key, &'b Counts)> {
        let covered: Vec<bool> =
            (0..phases.segments.len()).map(|g| phases.covers(g, self.during)).collect();
        let open = phases.open_seconds(self.during);
        let old = Old::new(case, self.limit_us);
        self.of
            .iter()
            .flat_map(|of| timeline.cells(*of).map(|(key, counts)| (*of, key, counts)))
            .filter(|(_, key, _)| key.segment > 0)
            .filter(|(_, key, _)| self.seconds.as_ref().is_none_or(|s| s.contains(&key.second)))
            .map(move |(of, key, counts)| {
                let own = covered.get(key.segment).copied().unwrap_or(false);
                let open = open.iter().any(|seconds| seconds.contains(&key.second));
                let place = match key.straddle.filter(|straddle| !old.is(straddle)) {
                    None => Place { of, inside: own || open, moved: false },
                    Some(straddle) => {
                        let kind = phases.segments.get(key.segment).map(|s| s.kind);
                        let in_fault = kind == Some(Kind::Fault);
                        let inside = self.takes(straddle.fault) || (in_fault && own) || open;
                        Place { of, inside, moved: !in_fault }
                    }
                };
                (place, key, counts)
            })
    }

    /// Whether the phase of this fault is part of the window.
    fn takes(&self, fault: usize) -> bool {
        self.during.iter().any(|during| match during {
            During::All | During::Fault => true,
            During::Named(named) => *named == fault,
            During::Steady
            | During::Recovery
            | During::After
            | During::RecoveryOf(_)
            | During::Open(_) => false,
        })
    }
}

/// How many of the case's ages a request must have exceeded to be older than a limit.
#[derive(Debug, Clone, Copy)]
struct Old {
    exceeded: usize,
}

impl Old {
    fn new(case: &Case, limit_us: u64) -> Old {
        let below = case.ages_us.partition_point(|age| *age < limit_us);
        // A limit that is no age of the case cannot be told exactly: what may be older counts as
        // older, so that nothing slow is hidden.
        let exact = case.ages_us.get(below) == Some(&limit_us);
        Old { exceeded: if exact { below + 1 } else { below } }
    }

    fn is(self, straddle: &Straddle) -> bool {
        straddle.older_than >= self.exceeded
    }
}

//! The boundaries that cut a run into segments: time 0, each applied and each cleared edge, and
//! the end of each recovery. Recorder and judge count with this same code.
//!
//! Invariant: a boundary may be added late, but never at or before an instant whose segment has
//! already been asked for, so a segment's number never changes.

use crate::time::At;

/// Ascending instants; a segment's number is how many of them lie at or before its requests' due
/// instants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boundaries {
    at: Vec<At>,
}

impl Boundaries {
    /// Adds a boundary; two at the same instant count twice.
    pub fn add(&mut self, at: At) {
        let place = self.at.partition_point(|known| *known <= at);
        self.at.insert(place, at);
    }

    /// The segment of a request due at this instant.
    #[must_use]
    pub fn segment(&self, due: At) -> usize {
        self.at.partition_point(|known| *known <= due)
    }

    /// First instant of a segment; none for segment 0 and for those not there yet.
    #[must_use]
    pub fn start(&self, segment: usize) -> Option<At> {
        segment.checked_sub(1).and_then(|before| self.at.get(before)).copied()
    }

    /// How many segments there are.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.at.len() + 1
    }
}

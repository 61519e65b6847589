//! The way to a value of a scenario: keys and list indices.
//!
//! Not here: where it is in the file (`locate`), which overrides touch it (`document`).

use std::fmt;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// To the value of this key of a map.
    Key(String),
    /// To this item of a list, from 0.
    Index(usize),
}

/// Steps from the root: `Trail::root().key("faults").key("down").key("outage").key("at")`. The
/// type of an entry is a step too.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trail(Vec<Segment>);

impl Trail {
    /// The whole file.
    #[must_use]
    pub fn root() -> Trail {
        Trail::default()
    }

    /// From here to the value of a key.
    #[must_use]
    pub fn key(&self, key: impl AsRef<str>) -> Trail {
        self.step(Segment::Key(key.as_ref().to_owned()))
    }

    /// From here to an item of a list, from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Trail {
        self.step(Segment::Index(index))
    }

    /// From here one step on.
    #[must_use]
    pub fn step(&self, segment: Segment) -> Trail {
        Trail(self.0.iter().cloned().chain([segment]).collect())
    }

    /// The steps.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// This way and all that it begins with, the longest first.
    pub(super) fn and_around(&self) -> impl Iterator<Item = Trail> {
        (0..=self.0.len()).rev().map(|steps| self.0.iter().take(steps).cloned().collect())
    }

    /// The steps' keys; none for list items.
    pub(super) fn keys(&self) -> impl Iterator<Item = Option<&str>> {
        self.0.iter().map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        })
    }
}

impl FromIterator<Segment> for Trail {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Trail {
        Trail(segments.into_iter().collect())
    }
}

impl fmt::Display for Trail {
    /// `load.visitors.constant-arrival-rate.requests[0].get`; `.` for the root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if at == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

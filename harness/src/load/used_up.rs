//! What is told of a load that ended for want of rows.
//!
//! Not here: where rows end (`plan::turns`), loads whose end the plan knows (`plan::compile`).

use crate::plan::words::{count, several, time};

/// A load that ended before its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) load: &'a str,
    /// When it found no more, µs after time 0.
    pub(super) at_us: u64,
    /// When it would have ended.
    pub(super) whole_us: u64,
    /// The name of the set.
    pub(super) rows: &'a str,
}

impl Ended<'_> {
    /// The finding. `of`: how many were to be made, where that was said.
    pub(super) fn words(self, made: u64, of: Option<u64>, unit: (&str, &str)) -> String {
        let Ended { load, at_us, whole_us, rows } = self;
        // Whatever is finer than a millisecond is chance.
        let at = time(at_us / 1000 * 1000);
        let (one, many) = unit;
        let (after, lost) = match of {
            Some(of) => (
                format!("{} of its {}", count(made), several(of, one, many)),
                format!("; {} never began", count(of.saturating_sub(made))),
            ),
            None => (several(made, one, many), String::new()),
        };
        format!(
            "load {load} ended at {at} of its {}, after {after}: the rows of `{rows}` are used \
             up{lost}",
            time(whole_us)
        )
    }
}

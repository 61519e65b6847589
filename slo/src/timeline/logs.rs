//! Lines of services' output, folded in the order of the file.
//!
//! Invariant: lines are in the order in which they were read; indices point into the case.
//! Not here: what follows from them (`expectation`, `breaker`).

use super::{MOST, Malformed, believable};
use crate::case::Case;
use crate::event::{Lines, LogRead};
use std::collections::BTreeMap;

/// Everything that was looked for in services' output.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Logs {
    by_log: BTreeMap<usize, Vec<Lines>>,
    read: BTreeMap<usize, LogRead>,
}

impl Logs {
    /// Those that fit, by the instant at which they were read.
    pub(crate) fn of(&self, log: usize) -> &[Lines] {
        self.by_log.get(&log).map_or(&[], Vec::as_slice)
    }

    /// That all of the output was read; none where it was not.
    pub(crate) fn read(&self, log: usize) -> Option<&LogRead> {
        self.read.get(&log)
    }

    pub(super) fn add(&mut self, lines: &Lines, case: &Case) -> Result<(), Malformed> {
        check(lines.log, case)?;
        if believable(lines.to)? < lines.from {
            return Err(Malformed::new("a line was read before it was written"));
        }
        if lines.n > MOST || lines.unsure > MOST {
            return Err(Malformed::new("a log has more lines than any run writes"));
        }
        let all = self.by_log.entry(lines.log).or_default();
        let place = all.partition_point(|known| (known.to, known.from) <= (lines.to, lines.from));
        all.insert(place, lines.clone());
        Ok(())
    }

    pub(super) fn whole(&mut self, read: &LogRead, case: &Case) -> Result<(), Malformed> {
        check(read.log, case)?;
        believable(read.until)?;
        self.read.insert(read.log, *read);
        Ok(())
    }
}

fn check(log: usize, case: &Case) -> Result<(), Malformed> {
    if log < case.logs.len() {
        return Ok(());
    }
    Err(Malformed::new(format!("log {log} is read, which the case has not")))
}

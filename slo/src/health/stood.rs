//! Time in which the generator stood still: stopped by a signal or a debugger, or by a machine that paused
//! or gave it no core. What was due then was not sent, and answers waited for it.
//!
//! Arrivals that were due meanwhile are late, each counted. Who waits for answers is due when he begins:
//! of him no request tells, so this does.
//!
//! Invariant: threads overlap, and their time is counted once.
//! Not here: what a service took meanwhile, which the recorder leaves out of the service clock.

use super::Doubt;
use crate::case::{Case, LoadKind};
use crate::evidence::Evidence;
use crate::time::{SECOND_US, STANDSTILL_US};
use crate::timeline::Timeline;
use crate::words;
use std::collections::BTreeSet;

/// One part in so many of the time of a closed load may be without it: a twentieth.
const MOST: u64 = 20;

/// What would decide what such a generator did not.
const UNSTOPPED: &str =
    "a run in which nothing stops the generator: no debugger, no SIGSTOP, no pause of its machine";

/// How long a load stood still, of how long, µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stood {
    pub(crate) us: u64,
    /// In stretches that are long.
    pub(crate) long_us: u64,
    pub(crate) of_us: u64,
}

impl Stood {
    /// Of the time that a load was to send in.
    pub(crate) fn of(case: &Case, timeline: &Timeline, load: usize) -> Stood {
        let whole = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
        let Some((planned, zero)) = case.loads.get(load).zip(timeline.zero) else {
            return Stood::default();
        };
        let ended = timeline.ended().since(zero);
        let sends = (whole(planned.starts_us), whole(planned.ends_us).min(ended));
        Stood::within(timeline, load, &[sends])
    }

    /// In these stretches, µs after time 0.
    fn within(timeline: &Timeline, load: usize, stretches: &[(i64, i64)]) -> Stood {
        let still = still(timeline, load);
        let length = |(from, to): (i64, i64)| u64::try_from(to - from).unwrap_or(0);
        let each = stretches.iter().map(|(from, to)| {
            let both = |one: &&(i64, i64)| length((one.0.max(*from), one.1.min(*to)));
            let long = still.iter().filter(|one| length(**one) >= STANDSTILL_US);
            Stood {
                us: still.iter().map(|one| both(&one)).sum(),
                long_us: long.map(|one| both(&one)).sum(),
                of_us: length((*from, *to)),
            }
        });
        each.fold(Stood::default(), |sum, one| Stood {
            us: sum.us.saturating_add(one.us),
            long_us: sum.long_us.saturating_add(one.long_us),
            of_us: sum.of_us.saturating_add(one.of_us),
        })
    }

    /// Whether it is so much that requests alone do not tell how a closed load went.
    fn is_much(self) -> bool {
        u128::from(self.long_us) * u128::from(MOST) > u128::from(self.of_us)
    }

    /// What it means for what is asked of a load of users.
    pub(super) fn doubt(self, name: &str) -> Option<Doubt> {
        self.is_much().then(|| Doubt {
            reason: format!(
                "the generator stood still for {} of the {} of load `{name}` ({} is allowed): what its \
                 users would have met then nobody knows",
                words::about(self.long_us),
                words::duration(self.of_us),
                words::ratio(1, MOST)
            ),
            missing: UNSTOPPED.to_owned(),
        })
    }

    /// What the report tells of it.
    pub(crate) fn told(self, name: &str) -> Option<String> {
        let matters =
            self.long_us >= SECOND_US / 10 && u128::from(self.long_us) * 100 > self.of_us.into();
        matters.then(|| {
            format!(
                "load `{name}`: the generator stood still for {} of {} (SIGSTOP, a debugger, or a pause of \
                 its machine); that is left out of the service clock, and counts for no timeout",
                words::about(self.long_us),
                words::duration(self.of_us)
            )
        })
    }
}

/// Why what these stretches came to (µs after time 0) is unknown, of closed loads among these.
pub(crate) fn ill(
    evidence: &Evidence<'_>,
    used: &BTreeSet<usize>,
    stretches: &[(i64, i64)],
) -> Option<Doubt> {
    let closed = used.iter().filter_map(|index| Some((*index, evidence.case.loads.get(*index)?)));
    let mut closed = closed.filter(|(_, load)| load.kind == LoadKind::Users);
    closed.find_map(|(index, load)| {
        Stood::within(evidence.timeline, index, stretches).doubt(&load.name)
    })
}

/// Why a limit that the service alone has not broken is not known to be broken, where one of these loads
/// stood still.
pub(crate) fn excuse(evidence: &Evidence<'_>, used: &BTreeSet<usize>) -> Option<Doubt> {
    let stood = used.iter().filter_map(|index| Some((evidence.loads.get(*index)?.stood.us, index)));
    let (us, index) = stood.max().filter(|(us, _)| *us > 0)?;
    let name = evidence.case.loads.get(*index).map_or("?", |load| load.name.as_str());
    Some(Doubt {
        reason: format!(
            "the generator of load `{name}` stood still for {}, and without that the service kept to it",
            words::about(us)
        ),
        missing: UNSTOPPED.to_owned(),
    })
}

/// When it stood still, µs after time 0, in order and without overlaps.
fn still(timeline: &Timeline, load: usize) -> Vec<(i64, i64)> {
    let (Some(sum), Some(zero)) = (timeline.health.get(&load), timeline.zero) else {
        return Vec::new();
    };
    let mut all: Vec<(i64, i64)> =
        sum.stood.iter().map(|(from, to)| (from.since(zero), to.since(zero))).collect();
    all.sort_unstable();
    let mut apart: Vec<(i64, i64)> = Vec::new();
    for (from, to) in all {
        match apart.last_mut().filter(|last| from <= last.1) {
            Some(last) => last.1 = last.1.max(to),
            None => apart.push((from, to)),
        }
    }
    apart
}

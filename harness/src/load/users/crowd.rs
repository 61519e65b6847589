//! When each user of a crowd is wanted: the arithmetic of ramps, and of shared journeys.
//!
//! Invariant: at any instant exactly as many users are wanted as the crowd's line says, rounded
//! down, and always the first ones.
//! Not here: what a user does while it is wanted (`life`).

use crate::plan::users::Crowd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A stretch in which a user is wanted, µs after time 0, its end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) from_us: u64,
    pub(super) until_us: u64,
}

/// The most users at any instant: so many are started.
pub(super) fn peak(crowd: &Crowd) -> u64 {
    match crowd {
        Crowd::Constant { vus, .. } | Crowd::Shared { vus, .. } => *vus,
        Crowd::Ramping { start, stages } => {
            stages.iter().map(|(_, users)| *users).fold(*start, u64::max)
        }
    }
}

/// When the user with this number, counted from 0, is wanted: in order, none empty.
pub(super) fn shifts(crowd: &Crowd, user: u64) -> Vec<Shift> {
    match crowd {
        Crowd::Constant { vus, lasts_us, ramp_up_us } => {
            let from_us = scaled(*ramp_up_us, user, *vus);
            one(user < *vus, Shift { from_us, until_us: *lasts_us })
        }
        Crowd::Shared { vus, max_us, .. } => {
            one(user < *vus, Shift { from_us: 0, until_us: *max_us })
        }
        Crowd::Ramping { start, stages } => ramping(*start, stages, user),
    }
}

fn one(wanted: bool, shift: Shift) -> Vec<Shift> {
    if wanted && shift.from_us < shift.until_us { vec![shift] } else { Vec::new() }
}

/// On a straight line from `a` users to `b` over `lasts_us`, `n` of them are there once
/// `a + (b - a) * x / lasts_us >= n`.
fn ramping(start: u64, stages: &[(u64, u64)], user: u64) -> Vec<Shift> {
    let n = user.saturating_add(1);
    let mut shifts: Vec<Shift> = Vec::new();
    let (mut a, mut begins_us) = (start, 0_u64);
    for (lasts_us, b) in stages.iter().copied() {
        let (from_us, until_us) = match (a >= n, b >= n) {
            (true, true) => (0, lasts_us),
            // The first instant at or above n.
            (false, true) => (scaled_up(lasts_us, n - a, b - a), lasts_us),
            // The last instant at or above n, included.
            (true, false) => (0, scaled(lasts_us, a - n, a - b).saturating_add(1).min(lasts_us)),
            (false, false) => (0, 0),
        };
        if from_us < until_us {
            let from_us = begins_us.saturating_add(from_us);
            let until_us = begins_us.saturating_add(until_us);
            match shifts.last_mut() {
                Some(last) if last.until_us == from_us => last.until_us = until_us,
                _ => shifts.push(Shift { from_us, until_us }),
            }
        }
        (a, begins_us) = (b, begins_us.saturating_add(lasts_us));
    }
    shifts
}

/// `of * part / whole`, rounded down; 0 of nothing.
fn scaled(of: u64, part: u64, whole: u64) -> u64 {
    let exact = (u128::from(of) * u128::from(part)).checked_div(u128::from(whole));
    u64::try_from(exact.unwrap_or(0)).unwrap_or(u64::MAX)
}

/// `of * part / whole`, rounded up; 0 of nothing.
fn scaled_up(of: u64, part: u64, whole: u64) -> u64 {
    let whole = u128::from(whole).max(1);
    u64::try_from((u128::from(of) * u128::from(part)).div_ceil(whole)).unwrap_or(u64::MAX)
}

/// The journeys of a load, by their numbers.
#[derive(Debug)]
pub(super) struct Journeys {
    /// How many have begun.
    begun: AtomicU64,
    /// How many may, in all.
    most: u64,
    /// How many were to be made, where that was said,
    wanted: Option<u64>,
    /// and the rows that do not last for them.
    short: Option<String>,
    told: AtomicBool,
}

impl Journeys {
    /// Of a load whose rows, if they end it, suffice for so many.
    pub(super) fn of(crowd: &Crowd, rows: Option<(u64, String)>) -> Journeys {
        let wanted = match crowd {
            Crowd::Constant { .. } | Crowd::Ramping { .. } => None,
            Crowd::Shared { iterations, .. } => Some(*iterations),
        };
        let most = wanted.unwrap_or(u64::MAX);
        let short = rows.filter(|(last, _)| *last < most);
        Journeys {
            begun: AtomicU64::new(0),
            most: short.as_ref().map_or(most, |(last, _)| *last),
            wanted,
            short: short.map(|(_, rows)| rows),
            told: AtomicBool::new(false),
        }
    }

    /// What is to be told when none is left for want of rows: how many were made, of how many, and
    /// the rows. Only once.
    pub(super) fn used_up(&self) -> Option<(u64, Option<u64>, &str)> {
        let rows = self.short.as_ref()?;
        let first = !self.told.swap(true, Ordering::Relaxed);
        first.then_some((self.most, self.wanted, rows.as_str()))
    }

    /// How many were made and were to be, if those are more and their rows were not the reason.
    pub(super) fn unmade(&self, made: u64) -> Option<(u64, u64)> {
        let wanted = self.wanted.filter(|_| made < self.most)?;
        Some((made, wanted))
    }

    /// Takes the next; none if none is left.
    pub(super) fn take(&self) -> Option<u64> {
        let next = |begun: u64| (begun < self.most).then_some(begun + 1);
        self.begun.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shift(from_us: u64, until_us: u64) -> Shift {
        Shift { from_us, until_us }
    }

    /// The line itself, by its definition; none after its end.
    fn target(start: u64, stages: &[(u64, u64)], at_us: u64) -> u64 {
        let (mut a, mut begins) = (i128::from(start), 0);
        for (lasts, b) in stages {
            if at_us < begins + lasts {
                let x = i128::from(at_us - begins);
                let line = a * i128::from(*lasts) + (i128::from(*b) - a) * x;
                return line.div_euclid(i128::from(*lasts)) as u64;
            }
            (a, begins) = (i128::from(*b), begins + lasts);
        }
        0
    }

    fn wanted(crowd: &Crowd, at_us: u64) -> Vec<u64> {
        let at = |user: &u64| {
            shifts(crowd, *user)
                .iter()
                .any(|shift| (shift.from_us..shift.until_us).contains(&at_us))
        };
        (0..peak(crowd)).filter(at).collect()
    }

    #[test]
    fn constant_users_start_one_by_one() {
        let crowd = Crowd::Constant { vus: 4, lasts_us: 1_000, ramp_up_us: 100 };
        let all: Vec<_> = (0..4).flat_map(|user| shifts(&crowd, user)).collect();
        assert_eq!(all, [0, 25, 50, 75].map(|from| shift(from, 1_000)));
        assert!(shifts(&crowd, 4).is_empty());
        let brief = Crowd::Constant { vus: 4, lasts_us: 50, ramp_up_us: 100 };
        assert_eq!((0..4).filter(|user| !shifts(&brief, *user).is_empty()).count(), 2);
    }

    #[test]
    fn a_ramp_by_hand() {
        let stages = vec![(1_000, 10), (500, 10), (0, 4), (600, 1)];
        let crowd = Crowd::Ramping { start: 0, stages };
        assert_eq!(peak(&crowd), 10);
        assert_eq!(shifts(&crowd, 0), [shift(100, 2_100)]);
        assert_eq!(shifts(&crowd, 8), [shift(900, 1_500)]);
        // The tenth is there only once the line has reached ten.
        assert_eq!(shifts(&crowd, 9), [shift(1_000, 1_500)]);
        // From four down to one in 600: below three right after 200.
        assert_eq!(shifts(&crowd, 2), [shift(300, 1_701)]);
        let twice = Crowd::Ramping { start: 2, stages: vec![(10, 0), (10, 0), (10, 2)] };
        assert_eq!(shifts(&twice, 0), [shift(0, 6), shift(25, 30)]);
    }

    #[test]
    fn shared_journeys_are_taken_once_each() {
        let crowd = Crowd::Shared { vus: 3, iterations: 20, max_us: 5 };
        assert_eq!(shifts(&crowd, 2), [shift(0, 5)]);
        let journeys = Journeys::of(&crowd, None);
        assert_eq!(
            (0..50).filter_map(|_| journeys.take()).collect::<Vec<_>>(),
            Vec::from_iter(0..20)
        );
        assert_eq!((journeys.used_up(), journeys.unmade(20)), (None, None));
        assert_eq!(journeys.unmade(19), Some((19, 20)));
        let fewer_rows = Journeys::of(&crowd, Some((3, "users".to_owned())));
        assert_eq!((0..50).filter_map(|_| fewer_rows.take()).count(), 3);
        assert_eq!(fewer_rows.used_up(), Some((3, Some(20), "users")));
        assert_eq!(fewer_rows.used_up(), None, "it is told once");
        // Rows end it otherwise than its time does.
        assert_eq!((fewer_rows.unmade(3), fewer_rows.unmade(2)), (None, Some((2, 20))));
    }

    proptest! {
        #[test]
        fn as_many_are_wanted_as_the_line_says(
            start in 0..8_u64,
            stages in prop::collection::vec((0..40_u64, 0..8_u64), 0..6),
            at_us in 0..240_u64,
        ) {
            let expected = target(start, &stages, at_us);
            let crowd = Crowd::Ramping { start, stages };
            prop_assert_eq!(wanted(&crowd, at_us), (0..expected).collect::<Vec<_>>());
        }
    }
}

//! Who gets which row: requests of a load take them in the order in which they are due, and only
//! those that use a set take from it.
//!
//! Invariant: a pure function of the number of the request, so threads and machines that share a
//! load share its rows without a word between them, and a row is never given twice before all
//! were given once.
//! Invariant: the warm-up takes the first rows, the run goes on where it ended.
//! Not here: what becomes of a turn beyond the last row (`rows`), the journeys of users, which have
//! one number for all sets.

use super::Request;
use super::rows::Rows;
use crate::spec::types::WhenExhausted;
use std::sync::Arc;

/// How often the requests of a load's cycle take from each set.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    sets: Vec<Uses>,
    /// How many requests the warm-up sends.
    warmup: u64,
}

#[derive(Debug, Clone)]
struct Uses {
    rows: Arc<Rows>,
    /// How many requests of a cycle take from it before each of its places; last, all of them.
    before: Vec<u64>,
}

/// Which rows a request gets.
#[derive(Debug, Clone, Copy)]
pub enum Turn<'t> {
    /// Those of this number, of whatever set.
    Same(u64),
    /// This row of one set, and in others the one of the same number.
    Row {
        /// The set.
        set: &'t str,
        /// The index.
        row: usize,
    },
    /// Those that are next in each set.
    Counted {
        /// Of its load.
        turns: &'t Turns,
        /// The number of the request, from 0.
        k: u64,
        /// Of the warm-up, which counts apart.
        warmup: bool,
    },
}

impl Turn<'_> {
    /// The row of a set; none once all are used up.
    #[must_use]
    pub fn row(self, rows: &Rows, seed: u64) -> Option<usize> {
        match self {
            Turn::Row { set, row } if set == rows.name => Some(row),
            turn => rows.row(seed, turn.of(&rows.name)),
        }
    }

    /// The number of the turn, from 0, in the set of this name.
    #[must_use]
    pub fn of(self, set: &str) -> u64 {
        match self {
            Turn::Same(k) => k,
            Turn::Row { row, .. } => row as u64,
            Turn::Counted { turns, k, warmup } => turns.of(set, k, warmup),
        }
    }
}

impl Turns {
    /// Of a load: the k-th request is `cycle[k % cycle.len()]`, in the warm-up too.
    #[must_use]
    pub fn new(cycle: &[u16], requests: &[Request], warmup: u64) -> Turns {
        let mut sets: Vec<Uses> = Vec::new();
        let dynamics = || requests.iter().filter_map(|request| request.dynamic.as_ref());
        for rows in dynamics().flat_map(|dynamic| dynamic.sets()) {
            if sets.iter().any(|uses| uses.rows.name == rows.name) {
                continue;
            }
            let takes = |at: &u16| {
                let request = requests.get(usize::from(*at));
                let dynamic = request.and_then(|request| request.dynamic.as_ref());
                dynamic.is_some_and(|one| one.sets().any(|set| set.name == rows.name))
            };
            let mut before = vec![0];
            let mut sum = 0;
            for at in cycle {
                sum += u64::from(takes(at));
                before.push(sum);
            }
            sets.push(Uses { rows: Arc::clone(rows), before });
        }
        Turns { sets, warmup }
    }

    /// Of a load whose arrivals are journeys: each takes one row of every set that it uses.
    #[must_use]
    pub fn of_journeys(requests: &[Request], warmup: u64) -> Turns {
        let mut turns = Turns::new(&[], requests, warmup);
        turns.sets.iter_mut().for_each(|uses| uses.before = vec![0, 1]);
        turns
    }

    /// The number of a request or journey among all that its load sends, the warm-up's first.
    #[must_use]
    pub fn number(&self, k: u64, warmup: bool) -> u64 {
        if warmup { k } else { self.warmup.saturating_add(k) }
    }

    fn of(&self, set: &str, k: u64, warmup: bool) -> u64 {
        let Some(uses) = self.sets.iter().find(|uses| uses.rows.name == set) else { return k };
        let earlier = if warmup { 0 } else { uses.within(self.warmup) };
        earlier.saturating_add(uses.within(k))
    }

    /// How many requests have rows in every set that ends like this, and the set that ends first;
    /// none if none of them ends. The warm-up's are not counted; where they use up more than there
    /// is, none has.
    #[must_use]
    pub fn last(&self, when_exhausted: WhenExhausted) -> Option<(u64, &Rows)> {
        let ending = self.sets.iter().filter(|uses| uses.rows.when_exhausted == when_exhausted);
        let ends = ending.filter_map(|uses| {
            let left = uses.rows.lasts()?.checked_sub(uses.within(self.warmup));
            let k = left.map_or(Some(0), |left| uses.place(left))?;
            Some((k, uses.rows.as_ref()))
        });
        ends.min_by_key(|(k, _)| *k)
    }
}

impl Uses {
    /// How many of the first `n` requests take from it.
    fn within(&self, n: u64) -> u64 {
        let places = self.before.len().saturating_sub(1) as u64;
        let all = self.before.last().copied().unwrap_or(0);
        let (cycles, rest) = match n.checked_div(places) {
            Some(cycles) => (cycles, n % places),
            None => return 0,
        };
        let rest = usize::try_from(rest).ok().and_then(|rest| self.before.get(rest));
        cycles.saturating_mul(all).saturating_add(rest.copied().unwrap_or(0))
    }

    /// The request that takes from it when `n` others have; none if none ever does.
    fn place(&self, n: u64) -> Option<u64> {
        let places = self.before.len().checked_sub(1)? as u64;
        let all = *self.before.last()?;
        let (cycles, rest) = (n.checked_div(all)?, n % all);
        let place = self.before.iter().rposition(|before| *before == rest)? as u64;
        Some(cycles.saturating_mul(places).saturating_add(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::template::{Form, Scope, Template};
    use crate::plan::{Body, Dynamic, Text};
    use crate::spec::types::Pick;
    use proptest::prelude::*;

    fn rows(name: &str, n: usize) -> Arc<Rows> {
        Arc::new(Rows {
            name: name.to_owned(),
            pick: Pick::Unique,
            when_exhausted: WhenExhausted::Stop,
            columns: vec!["id".to_owned()],
            landed: crate::plan::rows::Landed::default(),
            values: (0..n).map(|at| vec![at.to_string()]).collect(),
        })
    }

    /// A request that takes from these sets, and from each twice.
    fn request(sets: &[Arc<Rows>]) -> Request {
        let mut path = Template::new(Form::Path, "path");
        for rows in sets.iter().chain(sets) {
            let text = Text(format!("/${{data.{}.id}}", rows.name));
            path.text(&text, Scope { sets, captures: &[] }, &mut Vec::new());
        }
        Request {
            name: "x".to_owned(),
            method: "GET".to_owned(),
            path: Text("/".to_owned()),
            headers: vec![],
            body: Body::Empty,
            check_status: vec![],
            timeout_us: 1,
            dynamic: Some(Dynamic { path: Some(path), ..Dynamic::default() }),
        }
    }

    proptest! {
        #[test]
        fn who_takes_takes_the_next(
            cycle in prop::collection::vec(0..3_u16, 1..8),
            n in 1..20_usize,
            warmup in 0..10_u64,
        ) {
            let (a, b) = (rows("a", n), rows("b", 100));
            let requests = [request(&[]), request(&[Arc::clone(&a)]), request(&[b, Arc::clone(&a)])];
            let turns = Turns::new(&cycle, &requests, warmup);
            let kind = |k: u64| cycle[(k % cycle.len() as u64) as usize];
            let mut next = 0;
            let mut ends = None;
            let all = (0..warmup).map(|k| (k, true)).chain((0..200).map(|k| (k, false)));
            for (k, warmup) in all {
                if kind(k) == 0 {
                    continue;
                }
                prop_assert_eq!(Turn::Counted { turns: &turns, k, warmup }.of("a"), next);
                if next >= n as u64 && ends.is_none() {
                    ends = Some(if warmup { 0 } else { k });
                }
                next += 1;
            }
            let last = turns.last(WhenExhausted::Stop);
            let of_a = last.filter(|(_, rows)| rows.name == "a");
            prop_assert_eq!(of_a.map(|(k, _)| k), ends);
            prop_assert_eq!(turns.last(WhenExhausted::Fail).map(|(k, _)| k), None);
        }
    }
}

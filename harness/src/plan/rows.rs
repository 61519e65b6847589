//! Rows that requests take their values from, and who gets which.
//!
//! Invariant: the row of the k-th request or journey is a function of k, the seed and the set.
//! Invariant: there is at least one row, and every row has every column of the file.
//! Not here: reading files (`compile::data`).

mod landed;

use super::chance;
use crate::spec::types::{Pick, WhenExhausted};
pub use landed::Landed;
use std::borrow::Cow;
use std::fmt;

/// A set of rows.
#[derive(Clone, PartialEq, Eq)]
pub struct Rows {
    /// Its name.
    pub name: String,
    /// Which row the next one gets.
    pub pick: Pick,
    /// What happens after the last row.
    pub when_exhausted: WhenExhausted,
    /// Names of the columns: those of the file, then those that the setup fills.
    pub columns: Vec<String>,
    /// One text for each column of the file, row after row.
    pub values: Vec<Vec<String>>,
    /// What the setup has filled in.
    pub landed: Landed,
}

impl Rows {
    /// The index of the row that the k-th request or journey gets; none once all are used up.
    #[must_use]
    pub fn row(&self, seed: u64, k: u64) -> Option<usize> {
        let rows = self.values.len() as u64;
        let row = match self.pick {
            Pick::Random => {
                chance::below(&mut chance::stream(seed, &["row", &self.name], &[k]), rows)
            }
            Pick::Sequential | Pick::Unique if k < rows => k,
            Pick::Sequential | Pick::Unique => match self.when_exhausted {
                WhenExhausted::Recycle => k.checked_rem(rows)?,
                WhenExhausted::Stop | WhenExhausted::Fail => return None,
            },
        };
        usize::try_from(row).ok().filter(|row| *row < self.values.len())
    }

    /// A value; none where there is no such row or column, or nothing has landed in it.
    #[must_use]
    pub fn value(&self, row: usize, column: usize) -> Option<Cow<'_, str>> {
        match self.values.get(row)?.get(column) {
            Some(value) => Some(Cow::Borrowed(value)),
            None => self.landed.value(row, column).map(|value| Cow::Owned(value.to_string())),
        }
    }

    /// How many columns the file has.
    #[must_use]
    pub fn own(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }

    /// How many requests or journeys have a row; none: as many as come.
    #[must_use]
    pub fn lasts(&self) -> Option<u64> {
        let ends = self.pick != Pick::Random && self.when_exhausted != WhenExhausted::Recycle;
        ends.then_some(self.values.len() as u64)
    }
}

/// Values may be passwords: only their number is shown.
impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("name", &self.name)
            .field("pick", &self.pick)
            .field("columns", &self.columns)
            .field("rows", &self.values.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn rows(pick: Pick, when_exhausted: WhenExhausted, n: usize) -> Rows {
        let values = (0..n).map(|at| vec![at.to_string()]).collect();
        let columns = vec!["id".to_owned()];
        let (name, landed) = ("users".to_owned(), Landed::default());
        Rows { name, pick, when_exhausted, columns, values, landed }
    }

    proptest! {
        #[test]
        fn sequential_covers_all_rows_in_turn(n in 1..50_usize, seed: u64) {
            for pick in [Pick::Sequential, Pick::Unique] {
                let rows = rows(pick, WhenExhausted::Recycle, n);
                let twice: Vec<_> = (0..2 * n as u64).filter_map(|k| rows.row(seed, k)).collect();
                prop_assert_eq!(twice, (0..n).chain(0..n).collect::<Vec<_>>());
                prop_assert_eq!(rows.lasts(), None);
            }
        }

        #[test]
        fn unique_never_repeats(n in 1..50_usize, seed: u64) {
            for end in [WhenExhausted::Stop, WhenExhausted::Fail] {
                let rows = rows(Pick::Unique, end, n);
                let given: Vec<usize> = (0..200).filter_map(|k| rows.row(seed, k)).collect();
                prop_assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len());
                prop_assert_eq!(given.len(), n);
                prop_assert_eq!(rows.row(seed, u64::MAX), None);
                prop_assert_eq!(rows.lasts(), Some(n as u64));
            }
        }

        #[test]
        fn random_is_the_same_in_every_run(n in 1..50_usize, seed: u64, k: u64) {
            let rows = rows(Pick::Random, WhenExhausted::Recycle, n);
            prop_assert_eq!(rows.row(seed, k), rows.row(seed, k));
            prop_assert!(rows.row(seed, k).is_some_and(|row| row < n));
        }
    }

    #[test]
    fn what_lands_is_there_for_all_and_the_newest_counts() {
        let mut users = rows(Pick::Sequential, WhenExhausted::Recycle, 2);
        users.columns.push("token".to_owned());
        let other = users.clone();
        assert_eq!((users.own(), users.value(1, 1)), (1, None));
        users.landed.land(1, 1, "old");
        users.landed.land(1, 1, "new");
        assert_eq!(other.value(1, 1).as_deref(), Some("new"));
        assert_eq!((other.value(0, 1), other.value(1, 0).as_deref()), (None, Some("1")));
        assert!(!format!("{users:?}").contains("new"));
    }

    #[test]
    fn random_reaches_every_row_and_follows_the_seed() {
        let rows = rows(Pick::Random, WhenExhausted::Recycle, 5);
        let drawn = |seed| (0..100).filter_map(|k| rows.row(seed, k)).collect::<Vec<_>>();
        assert_eq!(drawn(1).into_iter().collect::<BTreeSet<_>>().len(), 5);
        assert_ne!(drawn(1), drawn(2));
        assert_eq!(rows.lasts(), None);
        assert!(!format!("{rows:?}").contains("values"));
    }
}

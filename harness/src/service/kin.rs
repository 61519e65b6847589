//! Who descends from whom, from one look at the process table.
//!
//! Invariant: a parent is never younger than its child. The table is not read in one moment, so a
//! younger one is a stranger that got the parent's number meanwhile.
//! Not here: reading the table (`table`), what is done with those found (`ending`).

use super::table::{Entry, Id};
use std::collections::{BTreeMap, BTreeSet};

/// The roots that are there and everybody who descends from them, without the spared ones and
/// who descends from those.
pub(super) fn kin(table: &[Entry], roots: &BTreeSet<Id>, spared: &BTreeSet<Id>) -> BTreeSet<Id> {
    let mut children: BTreeMap<i32, Vec<&Entry>> = BTreeMap::new();
    for entry in table {
        children.entry(entry.ppid).or_default().push(entry);
    }
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&Entry> =
        table.iter().filter(|entry| roots.contains(&entry.id())).collect();
    while let Some(entry) = waiting.pop() {
        if !spared.contains(&entry.id()) && found.insert(entry.id()) {
            let born = children.get(&entry.pid).into_iter().flatten();
            waiting.extend(born.filter(|child| child.start >= entry.start));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// pid, parent, start time.
    fn table(rows: &[(i32, i32, u64)]) -> Vec<Entry> {
        let entry = |&(pid, ppid, start): &(i32, i32, u64)| Entry {
            pid,
            ppid,
            start,
            pgid: pid,
            state: 'S',
            threads: 1,
            comm: "x".to_owned(),
        };
        rows.iter().map(entry).collect()
    }

    fn pids(table: &[Entry], roots: &[Id], spared: &[Id]) -> Vec<i32> {
        let set = |ids: &[Id]| ids.iter().copied().collect();
        kin(table, &set(roots), &set(spared)).into_iter().map(|(pid, _)| pid).collect()
    }

    #[test]
    fn whole_families_without_the_spared() {
        let table = table(&[(1, 0, 0), (5, 1, 9), (6, 5, 9), (7, 6, 20), (8, 5, 21), (9, 1, 30)]);
        assert_eq!(pids(&table, &[(5, 9)], &[]), [5, 6, 7, 8]);
        assert_eq!(pids(&table, &[(5, 9)], &[(6, 9)]), [5, 8]);
        assert_eq!(pids(&table, &[(5, 9)], &[(6, 8)]), [5, 6, 7, 8]);
        assert_eq!(pids(&table, &[(5, 9), (9, 30), (77, 1)], &[(5, 9)]), [9]);
    }

    #[test]
    fn a_number_that_was_used_again_has_no_children_older_than_itself() {
        let table = table(&[(5, 1, 50), (6, 5, 20), (7, 5, 60)]);
        assert_eq!(pids(&table, &[(5, 50)], &[]), [5, 7]);
        assert_eq!(pids(&table, &[(5, 9)], &[]), [0; 0]);
    }

    #[test]
    fn a_ring_ends() {
        let table = table(&[(5, 6, 1), (6, 5, 1)]);
        assert_eq!(pids(&table, &[(5, 1)], &[]), [5, 6]);
    }
}

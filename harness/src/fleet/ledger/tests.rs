//! Accounts against the set definitions, and what they cost.

use super::*;
use crate::fleet::tests::fleet;
use crate::plan;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn devices(count: u64) -> Devices {
    Devices::new(&plan::Fleet { devices: count, every_us: 1_000_000, ..fleet() }, 1)
}

fn account(devices: usize, samples: u64) -> Account {
    let mut account = Account::new(0, devices).unwrap();
    for _ in 0..samples {
        (0..devices).for_each(|device| account.generated(device));
    }
    account.start_reading();
    account
}

#[test]
fn counts_lost_and_lost_though_acknowledged() {
    let mut account = account(2, 300);
    (1..=300).for_each(|sample| account.acknowledged(0, sample, 5_000));
    account.acknowledged(0, 7, 9_000);
    account.found_range(0, 1, 299);
    account.found_range(1, 1, 10);
    account.found_repeats(2);
    account.found_repeats(1);
    let store = account.store();
    assert_eq!((store.found, store.lost, store.lost_acknowledged), (309, 291, 1));
    assert_eq!((store.duplicated, store.unexpected, store.out_of_order), (Some(3), 0, None));
    let ledger = account.ledger(&devices(2), Ok(store));
    assert_eq!((ledger.generated, ledger.acknowledged, ledger.age_max_us), (600, 300, 5_000));
    assert_eq!(ledger.age_p95_us, 5_000);
    assert_eq!(ledger.first_lost[0], "TRUCK-21-0002 generated sample 11 at 10.500 s.");
}

#[test]
fn ranges_beyond_what_was_generated_are_unexpected() {
    let mut account = account(1, 10);
    account.found_range(0, 0, 12);
    account.found_range(0, 20, 20);
    account.found_range(0, 5, 4);
    let store = account.store();
    assert_eq!((store.found, store.lost, store.unexpected), (10, 0, 4));
    assert_eq!(store.duplicated, None);
    account.found_range(0, 0, u64::MAX);
    account.found_range(7, 1, 2);
    assert_eq!(account.store().found, 10);
}

#[test]
fn a_new_reading_starts_anew() {
    let mut account = account(1, 3);
    account.found_item(0, 3);
    account.found_item(0, 2);
    account.found_item(0, 2);
    assert!(!account.found_item(0, 4));
    let store = account.store();
    assert_eq!((store.found, store.duplicated, store.out_of_order), (2, Some(1), Some(1)));
    account.start_reading();
    account.reads_items();
    let store = account.store();
    assert_eq!((store.found, store.duplicated, store.out_of_order), (0, Some(0), Some(0)));
}

#[test]
fn stories_say_what_is_known() {
    let told = |change: &dyn Fn(&mut Account)| {
        let mut account = account(1, 1);
        change(&mut account);
        account.ledger(&devices(1), Ok(account.store())).first_lost.join(" ")
    };
    let start = "TRUCK-21-0001 generated sample 1 at 0.000 s.";
    let end = "The store does not have it.";
    let never = told(&|_| {});
    assert_eq!(never, format!("{start} It was never attempted. It was never acknowledged. {end}"));
    let refused = told(&|account| {
        account.tried(0, 1, Outcome::ConnectError, 2_000);
        account.tried(0, 1, Outcome::ConnectError, 3_000);
        account.tried(0, 1, Outcome::FastFail, 5_500_000);
    });
    assert_eq!(
        refused,
        format!(
            "{start} It was attempted 2 times. The gateway's open breaker turned it away once. \
             Its last try ended at 5.500 s as fast_fail. It was never acknowledged. {end}"
        )
    );
    let forgotten = told(&|account| {
        account.tried(0, 1, Outcome::Ok, 1_000);
        account.acknowledged(0, 1, 1_000);
    });
    assert_eq!(
        forgotten,
        format!("{start} It was attempted once. It was acknowledged at 0.001 s. {end}")
    );
    let discarded = told(&|account| account.discarded(0, 1, 9_000));
    assert!(discarded.contains("discarded it at 0.009 s: its outbox was full."), "{discarded}");
    assert_eq!(told(&|account| account.found_range(0, 1, 1)), "");
}

#[test]
fn an_unread_store_tells_no_story() {
    let ledger = account(1, 1).ledger(&devices(1), Err("no answer".to_owned()));
    assert_eq!((ledger.store, ledger.problem.as_deref()), (None, Some("no answer")));
    assert!(ledger.first_lost.is_empty());
}

#[test]
fn the_backlogs_extremes_are_kept_between_looks() {
    let mut account = Account::new(3, 1).unwrap();
    (0..5).for_each(|_| account.generated(0));
    (1..=4).for_each(|sample| account.acknowledged(0, sample, 1));
    account.generated(0);
    let backlog = account.take_backlog(At(9));
    assert_eq!((backlog.fleet, backlog.generated, backlog.acknowledged), (3, 6, 4));
    assert_eq!((backlog.peak, backlog.least), (5, 0));
    assert_eq!(account.take_backlog(At(10)).peak, 2);
    assert_eq!(account.take_backlog(At(11)).least, 2);
}

#[test]
fn ten_million_samples_fit_into_200_mib() {
    let mut account = Account::new(0, 10_000).unwrap();
    for _ in 0..1000 {
        (0..10_000).for_each(|device| account.generated(device));
    }
    let bytes: usize = account
        .devices
        .iter()
        .map(|samples| {
            let entries: usize = samples.shelves.iter().map(Vec::capacity).sum();
            size_of::<Samples>()
                + samples.shelves.capacity() * size_of::<Vec<Entry>>()
                + entries * size_of::<Entry>()
        })
        .sum();
    assert!(bytes < 100 << 20, "{bytes}");
    assert_eq!(account.store().lost, 10_000_000);
}

proptest! {
    #[test]
    fn sets_say_the_same(
        acknowledged in proptest::collection::btree_set(1_u64..600, 0..300),
        items in proptest::collection::vec(1_u64..700, 0..400),
    ) {
        let mut account = account(1, 550);
        account.reads_items();
        acknowledged.iter().for_each(|sample| account.acknowledged(0, *sample, 1));
        for item in &items {
            prop_assert_eq!(account.found_item(0, *item), *item <= 550);
        }
        let generated: BTreeSet<u64> = (1..=550).collect();
        let read: BTreeSet<u64> = items.iter().copied().collect();
        let acknowledged: BTreeSet<u64> = acknowledged.intersection(&generated).copied().collect();
        let twice = generated.iter().filter(|n| items.iter().filter(|m| m == n).count() > 1);
        let ours: Vec<u64> = items.iter().copied().filter(|n| *n <= 550).collect();
        let store = account.store();
        prop_assert_eq!(store.lost, generated.difference(&read).count() as u64);
        prop_assert_eq!(store.lost_acknowledged, acknowledged.difference(&read).count() as u64);
        prop_assert_eq!(store.duplicated, Some(twice.count() as u64));
        let falls = ours.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
        prop_assert_eq!(store.out_of_order, Some(falls));
    }
}

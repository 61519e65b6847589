//! Tables of inputs and the actions that they cause, and laws over any order of inputs.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const RULES: Rules = Rules {
    devices: 3,
    in_flight: 2,
    buffer_max: 100,
    when_full: WhenFull::DropOldest,
    delivery: Delivery::StoreAndForward,
    features: false,
};

fn send(device: usize, sample: u64, before: u64) -> Action {
    Action::Send { device, sample, before }
}

fn discard(device: usize, sample: u64) -> Action {
    Action::Discard { device, sample }
}

/// Feeds inputs one by one; each must cause exactly its actions.
fn table(rules: Rules, rows: &[(Input, &[Action])]) -> Gateway {
    let mut gateway = Gateway::new(rules);
    for (line, (input, expected)) in rows.iter().enumerate() {
        let mut actions = Vec::new();
        gateway.step(*input, &mut actions);
        assert_eq!(&actions, expected, "line {line}: {input:?}");
    }
    gateway
}

use Input::{Delivered, Failed, FeaturesEnded, Nudge, Sample};

#[test]
fn stores_and_forwards_one_of_a_device_and_so_many_in_all() {
    let gateway = table(
        RULES,
        &[
            (Sample(0, 1), &[send(0, 1, 0)]),
            (Sample(0, 2), &[]),
            (Sample(1, 1), &[send(1, 1, 0)]),
            (Sample(2, 1), &[]),
            (Delivered(0), &[send(2, 1, 0)]),
            (Delivered(1), &[send(0, 2, 0)]),
            (Delivered(2), &[]),
            (Delivered(0), &[]),
        ],
    );
    assert!(gateway.is_done());
}

#[test]
fn replays_after_an_outage_in_order_at_once() {
    let gateway = table(
        RULES,
        &[
            (Sample(0, 1), &[send(0, 1, 0)]),
            (Failed(0, 3), &[]),
            (Sample(0, 2), &[send(0, 1, 3)]),
            (Failed(0, 0), &[]),
            (Nudge(0), &[send(0, 1, 3)]),
            (Sample(0, 3), &[]),
            (Delivered(0), &[send(0, 2, 0)]),
            (Delivered(0), &[send(0, 3, 0)]),
            (Delivered(0), &[]),
            (Nudge(0), &[]),
        ],
    );
    assert!(gateway.is_done());
}

#[test]
fn a_full_outbox_discards_the_oldest_of_all_devices() {
    let rules = Rules { buffer_max: 3, in_flight: 1, ..RULES };
    let gateway = table(
        rules,
        &[
            (Sample(1, 1), &[send(1, 1, 0)]),
            (Sample(2, 1), &[]),
            (Sample(0, 2), &[]),
            (Sample(1, 2), &[discard(2, 1)]),
            // The one under way is not the oldest that can go.
            (Sample(2, 2), &[discard(0, 2)]),
            (Delivered(1), &[send(2, 2, 0)]),
            (Failed(2, 1), &[send(1, 2, 0)]),
            (Delivered(1), &[]),
            (Nudge(2), &[send(2, 2, 1)]),
            (Delivered(2), &[]),
        ],
    );
    assert!(gateway.is_done());
}

#[test]
fn a_full_outbox_discards_the_newest_if_told_so_or_if_nothing_waits() {
    let newest = Rules { buffer_max: 2, when_full: WhenFull::DropNewest, ..RULES };
    let gateway = table(
        newest,
        &[
            (Sample(0, 1), &[send(0, 1, 0)]),
            (Sample(0, 2), &[]),
            (Sample(0, 3), &[discard(0, 3)]),
            (Delivered(0), &[send(0, 2, 0)]),
            (Sample(0, 4), &[]),
            (Delivered(0), &[send(0, 4, 0)]),
        ],
    );
    assert_eq!(gateway.held(), 1);
    let tight = Rules { buffer_max: 1, ..RULES };
    table(tight, &[(Sample(0, 1), &[send(0, 1, 0)]), (Sample(1, 1), &[discard(1, 1)])]);
    let none = Rules { buffer_max: 0, ..RULES };
    table(none, &[(Sample(0, 1), &[discard(0, 1)]), (Nudge(0), &[])]);
}

#[test]
fn an_end_that_nobody_waits_for_changes_nothing() {
    let gateway = table(
        RULES,
        &[
            (Delivered(0), &[]),
            (Failed(0, 1), &[]),
            (Sample(0, 1), &[send(0, 1, 0)]),
            (FeaturesEnded(0), &[]),
            (Delivered(0), &[]),
            (Delivered(0), &[]),
            (Failed(9, 1), &[]),
            (Sample(9, 1), &[]),
        ],
    );
    assert!(gateway.is_done());
}

#[test]
fn forgets_before_sending_and_goes_on_whatever_the_end() {
    let rules = Rules { delivery: Delivery::FireAndForget, in_flight: 1, ..RULES };
    let mut gateway = table(
        rules,
        &[(Sample(0, 1), &[send(0, 1, 0)]), (Sample(0, 2), &[]), (Failed(0, 3), &[send(0, 2, 0)])],
    );
    assert_eq!(gateway.held(), 0);
    assert!(!gateway.is_done());
    gateway.step(Failed(0, 3), &mut Vec::new());
    assert!(gateway.is_done());
}

#[test]
fn features_follow_each_tenth_sample_in_its_place() {
    let rules = Rules { features: true, in_flight: 1, ..RULES };
    let gateway = table(
        rules,
        &[
            (Sample(0, 10), &[send(0, 10, 0)]),
            (Sample(0, 11), &[]),
            (Sample(1, 1), &[]),
            (Delivered(0), &[Action::Features { device: 0, sample: 10 }]),
            (Failed(0, 1), &[]),
            (FeaturesEnded(0), &[send(1, 1, 0)]),
            (Delivered(1), &[send(0, 11, 0)]),
            (Delivered(0), &[]),
        ],
    );
    assert!(gateway.is_done());
}

#[test]
fn a_week_of_outage_needs_little_and_keeps_the_newest() {
    let rules = Rules { devices: 2, buffer_max: 20_000, ..RULES };
    let mut gateway = Gateway::new(rules);
    let mut discarded = 0;
    let week = 7 * 24 * 3600;
    for sample in 1..=week {
        for device in 0..2 {
            let mut actions = Vec::new();
            gateway.step(Sample(device, sample), &mut actions);
            for action in actions {
                match action {
                    Action::Send { device, .. } => gateway.step(Failed(device, 0), &mut Vec::new()),
                    Action::Discard { .. } => discarded += 1,
                    Action::Features { .. } => unreachable!(),
                }
            }
        }
    }
    assert_eq!((gateway.held(), discarded), (20_000, 2 * week - 20_000));
    let (mut left, mut actions) = (Vec::new(), Vec::new());
    (0..2).for_each(|device| gateway.step(Nudge(device), &mut actions));
    while let Some(Action::Send { device, sample, .. }) = actions.pop() {
        left.push((sample, device));
        gateway.step(Delivered(device), &mut actions);
    }
    left.sort_unstable();
    assert_eq!((left.len(), left[0], gateway.is_done()), (20_000, (week - 9_999, 0), true));
}

proptest! {
    /// Whatever happens in whatever order: nothing is lost, doubled, or out of order.
    #[test]
    fn every_sample_leaves_once(
        steps in proptest::collection::vec((0_u8..4, 0_usize..3), 1..400),
        buffer_max in 0_usize..12,
        in_flight in 1_usize..4,
        newest in any::<bool>(),
        forget in any::<bool>(),
    ) {
        let rules = Rules {
            buffer_max,
            in_flight,
            when_full: if newest { WhenFull::DropNewest } else { WhenFull::DropOldest },
            delivery: if forget { Delivery::FireAndForget } else { Delivery::StoreAndForward },
            ..RULES
        };
        let mut gateway = Gateway::new(rules);
        let mut next = [1_u64; 3];
        let mut flying: BTreeMap<usize, u64> = BTreeMap::new();
        let mut gone: BTreeMap<(usize, u64), u32> = BTreeMap::new();
        let mut delivered = [0_u64; 3];
        let drain = (0..200).map(|step| (step % 2, step as usize / 2 % 3));
        for (what, device) in steps.into_iter().chain(drain.map(|(w, d)| (w + 4, d))) {
            let input = match what {
                0 => { next[device] += 1; Sample(device, next[device] - 1) }
                1 | 5 => Delivered(device),
                2 => Failed(device, 1),
                _ => Nudge(device),
            };
            match input {
                Delivered(device) => if let Some(sample) = flying.remove(&device) {
                    prop_assert!(sample > delivered[device]);
                    delivered[device] = sample;
                    *gone.entry((device, sample)).or_default() += 1;
                },
                Failed(device, _) => if let Some(sample) = flying.remove(&device) && forget {
                    *gone.entry((device, sample)).or_default() += 1;
                },
                _ => {}
            }
            let mut actions = Vec::new();
            gateway.step(input, &mut actions);
            for action in actions {
                match action {
                    Action::Send { device, sample, .. } => {
                        prop_assert_eq!(flying.insert(device, sample), None);
                    }
                    Action::Discard { device, sample } => {
                        *gone.entry((device, sample)).or_default() += 1;
                    }
                    Action::Features { .. } => unreachable!(),
                }
            }
            prop_assert!(flying.len() <= in_flight && gateway.held() <= buffer_max);
        }
        prop_assert!(gateway.is_done());
        prop_assert!(gone.values().all(|times| *times == 1));
        prop_assert_eq!(gone.len() as u64, next.iter().map(|next| next - 1).sum::<u64>());
    }
}

//! Slices of seconds beside the share of requests: the same run, two numbers.
//! Not here: what bad slices decide (`tests`).

use crate::case::Ask;
use crate::outcome::Outcome;
use crate::script::Script;
use crate::time::Share;

/// Source: slo.md D3, slices 1000/1000, 10/10, 5/10, 1000/1000.
#[test]
fn a_slice_counts_once_however_many_requests_it_has() {
    let slices = [(1000, 1000), (10, 10), (5, 10), (1000, 1000)];
    let ask = Ask::Availability {
        at_least: Share(990_000_000),
        slice_s: 1,
        slice_target: Share(950_000_000),
        slice_least: 5,
    };
    let mut script = Script::new(4).objective("up", ask).errors();
    for (second, (good, all)) in (0..).zip(slices) {
        for (outcome, n) in [(Outcome::Ok, good), (Outcome::Http5xx, all - good)] {
            let cell = script.cell(second, outcome, n);
            script = if n > 0 { script.add(cell) } else { script };
        }
    }
    let card = script.complete().judge();
    let [up, errors] = &card.objectives[..] else { panic!("{:?}", card.objectives) };
    assert_eq!((up.n, up.k), (4, 1)); // 0.75
    assert_eq!((errors.n, errors.k), (2020, 5));
    assert!((1.0 - errors.k as f64 / errors.n as f64 - 0.997_524_752).abs() < 1e-9);
}

//! Laws over random runs.
//! Not here: the laws of intervals, which are beside them.

use super::*;
use crate::event::Straddle;
use crate::judge;
use crate::scorecard::Verdict;
use proptest::prelude::*;

/// A cell of a run with a fault from 20 s to 25 s: second, outcome, how many, how many fast,
/// whether it straddles.
type Sketch = (i64, usize, u64, u64, bool);

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let one = (0i64..60, 0usize..11, 1u64..40, 0u64..40, any::<bool>());
    // Mostly ok: random outcomes alone would never be met.
    let ok = (0i64..60).prop_map(|second| (second, 0, 90, 90, false));
    proptest::collection::vec(prop_oneof![1 => one, 9 => ok], 20..120)
}

fn script(sketches: &[Sketch]) -> Script {
    let script = Script::new(60).errors().fast().recovers(5).fault(20_000..25_000, hit(500));
    sketches.iter().fold(script, |script, sketch| {
        let cell = cell(&script, sketch);
        script.add(cell)
    })
}

fn cell(script: &Script, (second, outcome, n, fast, straddles): &Sketch) -> Cell {
    let mut cell = script.cell(*second, Outcome::ALL[*outcome], *n);
    cell.marks[FAST] = (*fast).min(*n);
    cell.marks[FAST_SERVICE] = (*fast).min(*n);
    if *straddles && *second < 20 {
        cell.straddle = Some(Straddle { fault: 0, older_than: *fast as usize % 3 });
    }
    cell
}

/// The objectives' verdicts.
fn verdicts(script: &Script) -> Vec<Verdict> {
    script.judge().objectives.iter().map(|score| score.verdict).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Cells may be split and come in any order.
    #[test]
    fn splitting_and_order(sketches in sketches(), turn in 0usize..100) {
        let whole = script(&sketches).complete();
        let mut cells: Vec<Cell> = Vec::new();
        for sketch in &sketches {
            let whole_cell = cell(&whole, sketch);
            let mut half = whole_cell.clone();
            half.n /= 2;
            half.marks.iter_mut().for_each(|mark| *mark /= 2);
            let mut rest = whole_cell.clone();
            rest.n -= half.n;
            rest.marks.iter_mut().zip(&half.marks).for_each(|(all, half)| *all -= half);
            cells.extend([half, rest]);
        }
        let middle = turn % cells.len();
        cells.rotate_left(middle);
        let split = cells.into_iter().fold(script(&[]), Script::add).complete();
        prop_assert_eq!(whole.judge(), split.judge());
    }

    /// A stricter limit or a higher confidence never turns violated into met.
    #[test]
    fn stricter_is_never_better(sketches in sketches(), below in 1_000u64..1_000_000) {
        let loose = script(&sketches).complete();
        let mut strict = loose.clone();
        strict.case.objectives[0].ask = Ask::ErrorRate { below: Share(below) };
        prop_assert!(strict.first().verdict >= loose.first().verdict);
        let mut sure = loose.clone();
        sure.case.objectives[0].confidence = Share(999_000_000);
        let (sure, loose) = (sure.first().verdict, loose.first().verdict);
        prop_assert!(sure == loose || sure == Inconclusive);
    }

    /// An objective's verdict depends on no other.
    #[test]
    fn objectives_are_judged_alone(sketches in sketches()) {
        let both = script(&sketches).complete();
        let mut one = both.clone();
        one.case.objectives.remove(0);
        one.case.expectations.clear();
        prop_assert_eq!(&both.judge().objectives[1], &one.judge().objectives[0]);
    }

    /// A bad request more makes nothing better.
    #[test]
    fn bad_is_bad(sketches in sketches(), second in 0i64..60, bad in 1u64..50) {
        // One more that was sent makes a generator less short: without unsent ones.
        let sent = |sketch: &&Sketch| Outcome::ALL[sketch.1] != Outcome::NotSent;
        let sketches: Vec<Sketch> = sketches.iter().filter(sent).copied().collect();
        let before = script(&sketches);
        let failed = before.cell(second, Outcome::Timeout, bad);
        let after = before.clone().add(failed).complete();
        for (after, before) in verdicts(&after).iter().zip(verdicts(&before.complete())) {
            prop_assert!(*after >= before);
        }
    }

    /// Every cut of every run is judged, and never met.
    #[test]
    fn cuts(sketches in sketches(), at in 0usize..200) {
        let script = script(&sketches);
        let entries = &script.entries[..at.min(script.entries.len())];
        let timeline = crate::Timeline::from_entries(entries, &script.case).unwrap();
        let card = judge(&script.case, &timeline);
        prop_assert!(card.verdict != Met);
        for score in &card.objectives {
            prop_assert_eq!(score.missing.is_some(), score.verdict == Inconclusive);
            prop_assert!(score.k <= score.n && score.coverage <= 1.0);
        }
    }
}

#[test]
fn a_million_cells() {
    let mut script = Script::new(20_000).errors().fast();
    for second in 0..20_000 {
        let cell = script.cell(second, Outcome::Ok, 1);
        let cells =
            (0..50u16).map(|status| Cell { status: 200 + status, ..cell.clone() }).collect();
        script.case.loads[0].planned += 50;
        script.push(At(0), Event::Cells(cells));
    }
    let card = script.complete().judge();
    assert_eq!((card.verdict, card.objectives[0].n), (Met, 1_000_000));
}

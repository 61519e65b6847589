//! Journals that were cut or edited: refused or judged, never a panic, never met by it.
//! Not here: files (harness).

use super::*;
use crate::event::{Edge, EdgeKind};
use crate::script::MARKS;
use crate::{Straddle, Timeline, judge};
use proptest::prelude::*;

fn run() -> Script {
    let script = Script::new(90).errors().fast().recovers(5).fault(20_000..25_000, hit(500));
    script.run(0..20, 0).run(20..25, 100).run(25..90, 0).complete()
}

#[test]
fn cut_at_any_entry() {
    let script = run();
    assert_eq!(script.judge().verdict, Met);
    for cut in 0..script.entries.len() {
        let timeline = Timeline::from_entries(&script.entries[..cut], &script.case).unwrap();
        assert_ne!(judge(&script.case, &timeline).verdict, Met, "{cut}");
    }
}

#[test]
fn without_any_one_entry() {
    let script = run();
    for left_out in 0..script.entries.len() {
        let mut edited = script.clone();
        let entry = edited.entries.remove(left_out);
        if let Ok(timeline) = edited.timeline() {
            let verdict = judge(&edited.case, &timeline).verdict;
            // One second less is enough to be unsure, unless it was judged by nobody; when a fault
            // was asked for is for people.
            let harmless = match &entry.event {
                Event::Edge(edge) => edge.edge == EdgeKind::Asked,
                _ => false,
            };
            assert_eq!(verdict == Met, harmless, "{entry:?}");
        }
    }
}

#[test]
fn edited_lines_are_refused() {
    let refused = |edit: &dyn Fn(&mut Script)| {
        let mut script = run();
        edit(&mut script);
        script.timeline().unwrap_err().to_string()
    };
    let first_cell = |change: &dyn Fn(&mut Cell)| {
        refused(&|script: &mut Script| {
            let cells = script.entries.iter_mut().find_map(|entry| match &mut entry.event {
                Event::Cells(cells) => Some(cells),
                _ => None,
            });
            change(&mut cells.unwrap()[0]);
        })
    };
    assert!(first_cell(&|cell| cell.load = 9).contains("load 9"));
    assert!(first_cell(&|cell| cell.request = usize::MAX).contains("request"));
    assert!(first_cell(&|cell| cell.marks.truncate(1)).contains("predicates"));
    assert!(first_cell(&|cell| cell.marks[0] = cell.n + 1).contains("more that satisfy"));
    assert!(first_cell(&|cell| cell.n = u64::MAX).contains("more requests"));
    assert!(first_cell(&|cell| cell.segment = 4).contains("segment 4"));
    assert!(first_cell(&|cell| cell.segment = usize::MAX).contains("segment"));
    assert!(first_cell(&|cell| cell.second = i64::MIN).contains("second"));
    assert!(first_cell(&|cell| cell.second = i64::MAX).contains("second"));
    let straddle = Straddle { fault: 3, older_than: 0 };
    assert!(first_cell(&|cell| cell.straddle = Some(straddle)).contains("age"));

    let pushed = |event: Event| {
        refused(&|script: &mut Script| {
            let last = script.entries.len() - 1;
            script.entries.insert(last, Entry { at: At(1), event: event.clone() });
        })
    };
    let edge = |fault, edge, at| Event::Edge(Edge { fault, edge, at, effect: None });
    assert!(pushed(Event::Zero { zero: ZERO }).contains("twice"));
    assert!(pushed(edge(7, EdgeKind::Asked, At(0))).contains("fault 7"));
    assert!(pushed(edge(0, EdgeKind::Applied, At(0))).contains("before time 0"));
    assert!(pushed(edge(0, EdgeKind::Applied, ZERO)).contains("before it had been cleared"));
    assert!(pushed(edge(0, EdgeKind::Cleared, At(99_000_000))).contains("without"));
    assert!(pushed(edge(0, EdgeKind::Asked, At(u64::MAX))).contains("115 days"));
    let after_end = refused(&|script| script.push(At(1), script.entries[0].event.clone()));
    assert!(after_end.contains("after the end"));
}

#[test]
fn an_edited_case_is_refused() {
    let refused = |edit: &dyn Fn(&mut crate::Case)| {
        let mut script = run();
        edit(&mut script.case);
        script.timeline().is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|case| case.objectives[0].late_mark = 0));
    assert!(refused(&|case| case.objectives[0].late_mark = MARKS));
    assert!(refused(&|case| case.objectives[0].of[0].load = 1));
    assert!(refused(&|case| case.objectives[0].during.push(During::Named(1))));
    assert!(refused(&|case| case.objectives[0].confidence = Share(u64::MAX)));
    assert!(refused(&|case| case.ages_us.reverse()));
    assert!(refused(&|case| case.loads[0].planned = u64::MAX));
    assert!(refused(&|case| {
        if let Ask::Latency { below_us, .. } = &mut case.objectives[1].ask {
            *below_us = 900_000;
        }
    }));
    // An empty journal of a broken case is not worth a panic either.
    let mut script = run();
    script.case.objectives[0].late_mark = MARKS;
    assert_eq!(judge(&script.case, &Timeline::default()).verdict, Inconclusive);
}

/// Numbers as an editor might put them: small, at the edges, or anything.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..4, 0u64..100_000_000, Just(u64::MAX), Just(i64::MAX as u64), any::<u64>()]
}

/// Events of every kind that counts, their numbers out of a hat.
fn event() -> impl Strategy<Value = Event> {
    let numbers = || proptest::collection::vec(number(), 12);
    let edge = (numbers(), 0usize..5).prop_map(|(v, kind)| {
        let kinds = [
            EdgeKind::Asked,
            EdgeKind::Applied,
            EdgeKind::FirstAffected,
            EdgeKind::Cleared,
            EdgeKind::FirstUnaffected,
        ];
        let effect = Some(crate::event::Effect { matched: v[0], injected: v[1], ours: v[2] });
        Event::Edge(Edge { fault: v[3] as usize % 2, edge: kinds[kind], at: At(v[4]), effect })
    });
    let cell = (numbers(), 0usize..11, any::<bool>()).prop_map(|(v, outcome, straddles)| {
        let straddle = Straddle { fault: 0, older_than: v[4] as usize % 3 };
        Event::Cells(vec![Cell {
            load: v[0] as usize % 2,
            request: v[1] as usize % 3,
            segment: v[2] as usize % 6,
            straddle: straddles.then_some(straddle),
            outcome: Outcome::ALL[outcome],
            status: v[5] as u16,
            second: v[3] as i64,
            n: v[6],
            marks: v[4..12].iter().map(|mark| (*mark).min(v[6])).collect(),
        }])
    });
    let health = numbers().prop_map(|v| {
        Event::Health(Health {
            load: v[0] as usize % 2,
            due: v[1],
            begun: v[2],
            done: v[3],
            blocked: v[4],
            lag_p50_us: v[5],
            lag_p99_us: v[6],
            lag_max_us: v[7],
            in_flight: v[8],
            stood: Vec::new(),
        })
    });
    let histogram = numbers().prop_map(|v| {
        Event::Histogram(Histogram {
            load: 0,
            request: v[0] as usize % 2,
            ok: v[1] % 2 == 0,
            clock: Clock::Response,
            segment: v[2] as usize % 6,
            buckets: vec![(v[3], v[4], v[5]), (v[3], v[6], v[7])],
        })
    });
    let zero = number().prop_map(|zero| Event::Zero { zero: At(zero) });
    prop_oneof![edge, cell, health, histogram, zero]
}

proptest! {
    /// Whatever is put into a journal: refused or judged.
    #[test]
    fn anything(
        events in proptest::collection::vec((number(), event()), 0..20),
        place in 0usize..100,
        moment in any::<i64>(),
        limits in proptest::collection::vec(number(), 6),
    ) {
        for mut script in [run(), Script::new(30).errors().fast().recovers(5)
            .declare(crate::case::Shows::Broken)] {
            let after = crate::case::Moment { anchor: crate::case::Anchor::Zero, offset_us: moment };
            let (within_us, hold_us) = (limits[0], limits[1]);
            script = script.expect(crate::case::Must::Recovers {
                objective: 1, after, within_us, hold_us,
            });
            script.case.loads[0].starts_us = limits[2];
            script.case.loads[0].ends_us = limits[3];
            script.case.faults[0].recovery_us = limits[4];
            script.case.warmup_us = limits[5];
            for (at, event) in &events {
                let place = place.min(script.entries.len());
                script.entries.insert(place, Entry { at: At(*at), event: event.clone() });
                // One by one, so that one that is refused does not hide the next.
                match script.timeline() {
                    Ok(timeline) => prop_assert!(!judge(&script.case, &timeline).sentence.is_empty()),
                    Err(_) => drop(script.entries.remove(place)),
                }
            }
        }
    }
}

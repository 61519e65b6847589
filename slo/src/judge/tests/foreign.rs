//! Journals that were cut or edited: refused or judged, never a panic, never met by it.
//! Not here: files (harness).

use super::*;
use crate::event::{Edge, EdgeKind};
use crate::script::MARKS;
use crate::{Timeline, judge};

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
    let straddle = crate::Straddle { fault: 3, older_than: 0 };
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

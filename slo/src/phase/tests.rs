//! What stretches are called, by golden runs.
//! Not here: which requests count in them.

use super::*;
use crate::event::Effect;
use crate::script::{Script, hit};

/// The names of all segments.
fn names(script: &Script) -> Vec<(&'static str, Vec<usize>)> {
    let phases = Phases::new(&script.case, &script.timeline().unwrap());
    phases.segments.into_iter().map(|s| (s.kind.name(), s.faults)).collect()
}

#[test]
fn one_fault() {
    let script = Script::new(60).fault(20_000..30_000, hit(1)).run(0..60, 0).complete();
    let expect = [("warmup", vec![]), ("steady", vec![]), ("fault", vec![0])];
    let rest = [("recovery", vec![0]), ("after", vec![])];
    assert_eq!(names(&script), [&expect[..], &rest[..]].concat());
    let phases = Phases::new(&script.case, &script.timeline().unwrap());
    let all = phases.stretches(&[During::Steady, During::After]);
    assert_eq!(all, [(0, 20_000_000), (40_000_000, 62_500_000)]);
    assert_eq!(phases.stretches(&[During::All]), [(0, 62_500_000)]);
    assert_eq!(whole_seconds((500_000, 3_200_000)), 1..3);
    assert_eq!(whole_seconds((1_000_000, 3_000_000)), 1..3);
}

#[test]
fn between_faults_all_is_steady_and_a_fault_wins() {
    let script = Script::new(90)
        .fault(10_000..15_000, hit(1))
        .fault(20_000..30_000, hit(1))
        .fault(28_000..50_000, hit(1))
        .run(0..90, 0)
        .complete();
    let expect = [
        ("warmup", vec![]),
        ("steady", vec![]),
        ("fault", vec![0]),
        ("recovery", vec![0]),
        ("fault", vec![1]),
        ("fault", vec![1]),
        ("fault", vec![1, 2]),
        ("fault", vec![2]),
        ("fault", vec![2]),
        ("recovery", vec![2]),
        ("after", vec![]),
    ];
    assert_eq!(names(&script), expect);
    let script =
        Script::new(90).fault(10_000..15_000, hit(1)).fault(40_000..45_000, hit(1)).complete();
    assert_eq!(names(&script)[4], ("steady", vec![]));
}

#[test]
fn without_a_fault_all_is_steady() {
    let script = Script::new(60).run(0..60, 0).complete();
    assert_eq!(names(&script), [("warmup", vec![]), ("steady", vec![])]);
    let declared = Script::new(60).declare(crate::case::Shows::Broken).run(0..60, 0).complete();
    assert_eq!(names(&declared), names(&script));
}

#[test]
fn a_fault_that_was_never_cleared_is_on_until_the_end() {
    let mut script = Script::new(60).fault(20_000..30_000, Effect::default());
    let cut = script.entries.len() - 1;
    script.entries.truncate(cut);
    assert_eq!(names(&script).last().unwrap(), &("fault", vec![0]));
}

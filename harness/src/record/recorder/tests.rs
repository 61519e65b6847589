//! Laws of the recorder: nothing is lost, nothing counted twice, splitting changes nothing.

use super::*;
use crate::clock::Clock;
use assay_slo::case::Clock as Between;
use proptest::prelude::*;

const ZERO: At = At(10_000_000);

fn marks() -> Vec<Mark> {
    vec![
        Mark::Below { clock: Between::Response, us: 50_000 },
        Mark::Below { clock: Between::Service, us: 50_000 },
        Mark::LateBy { us: 5_000 },
        Mark::Answered {
            only: vec![(200, 299)],
            within_us: Some(70_000),
            clock: Between::Response,
            header: None,
        },
        Mark::IdleReset,
        Mark::Refused,
        Mark::Blocked,
    ]
}

/// Two boundaries: time 0 and, for variety, two seconds later.
fn recorder() -> Recorder {
    let edges = Edges::new(Clock::start(), vec![1_000_000]);
    edges.zero(ZERO);
    edges.zero(At(ZERO.0 + 2_000_000));
    Recorder::new(ZERO, Arc::new(edges), Arc::new(marks()), At(0)).unwrap()
}

/// A peer that says something else each time is told of some times.
#[test]
fn findings_are_bounded_whatever_peers_say() {
    let mut recorder = recorder();
    for n in 0..1_000 {
        recorder.finding(format!("load a: leads to `h{n}.test`, and `x`"));
        recorder.finding("load a: leads to nowhere".to_owned());
    }
    let findings = recorder.take(At(1)).findings;
    assert_eq!(findings.len(), MOST_ALIKE + 2, "{findings:?}");
    assert_eq!(findings[0], "load a: leads to `h0.test`, and `x`");
    let last = findings.last().unwrap();
    assert_eq!(last, "load a: leads to `…`, and `…` (more like this are not told)");
}

fn finished() -> impl Strategy<Value = Finished<'static>> {
    let times = (0_u64..20_000_000, 0_u64..10_000, 0_u64..200_000);
    let ends =
        (0_usize..Outcome::ALL.len(), 0_usize..3, 0_usize..2, proptest::option::of(0_u64..9));
    (times, ends, any::<bool>()).prop_map(
        |((due, lag, took), (outcome, status, kind, wait), on)| {
            let outcome = Outcome::ALL[outcome];
            let never = matches!(outcome, Outcome::NotSent | Outcome::FastFail);
            Finished {
                load: kind,
                request: kind,
                due: At(due),
                begun: (!never).then_some(At(due + lag)),
                first_byte: (outcome == Outcome::Ok).then_some(At(due + lag + took / 2)),
                done: At(due + lag + took),
                blocked_us: wait,
                away_us: 0,
                outcome,
                status: [0, 200, 503][status],
                headers: None,
                idle_reset: on,
                refused: !on,
            }
        },
    )
}

fn sums(batches: &[Batch]) -> BTreeMap<Vec<u8>, (u64, Vec<u64>)> {
    let mut sums = BTreeMap::new();
    for cell in batches.iter().flat_map(|batch| &batch.cells) {
        let bare = Cell { n: 0, marks: vec![], ..cell.clone() };
        let key = serde_json::to_vec(&bare).unwrap();
        let sum = sums.entry(key).or_insert((0, vec![0; cell.marks.len()]));
        sum.0 += cell.n;
        for (sum, count) in sum.1.iter_mut().zip(&cell.marks) {
            *sum += count;
        }
    }
    sums
}

proptest! {
    #[test]
    fn every_request_is_in_one_cell_whatever_the_hand_overs(
        requests in prop::collection::vec((finished(), any::<bool>()), 0..200),
    ) {
        let (mut whole, mut split) = (recorder(), recorder());
        let mut parts = Vec::new();
        for (request, hand_over) in &requests {
            for recorder in [&mut whole, &mut split] {
                recorder.due(request.load, request.due);
                recorder.finished(request);
            }
            if *hand_over {
                parts.push(split.take(At(1)));
            }
        }
        parts.push(split.take(At(2)));
        let whole = [whole.take(At(2))];
        prop_assert_eq!(sums(&whole), sums(&parts));
        let cells = &whole[0].cells;
        prop_assert_eq!(cells.iter().map(|cell| cell.n).sum::<u64>(), requests.len() as u64);
        prop_assert!(cells.iter().all(|cell| cell.marks.iter().all(|mark| *mark <= cell.n)));
        let known = requests.iter().filter(|(request, _)| request.outcome.is_known_attempt());
        let ok = requests.iter().filter(|(request, _)| request.outcome == Outcome::Ok).count();
        let timed = parts.iter().flat_map(|batch| &batch.intervals);
        let timed: u64 = timed.map(|interval| interval.times.len()).sum();
        prop_assert_eq!(timed, (2 * known.count() + ok) as u64);
        let after = requests.iter().filter(|(request, _)| request.due >= ZERO).count() as u64;
        let health = parts.iter().flat_map(|batch| &batch.health);
        let (due, done) = health.fold((0, 0), |sum, line| (sum.0 + line.due, sum.1 + line.done));
        prop_assert_eq!((due, done), (after, after));
    }
}

#[test]
fn the_warm_up_is_segment_0_and_no_health() {
    let mut recorder = recorder();
    recorder.due(0, At(ZERO.0 - 1));
    let warm = Finished {
        load: 0,
        request: 0,
        due: At(ZERO.0 - 1),
        begun: Some(At(ZERO.0)),
        first_byte: None,
        done: At(ZERO.0 + 5),
        blocked_us: None,
        away_us: 0,
        outcome: Outcome::Ok,
        status: 200,
        headers: None,
        idle_reset: false,
        refused: false,
    };
    recorder.begun(0, warm.due, 1, false);
    recorder.finished(&warm);
    let batch = recorder.take(ZERO);
    assert!(batch.health.is_empty());
    assert_eq!((batch.cells[0].segment, batch.cells[0].second), (0, -1));
}

#[test]
fn a_finding_is_told_once() {
    let mut recorder = recorder();
    recorder.finding("a".to_owned());
    recorder.finding("a".to_owned());
    assert_eq!(recorder.take(At(1)).findings, ["a"]);
    recorder.finding("a".to_owned());
    assert!(recorder.take(At(2)).is_empty());
}

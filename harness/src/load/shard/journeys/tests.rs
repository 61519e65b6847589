//! Journeys step by step, without sockets.

use super::*;
use assay_slo::Outcome;

fn script(steps: Vec<Step>) -> Script {
    let (name, dynamics) = ("shop".into(), vec![None, None].into());
    Script { name, dynamics, steps, captures: 0, seed: 7, tally: Arc::new(Tally::new(1)) }
}

fn arrival(k: u64, due: u64) -> Arrival {
    Arrival { k, warmup: false, due: At(due) }
}

const PAUSE: Step = Step::Pause { min_us: 1_000, max_us: 3_000 };

fn ok(at: u64) -> Exchange {
    Exchange::unanswered(At(at), At(at), Outcome::Ok)
}

#[test]
fn a_later_request_is_due_at_the_end_of_the_one_before_and_its_pauses() {
    let script = script(vec![Step::Send(0), PAUSE, PAUSE, Step::Send(1), Step::Send(0)]);
    let mut journeys = Journeys::default();
    let (request, trip) = journeys.set_out(&script, 0, arrival(4, 100), 4).unwrap();
    assert_eq!((request, journeys.next_due()), (0, None));
    journeys.hear(trip, &mut ok(10_000));
    assert!(journeys.go_on(&script, trip, At(10_000), false));
    let due = journeys.next_due().unwrap();
    assert!((12_000..=16_000).contains(&due.0), "{due:?}");
    assert!(journeys.take_due(At(due.0 - 1)).is_none());
    let taken = journeys.take_due(due).unwrap();
    assert_eq!((taken.trip, taken.arrival), (trip, Arrival { due, ..arrival(4, 100) }));
    assert_eq!(journeys.request(trip), 1);
    // Without a pause the next is due where the answer came.
    journeys.hear(trip, &mut ok(20_000));
    assert!(journeys.go_on(&script, trip, At(20_000), false));
    assert_eq!(journeys.take_due(At(20_000)).unwrap().arrival.due, At(20_000));
    journeys.hear(trip, &mut ok(30_000));
    assert!(!journeys.go_on(&script, trip, At(30_000), false));
    assert!(journeys.trips.is_empty());
}

#[test]
fn pauses_come_from_the_seed_and_the_number() {
    let script = script(vec![PAUSE, Step::Send(0)]);
    let due = |number: u64| {
        let mut journeys = Journeys::default();
        // It begins with a pause, so nothing is due at its arrival.
        assert!(journeys.set_out(&script, 0, arrival(number, 0), number).is_none());
        journeys.next_due().unwrap().0
    };
    assert_eq!(due(3), due(3));
    let all: std::collections::BTreeSet<u64> = (0..100).map(due).collect();
    assert!(all.len() > 80 && all.iter().all(|us| (1_000..=3_000).contains(us)), "{all:?}");
}

#[test]
fn what_ends_without_an_answer_or_after_the_stop_breaks_off() {
    let script = script(vec![Step::Send(0), Step::Send(1)]);
    let mut journeys = Journeys::default();
    let mut set_out = |k| journeys.set_out(&script, 0, arrival(k, 0), k).unwrap().1;
    let (unsent, stopped, waits) = (set_out(0), set_out(1), set_out(2));
    // Given up in the queue: nobody heard an answer.
    assert!(!journeys.go_on(&script, unsent, At(5), false));
    journeys.hear(stopped, &mut ok(5));
    assert!(!journeys.go_on(&script, stopped, At(5), true));
    journeys.hear(waits, &mut ok(5));
    assert!(journeys.go_on(&script, waits, At(5), false));
    journeys.end();
    assert!(journeys.trips.is_empty() && journeys.next_due().is_none());
}

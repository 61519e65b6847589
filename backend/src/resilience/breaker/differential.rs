//! Our breaker against tower-resilience's, trace by trace.
//!
//! `vectors.txt` is what tower-resilience-circuitbreaker 0.14.0 with `consecutive_failures` did on
//! 400 random traces; `oracle/main.rs` made it and says what a line means.
//!
//! Invariant: calls one after the other, dropped ones too, end alike in both.
//! Not here: overlapping calls, where that crate lets stale results decide and ours does not.

use std::time::Duration;

use super::core::{Answer, Core, Event};
use super::{At, BreakerSettings, Returned, State};

const RECOVERY: Duration = Duration::from_micros(10);

/// What ours answers to a trace, in the vectors' letters.
fn answers(failures: u32, trials: u32, trace: &str) -> String {
    let lease = Duration::from_secs(3600);
    let settings = BreakerSettings::new(failures, RECOVERY, trials, lease).unwrap();
    let mut core = Core::new(settings);
    let mut now = At(0);
    let mut answer = |letter: char| {
        let returned = match letter {
            's' => Returned::Success,
            'f' => Returned::Failure,
            'd' => Returned::Neutral,
            _ => {
                now = now.plus(RECOVERY);
                return shown(core.state());
            }
        };
        match core.step(now, Event::Acquire).answer {
            Answer::Admitted(ticket) => {
                core.step(now, Event::Return(ticket, returned));
                shown(core.state())
            }
            _ => 'x',
        }
    };
    trace.chars().map(&mut answer).collect()
}

fn shown(state: State) -> char {
    match state {
        State::Closed => 'C',
        State::Open => 'O',
        State::HalfOpen => 'H',
    }
}

#[test]
fn four_hundred_traces_end_as_in_tower_resilience() {
    let (mut lines, mut seen) = (0, String::new());
    for line in include_str!("differential/vectors.txt").lines() {
        let [failures, trials, trace, theirs] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not a vector: {line}");
        };
        let ours = answers(failures.parse().unwrap(), trials.parse().unwrap(), trace);
        assert_eq!(ours, theirs, "{line}");
        lines += 1;
        seen.push_str(theirs);
    }
    assert_eq!(lines, 400);
    // The traces go everywhere, or agreement means little.
    let count = |letter| seen.chars().filter(|&c| c == letter).count();
    for letter in ['C', 'O', 'H', 'x'] {
        assert!(count(letter) > 500, "{letter}: {}", count(letter));
    }
}

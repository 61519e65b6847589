//! Laws of what is asked of breakers, ledgers, backlogs and links, over random runs.
//! Not here: laws of objectives (`laws`).

use super::*;
use crate::case::{Bound, BreakerMust, Evidence, Must, Shows};
use crate::event::{Attempt, Attempts, AttemptsOf, BreakerEvent, BreakerState, Ledger, Store};
use crate::judge;
use crate::scorecard::Verdict;
use crate::script::LIST;
use crate::script::fleet::{fault_end, fault_start, ms, nothing};
use crate::script::gateway::{Flaw, Setting, World, live};
use proptest::prelude::*;

const FLAWS: [Flaw; 5] =
    [Flaw::None, Flaw::NeverOpens, Flaw::Leaks(250), Flaw::TwoTrials, Flaw::Late];

fn asked(within_us: u64, most: u64) -> BreakerMust {
    BreakerMust {
        opens: Some((fault_start(), within_us)),
        closes: Some((fault_end(), within_us)),
        trials: Some(most),
        calls_while_open: Some(most),
        reopens_after_close: Some(most),
        ..nothing()
    }
}

/// A run of 40 s with every kind of event.
fn script(seed: u64, flaw: Flaw, must: BreakerMust) -> Script {
    let world = World {
        seed,
        per_second: 50,
        random: seed.is_multiple_of(2),
        seconds: 40,
        fault_ms: (10_000, 19_000),
        wait_us: 0,
        set: Setting::USUAL,
        flaw,
    };
    let life = live(&world);
    let evidence = vec![Evidence::Gateway(0), Evidence::Arrivals("api".to_owned())];
    let mut script = Script::new(40)
        .fleet()
        .declare(Shows::Broken)
        .on(0, 10_000..19_000, hit(1))
        .breaker(evidence)
        .must(must)
        .expect(ledger(0))
        .expect(Must::Backlog {
            fleet: 0,
            peak: Some(300),
            drained: Some((fault_end(), 9_000_000)),
        })
        .expect(amplification(1_500))
        .expect(herd(3_000))
        .offered(&life.due)
        .arrivals(0..10, 50)
        .arrivals(10..19, 60)
        .arrivals(19..40, 50 + seed % 80)
        .backlog(0, &[(0, 30); 10])
        .backlog(10, &[(20, 250 + seed % 60); 12])
        .backlog(22, &[(0, 20); 18])
        .attempts(AttemptsOf::Link("api".to_owned()), life.arrivals)
        .attempts(AttemptsOf::Gateway(0, 0), life.attempts);
    for event in life.transitions {
        script.push(event.at, Event::Breaker(event));
    }
    let lost = seed % 3;
    let store = Store { found: 1000 - lost, lost, duplicated: Some(seed % 4), ..Store::default() };
    let (generated, acknowledged, store) = (1000, 1000, Some(store));
    script.ledger(Ledger { generated, acknowledged, store, ..Ledger::default() })
}

fn ledger(most: u64) -> Must {
    let bound = Some(Bound::Count(most));
    let (lost, duplicated, unexpected, out_of_order, age_us) = (bound, bound, bound, None, None);
    Must::Ledger { fleet: 0, lost, duplicated, unexpected, out_of_order, age_us }
}

fn amplification(at_most_milli: u64) -> Must {
    let (link, per, during) = ("api".to_owned(), vec![LIST], vec![During::All]);
    Must::Amplification { link, per, at_most_milli, during, window_s: Some(2) }
}

fn herd(peak_milli: u64) -> Must {
    let (link, after) = ("api".to_owned(), fault_end());
    Must::Herd { link, peak_milli, after, within_us: 15_000_000 }
}

fn verdicts(script: &Script) -> Vec<Verdict> {
    script.judge().expectations.iter().map(|score| score.verdict).collect()
}

fn state() -> impl Strategy<Value = BreakerState> {
    use BreakerState::{Closed, HalfOpen, Open};
    prop_oneof![Just(Closed), Just(Open), Just(HalfOpen)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Single attempts may be handed over in any pieces, and lines come in any order.
    #[test]
    fn pieces_and_order(seed in 0u64..1000, flaw in 0usize..5, piece in 1usize..400, turn in 0usize..100) {
        let whole = script(seed, FLAWS[flaw], asked(6_000_000, 1));
        let mut split = whole.clone();
        split.entries.clear();
        let mut loose = Vec::new();
        for entry in &whole.entries {
            match &entry.event {
                Event::Attempts(Attempts { of, list, .. }) => {
                    for list in list.chunks(piece) {
                        let (of, list) = (of.clone(), list.to_vec());
                        let event = Event::Attempts(Attempts { of, list, left_out: 0 });
                        loose.push(Entry { at: entry.at, event });
                    }
                }
                Event::Arrivals { link, second, n } => {
                    for n in [n / 2, n - n / 2] {
                        let (link, second) = (link.clone(), *second);
                        loose.push(Entry { at: entry.at, event: Event::Arrivals { link, second, n } });
                    }
                }
                Event::Backlog(_) | Event::Breaker(_) => loose.push(entry.clone()),
                _ => split.entries.push(entry.clone()),
            }
        }
        let middle = turn % loose.len();
        loose.rotate_left(middle);
        split.entries.extend(loose);
        prop_assert_eq!(whole.complete().judge(), split.complete().judge());
    }

    /// A stricter bound never gives a better verdict.
    #[test]
    fn stricter_is_never_better(
        seed in 0u64..1000,
        flaw in 0usize..5,
        within in 1u64..20_000_000,
        most in 0u64..4,
        milli in 500u64..3_000,
    ) {
        let with = |within: u64, most: u64, milli: u64| {
            let mut script = script(seed, FLAWS[flaw], asked(within, most));
            script.case.expectations[1].must = ledger(most);
            let drained = Some((fault_end(), within));
            script.case.expectations[2].must =
                Must::Backlog { fleet: 0, peak: Some(most * 100), drained };
            script.case.expectations[3].must = amplification(milli);
            script.case.expectations[4].must = herd(milli);
            verdicts(&script.complete())
        };
        let loose = with(within, most, milli);
        for strict in [
            with(within / 2, most, milli),
            with(within, most.saturating_sub(1), milli),
            with(within, most, milli / 2),
        ] {
            prop_assert!(strict.iter().zip(&loose).all(|(strict, loose)| strict >= loose));
        }
    }

    /// A run that was cut anywhere is never met, nor is any part of it.
    #[test]
    fn cuts(seed in 0u64..1000, flaw in 0usize..5, at in 0usize..400) {
        let script = script(seed, FLAWS[flaw], asked(6_000_000, 1));
        let entries = &script.entries[..at.min(script.entries.len())];
        let timeline = crate::Timeline::from_entries(entries, &script.case).unwrap();
        let card = judge(&script.case, &timeline);
        for score in &card.expectations {
            prop_assert!(score.verdict != Met, "{score:?}");
            prop_assert_eq!(score.missing.is_some(), score.verdict == Inconclusive);
        }
    }

    /// What a flaw breaks is never called met.
    #[test]
    fn no_flaw_is_met(seed in 0u64..1000, flaw in 1usize..5) {
        let per_second = 1000;
        let must = BreakerMust { opens_after_failures: Some(5), ..asked(6_000_000, 0) };
        let must = BreakerMust { trials: Some(1), ..must };
        let fault_ms = (4_000, 13_000);
        let flaw = FLAWS[flaw];
        let world = World { seed, per_second, random: false, seconds: 20, fault_ms, wait_us: 0, set: Setting::USUAL, flaw };
        let life = live(&world);
        let mut script = Script::new(20)
            .fleet()
            .declare(Shows::Broken)
            .on(0, 4_000..13_000, hit(1))
            .breaker(vec![Evidence::Gateway(0)])
            .must(must)
            .offered(&life.due)
            .attempts(AttemptsOf::Gateway(0, 0), life.attempts);
        for event in life.transitions {
            script.push(event.at, Event::Breaker(event));
        }
        prop_assert_eq!(script.complete().expectation().verdict, Violated);
    }

    /// Nonsense is refused or judged, and judged to an end.
    #[test]
    fn nonsense(
        changes in proptest::collection::vec((0u32..3, 0i64..60_000, state(), state(), 0u64..9), 0..12),
        calls in proptest::collection::vec((0i64..60_000, 0i64..5_000, 0usize..11, any::<bool>()), 0..60),
        arrivals in proptest::collection::vec((-9i64..60, 0u64..u64::MAX), 0..9),
        within in 0u64..u64::MAX,
    ) {
        let mut script = script(0, Flaw::NeverOpens, asked(within, 1));
        for (gateway, at, from, to, failures) in changes {
            let (fleet, at, in_flight) = (0, ms(at), failures);
            let event = BreakerEvent { fleet, gateway, from, to, at, failures, in_flight };
            script.push(at, Event::Breaker(event));
        }
        let calls: Vec<Attempt> = calls
            .iter()
            .map(|(begun, long, outcome, trial)| {
                let (begun, done) = (ms(*begun), ms(begun + long));
                Attempt { begun, done, outcome: Outcome::ALL[*outcome], trial: *trial }
            })
            .collect();
        let mut script = script
            .attempts(AttemptsOf::Gateway(0, 1), calls.clone())
            .attempts(AttemptsOf::Link("api".to_owned()), calls);
        for (second, n) in arrivals {
            script = script.arrivals(second..second + 1, n);
        }
        if let Ok(timeline) = script.clone().complete().timeline() {
            let card = judge(&script.case, &timeline);
            for score in &card.expectations {
                prop_assert_eq!(score.missing.is_some(), score.verdict == Inconclusive);
            }
        }
    }
}

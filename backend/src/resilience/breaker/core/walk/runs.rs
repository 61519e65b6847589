//! The walk's runs: honest breakers keep every law, each twin breaks one.

use super::*;

const SAID: Said = Said { failures: 2, recovery: 2, trials: 2, lease: 3 };

#[test]
fn honest_breakers_keep_every_law_on_every_interleaving() {
    let (mut situations, mut steps, mut models) = (0, 0, 0);
    for failures in 1..=3 {
        for trials in 1..=2 {
            for (recovery, lease) in [(1, 1), (2, 3), (3, 2)] {
                let said = Said { failures, recovery, trials, lease };
                let covered =
                    walk(said, Twin::Honest).unwrap_or_else(|b| panic!("{said:?}: {b:?}"));
                situations += covered.situations;
                steps += covered.steps;
                models += 1;
            }
        }
    }
    assert_eq!(models, 18);
    // A walk that stopped early would prove nothing.
    assert!(situations > 20_000 && steps > 200_000, "{situations} situations, {steps} steps");
}

#[test]
fn each_twin_breaks_its_law_and_the_walk_finds_it() {
    let follows = |change: fn(&mut Said)| {
        let mut other = SAID;
        change(&mut other);
        Twin::Follows(other)
    };
    let opens = "opens at that many failures in a row";
    let early = "open admits nothing before the recovery is over";
    let late = "open rejects only before the recovery is over";
    let close = "all trials' successes close it, and nothing less";
    let hung = "a hung trial reopens, and only that is called so";
    let full = "half-open rejects only when full";
    for (twin, law) in [
        (Twin::Mutant(BreakerMutant::NeverOpens), opens),
        (Twin::Mutant(BreakerMutant::StaleSuccessCloses), "stale moves nothing"),
        (Twin::TakesStale, "stale moves nothing"),
        (Twin::DropFails, "neutral moves nothing"),
        (Twin::NoReset, opens),
        (Twin::OneMore, "no more trials than said"),
        (Twin::FirstSuccess, close),
        (Twin::Forgives, "a failed trial reopens"),
        (follows(|s| s.failures = 3), opens),
        (follows(|s| s.failures = 1), opens),
        (Twin::Early, early),
        (follows(|s| s.recovery = 1), "retry-after is what is left"),
        (Twin::Late, late),
        (follows(|s| s.recovery = 3), "retry-after is what is left"),
        (follows(|s| s.trials = 3), "no more trials than said"),
        (follows(|s| s.trials = 1), full),
        (follows(|s| s.lease = 4), hung),
        (follows(|s| s.lease = 2), hung),
    ] {
        let broken = walk(SAID, twin).expect_err("a twin keeps every law");
        assert_eq!(broken.law, law, "{twin:?} after {:?}", broken.path);
    }
}

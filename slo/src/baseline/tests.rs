//! Vectors of the intervals, golden comparisons, and laws.

use super::change::{newcombe, normal_quantile};
use super::side::Known;
use super::*;
use crate::case::{Ask as Asks, Clock, During};
use crate::event::{EndReason, Event, Histogram};
use crate::interval::wilson;
use crate::outcome::Outcome;
use crate::scorecard::Verdict::{self, Inconclusive, Met, Violated};
use crate::script::Script;
use crate::time::{At, Share};
use proptest::prelude::*;

const SURE: Share = Share(950_000_000);
const P95: Share = Share(950_000_000);
const TENTH: Share = Share(100_000_000);

/// Source: Newcombe 1998, table II; slo.md D8.
#[test]
fn newcombes_interval_and_the_normal_quantile() {
    let z = normal_quantile(SURE);
    assert!((z - 1.959_963_984_540_054).abs() < 1e-9, "{z}");
    let share = |k: u64, n: u64| {
        let (low, high) = wilson(k, n, z);
        Known { low, value: k as f64 / n as f64, high }
    };
    let close = |(low, high): (f64, f64), (l, h): (f64, f64)| {
        assert!((low - l).abs() < 5e-8 && (high - h).abs() < 5e-8, "{low} {high}");
    };
    close(newcombe(share(56, 70), share(48, 80)), (0.052_431_5, 0.333_872_7));
    close(newcombe(share(30, 10_000), share(10, 10_000)), (0.000_770_612, 0.003_358_48));
}

/// A run of one request with these times (µs, how many), and so many that were not ok.
fn past(times: &[(u64, u64)], bad: u64, unknown: u64) -> Past {
    let ok: u64 = times.iter().map(|(_, n)| n).sum();
    let response: Vec<_> = times.iter().map(|(us, n)| (*us, *us, *n)).collect();
    Past {
        run: "r".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        ill: None,
        warmup_us: 0,
        faults: Vec::new(),
        loads: vec![PastLoad {
            name: "visitors".to_owned(),
            kind: LoadKind::Open,
            planned: 1000,
            starts_us: 0,
            ends_us: 10_000_000,
            lost: 0,
            traffic: None,
            requests: vec![PastRequest {
                name: "list".to_owned(),
                parts: vec![PastPart {
                    phase: "steady".to_owned(),
                    n: ok + bad,
                    k: bad,
                    unknown,
                    service: response.clone(),
                    response,
                    ..PastPart::default()
                }],
            }],
        }],
    }
}

#[test]
fn counts_that_do_not_add_up_are_told() {
    let whole = past(&[(100, 90), (200, 9)], 2, 1);
    assert_eq!(whole.contradiction(), None);
    let told = |change: fn(&mut PastPart)| {
        let mut past = whole.clone();
        change(&mut past.loads[0].requests[0].parts[0]);
        past.contradiction().unwrap()
    };
    let faster = told(|part| part.response[1].2 = 8);
    assert_eq!(faster, "of `list` in load `visitors` 99 were ok, and 98 times are kept");
    assert!(told(|part| part.k = 102).contains("more were not ok than there were"));
    assert!(told(|part| part.k = 3).contains("98 were ok, and 99 times"));
    assert!(told(|part| part.service[0].1 = 5).contains("ends before it begins"));
    // A clock that was not recorded says nothing.
    let mut users = whole.clone();
    users.loads[0].requests[0].parts[0].response.clear();
    assert_eq!(users.contradiction(), None);
}

fn baseline(runs: Vec<Past>) -> Baseline {
    Baseline { name: "main".to_owned(), runs, ..Baseline::default() }
}

fn question(ask: Ask) -> Question<'static> {
    Question {
        ask,
        names: vec![("visitors", "list")],
        during: &[During::Steady, During::After],
        faults: Vec::new(),
        confidence: SURE,
    }
}

fn slower(base: &Baseline, new: &[Past]) -> change::Held {
    let ask = Ask::Latency { percentile: P95, at_most: TENTH, clock: Clock::Response };
    decide(&question(ask), base, new)
}

/// 1000 times around 100 ms, in steps of a tenth of a percent, times so many hundredths.
fn around(hundredths: u64) -> Vec<(u64, u64)> {
    (0..1000).map(|at| ((90_000 + at * 20) * hundredths / 100, 1)).collect()
}

#[test]
fn a_percentile_is_held_against_another() {
    let base = baseline(vec![past(&around(100), 0, 0)]);
    let verdict = |new: Past| slower(&base, &[new]).verdict;
    assert_eq!(verdict(past(&around(100), 0, 0)), Met);
    assert_eq!(verdict(past(&around(80), 0, 0)), Met);
    assert_eq!(verdict(past(&around(110), 0, 0)), Inconclusive);
    assert_eq!(verdict(past(&around(120), 0, 0)), Violated);
    // What is not ok took for ever, what is unknown may have.
    assert_eq!(verdict(past(&around(100), 100, 0)), Violated);
    assert_eq!(verdict(past(&around(100), 0, 100)), Inconclusive);
    let held = slower(&base, &[past(&around(120), 0, 0)]);
    assert_eq!(held.observed, "P95 109 ms → 131 ms (+20 %)");
    assert!(
        held.reason.starts_with("95 % sure of more than 10 % more: P95 was 109 ms to 109 ms (1000"),
        "{}",
        held.reason
    );
    let change = held.change.unwrap();
    assert!(change.relative && change.lower.unwrap() > 0.19 && change.upper.unwrap() < 0.21);
    let fewer = |hundredths| around(hundredths).into_iter().step_by(5).collect::<Vec<_>>();
    let base = baseline(vec![past(&fewer(100), 0, 0)]);
    let open = slower(&base, &[past(&fewer(109), 0, 0)]);
    assert_eq!(open.verdict, Inconclusive);
    assert!(open.missing.contains("times as many requests on both sides"), "{}", open.missing);
    // Too few to know an upper bound.
    let open = slower(&base, &[past(&[(100_000, 60)], 0, 0)]);
    assert_eq!(open.verdict, Inconclusive);
    assert!(open.missing.starts_with("at least 72 requests on each side, or"), "{}", open.missing);
    // What was never ok before is nothing to be slower than, but who is no better may be worse.
    let broken = past(&around(100), 200, 0);
    let open = slower(&baseline(vec![broken.clone()]), std::slice::from_ref(&broken));
    assert_eq!(open.verdict, Inconclusive);
    assert!(open.missing.starts_with("fewer requests that are not ok, or"), "{}", open.missing);
    assert_eq!(slower(&baseline(vec![broken]), &[past(&around(100), 0, 0)]).verdict, Met);
}

#[test]
fn errors_are_held_against_another() {
    let base = baseline(vec![past(&[(1, 9_990)], 10, 0)]);
    let held = |k: u64, unknown: u64, at_most: u64| {
        let new = past(&[(1, 10_000 - k)], k, unknown);
        decide(&question(Ask::Errors { at_most: Share(at_most) }), &base, &[new])
    };
    assert_eq!(held(10, 0, 2_000_000).verdict, Met);
    assert_eq!(held(30, 0, 700_000).verdict, Violated);
    assert_eq!(held(30, 0, 1_000_000).verdict, Inconclusive);
    assert_eq!(held(10, 50, 2_000_000).verdict, Inconclusive);
    let change = held(30, 0, 700_000).change.unwrap();
    assert_eq!((change.lower, change.upper), (Some(0.000_770_612_365), Some(0.003_358_480_46)));
    assert_eq!(held(30, 0, 700_000).observed, "0.1 % → 0.3 % not ok");
}

/// Each thing that makes a comparison say nothing, named.
#[test]
fn unlike_runs_are_not_compared() {
    let own = past(&around(100), 0, 0);
    let told = |base: Baseline| {
        let held = slower(&base, std::slice::from_ref(&own));
        assert_eq!(held.verdict, Inconclusive);
        held.reason
    };
    assert_eq!(told(baseline(Vec::new())), "there is no baseline `main`");
    let mut other = own.clone();
    other.loads[0].planned = 2000;
    let reason = told(baseline(vec![other.clone()]));
    assert!(
        reason.ends_with("what `visitors` plans: 2000 requests there, 1000 requests here"),
        "{reason}"
    );
    other.loads[0].planned = 1010;
    assert_eq!(slower(&baseline(vec![other.clone()]), std::slice::from_ref(&own)).verdict, Met);
    other.loads[0].requests[0].name = "liste".to_owned();
    assert!(told(baseline(vec![other.clone()])).contains("liste there, list here"));
    other.loads[0].name = "guests".to_owned();
    assert!(told(baseline(vec![other.clone()])).contains("the loads: guests there, visitors here"));
    other = own.clone();
    other.warmup_us = 5_000_000;
    assert!(told(baseline(vec![other.clone()])).contains("the warm-up: 5 s there, 0 s here"));
    other = Past { ill: Some("it was stopped".to_owned()), ..own.clone() };
    assert!(told(baseline(vec![other])).ends_with("says nothing: it was stopped"));
    let kernels = vec!["kernel: 6.1 there, 6.5 here".to_owned()];
    let reason = told(Baseline { unlike: kernels, ..baseline(vec![own.clone()]) });
    assert!(reason.ends_with("unlike runs: kernel: 6.1 there, 6.5 here"), "{reason}");
    let mut timeless = own.clone();
    timeless.loads[0].requests[0].parts[0].response.clear();
    assert!(told(baseline(vec![timeless])).contains("not all times"));
}

/// Runs that differ widen what is known of them, and so does a machine that is known to be noisy,
/// while there are too few runs to see that.
#[test]
fn runs_differ_more_than_requests() {
    let runs = |all: &[u64]| all.iter().map(|at| past(&around(*at), 0, 0)).collect::<Vec<_>>();
    let quiet = baseline(runs(&[100, 100, 100]));
    assert_eq!(slower(&quiet, &runs(&[104, 105, 106])).verdict, Met);
    let restless = baseline(runs(&[90, 100, 110]));
    assert_eq!(slower(&restless, &runs(&[104, 105, 106])).verdict, Inconclusive);
    assert_eq!(slower(&restless, &runs(&[130, 131, 132])).verdict, Violated);
    let noisy = |runs| Baseline { noise_permille: Some([0, 200, 0]), ..baseline(runs) };
    assert_eq!(slower(&noisy(runs(&[100])), &runs(&[100])).verdict, Inconclusive);
    assert_eq!(slower(&noisy(runs(&[100])), &runs(&[120])).verdict, Inconclusive);
    assert_eq!(slower(&noisy(runs(&[100, 100, 100])), &runs(&[100; 3])).verdict, Met);
}

#[test]
fn what_is_compared_without_a_scenario() {
    let base = baseline(vec![past(&around(100), 0, 0)]);
    let margins =
        Margins { percentile: P95, latency: TENTH, errors: Share(10_000_000), confidence: SURE };
    let told = compare(&base, &[past(&around(130), 0, 0)], &margins);
    let told: Vec<_> = told.iter().map(|one| (one.name.as_str(), one.verdict)).collect();
    assert_eq!(told, [("P95 of list (visitors)", Violated), ("errors of list (visitors)", Met)]);
}

/// A scripted run of 100 requests a second, all of which took so long.
fn script(us: u64, bad: u64) -> Script {
    let mut script = Script::new(30).run(0..30, bad);
    for clock in [Clock::Response, Clock::Service] {
        for (ok, n) in [(true, 30 * (100 - bad)), (false, 30 * bad)] {
            // What is not ok was slow: its cells say so.
            let us = if ok { us } else { 600_000 };
            let buckets = vec![(us, us + us / 1000, n)];
            let histogram = Histogram { load: 0, request: 0, ok, clock, segment: 1, buckets };
            script.push(At(36_000_000), Event::Histogram(histogram));
        }
    }
    script
}

fn kept(script: &Script) -> Past {
    Past::new("a".into(), "then".into(), &script.case, &script.timeline().unwrap())
}

#[test]
fn an_objective_asks_for_it() {
    let earlier = kept(&script(100_000, 0).complete());
    assert_eq!(earlier.ill, None);
    let asked = |us: u64, bad: u64, reason: EndReason| {
        let (percentile, at_most, clock) = (P95, TENTH, Clock::Response);
        let mut later = script(us, bad)
            .objective("no-slower", Asks::LatencyChange { percentile, at_most, clock })
            .objective("no-worse", Asks::ErrorRateChange { at_most: Share(10_000_000) });
        later.case.baseline = Some(baseline(vec![earlier.clone()]));
        let card = later.end(reason).judge();
        card.objectives.iter().map(|one| one.verdict).collect::<Vec<Verdict>>()
    };
    assert_eq!(asked(105_000, 0, EndReason::Complete), [Met, Met]);
    assert_eq!(asked(120_000, 0, EndReason::Complete), [Violated, Met]);
    assert_eq!(asked(100_000, 3, EndReason::Complete), [Met, Violated]);
    assert_eq!(asked(105_000, 0, EndReason::CouldNotRun), [Inconclusive, Inconclusive]);
    // Without a baseline nothing is met.
    let mut alone = script(100_000, 0)
        .objective("no-worse", Asks::ErrorRateChange { at_most: Share(10_000_000) });
    assert_eq!(alone.clone().complete().first().verdict, Inconclusive);
    // What is said of a run is what is kept of it.
    alone.case.baseline = Some(baseline(vec![earlier.clone()]));
    let score = alone.complete().first();
    assert_eq!(score.asks, "error rate at most 1 points above the baseline");
    assert_eq!((score.n, score.k, score.limit), (3000, 0, 0.01));
    let json = serde_json::to_string(&earlier).unwrap();
    assert_eq!(serde_json::from_str::<Past>(&json).unwrap(), earlier);
}

#[test]
fn a_stopped_run_says_nothing() {
    let stopped = kept(&script(100_000, 0).end(EndReason::Guard));
    assert_eq!(stopped.ill.as_deref(), Some("it was stopped before its timetable was over"));
    let unsent = script(100_000, 0);
    let cell = unsent.cell(3, Outcome::NotSent, 100);
    let short = kept(&unsent.add(cell).complete());
    assert!(short.ill.unwrap().contains("the generator was short"));
}

/// Some times in ms and how many, how many were bad, how many unknown.
type Sketch = (Vec<(u64, u64)>, u64, u64);

fn sketch() -> impl Strategy<Value = Sketch> {
    let times = proptest::collection::vec((80u64..130, 1u64..200), 1..20);
    (times, 0u64..20, 0u64..5)
}

/// A run that was stopped, or whose generator fell behind, says as little as the new one as as the old one.
#[test]
fn nothing_is_compared_with_a_run_that_is_ill() {
    let well = || past(&around(100), 0, 0);
    let ill = |hundredths| {
        let why = "the generator was late".to_owned();
        Past { ill: Some(why), ..past(&around(hundredths), 0, 0) }
    };
    let margins = Margins { percentile: P95, latency: TENTH, errors: TENTH, confidence: SURE };
    let verdicts = |base: Past, new: &[Past]| {
        let all = compare(&baseline(vec![base]), new, &margins).into_iter();
        all.map(|one| (one.verdict, one.missing.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(well(), &[well()]), [(Met, false); 2]);
    for new in [vec![ill(100)], vec![ill(130)], vec![well(), ill(100)]] {
        assert_eq!(verdicts(well(), &new), [(Inconclusive, true); 2]);
    }
    assert_eq!(verdicts(ill(100), &[well()]), [(Inconclusive, true); 2]);
    let told = compare(&baseline(vec![well()]), &[ill(100)], &margins);
    assert_eq!(told[0].reason, "a run that is compared says nothing: the generator was late");
}

fn run((times, bad, unknown): &Sketch) -> Past {
    let us: Vec<_> = times.iter().map(|(ms, n)| (ms * 1000, *n)).collect();
    past(&us, *bad, *unknown)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A request that is slower, or bad, or unknown instead of ok, makes nothing better; nor does a
    /// smaller margin.
    #[test]
    fn worse_is_never_better(
        base in proptest::collection::vec(sketch(), 1..4),
        new in proptest::collection::vec(sketch(), 1..4),
        which in 0usize..3,
        by in 1u64..60,
        bad in 1u64..40,
    ) {
        let base = baseline(base.iter().map(run).collect());
        let runs: Vec<Past> = new.iter().map(run).collect();
        let at = which % new.len();
        let mut slow = new.clone();
        slow[at].0[0].0 += by;
        let mut failing = new.clone();
        failing[at].1 += bad;
        let before = slower(&base, &runs).verdict;
        for worse in [slow, failing] {
            let worse: Vec<Past> = worse.iter().map(run).collect();
            prop_assert!(slower(&base, &worse).verdict >= before);
        }
        let errors = |runs: &[Past], at_most| {
            decide(&question(Ask::Errors { at_most: Share(at_most) }), &base, runs).verdict
        };
        let mut failing = new.clone();
        failing[at].1 += bad;
        let failing: Vec<Past> = failing.iter().map(run).collect();
        prop_assert!(errors(&failing, 20_000_000) >= errors(&runs, 20_000_000));
        prop_assert!(errors(&runs, 10_000_000) >= errors(&runs, 20_000_000));
        let strict = Ask::Latency { percentile: P95, at_most: Share(0), clock: Clock::Response };
        prop_assert!(decide(&question(strict), &base, &runs).verdict >= before);
    }

    /// A run held against itself is never worse.
    #[test]
    fn like_is_not_worse(all in proptest::collection::vec(sketch(), 1..5)) {
        let runs: Vec<Past> = all.iter().map(run).collect();
        prop_assert!(slower(&baseline(runs.clone()), &runs).verdict != Violated);
        let asked = question(Ask::Errors { at_most: Share(0) });
        prop_assert!(decide(&asked, &baseline(runs.clone()), &runs).verdict != Violated);
    }
}

#[test]
fn another_rate_and_other_requests_are_unlike_and_what_nobody_kept_is_unknown() {
    let traffic = |rate: &str, sends: &str| crate::case::Traffic {
        rate: rate.to_owned(),
        sends: sends.to_owned(),
    };
    let of = |traffic: Option<crate::case::Traffic>| {
        let mut past = past(&[(100, 90)], 0, 0);
        past.loads[0].traffic = traffic;
        past
    };
    let here = of(Some(traffic("100/s", "ab")));
    let told = |there: Option<crate::case::Traffic>| alike::differences(&of(there), &here);
    assert_eq!(told(here.loads[0].traffic.clone()), Vec::<String>::new());
    let ramp = told(Some(traffic("1/s to 199/s", "ab")));
    assert_eq!(ramp, ["the rate of `visitors`: 1/s to 199/s there, 100/s here"]);
    let other = told(Some(traffic("100/s", "cd")));
    assert_eq!(other, ["what `visitors` sends (hash): cd there, ab here"]);
    let old = told(None);
    assert_eq!(old.len(), 2);
    assert!(old[0].contains("unknown (kept by an older program) there"), "{}", old[0]);
}

//! What the judge's promises come to over simulated runs, and what judging costs.
//!
//! Prints how often a service exactly at its limit is called met, or violated, over 10 000 seeds and by
//! arithmetic, for each number of requests, independent errors and bursts that were declared; how often
//! one at half its limit is met; the same where errors lie in seconds, and bursts are seen there; and the
//! time and memory of judging ten million requests and a million attempts.
//! With the folder of a run it judges that run's journal too.
//!
//! Run with `cargo bench -p assay-slo --bench judge [-- RUN_DIR]`.
//!
//! Invariant: chance is seeded; the shares are the same on every machine.
//! Not here: the engine's and the links' costs (harness benches).

#![expect(clippy::print_stdout, reason = "a bench talks to its user")]
#![expect(clippy::disallowed_macros, reason = "a bench talks to its user")]
#![expect(clippy::disallowed_methods, reason = "a bench has a clock, and reads a run")]
#![expect(clippy::disallowed_types, reason = "a bench has a clock")]

use assay_slo::case::{
    Ask, Breaker, During, Evidence, Fleet, Load, LoadKind, Objective, Of, Place, Policy, Request,
    Terms,
};
use assay_slo::event::{Attempt, Attempts, AttemptsOf, Cell, End, EndReason, Entry, Event, Ledger};
use assay_slo::interval::{cdf, greatest_bad, least_n};
use assay_slo::{At, Case, Mark, Outcome, Share, Timeline, Verdict, judge};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::time::Instant;

const SEEDS: u64 = 10_000;
/// 0.1 %, and P95's rest.
const LIMITS: [(&str, Share); 2] =
    [("errors < 0.1 %", Share(1_000_000)), ("P95, 5 % may miss", Share(50_000_000))];
const SURE: Share = Share(950_000_000);
const ZERO: At = At(1_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "a service exactly at its limit: what it is called, % of {SEEDS} runs, and by arithmetic"
    );
    println!(
        "{:20} {:12} {:>7} {:>15} {:>20}",
        "limit", "errors", "n", "false met", "false violated"
    );
    for (name, limit) in LIMITS {
        for bursts in [1, 5] {
            for bad in [0, 1, 5, 20, 100] {
                let planned = least_n(limit, bad, SURE).unwrap_or(0) * bursts;
                // Bursts are whole.
                let n = planned.div_ceil(bursts) * bursts;
                let kind = if bursts == 1 { "independent" } else { "bursts of 5" };
                let Shares { seen, exact } = shares(limit, limit, n, bursts);
                let word = if exact.iter().all(|share| *share <= 5.0) && seen.iter().all(by_chance)
                {
                    "5 % at most, holds"
                } else {
                    "MORE than the 5 % promised"
                };
                println!(
                    "{name:20} {kind:12} {n:7} {:6.2} ({:5.2}) {:11.2} ({:5.2})  {word}",
                    seen[0], exact[0], seen[1], exact[1]
                );
            }
        }
    }
    println!("\nmet at half the limit, with the requests that should do for 90 %");
    for (name, limit) in LIMITS {
        let half = Share(limit.0 / 2);
        let n = planned_for(limit, half);
        let Shares { seen, exact } = shares(limit, half, n, 1);
        println!("{name:20} n {n:6}: met {:.1} % ({:.1} %)", seen[0], exact[0]);
    }
    in_seconds();
    costs()?;
    if let Some(dir) = std::env::args().skip(1).find(|word| !word.starts_with('-')) {
        return journal(&dir);
    }
    println!("\nSKIPPED the journal of a run: name its folder after `--`");
    Ok(())
}

/// 100 requests a second, and nobody says how errors come.
fn in_seconds() {
    println!("\n100 requests a second, bursts are not declared: met, % of {SEEDS} runs");
    for (name, limit) in LIMITS {
        let per_burst = 5.0 / limit.fraction();
        // From three bursts expected on they can be seen.
        for expected in [3.0, 5.0, 10.0] {
            let n = (expected * per_burst / 100.0) as u64 * 100;
            let met = spread(limit, limit, n, 5);
            let word = if 100.0 / per_burst > 0.5 {
                "a second holds one by chance: they must be declared"
            } else if by_chance(&met) {
                "5 % at most, holds"
            } else {
                "MORE than the 5 % promised"
            };
            println!("{name:20} at the limit, bursts of 5 n {n:6}: {met:5.2}  {word}");
        }
        let half = Share(limit.0 / 2);
        let n = planned_for(limit, half).div_ceil(100) * 100;
        for (what, share) in [("at the limit", limit), ("at half the limit", half)] {
            let met = spread(limit, share, n, 1);
            println!("{name:20} {what}, independent n {n:6}: {met:5.2}");
        }
    }
}

/// Percent of the runs that are met, of errors that fall into seconds of 100 requests, in bursts.
fn spread(limit: Share, true_share: Share, n: u64, bursts: u64) -> f64 {
    let mut case = case(limit, n, 1);
    let seconds = n / 100;
    if let Some(load) = case.loads.first_mut() {
        load.ends_us = seconds * 1_000_000;
    }
    let met = (0..SEEDS).filter(|seed| {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ n ^ bursts << 32);
        let times = chance.binomial(n / bursts, true_share.fraction());
        let mut bad = BTreeMap::new();
        for _ in 0..times {
            let second = (chance.fraction() * seconds as f64) as i64;
            *bad.entry(second).or_insert(0) += bursts;
        }
        let cells = (0..seconds as i64).flat_map(|second| {
            let bad = bad.get(&second).copied().unwrap_or(0).min(100);
            [(Outcome::Ok, 100 - bad), (Outcome::Http5xx, bad)]
                .into_iter()
                .filter(|(_, n)| *n > 0)
                .map(move |(outcome, n)| (second, outcome, n))
        });
        let marks = case.marks.len();
        let cells = cells.map(|(second, outcome, n)| cell(second, outcome, n, marks)).collect();
        said(&case, cells) == Verdict::Met
    });
    met.count() as f64 * 100.0 / SEEDS as f64
}

/// The fewest requests with which a service at `true_share` is met in 90 of 100 runs.
fn planned_for(limit: Share, true_share: Share) -> u64 {
    (0..200)
        .filter_map(|bad| least_n(limit, bad, SURE))
        .find(|n| {
            greatest_bad(*n, limit, SURE).is_some_and(|most| cdf(most, *n, true_share) >= 0.9)
        })
        .unwrap_or(0)
}

/// Percent of the runs that are met, and that are violated.
struct Shares {
    /// Over the seeds.
    seen: [f64; 2],
    /// By the binomial distribution and the same verdicts.
    exact: [f64; 2],
}

/// At 5 %, a share over the seeds is within three standard errors in all but one case in a thousand.
fn by_chance(seen: &f64) -> bool {
    *seen <= 5.0 + 3.0 * 100.0 * libm::sqrt(0.05 * 0.95 / SEEDS as f64)
}

fn shares(limit: Share, true_share: Share, n: u64, bursts: u64) -> Shares {
    let case = case(limit, n, bursts);
    // The judge is pure: what it says of a count, it says whenever that count comes.
    let mut known = BTreeMap::new();
    let mut says = |times: u64| {
        let said = known.entry(times).or_insert_with(|| verdict(&case, n, bursts * times));
        [Verdict::Met, Verdict::Violated].map(|wanted| f64::from(*said == wanted))
    };
    let (mut seen, mut exact) = ([0.0; 2], [0.0; 2]);
    let mut add = |sum: &mut [f64; 2], times, weight: f64| {
        for (sum, is) in sum.iter_mut().zip(says(times)) {
            *sum += is * weight * 100.0;
        }
    };
    let trials = n / bursts;
    for seed in 0..SEEDS {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ n ^ bursts << 32);
        add(&mut seen, chance.binomial(trials, true_share.fraction()), 1.0 / SEEDS as f64);
    }
    let mut before = 0.0;
    for times in 0..=trials {
        let below = cdf(times, trials, true_share);
        add(&mut exact, times, below - before);
        before = below;
        if 1.0 - below < 1e-9 {
            break;
        }
    }
    Shares { seen, exact }
}

/// The whole judge on one run.
fn verdict(case: &Case, n: u64, bad: u64) -> Verdict {
    let cells = [(Outcome::Ok, n - bad), (Outcome::Http5xx, bad)];
    let cells = cells.into_iter().filter(|(_, n)| *n > 0);
    said(case, cells.map(|(outcome, n)| cell(0, outcome, n, case.marks.len())).collect())
}

fn said(case: &Case, cells: Vec<Cell>) -> Verdict {
    let ends = case.loads.first().map_or(0, |load| load.ends_us);
    let over = At(ZERO.0 + ends + 1_000_000);
    let entries = [
        Entry { at: ZERO, event: Event::Zero { zero: ZERO } },
        Entry { at: over, event: Event::Cells(cells) },
        end(At(over.0 + 1_000_000)),
    ];
    let Ok(timeline) = Timeline::from_entries(&entries, case) else {
        return Verdict::Inconclusive;
    };
    judge(case, &timeline).verdict
}

fn end(at: At) -> Entry {
    let end = End { reason: EndReason::Complete, detail: String::new(), still_broken: Vec::new() };
    Entry { at, event: Event::End(end) }
}

fn cell(second: i64, outcome: Outcome, n: u64, marks: usize) -> Cell {
    let status = if outcome == Outcome::Ok { 200 } else { 503 };
    let marks = vec![0; marks];
    Cell { load: 0, request: 0, segment: 1, straddle: None, outcome, status, second, n, marks }
}

fn load(name: &str, kind: LoadKind, planned: u64, seconds: u64) -> Load {
    Load {
        name: name.to_owned(),
        kind,
        link: None,
        requests: vec![Request { name: name.to_owned() }],
        starts_us: 0,
        ends_us: seconds * 1_000_000,
        planned,
        journeys: false,
        steps: Vec::new(),
        stop_after: Vec::new(),
        traffic: None,
        scarce: None,
    }
}

/// One load, judged by its errors.
fn case(limit: Share, n: u64, bursts: u64) -> Case {
    Case {
        loads: vec![load("all", LoadKind::Open, n, 1)],
        marks: vec![Mark::LateBy { us: 50_000 }],
        ages_us: vec![1_000_000],
        objectives: vec![Objective {
            name: "errors".to_owned(),
            place: Place::default(),
            ask: Ask::ErrorRate { below: limit },
            of: vec![Of { load: 0, request: 0 }],
            during: vec![During::Steady, During::After],
            per_request: false,
            advisory: false,
            confidence: SURE,
            late_mark: 0,
            criterion: false,
            terms: Terms { bursts: (bursts > 1).then_some(bursts), ..Terms::default() },
            production: None,
        }],
        ..Case::default()
    }
}

/// Ten million requests in 1000 s, 40 kinds of outcome and status a second, and a million attempts of
/// a fleet, as lines of a journal.
fn costs() -> Result<(), Box<dyn Error>> {
    const SECONDS: i64 = 1000;
    let mut case = case(Share(1_000_000), 10_000_000, 1);
    let requests = (0..20).map(|at| Request { name: format!("request {at}") });
    if let (Some(load), Some(objective)) = (case.loads.first_mut(), case.objectives.first_mut()) {
        load.requests = requests.collect();
        load.ends_us = SECONDS as u64 * 1_000_000;
        objective.of = (0..20).map(|request| Of { load: 0, request }).collect();
    }
    case.loads.push(load("fleet", LoadKind::Fleet, 0, SECONDS as u64));
    case.fleets.push(Fleet {
        name: "fleet".to_owned(),
        load: 1,
        devices: 1000,
        planned: 1_000_000,
        gateway: true,
        read_back: false,
        drain_us: 0,
    });
    case.breakers.push(Breaker {
        name: "uplink".to_owned(),
        place: Place::default(),
        policy: Policy::default(),
        evidence: vec![Evidence::Gateway(0)],
    });
    let mut lines = vec![line(&Entry { at: ZERO, event: Event::Zero { zero: ZERO } })?];
    for second in 0..SECONDS {
        let at = At(ZERO.0 + second as u64 * 1_000_000 + 1_000_000);
        let cells = (0..20usize).flat_map(|request| {
            [(Outcome::Ok, 499), (Outcome::Http5xx, 1)]
                .map(|(outcome, n)| Cell { request, ..cell(second, outcome, n, case.marks.len()) })
        });
        lines.push(line(&Entry { at, event: Event::Cells(cells.collect()) })?);
        let list = (0..1000u64).map(|k| Attempt {
            begun: At(at.0 + k * 1000),
            done: At(at.0 + k * 1000 + 500),
            outcome: Outcome::Ok,
            trial: false,
        });
        let of = AttemptsOf::Gateway(0, 0);
        let attempts = Attempts { of, list: list.collect(), left_out: 0 };
        lines.push(line(&Entry { at, event: Event::Attempts(attempts) })?);
    }
    lines.push(line(&Entry { at: At(1_003_000_000), event: Event::Ledger(Ledger::default()) })?);
    lines.push(line(&end(At(1_004_000_000)))?);
    let size: usize = lines.iter().map(Vec::len).sum();
    let before = memory_kib("VmRSS:")?;
    let started = Instant::now();
    let mut timeline = Timeline::default();
    for text in &lines {
        let entry: Entry = serde_json::from_slice(text)?;
        timeline.add(&entry, &case).map_err(|problem| problem.to_string())?;
    }
    let card = judge(&case, &timeline);
    let took = started.elapsed().as_secs_f64();
    let most = memory_kib("VmHWM:")?.saturating_sub(before) / 1024;
    println!(
        "\nten million requests and a million attempts ({} MiB of journal): read and judged ({}) in \
         {took:.2} s (5 s allowed), {most} MiB beside the journal's own text (200 MiB allowed)",
        size >> 20,
        card.verdict.word()
    );
    Ok(())
}

fn line(entry: &Entry) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(entry)
}

/// A run's journal, the best of five.
fn journal(dir: &str) -> Result<(), Box<dyn Error>> {
    let path = std::path::Path::new(dir).join("journal.jsonl");
    let mut best = f64::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let mut lines = BufReader::new(std::fs::File::open(&path)?).lines();
        let header = lines.next().ok_or("an empty journal")??;
        let mut header: serde_json::Value = serde_json::from_str(&header)?;
        let case: Case = serde_json::from_value(header["case"].take())?;
        let mut timeline = Timeline::default();
        for text in lines {
            let text = text?;
            // The last line seals the others; the harness looks at it.
            if text.starts_with("{\"seal\"") {
                break;
            }
            let entry: Entry = serde_json::from_str(&text)?;
            timeline.add(&entry, &case).map_err(|problem| problem.to_string())?;
        }
        let card = judge(&case, &timeline);
        best = best.min(started.elapsed().as_secs_f64());
        assert!(!card.sentence.is_empty(), "a verdict has a reason");
    }
    println!("\n{}: read and judged in {:.0} ms (50 ms allowed)", path.display(), best * 1000.0);
    Ok(())
}

fn memory_kib(what: &str) -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(what)).ok_or("no such line")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 on, below 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How many of n happen that each do with this probability: by the gaps between them.
    fn binomial(&mut self, n: u64, p: f64) -> u64 {
        let per_gap = libm::log1p(-p);
        let (mut at, mut count) = (0.0, 0);
        loop {
            at += libm::floor(libm::log1p(-self.fraction()) / per_gap) + 1.0;
            if at > n as f64 {
                return count;
            }
            count += 1;
        }
    }
}

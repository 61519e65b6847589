//! The whole page: harmless, small, the same, and true to its scorecard.
//!
//! Not here: how it looks (`tests/browser.rs`).

use super::super::sample;
use super::*;
use assay_slo::case::{Case, Load, LoadKind, Request};
use assay_slo::event::{Cell, Gate, GateTime, Health};
use assay_slo::scorecard::{Between, BreakerScore, Episode};
use assay_slo::{At, Entry, Event, Outcome};

fn case(loads: usize) -> Case {
    let load = |number: usize| Load {
        name: format!("{} {number}", sample::HOSTILE),
        kind: LoadKind::Open,
        link: None,
        requests: vec![Request { name: sample::HOSTILE.into() }],
        starts_us: 0,
        ends_us: 0,
        planned: 0,
        journeys: false,
        steps: vec![],
        stop_after: vec![],
        traffic: None,
        scarce: None,
    };
    Case { loads: (0..loads).map(load).collect(), ..Case::default() }
}

fn series(loads: usize, seconds: i64) -> Series {
    let case = case(loads);
    let mut series = Series::default();
    series.add(&Entry { at: At(7), event: Event::Zero { zero: At(5_000_000) } }, &case);
    for second in 0..seconds {
        let at = At(6_000_000 + second.unsigned_abs() * 1_000_000);
        for load in 0..loads {
            let cell = |outcome, n| Cell {
                load,
                request: 0,
                segment: 1,
                straddle: None,
                outcome,
                status: 200,
                second,
                n,
                marks: vec![],
            };
            let wave = (second.unsigned_abs() * 7919 + load as u64 * 31) % 1000;
            let cells = Outcome::ALL.map(|outcome| cell(outcome, wave + outcome as u64));
            series.add(&Entry { at, event: Event::Cells(cells.to_vec()) }, &case);
            let health = Health {
                load,
                due: 1000 + wave,
                begun: 1000 + wave / 2,
                done: 1000,
                blocked: 0,
                lag_p50_us: wave,
                lag_p99_us: wave * 10,
                lag_max_us: wave * 20,
                in_flight: 3,
                stood: Vec::new(),
            };
            series.add(&Entry { at, event: Event::Health(health) }, &case);
        }
    }
    let reasons = vec![sample::HOSTILE.to_owned()];
    let gate = Gate { when: GateTime::Before, open: false, reasons };
    series.add(&Entry { at: At(9_000_000), event: Event::Gate(gate) }, &case);
    series
}

/// Every start of a tag with its attributes.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(""))
}

#[test]
fn nothing_from_outside_becomes_structure() {
    let scenario = format!("name: {}\n</code></pre><img src=x onerror=y>\n", sample::HOSTILE);
    let page = html(&sample::head(), &sample::scorecard(), &series(2, 30), &scenario);
    assert!(page.contains("&lt;script&gt;]]&gt;|`x`"));
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{7}'));
    assert!(page.contains("&lt;/code&gt;&lt;/pre&gt;&lt;img src=x onerror=y&gt;"));
    for tag in tags(&page) {
        for word in [" style=", " onclick", " onerror", " src=", "http:", "https:"] {
            assert!(!tag.contains(word), "{tag}");
        }
        let link = tag.split("href=\"").nth(1);
        assert!(
            link.is_none_or(|to| to.starts_with('#') || to.starts_with("report.css\"")),
            "{tag}"
        );
    }
}

/// A breaker that only arrivals show has its lane and its rows; one that did nothing has none.
#[test]
fn a_breaker_seen_by_arrivals_is_drawn() {
    let at =
        |seconds: u64| Between { earliest: At(5_000_000), latest: At((5 + seconds) * 1_000_000) };
    let episode = Episode {
        opened: at(10),
        half_open: Some(at(15)),
        closed: Some(at(16)),
        ..Episode::default()
    };
    let page = |evidence: &str, episodes: Vec<Episode>| {
        let mut scorecard = sample::scorecard();
        scorecard.breakers = vec![BreakerScore {
            name: "pay".to_owned(),
            of: "arrivals at link `up`".to_owned(),
            evidence: evidence.to_owned(),
            problem: None,
            episodes,
        }];
        html(&sample::head(), &scorecard, &series(1, 30), "a: b\n")
    };
    let seen = page(BreakerScore::INFERRED, vec![episode]);
    assert!(seen.contains("pay, by arrivals at link `up`"), "{seen}");
    assert!(["closed", "open", "half-open"].iter().all(|word| seen.contains(&format!(">{word}<"))));
    assert!(!page(BreakerScore::INFERRED, vec![]).contains("pay, by"));
    // What our gateways tell is drawn from what they told.
    assert!(!page("told by the gateway", vec![episode]).contains("pay, by"));
}

#[test]
fn elements_are_balanced_and_names_are_unique() {
    let page = html(&sample::head(), &sample::scorecard(), &series(2, 30), "a: b\n");
    let mut open: Vec<&str> = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for tag in tags(&page) {
        let name = tag.split([' ', '>']).next().unwrap_or("");
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if ["!DOCTYPE", "meta", "link"].contains(&name) => {}
            None => open.push(name),
        }
        if let Some(id) = tag.split(" id=\"").nth(1).and_then(|rest| rest.split('"').next()) {
            assert!(names.insert(id.to_owned()), "{id} twice");
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    for target in page.split("href=\"#").skip(1).chain(page.split("url(#").skip(1)) {
        let target = target.split(['"', ')']).next().unwrap_or("");
        assert!(names.contains(target), "#{target}");
    }
    assert_eq!(page.matches("<h1").count(), 1);
    assert_eq!(page.matches("role=\"img\"").count(), page.matches("<svg").count());
    let drawings = page.split("<svg").skip(1);
    assert!(drawings.clone().count() > 6);
    assert!(drawings.into_iter().all(|drawing| drawing.contains("<title")));
}

#[test]
fn the_same_run_gives_the_same_bytes_whatever_the_order_of_cells() {
    let (head, scorecard) = (sample::head(), sample::scorecard());
    let page = html(&head, &scorecard, &series(3, 40), "a: b\n");
    assert_eq!(page, html(&head, &scorecard, &series(3, 40), "a: b\n"));
}

#[test]
fn a_page_of_hours_and_crowds_stays_small() {
    let mut scorecard = sample::scorecard();
    let crowd = |most: usize| (0..most).map(|number| format!("{}{number}", "<&x>".repeat(900)));
    scorecard.findings = crowd(2_000).collect();
    let (objective, expectation) =
        (scorecard.objectives[1].clone(), scorecard.expectations[1].clone());
    let (load, fault) = (scorecard.loads[0].clone(), scorecard.faults[0].clone());
    for name in crowd(1_000) {
        let mut one = objective.clone();
        (one.id, one.reason, one.observed) = (name.clone(), name.clone(), name.clone());
        scorecard.objectives.push(one);
        let mut one = expectation.clone();
        (one.id, one.reason) = (name.clone(), name.clone());
        scorecard.expectations.push(one);
        scorecard
            .loads
            .push(assay_slo::scorecard::LoadScore { name: name.clone(), ..load.clone() });
        scorecard.faults.push(assay_slo::scorecard::FaultScore { name, ..fault.clone() });
    }
    let series = series(20, 3_600);
    let page = html(&sample::head(), &scorecard, &series, &"<long>: &\"text\"\n".repeat(100_000));
    assert!(page.len() < MOST_BYTES, "{}", page.len());
    assert!(page.contains("more, in verdict.json"));
}

#[test]
fn a_run_that_never_began_has_a_page() {
    let page = html(&sample::head(), &sample::scorecard(), &Series::default(), "");
    assert!(page.contains("ended before time 0"));
    assert!(page.contains("scenario.yaml is not in the run directory"));
    let mut killed = Series::default();
    killed.add(&Entry { at: At(1), event: Event::Finding { text: "x".into() } }, &case(0));
    let page = html(&sample::head(), &sample::scorecard(), &killed, "");
    assert!(page.contains("the run was killed"));
}

#[test]
fn the_verdict_is_words_and_a_shape() {
    let page = html(&sample::head(), &sample::scorecard(), &series(1, 10), "");
    assert!(page.contains("<title>✗ violated: slow-backend</title>"));
    let heading = page.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap();
    assert!(heading.contains('✗') && heading.contains("violated"), "{heading}");
}

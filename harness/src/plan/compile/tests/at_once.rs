//! Mistakes of decoding and of planning are told together: all of them, each once, and none that
//! only follows from another.

use crate::plan::compile_all;
use crate::spec::{Look, Overrides, Problems, decode};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Of each section an entry that others name, and one whose mistake is planted.
const WHOLE: &str = r#"schema: 1
name: at-once
warmup: 2s
services:
  shop: {url: "http://127.0.0.1:8080"}
  spare: {url: "http://127.0.0.1:8081"}
  other: {url: "http://127.0.0.1:8082"}
links:
  front: {to: shop}
  back: {to: spare}
  side: {to: other}
load:
  visitors: {constant-arrival-rate: {rate: 200/s, duration: 60s, to: front, requests: [{get: {name: browse, path: /a}}, {get: {name: look, path: /l}}]}}
  buyers: {constant-arrival-rate: {rate: 100/s, duration: 60s, to: back, requests: [{get: {name: buy, path: /b}}, {get: {path: /c}}]}}
  ghosts: {constant-arrival-rate: {rate: 100/s, duration: 60s, to: side, requests: [{get: {name: scare, path: /d}}]}}
fleets:
  trucks: {profile: TRUCK-21, devices: 10, every: 100ms, duration: 50s, to: front, gateway: {breaker: {failures: 5, recovery: 5s}}}
  mills: {profile: MILL-3, devices: 10, every: 100ms, duration: 50s, to: back, gateway: {breaker: {}}}
faults:
  down: {outage: {link: front, mode: reset, at: 20s, duration: 5s, recovery: 5s}}
  slow: {latency: {link: back, add: {fixed: 50ms}, at: 20s, duration: 5s, recovery: 5s}}
  flaky: {error: {link: side, status: 503, at: 30s, duration: 5s, recovery: 5s}}
breakers:
  uplink: {policy: {failures: 5}, evidence: [{gateway: {fleet: trucks}}]}
  downlink: {evidence: [{gateway: {fleet: mills}}]}
  third: {evidence: [{arrivals: {link: side}}]}
objectives:
  fast: {latency: {percentile: 95, below: 300ms, of: [browse, look]}}
  errors: {error-rate: {below: 1%, of: [buyers], during: [steady]}}
  calm: {error-rate: {below: 1%, of: [scare], during: [down, uplink.open]}}
expect:
  - recovers: {objective: fast, after: down.end, within: 5s}
  - unaffected: {of: [look], during: [slow], keeps: [errors]}
  - goodput: {of: [buy], at-least: 90%, after: slow.end, within: 5s}
  - breaker: {name: uplink, opens: {after: down.start, within: 3s}}
  - backlog: {fleet: trucks, drained: {after: slow.end, within: 10s}}
steady-state:
  require: [fast, errors]
  probes: [{http: {service: shop, path: /health}}, {http: {service: spare, path: /health}}]
"#;

/// A change of a place, and the message that it makes.
type Planted = (&'static str, &'static str, &'static str);

/// What decoding finds; each in an entry that others name.
const DECODED: [Planted; 17] = [
    ("warmup: 2s", "warmup: 2", "`2` has no unit"),
    (
        "shop: {url: \"http://127.0.0.1:8080\"}",
        "shop: {ur: \"http://127.0.0.1:8080\"}",
        "unknown type `ur`",
    ),
    ("front: {to: shop}", "front: {to: shop, listn: \"127.0.0.1:20000\"}", "unknown key `listn`"),
    ("rate: 200/s", "rate: 200", "`200` has no unit"),
    (
        "duration: 60s, to: front",
        "duration: 60s, client: {timeout: 5}, to: front",
        "`5` has no unit",
    ),
    ("{get: {name: browse, path: /a}}", "{get: {name: browse, path: [a]}}", "a list where"),
    (
        "{get: {name: look, path: /l}}",
        "{get: {name: look, path: /l, weight: x}}",
        "`x` is not a whole number from 0",
    ),
    ("profile: TRUCK-21", "profile: TRUCK-22", "unknown `TRUCK-22`"),
    (
        "breaker: {failures: 5, recovery: 5s}",
        "breaker: {failures: five, recovery: 5s}",
        "`five` is not a whole number from 0",
    ),
    ("outage: {link: front, mode: reset", "outage: {link: front, mode: rest", "unknown `rest`"),
    ("mode: reset, at: 20s", "mode: reset, affects: some, at: 20s", "unknown `some`"),
    ("uplink: {policy: {failures: 5}", "uplink: {polcy: {failures: 5}", "unknown key `polcy`"),
    ("latency: {percentile: 95", "latency: {percentil: 95", "unknown key `percentil`"),
    ("of: [browse, look]}", "of: [browse, look], confidence: high}", "`high` is not a share"),
    ("within: 5s}\n  - unaffected", "within: 5}\n  - unaffected", "`5` has no unit"),
    (
        "opens: {after: down.start, within: 3s}",
        "opens: {after: down.start, within: 3s}, closes: soon",
        "`soon` where a map is wanted",
    ),
    ("require: [fast, errors]", "require: [fast, errors]\n  after: 5", "`5` has no unit"),
];

/// What planning finds; in other entries.
const PLANNED: [Planted; 18] = [
    ("http://127.0.0.1:8081", "ftp://127.0.0.1:8081", "is no http URL"),
    ("http://127.0.0.1:8082", "http://192.0.2.1:8082", "may receive no load"),
    ("side: {to: other}", "side: {to: othr}", "unknown service `othr`"),
    ("to: back, requests", "to: bock, requests", "unknown service or link `bock`"),
    ("{get: {path: /c}}", "{get: {path: c}}", "does not start with `/`"),
    (
        "{get: {name: scare, path: /d}}",
        "{get: {name: scare, path: /d, weight: 0}}",
        "is never sent",
    ),
    ("to: back, gateway", "to: bick, gateway", "unknown service or link `bick`"),
    ("link: back, add", "link: beck, add", "unknown link `beck`"),
    ("status: 503", "status: 200", "is no error that callers could tell"),
    ("status: 503, at: 30s", "status: 503, at: doun.end", "unknown load or fault `doun`"),
    ("fleet: mills", "fleet: mulls", "unknown fleet `mulls`"),
    ("of: [buyers]", "of: [byers]", "unknown load or request `byers`"),
    ("during: [down, uplink.open]", "during: [dawn, uplunk.open]", "unknown phase or fault `dawn`"),
    ("keeps: [errors]", "keeps: [erors]", "unknown objective `erors`"),
    ("after: slow.end", "after: slaw.end", "unknown load or fault `slaw`"),
    ("opens: {after: down.start", "opens: {after: dwn.start", "unknown load or fault `dwn`"),
    ("drained: {after: slow.end", "drained: {after: sluw.end", "unknown load or fault `sluw`"),
    ("service: spare, path", "service: spore, path", "unknown service `spore`"),
];

fn planted(changes: &[Planted]) -> String {
    changes.iter().fold(WHOLE.to_owned(), |text, (from, to, _)| text.replacen(from, to, 1))
}

fn told(text: &str) -> Problems {
    let read = decode("once.yaml", text, &Overrides::default(), &|_| None);
    compile_all(read).err().unwrap_or_default()
}

/// Wants exactly what each of these makes alone; one that makes more makes it here too.
#[track_caller]
fn all_of(changes: &[Planted]) {
    let text = planted(changes);
    let alone = |change: &Planted| {
        let problems = told(&planted(&[*change]));
        assert!(
            problems.iter().any(|problem| problem.message.contains(change.2)),
            "no {:?} in\n{}",
            change.2,
            problems.render(Look::Plain)
        );
        problems.iter().map(|problem| (problem.path.clone(), problem.message.clone())).collect()
    };
    let wanted: BTreeSet<(String, String)> =
        changes.iter().flat_map(|change| -> Vec<_> { alone(change) }).collect();
    let problems = told(&text);
    let found: Vec<(String, String)> =
        problems.iter().map(|problem| (problem.path.clone(), problem.message.clone())).collect();
    let shown = problems.render(Look::Plain);
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), wanted, "{shown}");
    assert_eq!(found.len(), wanted.len(), "{shown}");
    let places: Vec<_> = problems.iter().map(|problem| problem.place.clone()).collect();
    assert!(places.is_sorted(), "in the order of the file\n{shown}");
}

#[test]
fn the_whole_is_good() {
    let problems = told(WHOLE);
    assert!(problems.is_empty(), "{problems}");
}

/// A mistake of decoding makes no other: what names its entry is right.
#[test]
fn one_mistake_of_decoding_is_one_mistake() {
    for change in &DECODED {
        let problems = told(&planted(&[*change]));
        assert_eq!(problems.len(), extra(change) + 1, "{}", problems.render(Look::Plain));
    }
}

/// How many required keys are missing where a key is misspelt.
fn extra(change: &Planted) -> usize {
    usize::from(change.1.contains("percentil:"))
}

/// Of the two that change the same place the first.
fn disjoint<'p>(changes: impl Iterator<Item = &'p Planted>) -> Vec<Planted> {
    let mut chosen: Vec<Planted> = Vec::new();
    for change in changes {
        let mut with = chosen.clone();
        with.push(*change);
        let text = planted(&with);
        if with.iter().all(|(_, to, _)| text.contains(to)) {
            chosen = with;
        }
    }
    chosen
}

#[test]
fn a_mistake_of_each_kind_in_every_section_is_told_once() {
    let first = DECODED.iter().filter(|(from, ..)| {
        // Of each section one: what stands in an entry that is left out cannot be told.
        [
            "warmup",
            "shop",
            "front",
            "rate: 200/s",
            "TRUCK",
            "outage",
            "uplink",
            "latency",
            "within: 5s",
            "require",
        ]
        .iter()
        .any(|start| from.contains(start))
    });
    let changes = disjoint(first.chain(&PLANNED));
    assert_eq!(changes.len(), 10 + PLANNED.len());
    all_of(&changes);
}

#[test]
fn many_mistakes_take_no_time_worth_telling() {
    let mut text = planted(&[]);
    let mut more = String::new();
    for at in 0..450 {
        let (bad, to) = if at % 2 == 0 { ("rate: 5", "front") } else { ("rate: 5/s", "nowhere") };
        more.push_str(&format!(
            "  l{at}: {{constant-arrival-rate: {{{bad}, duration: 60s, to: {to}, requests: [{{get: {{name: r{at}, path: /}}}}]}}}}\n"
        ));
    }
    text = text.replacen("fleets:\n", &format!("{more}fleets:\n"), 1);
    let problems = told(&text);
    assert_eq!(problems.len(), 450, "{}", problems.render(Look::Plain));
}

#[test]
fn what_is_wrong_with_an_option_hides_no_unknown_name() {
    let text = planted(&[PLANNED[3]]);
    let overrides = Overrides { profiles: vec!["ci".to_owned()], ..Overrides::default() };
    let read = decode("once.yaml", &text, &overrides, &|_| None);
    let problems = compile_all(read).err().unwrap_or_default();
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["unknown service or link `bock`", "there is no profile `ci`"]);
}

/// What a request was to be called that has no right name nobody can tell.
#[test]
fn a_request_without_a_name_may_have_any() {
    let nameless = ("name: browse, path: /a", "name: [browse], path: /a", "a list where");
    let problems = told(&planted(&[nameless]));
    assert_eq!(problems.len(), 1, "{}", problems.render(Look::Plain));
    let problems = told(&planted(&[nameless, ("of: [buyers]", "of: [byers]", "")]));
    assert_eq!(problems.len(), 1, "{}", problems.render(Look::Plain));
}

/// In a scenario that is good, what one wrong word breaks is told, and nothing that follows from it.
#[test]
fn no_wrong_word_makes_a_mistake_elsewhere() {
    let outage = include_str!("../../../../../scenarios/backend-outage.yaml");
    let storm = include_str!("../../../../../scenarios/retry-storm.yaml");
    let mut refused = 0;
    for good in [WHOLE, outage, storm] {
        // Paths of profiles are found wrong by decoding, like the names that they go by.
        let (good, _) = good.split_once("profiles:\n").unwrap_or((good, ""));
        let ends = good.char_indices().filter(|(at, c)| {
            let next = good[at + c.len_utf8()..].chars().next();
            c.is_alphanumeric() && next.is_some_and(|next| ":,}] \n".contains(next))
        });
        for (nth, (at, last)) in ends.enumerate() {
            let all = ["x", ": [1]", "%"];
            // What ships is longer: one of the three at each place.
            let skipped = if good == WHOLE { 0 } else { nth % 3 };
            for more in all.iter().skip(skipped).take(if good == WHOLE { 3 } else { 1 }) {
                let (before, after) = good.split_at(at + last.len_utf8());
                let text = format!("{before}{more}{after}");
                let read = decode("scenarios/x.yaml", &text, &Overrides::default(), &|_| None);
                // A word that only planning finds wrong, a name, makes mistakes wherever it is used.
                let Err(own) = read else { continue };
                refused += 1;
                let own = own.problems;
                let all = told(&text);
                assert_eq!(own.len(), all.len(), "{before}{more}\n{}", all.render(Look::Plain));
            }
        }
    }
    assert!(refused > 1_000, "{refused} refused");
}

/// Of a whole section nothing is known.
#[test]
fn a_section_of_another_shape_is_one_mistake() {
    for section in ["services", "links", "load", "fleets", "faults", "breakers", "objectives"] {
        let from = WHOLE.find(&format!("\n{section}:\n")).unwrap() + 1;
        let length = WHOLE[from..].lines().skip(1).take_while(|line| line.starts_with(' '));
        let length: usize = length.map(|line| line.len() + 1).sum();
        let to = from + section.len() + 2 + length;
        let text = format!("{}{section}: []\n{}", &WHOLE[..from], &WHOLE[to..]);
        let problems = told(&text);
        assert_eq!(problems.len(), 1, "{}", problems.render(Look::Plain));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn what_decoding_and_planning_find_is_told_together(
        decoded in prop::collection::btree_set(0..DECODED.len(), 0..4),
        planned in prop::collection::btree_set(0..PLANNED.len(), 0..6),
    ) {
        let decoded = decoded.iter().filter_map(|at| DECODED.get(*at));
        let planned = planned.iter().filter_map(|at| PLANNED.get(*at));
        all_of(&disjoint(decoded.chain(planned)));
    }
}

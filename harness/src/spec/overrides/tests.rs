//! Paths, profiles and options.

use crate::spec::example::GOOD;
use crate::spec::scalar::Duration;
use crate::spec::types::{Fault, Load};
use crate::spec::{Loaded, Overrides, Problem, Problems, decode};

fn with(profiles: &[&str], sets: &[&str], vars: &[&str]) -> Result<Loaded, Problems> {
    let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let overrides =
        Overrides { profiles: all(profiles), sets: all(sets), vars: all(vars), seed: None };
    decode("shop.yaml", GOOD, &overrides, &|_| None).map_err(|refused| refused.problems)
}

fn rate(loaded: &Loaded) -> u64 {
    match loaded.scenario.load.get("visitors") {
        Some(Load::ConstantArrivalRate(load)) => load.rate.milli_per_min / 60,
        other => panic!("{other:?}"),
    }
}

fn refused(profiles: &[&str], sets: &[&str], vars: &[&str]) -> String {
    match with(profiles, sets, vars) {
        Ok(_) => panic!("{profiles:?} {sets:?} {vars:?} was accepted"),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn file_then_profile_then_options() {
    assert_eq!(rate(&with(&[], &[], &[]).unwrap()), 300_000);
    assert_eq!(rate(&with(&[], &[], &["rate=20/s"]).unwrap()), 20_000);
    let loaded = with(&["ci"], &[], &["rate=20/s"]).unwrap();
    assert_eq!((rate(&loaded), loaded.scenario.warmup), (50_000, Duration { us: 1_000_000 }));
    let path = "load.visitors.constant-arrival-rate";
    let sets =
        [format!("{path}.rate=7/s"), format!("{path}.client.timeout=3s"), "warmup=2s".to_owned()];
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    let loaded = with(&["ci"], &sets, &[]).unwrap();
    assert_eq!((rate(&loaded), loaded.scenario.warmup), (7_000, Duration { us: 2_000_000 }));
    match loaded.scenario.faults.get("gone") {
        Some(Fault::Outage(fault)) => assert_eq!(fault.duration.us, 5_000_000),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_setting_can_be_set_and_a_list_item_too() {
    let loaded = with(
        &[],
        &[
            "load.wave.ramping-arrival-rate.client={timeout: 1s}",
            "load.visitors.constant-arrival-rate.requests.0.get.weight=9",
            "load.visitors.constant-arrival-rate.requests[1].post.weight=7",
            "allow=[a, b]",
        ],
        &[],
    )
    .unwrap();
    let written = loaded.document.resolved();
    assert!(written.contains("weight: 9") && written.contains("timeout: 1s"), "{written}");
    assert_eq!(loaded.scenario.allow.len(), 2);
}

#[test]
fn a_path_that_hits_nothing_is_refused_with_what_is_near() {
    let cases = [
        ("faults.gome.outage.duration=5s", "did you mean `gone`?"),
        ("faults.new={}", "keys there: slow, wide, even, tail, rare, real, half, gone, cut, thin,"),
        ("fault.gone.outage.duration=5s", "did you mean `faults`?"),
        ("load.visitors.constant-arrival-rate.requests.9.get.weight=1", "it is a list of 7"),
        ("warmup.x=1", "it is a value without keys"),
        ("profiles.ci.warmup=5s", "profiles cannot be overridden"),
        ("vars.new=1", "keys there: tenant, rate"),
        ("load.visitors.rate=5/s", "did you mean `load.visitors.constant-arrival-rate.rate`?"),
        (
            "rate=5/s",
            "did you mean `vars.rate` or `load.visitors.constant-arrival-rate.rate` or `load.rest.constant-arrival-rate.rate`?",
        ),
        ("gone.outage.at=5s", "did you mean `faults.gone.outage.at`?"),
        ("warmpu=5s", "did you mean `warmup`?"),
        ("load.visitors.constant-arrival-rate.requests[9].get.weight=1", "it is a list of 7"),
        ("=5", "hits nothing"),
        ("warmup", "has no value"),
        ("warmup=[", "the value is not YAML"),
    ];
    for (set, help) in cases {
        let text = refused(&[], &[set], &[]);
        assert!(text.contains(help) && text.contains("--set:1:"), "{set}\n{text}");
    }
    assert!(refused(&["cj"], &[], &[]).contains("did you mean `ci`?"));
    assert!(refused(&["ci,x"], &[], &[]).contains("its own option: --profile ci --profile x"));
    assert!(refused(&[], &[], &["tenent=x"]).contains("did you mean `tenant`?"));
}

#[test]
fn a_mistake_is_shown_where_the_override_was_written() {
    assert_eq!(
        refused(&[], &["load.visitors.constant-arrival-rate.rate=50"], &[]),
        "\
error: `50` has no unit
 --> --set:1:42
  |
1 | load.visitors.constant-arrival-rate.rate=50
  |                                          ^^
  |
  = help: write a rate with its unit, such as 50/s or 50/m
"
    );
    let text = GOOD.replace("rate: 50/s", "rate: 50").replace("warmup: 1s", "warmpu: 1s");
    let overrides = Overrides { profiles: vec!["ci".to_owned()], ..Overrides::default() };
    let problems = decode("shop.yaml", &text, &overrides, &|_| None).unwrap_err().problems;
    let lines: Vec<&str> = text.split('\n').collect();
    let line = |p: &Problem| lines[p.place.line as usize - 1].trim();
    let shown: Vec<(&str, &str)> = problems.iter().map(|p| (line(p), p.message.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("warmpu: 1s", "unknown key `warmpu`"),
            ("load.visitors.constant-arrival-rate.rate: 50", "`50` has no unit"),
        ],
    );
}

#[test]
fn what_is_wrong_with_a_variable_is_shown_where_its_value_was_written() {
    let shown = refused(&[], &[], &["rate=5"]);
    assert!(shown.contains("`5` has no unit\n --> --var:1:6"), "{shown}");
    let shown = refused(&[], &["vars.rate=5"], &[]);
    assert!(shown.contains("`5` has no unit\n --> --set:1:11"), "{shown}");
}

#[test]
fn a_profile_that_nobody_asked_for_must_hit_too() {
    let text = GOOD.replace("faults.gone.outage.duration: 5s", "faults.gome.outage.duration: 5s");
    let problems =
        decode("shop.yaml", &text, &Overrides::default(), &|_| None).unwrap_err().problems;
    assert!(problems.to_string().contains("`faults` has no `gome`"), "{problems}");
}

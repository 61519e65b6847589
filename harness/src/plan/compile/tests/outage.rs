//! The flagship: its plan, and each check of users, fleets, breakers and kills with a scenario that
//! fails it.

use crate::plan::{Plan, compile_all, describe};
use crate::spec::{Look, Overrides, Problems, decode};
use assay_slo::case::{Bound, Evidence, LoadKind, Must};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const FLAGSHIP: &str = include_str!("../../../../../scenarios/backend-outage.yaml");

fn changed(changes: &[(&str, &str)]) -> String {
    // A profile's paths would have to be changed with what they hit.
    let full = FLAGSHIP.split("profiles:\n").next().unwrap_or_default();
    changes.iter().fold(format!("{full}{LAST}"), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not there");
        text.replacen(from, to, 1)
    })
}

fn planned_as(text: &str, profiles: &[&str]) -> Result<Plan, Problems> {
    let profiles = profiles.iter().map(|name| (*name).to_owned()).collect();
    let overrides = Overrides { profiles, ..Overrides::default() };
    compile_all(decode("scenarios/backend-outage.yaml", text, &overrides, &|_| None))
}

#[track_caller]
pub(super) fn good(changes: &[(&str, &str)]) -> Plan {
    let plan = planned_as(&changed(changes), &[]);
    plan.unwrap_or_else(|problems| panic!("{}", problems.render(Look::Plain)))
}

/// Wants exactly one problem that says this.
#[track_caller]
pub(super) fn refused(changes: &[(&str, &str)], message: &str) {
    let problems = planned_as(&changed(changes), &[]).err().unwrap_or_default();
    let shown = problems.render(Look::Plain);
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(problems.len(), 1, "{shown}");
    assert!(flat.contains(message), "no {message:?} in\n{shown}");
}

/// Wants this among the problems.
#[track_caller]
fn among(changes: &[(&str, &str)], message: &str) {
    let problems = planned_as(&changed(changes), &[]).err().unwrap_or_default();
    let shown = problems.render(Look::Plain);
    assert!(shown.contains(message), "no {message:?} in\n{shown}");
}

#[test]
fn the_flagship_is_planned_without_a_warning() {
    let plan = good(&[]);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    let shown = describe(&plan);
    assert!(shown == include_str!("outage.txt"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 100));
    let quick = planned_as(FLAGSHIP, &["ci"]).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(quick.warnings.is_empty(), "{:?}", quick.warnings);
}

#[test]
fn the_case_counts_loads_then_users_then_fleets() {
    let plan = good(&[]);
    let kinds: Vec<_> = plan.case.loads.iter().map(|load| load.kind).collect();
    assert_eq!(kinds, [LoadKind::Open, LoadKind::Users, LoadKind::Fleet]);
    assert_eq!((plan.users[0].load, plan.fleets[0].load), (1, 2));
    let names = |load: usize| -> Vec<&str> {
        plan.case.loads[load].requests.iter().map(|request| request.name.as_str()).collect()
    };
    assert_eq!(names(1), ["list", "detail"]);
    assert_eq!(names(2), ["trucks", "trucks features"]);
    assert_eq!((plan.case.fleets[0].planned, plan.fleets[0].samples), (10_000, 250));
    assert_eq!(plan.case.breakers[0].evidence, [Evidence::Gateway(0)]);
    assert!(plan.watched.is_empty());
    let Must::Ledger { lost, .. } = plan.case.expectations[2].must else { panic!() };
    assert_eq!(lost, Some(Bound::Count(0)));
    // 10 s to be ready, 5 s of warm-up, 50 s; 30 s to drain, 2 s for what is under way, 30.4 s to
    // read back; a minute.
    assert_eq!(plan.max_duration_us, 187_400_000);
}

/// Stands in the place of the profiles.
const LAST: &str = "# that is all\n";
const LOADS: &str = "  operators:                                # users";
const BREAKER: &str = "breaker: {failures: 5, recovery: 5s, trials: 1}";
const RETRY: &str =
    "      retry: {attempts: 3, base: 1s, factor: 2, max: 30s, order: outside-breaker}\n";
pub(super) const MODE: &str = "mode: refuse";

#[test]
fn clocks() {
    let desks = "of: [operators], clock: service";
    refused(&[(desks, "of: [operators]")], "`operators` has only the service clock");
    refused(&[(desks, "of: [operators], clock: response")], "write `clock: service`");
    refused(&[(desks, "of: [operators], clock: first-byte")], "write `clock: service`");
    refused(&[(desks, "of: [operators, dashboards]")], "an objective for each, with `of:`");
    refused(&[(desks, "of: [trucks]")], "`trucks` has only the service clock");
    refused(&[(", of: [operators], clock: service", "")], "covers `dashboards`");
    good(&[(desks, "of: [operators, dashboards], clock: service")]);
    good(&[(desks, "of: [trucks], clock: service")]);
}

#[test]
fn users() {
    refused(&[("vus: 10", "vus: 0")], "without users nothing is sent");
    refused(&[("vus: 10", "vus: 10001")], "10001 users are too many");
    refused(&[("ramp-up: 5s", "ramp-up: 50s")], "the users start within 50s, but it lasts 50s");
    refused(&[("name: detail, ", "name: detail, weight: 2, ")], "a weight of 2 says nothing");
    refused(&[("pause: 500ms..1500ms", "pause: 500ms..2h")], "a pause of 2h is too long");
    refused(&[("name: detail", "name: list")], "two requests of `operators` are called `list`");
    refused(
        &[("vus: 10", "vus: 1"), ("pause: 500ms..1500ms", "pause: 2s")],
        "`desks` expects at most",
    );
    let shared = "  batch: {shared-iterations: {vus: 5, iterations: 3, max-duration: 9s, to: api, journey: [{get: {path: /}}]}}\n";
    refused(&[(LOADS, &format!("{shared}{LOADS}"))], "leave some of 5 users nothing to do");
    let idle = "  tide: {ramping-vus: {start-vus: 0, stages: [{duration: 9s, target: 5}], to: api, journey: [{pause: 1s}]}}\n";
    refused(&[(LOADS, &format!("{idle}{LOADS}"))], "sends nothing");
    let same = "journey:\n        - get: {name: list, path: /machines/}\n        - pause: 1s";
    assert_eq!(good(&[("journey:", same)]).users[0].requests.len(), 2);
}

#[test]
fn fleets() {
    refused(&[("devices: 40", "devices: 0")], "a fleet of 0 devices");
    refused(&[("every: 200ms", "every: 200ms\n    jitter: 150ms")], "could overtake each other");
    refused(&[("every: 200ms", "every: 200ms\n    samples: 5")], "both a duration and a number");
    refused(
        &[("devices: 40", "devices: 40\n    send: {post: {name: x, path: /, json: {}}}")],
        "no `name` of its own",
    );
    among(&[("profile: TRUCK-21", "profile: none")], "does not say what its devices send");
    among(&[("  trucks:\n", "  machines:\n")], "`machines` is a load or request too");
    refused(&[("in-flight: 16", "in-flight: 0")], "0 is not from 1 to");
    refused(&[("in-flight: 16", "in-flight: 16\n      count: 41")], "41 gateways for 40 devices");
    refused(
        &[("in-flight: 16", "in-flight: 16\n      batch: 2")],
        "a `batch` of 2 is not supported yet",
    );
    refused(&[("{max: 20000}", "{durable: true}")], "`durable: true` is not supported yet");
    refused(&[("factor: 2", "factor: 0.5")], "a factor below 1");
    refused(&[("max: 30s", "max: 500ms")], "shorter than the first, 1s");
    let path = "/samples/${device}?after=${cursor}";
    let read = |to: &str, message: &str| refused(&[(path, to)], message);
    read("/samples/${device}", "every page would be the first");
    read("/samples?after=${cursor}", "the path has no `${device}`");
    refused(&[(", next: /next", "")], "never moves without `next`");
    refused(&[("ranges: /sample_numbers, ", "")], "where an answer has its samples");
    refused(&[("ranges: /", "ranges: ")], "is no JSON pointer");
    among(&[("ranges: /sample_numbers", "items: /samples")], "`items` need `key`");
    refused(&[("service: backend, path", "service: backnd, path")], "did you mean `backend`?");
    let keyless = "send: {post: {path: /, json: {id: \"${random.uuid}\", n: \"${sample}\"}}}\n    key: [/id, /n]";
    among(
        &[("profile: TRUCK-21", keyless), ("ranges: /sample_numbers", "items: /s, key: [/id, /n]")],
        "a key with `${random.uuid}`",
    );
}

#[test]
fn breakers() {
    refused(&[("fleet: trucks}}]", "fleet: truks}}]")], "did you mean `trucks`?");
    refused(
        &[("policy: {failures: 5", "policy: {failures: 4")],
        "a breaker with failures 5, not 4",
    );
    among(&[(&format!("      {BREAKER}\n"), "")], "the gateways of `trucks` have no breaker");
    among(&[("  uplink: {", "  down: {")], "`down` is a fault too");
    refused(&[("name: uplink", "name: uplnk")], "did you mean `uplink`?");
    refused(
        &[("trials: {at-most: 1}", "never-opens: true")],
        "a breaker that never opens has no `opens`",
    );
    let only = "evidence: [{arrivals: {link: api}}]";
    among(
        &[("evidence: [{gateway: {fleet: trucks}}]", only)],
        "while `down` refuses connections none are seen",
    );
    let seen = [("evidence: [{gateway: {fleet: trucks}}]", only), (MODE, "mode: reset")];
    assert!(good(&seen).watched[0].each);
    let hole = [("evidence: [{gateway: {fleet: trucks}}]", only), (MODE, "mode: black-hole")];
    let warnings = good(&hole).warnings;
    assert!(warnings.iter().any(|text| text.contains("only if that timeout is shorter")));
    good(&[(
        "of: [dashboards]}}\n  errors",
        "of: [dashboards], during: [steady, uplink.open]}}\n  errors",
    )]);
    refused(
        &[("of: [dashboards]}}\n  errors", "of: [dashboards], during: [uplink.shut]}}\n  errors")],
        "write uplink.open",
    );
}

/// With retries inside the breaker a trial is several attempts.
#[test]
fn what_counts_single_attempts_wants_retries_outside_the_breaker() {
    let inside = ("order: outside-breaker", "order: inside-breaker");
    refused(&[inside], "`trials` counts single attempts, and `trucks` retries inside");
    let trials = "trials: {at-most: 1}, ";
    refused(&[inside, (trials, "calls-while-open: {at-most: 0}, ")], "up to 3 of them");
    refused(&[inside, (trials, "fast-fail: {share: {at-least: 99%}}, ")], "`fast-fail: share`");
    let once = ("attempts: 3", "attempts: 1");
    good(&[inside, once]);
    good(&[(trials, "trials: {at-most: 1}, calls-while-open: {at-most: 0}, ")]);
}

/// README's inequalities: each refusal holds its numbers.
#[test]
fn what_a_breaker_cannot_do_is_refused() {
    let opens = "opens: {after: down.start, within: 1s}";
    let hole = (MODE, "mode: black-hole");
    among(&[hole], "4/λ + f (λ = 200/s, f = 2 s) = 2.02 s");
    let inside = ("order: outside-breaker", "order: inside-breaker");
    let counted = ("trials: {at-most: 1}, ", "");
    refused(&[inside, counted], "4/λ + 3 s + 3f (λ = 200/s, f = 0 s) = 3.02 s");
    good(&[inside, counted, (opens, "opens: {after: down.start, within: 4s}")]);
    refused(
        &[(RETRY, ""), ("within: 8s", "within: 5s")],
        "R (5 s) + T (0 s) + 1/λ (5 ms with λ = 200/s) + ε (100 ms) = 5.105 s",
    );
    refused(
        &[("within: 8s", "within: 19s")],
        "within 19s after 32s need load until 51s, but it ends at 50s",
    );
    // Trials at 5, 10 and 15 s: an outage of 14.5 s ends 500 ms before one.
    let racy = good(&[("duration: 12s, recovery: 12s", "duration: 14500ms, recovery: 9s")]);
    assert!(racy.warnings.join("\n").contains("trial 3 of `uplink`"), "{:?}", racy.warnings);
    let slow = [
        ("devices: 40", "devices: 1"),
        ("every: 200ms", "every: 2s"),
        (RETRY, ""),
        ("peak: {at-most: 4000}, ", ""),
    ];
    among(&slow, "at once (λ = 0.5/s, f = 0 s) = 8 s");
}

#[test]
fn what_a_ledger_or_backlog_cannot_show_is_refused() {
    refused(&[(", duplicates: /duplicates", "")], "ranges do not show what was stored twice");
    refused(&[("lost: {at-most: 0},", "out-of-order: {at-most: 0},")], "in which order");
    let read_back = "    read-back: {http: {service: backend, path: \"/samples/${device}?after=${cursor}\", ranges: /sample_numbers, duplicates: /duplicates, next: /next}}\n";
    among(&[(read_back, "")], "nothing reads back");
    refused(
        &[("peak: {at-most: 4000}", "peak: {at-most: 2000}")],
        "makes a backlog of 3 000 = 200/s × 15 s, more than 2 000",
    );
    refused(
        &[("within: 20s}}", "within: 3s}}")],
        "samples flow again only 3 s after the end of `down`",
    );
    // One at a time it opens only after 4.2 s, so trials come at 9.2 and 14.2 s.
    among(
        &[("in-flight: 16", "in-flight: 1"), ("within: 20s}}", "within: 4s}}")],
        "must pass 1778/s = 200/s + 2 840/1.8 s",
    );
    refused(&[("within: 20s}}", "within: 50s}}")], "need load until 1m23s, but it ends at 1m20s");
    let small = good(&[("{max: 20000}", "{max: 2500}")]);
    assert!(
        small.warnings[0].contains("3 000 samples of `trucks` wait, and its outboxes hold 2 500")
    );
}

#[test]
fn calls() {
    let expected = |line: &str, message: &str| {
        let more = format!("  - {line}\n{LAST}");
        refused(&[(MODE, "mode: reset"), (LAST, &more)], message);
    };
    expected(
        "amplification: {link: api, per: [trucks], at-most: 2x}",
        "each is one call by definition",
    );
    expected("amplification: {link: api, per: [machines], at-most: 0x}", "allows no call at all");
    expected(
        "amplification: {link: api, per: [machines], at-most: 2x, window: 1500ms}",
        "whole seconds",
    );
    expected("amplification: {link: apj, per: [machines], at-most: 2x}", "did you mean `api`?");
    expected("herd: {link: api, peak: {at-most: 2x}, after: 10s, within: 5s}", "this names none");
    expected(
        "herd: {link: api, peak: {at-most: 2x}, after: down.end, within: 30s}",
        "need load until 1m2s",
    );
    expected(
        "goodput: {of: [dashboards], at-least: 0%, after: down.end, within: 5s}",
        "0% asks for nothing",
    );
    expected(
        "goodput: {of: [dashboards], at-least: 95%, after: down.end, within: 500ms}",
        "no whole second",
    );
    let late = "goodput: {of: [dashboards], at-least: 95%, after: down.end, within: 14s}";
    expected(late, "within 14s and hold 5s after 32s need load until 51s");
    let storm = "  - amplification: {link: api, per: [machines], at-most: 2x, during: [down]}\n  - herd: {link: api, peak: {at-most: 20x}, after: down.end, within: 10s}\n";
    refused(&[(LAST, storm)], "so there are never too many");
    let watched = good(&[(MODE, "mode: reset"), (LAST, storm)]).watched;
    assert_eq!((watched.len(), watched[0].each), (1, false));
}

#[test]
fn kills() {
    let outage = "down: {outage: {link: api, mode: refuse, at: 20s, duration: 12s, recovery: 12s}}";
    let kill = |settings: &str| {
        format!("down: {{kill: {{service: {settings}, at: 20s, duration: 12s, recovery: 12s}}}}")
    };
    let plan = good(&[(outage, &kill("backend, signal: term"))]);
    assert_eq!(
        plan.faults[0].kind,
        crate::plan::FaultKind::Kill { signal: 15, by: crate::plan::RestartedBy::Assay }
    );
    assert_eq!(plan.case.faults[0].shows, assay_slo::case::Shows::Gone);
    good(&[(outage, &kill("backend, signal: SIGUSR1"))]);
    refused(&[(outage, &kill("backend, signal: STOP"))], "`STOP` is no signal that ends a process");
    among(&[(outage, &kill("backnd"))], "did you mean `backend`?");
    let url = ("links:\n", "  other: {url: \"http://127.0.0.1:1\"}\nlinks:\n");
    among(&[url, (outage, &kill("other"))], "so `kill` cannot reach it");
    let twice = format!(
        "{}\n  more: {{kill: {{service: backend, at: 25s, duration: 5s, recovery: 5s}}}}",
        kill("backend")
    );
    among(&[(outage, &twice)], "`backend` is not up then, by `down`");
}

/// Numbers and words exchanged, lines lost or doubled: planned or refused, and never a panic.
#[test]
fn thousands_of_broken_flagships_are_planned_or_refused() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut below = |most: usize| (random.next_u32() as usize) % most.max(1);
    let numbers =
        ["0", "1", "0s", "1ms", "100h", "18446744073709551615", "0%", "100%", "0x", "7/m"];
    let (mut good, mut bad) = (0, 0);
    for _ in 0..3_000 {
        let mut text = changed(&[]);
        for _ in 0..=below(2) {
            let mut words: Vec<String> =
                text.split_inclusive([' ', '\n']).map(str::to_owned).collect();
            let (from, to) = (below(words.len()), below(words.len()));
            let end = words[to].trim_end_matches(['\n', ' ', ',', '}', ']']).len();
            let rest = words[to].split_off(end);
            match below(4) {
                0 => words[to] = words[from].clone(),
                1 | 2 if words[to].starts_with(|c: char| c.is_ascii_digit()) => {
                    words[to] = format!("{}{rest}", numbers[below(numbers.len())]);
                }
                _ => {
                    let other = words[from].trim_end_matches(['\n', ' ', ',', '}', ']']).to_owned();
                    words[to] = format!("{other}{rest}");
                }
            }
            text = words.concat();
        }
        match planned_as(&text, &[]) {
            Ok(plan) => {
                good += 1;
                assert!(!describe(&plan).is_empty());
            }
            Err(problems) => {
                bad += 1;
                assert!(!problems.is_empty());
            }
        }
    }
    assert!(good > 20 && bad > 1_000, "{good} planned, {bad} refused");
}

/// What ships can be planned, in full and as CI runs it.
#[test]
fn shipped_scenarios_are_valid() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let files = [root.clone(), root.join("must-fail")].into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path())
    });
    let yaml = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "yaml");
    let files: Vec<_> = files.filter(yaml).collect();
    assert!(files.len() >= 14, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for profiles in [&[][..], &["ci"]] {
            if let Err(problems) = planned_as(&text, profiles) {
                panic!("{} {profiles:?}\n{problems}", file.display());
            }
        }
    }
}

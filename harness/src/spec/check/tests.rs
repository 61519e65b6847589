//! Every rule with a text that breaks it.

use super::shape::schema;
use crate::spec::example::{GOOD, messages, read};
use crate::spec::types::Scenario;

#[test]
fn the_good_scenario_has_no_mistake_and_uses_every_type() {
    let loaded = read(GOOD).unwrap_or_else(|problems| panic!("{problems}"));
    let defs = schema()["$defs"].as_object().unwrap();
    for (name, of) in defs {
        let keys = of["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        let branches = of["oneOf"].as_array().into_iter().flatten();
        let words = branches.flat_map(|branch| {
            let types = branch["properties"].as_object().into_iter().flatten();
            branch["const"].as_str().into_iter().chain(types.map(|(key, _)| key.as_str()))
        });
        let unused = ["refuse", "reset", "service", "min", "max", "majority", "pooled"];
        for word in keys.chain(words).filter(|word| !unused.contains(word)) {
            assert!(GOOD.contains(word), "{name} has {word}");
        }
    }
    // What was read is written so that it is read alike.
    let written = serde_yaml::to_string(&loaded.scenario).unwrap();
    let again: Scenario =
        serde_json::from_value(serde_json::to_value(&loaded.scenario).unwrap()).unwrap();
    assert_eq!(serde_yaml::to_string(&again).unwrap(), written);
    assert!(read(&loaded.document.resolved()).is_ok());
}

/// A text, and what is printed.
const GOLDEN: &[(&str, &str)] = &[
    (
        "schema: 1\nname: shop\nload:\n  visitors:\n    constant-arrival-rate:\n      rate: 300\n      duraton: 5m\n      requests: [{get: {path: /}}]\n",
        "\
error: `300` has no unit
 --> shop.yaml:6:13
  |
6 |       rate: 300
  |             ^^^
  |
  = help: write a rate with its unit, such as 300/s or 300/m

error: unknown key `duraton`
 --> shop.yaml:7:7
  |
7 |       duraton: 5m
  |       ^^^^^^^
  |
  = help: did you mean `duration`?
",
    ),
    (
        "schema: 1\nservices: {a: {url: ${vars.x}}}\n",
        "\
error: not YAML: did not find expected ',' or '}'
 --> shop.yaml:2:22
  |
2 | services: {a: {url: ${vars.x}}}
  |                      ^
  |
  = help: quote it: \"${vars.x}\"
",
    ),
    (
        "schema: 1\nservices: {a: {url: \"${vars.x}\"}\n",
        "\
error: not YAML: did not find expected ',' or '}'
 --> shop.yaml:3:1
  |
3 |
  | ^
  |
  = help: check the indentation, quotes and brackets here and in the line above
",
    ),
    (
        "name: shop\nschema: 1\nname: other\n",
        "\
error: the key `name` is there twice
 --> shop.yaml:3:1
  |
3 | name: other
  | ^^^^
  |
  = help: remove one of the two, or rename it
",
    ),
    (
        "schema: 1\nname: shop\nfaults:\n  down: {outage: {link: a, mode: refused, at: 1s, duration: 5}}\n  thin: {presure: {link: a}}\n",
        "\
error: unknown `refused`
 --> shop.yaml:4:34
  |
4 |   down: {outage: {link: a, mode: refused, at: 1s, duration: 5}}
  |                                  ^^^^^^^
  |
  = help: did you mean `refuse`?

error: `5` has no unit
 --> shop.yaml:4:61
  |
4 |   down: {outage: {link: a, mode: refused, at: 1s, duration: 5}}
  |                                                             ^
  |
  = help: write a duration with its unit, such as 5ms or 5s

error: unknown type `presure`
 --> shop.yaml:5:10
  |
5 |   thin: {presure: {link: a}}
  |          ^^^^^^^
  |
  = help: did you mean `pressure`?
",
    ),
    (
        "schema: 1\nname: shop\nlabels:\n\ta: b\n",
        "\
error: not YAML: found character that cannot start any token
 --> shop.yaml:4:1
  |
4 |  a: b
  | ^
  |
  = help: indent with spaces, never with tabs
",
    ),
    (
        "",
        "\
error: the file is empty
 --> shop.yaml:1:1
  |
1 |
  | ^
  |
  = help: start with `schema: 1` and `name: …`
",
    ),
];

#[test]
fn mistakes_are_printed_with_place_caret_and_help() {
    for (text, printed) in GOLDEN {
        assert_eq!(read(text).unwrap_err().to_string(), *printed, "{text}");
    }
}

#[test]
fn a_command_line_is_turned_into_its_list() {
    let help = |command: &str| {
        let text =
            format!("schema: 1\nname: x\nservices: {{a: {{process: {{command: {command}}}}}}}\n");
        read(&text).unwrap_err().iter().find_map(|problem| problem.help.clone()).unwrap()
    };
    assert_eq!(help("'python3 -m x ${self.addr}'"), "write [python3, -m, x, \"${self.addr}\"]");
    assert_eq!(help("'sh -c \"a b\"'"), r#"write ["sh -c \"a b\""]"#);
}

#[test]
fn each_rule_is_told_in_one_message() {
    let head = "schema: 1\nname: shop\n";
    let cases = [
        ("labels: {v: 1.10}", "`1.1` is a number where text is wanted"),
        ("labels: {v: }", "nothing where text is wanted"),
        ("services: {a b: {url: x}}", "`a b` is not a name"),
        ("services: {a: {url: x, process: {command: [a]}}}", "`url` and `process` in one entry"),
        (
            "services: {a: {}}",
            "no settings where one of url, process, container, running-process, running-container is wanted",
        ),
        ("services: {a: {command: [x], env: {}}}", "the type of this entry is missing"),
        ("services: {a: {process: {command: a}}}", "`a` where a list is wanted"),
        ("services: {a: {process: {command: []}}}", "an empty list"),
        ("services: [a]", "a list where a map is wanted"),
        ("expect: {}", "a map where a list is wanted"),
        ("guards:", "nothing where a map of settings such as {max-duration: 500ms} is wanted"),
        (
            "objectives: {a: {error-rate: {below: 1%, not-errors: [http-503]}}}",
            "unknown `http-503`",
        ),
        ("objectives: {a: {latency: {percentile: 95, below: 1s, window: 10}}}", "`10` has no unit"),
        ("load: {a: {replay-log: {file: a.jsonl}}}", "`duration` is missing"),
        ("links: {a: {stub: [{get: {status: 200}}]}}", "`path` is missing"),
        ("links: {a: {stub: [{got: {path: /}}]}}", "unknown type `got`"),
        ("links: {a: {to: b, protocol: udp}}", "unknown `udp`"),
        ("faults: {a: {limit-bytes: {link: x, at: 1s, duration: 1s}}}", "`after` is missing"),
        (
            "objectives: {a: {latency: {percentile: 95, below: 1s, clock: last-byte}}}",
            "unknown `last-byte`",
        ),
        (
            "faults: {a: {latency: {link: x, add: {lognormal: {p50: 1s}}, at: 1s, duration: 1s}}}",
            "`p99` is missing",
        ),
        (
            "faults: {a: {latency: {link: x, add: {pareto: {min: 1, p99: 1s}}, at: 1s, duration: 1s}}}",
            "`1` has no unit",
        ),
        (
            "faults: {a: {latency: {link: x, add: {recorded: [a]}, at: 1s, duration: 1s}}}",
            "a list where text is wanted",
        ),
        (
            "faults: {a: {outage: {link: x, mode: reset, affects: {every-nth: 5%}, at: 1s, duration: 1s}}}",
            "`5%` is not a whole number from 0",
        ),
        (
            "faults: {a: {outage: {link: x, mode: reset, affects: {next: -5}, at: 1s, duration: 1s}}}",
            "`-5` is not a whole number from 0",
        ),
        (
            "faults: {a: {bandwidth: {link: x, rate: 64KiB, at: 1s, duration: 1s}}}",
            "`64KiB` does not say in what time",
        ),
        ("faults: {a: {truncate: {link: x, at: 1s, duration: 1s}}}", "`after` is missing"),
        ("faults: {a: {abort: {link: x, at: 1s}}}", "`duration` is missing"),
        ("faults: {a: {pause: {service: x, at: 1s}}}", "`duration` is missing"),
        (
            "faults: {a: {pressure: {service: x, cpu: 1%, cpu-by: fire, at: 1s, duration: 1s}}}",
            "unknown `fire`",
        ),
        ("faults: {a: {command: {shell: x, at: 1s}}}", "`timeout` is missing"),
        ("faults: {a: {manual: {prompt: x, at: 1s}}}", "`timeout` is missing"),
        ("faults: {a: {disconnect: {service: x, at: 1s}}}", "`duration` is missing"),
        ("services: {a: {running-container: {compose: {project: x}}}}", "`service` is missing"),
        ("faults: {a: {restart: {service: x, at: 1s, duration: 1s}}}", "unknown key `duration`"),
        (
            "faults: {a: {abort: {link: x, at: 1s, duration: 1s, again: {times: 2}}}}",
            "`every` is missing",
        ),
        (
            "faults: {a: {latency: {link: x, add: {fixed: 1s}, side: both, at: 1s, duration: 1s}}}",
            "unknown `both`",
        ),
        (
            "faults: {a: {latency: {link: x, add: {fixed: 1s}, ramp: 5s, at: 1s, duration: 1s}}}",
            "`5s` where a map is wanted",
        ),
        (
            "faults: {a: {stall: {link: x, after: 1KiB, at: 1s, duration: 1s}}}",
            "unknown key `after`",
        ),
        ("objectives: {a: {capacity: {of: b, at-least: 800, while: [c]}}}", "`800` has no unit"),
        (
            "load: {a: {stepping-arrival-rate: {start-rate: 1/s, step: 1/s, max-rate: 9/s, requests: [{get: {path: /}}]}}}",
            "`step-duration` is missing",
        ),
        ("seed: 99999999999999999999999", "99999999999999999999999 is too big a number"),
        ("seed: .inf", "inf is not a number"),
        ("links: {a: !x {to: b}}", "the tag `!x` is not supported"),
        ("links: {1: {to: b}}", "the key `1` is not text"),
        ("metrics: {a: {process: {service: b, read: heap}}}", "unknown `heap`"),
        ("expect: [{reconciles: {of: [a], metric: b}}]", "`differ` is missing"),
        (
            "expect: [{metric: {name: a, growth: {at-most: 1MiB}}}]",
            "`1MiB` does not say in what time",
        ),
        ("expect: [{metric: {name: a, value: {at-most: 5 MB}}}]", "`5 MB` is no value"),
        (
            "load: {a: {constant-vus: {vus: 1, duration: 1s, requests: [{pause: 1s}]}}}",
            "`pause` is a step of a journey, and `requests` know nothing of each other",
        ),
        (
            "load: {a: {ramping-arrival-rate: {start-rate: 1/s, stages: [{duration: 1s, target: 1/s}], requests: [{use: login}]}}}",
            "`use` is a step of a journey, and `requests` know nothing of each other",
        ),
        ("expect: [{log: {service: a, count: {at-least: 1}}}]", "`pattern` is missing"),
        ("breakers: {a: {evidence: [{log: {service: b, opened: c}}]}}", "`closed` is missing"),
        ("nonsense: 1", "unknown key `nonsense`"),
    ];
    for (line, message) in cases {
        assert_eq!(messages(&format!("{head}{line}\n")), [message], "{line}");
    }
    assert_eq!(messages("schema: 2\nname: a/b"), ["schema 2 is not known", "`a/b` is not a name"]);
    assert_eq!(messages("{}"), ["`name` is missing", "`schema` is missing"]);
}

#[test]
fn mutants_are_read_but_nobody_is_told_of_them() {
    let public = super::json_schema().to_string();
    assert!(!public.contains("mutant") && !public.contains("stale-success"), "{public}");
    assert!(public.contains("store-and-forward"));
    assert!(schema().to_string().contains("x-hidden"));
    let fleet = |key: &str| {
        let line = format!("fleets: {{a: {{devices: 1, every: 1s, gateway: {{{key}: x}}}}}}");
        read(&format!("schema: 1\nname: shop\n{line}\n")).unwrap_err().to_string()
    };
    assert!(!fleet("nonsense").contains("mutant"), "{}", fleet("nonsense"));
    assert!(fleet("mutant").contains("unknown `x`"), "{}", fleet("mutant"));
}

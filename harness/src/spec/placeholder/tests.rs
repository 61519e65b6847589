//! Replacing, and what is refused.

use super::seed_of;
use crate::spec::example::{GOOD, messages, read};
use crate::spec::types::{Load, Service};
use crate::spec::{Loaded, Overrides, decode};

fn with_env(text: &str, env: &[(&str, &str)]) -> Loaded {
    let find = |name: &str| {
        env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    decode("shop.yaml", text, &Overrides::default(), &find)
        .unwrap_or_else(|r| panic!("{}", r.problems))
}

fn head(lines: &str) -> String {
    format!("schema: 1\nname: shop\n{lines}")
}

#[test]
fn what_a_start_decides_is_left_and_the_rest_replaced() {
    let loaded = read(GOOD).unwrap();
    let Some(Load::ConstantArrivalRate(load)) = loaded.scenario.load.get("visitors") else {
        panic!()
    };
    assert_eq!(load.client.headers.get("X-Run").unwrap().as_str(), "${run.id}");
    let written = loaded.document.resolved();
    assert!(written.contains("path: /products?t=acme") && written.contains("n: '42'"), "{written}");
    assert!(written.contains("${self.addr}") && written.contains("http://${links.front.addr}"));
}

#[test]
fn the_environment_is_replaced_once_kept_secret_and_never_read_again() {
    let text = head(
        "vars: {key: \"k-${env.KEY}\"}\nservices: {a: {process: {command: [\"${vars.key}\", \"$${x}\"]}}}\nlabels: {k: \"${env.KEY}\", d: \"$${x}\"}\n",
    );
    let loaded = with_env(&text, &[("KEY", "s3${run.id}")]);
    let Some(Service::Process(process)) = loaded.scenario.services.get("a") else { panic!() };
    let command: Vec<&str> = process.command.iter().map(|word| word.as_str()).collect();
    assert_eq!(command, ["k-s3$${run.id}", "$${x}"]);
    assert_eq!(loaded.scenario.labels.get("k").unwrap().as_str(), "s3${run.id}");
    assert_eq!(loaded.scenario.labels.get("d").unwrap().as_str(), "${x}");
    assert_eq!(loaded.secrets, ["s3$${run.id}", "s3${run.id}"]);
    let written = loaded.document.resolved();
    assert!(!written.contains("s3") && written.contains("k: '***'"), "{written}");
}

#[test]
fn credentials_in_headers_and_urls_are_secrets() {
    let text = GOOD
        .replace("X-Run: \"${run.id}\"", "aUthorization: Bearer abc, X-Api-Key: 12345")
        .replace("http://127.0.0.1:8080", "http://me:pw@127.0.0.1:8080/x");
    let loaded = read(&text).unwrap();
    assert_eq!(loaded.secrets, ["Bearer abc", "12345", "me:pw"]);
    let written = loaded.document.resolved();
    for secret in ["Bearer", "12345", "pw@"] {
        assert!(!written.contains(secret), "{written}");
    }
    assert!(written.contains("http://***@127.0.0.1:8080/x"), "{written}");
}

#[test]
fn a_message_shows_no_secret() {
    let text = head("warmup: \"${env.KEY}\"\n");
    let find = |_: &str| Some("hunter2".to_owned());
    let problems = decode("a.yaml", &text, &Overrides::default(), &find).unwrap_err().problems;
    assert_eq!(problems.iter().next().unwrap().message, "`***` is not a duration");
}

#[test]
fn the_seed_is_given_or_made_of_the_name() {
    let seed = seed_of("shop");
    assert!(seed < 1 << 53 && seed != seed_of("shop2"));
    let loaded = read(&head("labels: {s: \"${seed}\"}\n")).unwrap();
    assert_eq!(loaded.scenario.seed.unwrap().0, seed);
    assert_eq!(loaded.scenario.labels.get("s").unwrap().as_str(), seed.to_string());
    let loaded = with_env(
        &head("seed: \"${vars.s}\"\nvars: {s: \"${env.S}\", t: \"${seed}\"}\n"),
        &[("S", "7")],
    );
    assert_eq!(loaded.scenario.seed.unwrap().0, 7);
    assert_eq!(loaded.scenario.vars.get("t").unwrap().as_str(), "7");
    let overrides = Overrides { seed: Some(9), ..Overrides::default() };
    let loaded = decode("a.yaml", &head("seed: 1\n"), &overrides, &|_| None).unwrap();
    assert_eq!(loaded.scenario.seed.unwrap().0, 9);
}

#[test]
fn what_is_not_known_is_refused_with_what_is_near() {
    let cases = [
        ("labels: {a: \"${vars.x}\"}", "the scenario has no variable `x`"),
        ("labels: {a: \"${env.HOME_X}\"}", "the environment has no variable `HOME_X`"),
        ("labels: {a: \"${foo}\"}", "`${foo}` is unknown"),
        ("labels: {a: \"${run.id}\"}", "`${run.id}` is not known yet where this is read"),
        ("labels: {a: \"${run.ie}\"}", "`${run.ie}` is unknown"),
        ("labels: {a: \"x ${y\"}", "`${y` is never closed"),
        ("labels: {\"${seed}\": a}", "the key `${seed}` holds a placeholder"),
        ("vars: {a: \"${vars.a}\"}", "the variable `a` is made of itself"),
        (
            "labels: {a: \"${random.uuid}\"}",
            "`${random.uuid}` is known only where a request or a sample is written",
        ),
        ("labels: {a: \"${device}\"}", "`${device}` is known only to a fleet's samples"),
        (
            "labels: {a: \"${data.u.email}\"}",
            "`${data.u.email}` is unknown: there is no entry `u` in data",
        ),
        ("data: {u: {csv: {file: a}}}\nlabels: {a: \"${data.u}\"}", "`${data.u}` names no column"),
        (
            "data: {u: {csv: {file: a}}}\nlabels: {a: \"${data.u.email}\"}",
            "`${data.u.email}` is known only where a load's request is written",
        ),
        ("labels: {a: \"${cursor}\"}", "`${cursor}` is known only where a store is read back"),
        ("labels: {a: \"${random.int(3,1)}\"}", "`${random.int(3,1)}` ends before it starts"),
        (
            "labels: {a: \"${random.int(a,1)}\"}",
            "`${random.int(a,1)}` is not between whole numbers",
        ),
        ("labels: {a: \"${random.word}\"}", "`${random.word}` is unknown"),
        (
            "services: {a: {process: {command: [\"${links.b.addr}\"]}}}",
            "`${links.b.addr}` is unknown: there is no entry `b` in links",
        ),
        (
            "services: {a: {process: {command: [\"${services.a.port2}\"]}}}",
            "`${services.a.port2}` is unknown: an address has no `port2`",
        ),
    ];
    for (line, message) in cases {
        assert_eq!(messages(&head(&format!("{line}\n"))), [message], "{line}");
    }
}

#[test]
fn variables_that_double_are_stopped() {
    let mut vars = "  v0: xxxxxxxxxxxxxxxx\n".to_owned();
    for i in 1..60 {
        vars.push_str(&format!("  v{i}: \"${{vars.v{}}}${{vars.v{}}}\"\n", i - 1, i - 1));
    }
    let messages = messages(&head(&format!("vars:\n{vars}")));
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains("bytes of text"), "{messages:?}");
}

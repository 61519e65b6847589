//! Each check with a scenario that fails it.

use super::{changed, planned};
use crate::spec::Look;

/// Compiles [`super::GOOD`] with one change, and wants exactly one problem that says this.
#[track_caller]
pub(super) fn refused(changes: &[(&str, &str)], message: &str) {
    let text = changed(changes);
    let problems = planned(&text).err().unwrap_or_default();
    let shown = problems.render(Look::Plain);
    assert_eq!(problems.len(), 1, "{shown}");
    assert!(shown.contains(message), "no {message:?} in\n{shown}");
}

/// Wants this among the problems.
#[track_caller]
pub(super) fn among(changes: &[(&str, &str)], messages: &[&str]) {
    let problems = planned(&changed(changes)).err().unwrap_or_default();
    let shown = problems.render(Look::Plain);
    for message in messages {
        assert!(shown.contains(message), "no {message:?} in\n{shown}");
    }
}

pub(super) const FAULT: &str = "half: {error: {link: front, status: 503, match: {method: [post]}, affects: {share: 50%}, at: 20s, duration: 10s, recovery: 10s}}";

#[test]
fn unknown_names() {
    refused(&[("to: front\n", "to: fronk\n")], "did you mean `front`?");
    refused(&[("link: front", "link: shop")], "write `links: {NAME: {to: shop}}`");
    refused(&[("front: {to: shop}", "front: {to: shpo}")], "did you mean `shop`?");
    refused(&[("front: {to: shop}", "front: {to: pay}")], "`pay` is a link");
    refused(&[("objective: errors", "objective: error")], "did you mean `errors`?");
    refused(&[("keeps: [fast]", "keeps: [fist]")], "unknown objective `fist`");
    refused(&[("of: [browse]", "of: [brows]")], "did you mean `browse`?");
    refused(&[("during: [half], keeps", "during: [haf], keeps")], "did you mean `half`?");
    refused(&[("during: [half], keeps", "during: [half.open], keeps")], "only breakers are open");
    refused(
        &[("during: [half], keeps", "during: [half.x], keeps")],
        "write half, or half.recovery",
    );
    refused(&[("during: [half], keeps", "during: [warmup], keeps")], "never judged");
    refused(&[("after: half.end", "after: halv.end")], "unknown load or fault `halv`");
}

#[test]
fn names_that_collide() {
    refused(
        &[("name: browse", "name: visitors"), ("of: [browse]", "of: [visitors]")],
        "is the name of a load too",
    );
    refused(
        &[("name: browse, ", "name: checkout, "), ("of: [browse]", "of: [checkout]")],
        "two requests of `visitors`",
    );
    among(&[("  half:", "  steady:")], &["is the name of a phase", "unknown load or fault `half`"]);
    among(&[("  front: {to: shop}", "  shop: {to: shop}")], &["is a service too"]);
    among(&[("  half: {", "  visitors: {")], &["unknown phase or fault `half`"]);
    among(
        &[("  half: {", "  visitors: {"), ("after: half.end", "after: visitors.end")],
        &["is a load and a fault"],
    );
}

/// Placeholders are checked before types; this holds that no text that is needed early gets here
/// with one.
#[test]
fn placeholders_where_none_has_a_value() {
    let early = [
        ("hypothesis: When", "hypothesis: ${run.id}"),
        ("seed: 7", "labels: {a: \"${run.id}\"}"),
        ("http://127.0.0.1:9090/v1/", "http://${run.id}/"),
        ("front: {to: shop}", "front: {to: \"${run.id}\"}"),
        ("front: {to: shop}", "front: {to: shop, listen: \"${links.pay.addr}\"}"),
        ("ready: {http: /health,", "ready: {http: \"/${run.id}\","),
        ("ready: {http: /health,", "ready: {log: \"${run.id}\","),
        ("within: 10s}\n", "within: 10s}\n      cwd: \"${run.dir}\"\n"),
        ("json: {n: 1}", "file: \"${run.dir}\""),
        ("status: 503,", "status: 503, text: \"${run.id}\","),
        ("status: 503,", "status: 503, headers: {A: \"${run.id}\"},"),
        ("method: [post]", "path: \"/${run.id}\""),
        ("method: [post]", "headers: {A: \"${run.id}\"}"),
        ("method: [post]", "method: [\"${run.id}\"]"),
        ("name: browse", "name: \"${run.id}\""),
        (
            "\nload:",
            "\nsteady-state: {probes: [{http: {service: shop, path: \"/${run.id}\"}}]}\nload:",
        ),
        ("header: Retry-After", "header: \"${run.id}\""),
        ("seed: 7", "allow: [\"${run.id}\"]"),
    ];
    for change in early {
        among(&[change], &["is not known yet where this is read"]);
    }
    among(&[("run=${run.id}", "run=${self.addr}")], &["is known only to a process"]);
    refused(&[("run=${run.id}", "run=$${x}")], "percent-encode it");
}

#[test]
fn services() {
    let url = |to: &str, message: &str| refused(&[("http://127.0.0.1:9090/v1/", to)], message);
    url("https://a..b", "has a host that no certificate can be for");
    url("ftp://127.0.0.1", "is no http URL");
    url("127.0.0.1:80", "is no URL");
    url("http://me@127.0.0.1", "would end up in reports");
    for port in ["0", "65536", "99999", "-1", "x"] {
        url(&format!("http://127.0.0.1:{port}/api"), "has a port that is not from 1 to 65535");
    }
    url("http://[::1]:99999", "has a port that is not from 1 to 65535");
    url("http://127.0.0.1:/", "has no port after `:`");
    url("http://127.0.0.1?x=1", "has a query");
    url("http://", "is no URL");
    refused(&[(r#"[./shop, --listen, "${self.addr}"]"#, "[\"\"]")], "the program has no name");
    refused(
        &[("ready: {http: /health,", "ready: {http: /health, port: 80,")],
        "more than one sign",
    );
    refused(&[("ready: {http: /health,", "ready: {http: health,")], "does not start with `/`");
    refused(&[("ready: {http: /health,", "ready: {port: 0,")], "0 is no port");
    refused(&[("ready: {http: /health, within: 10s}", "cwd: nowhere")], "is no folder");
    refused(&[("within: 10s}\n", "within: 0s}\n")], "0s is no length of time");
    let circle =
        "payments: {process: {command: [./pay, \"${self.addr}\", \"${services.shop.addr}\"]}}";
    refused(
        &[("payments: {url: \"http://127.0.0.1:9090/v1/\"}", circle)],
        "shop → payments → shop",
    );
}

#[test]
fn links() {
    let link = |to: &str, message: &str| refused(&[("front: {to: shop}", to)], message);
    link("front: {to: \"127.0.0.1:99999\"}", "is no host:port");
    link("front: {to: \":80\"}", "is no host:port");
    link("front: {to: shop, listen: \"0.0.0.0:8080\"}", "is not on loopback");
    link("front: {to: shop, listen: \"203.0.113.7:8080\"}", "is not on loopback");
    link("front: {to: shop, listen: localhost}", "is no address with a port");
    link("front: {to: shop, listen: \"127.0.0.1:0\"}", "a link needs a port");
    let both = "front: {to: shop, listen: \"127.0.0.1:19090\"}\n  copy: {to: shop, listen: \"127.0.0.1:19090\"}";
    link(both, "`front` listens there too");
    let itself = "front: {to: payments, listen: \"127.0.0.1:9090\"}";
    link(itself, "the link would lead to itself");
}

#[test]
fn consent() {
    let url = ("http://127.0.0.1:9090/v1/", "http://shop.example.com");
    refused(&[url], "write `allow: [shop.example.com]`");
    refused(
        &[("http://127.0.0.1:9090/v1/", "http://10.0.0.7:80")],
        "`10.0.0.7` is not on loopback",
    );
    refused(
        &[("front: {to: shop}", "front: {to: \"[2001:db8::1]:80\"}")],
        "allow: [\"2001:db8::1\"]",
    );
    let allowed = [url, ("seed: 7", "seed: 7\nallow: [Shop.example.com]")];
    assert!(planned(&changed(&allowed)).is_ok());
    for host in ["localhost", "[::1]:80", "127.9.9.9"] {
        let url = format!("http://{host}");
        assert!(planned(&changed(&[("http://127.0.0.1:9090/v1/", &url)])).is_ok(), "{host}");
    }
}

#[test]
fn loads() {
    refused(
        &[("      to: front\n", "")],
        "write `to:` with one of `shop`, `payments`, `front` and `pay`",
    );
    refused(&[("duration: 60s", "duration: 200h")], "200h is too long");
    refused(&[("connections: 2000", "connections: 0")], "without a connection");
    refused(&[("client: {timeout: 2s", "client: {timeout: 0s")], "0s is no length of time");
    refused(&[("weight: 3", "weight: 20001")], "repeat only after 20002 requests");
    refused(&[("weight: 3", "weight: 0")], "of weight 0 is never sent");
    refused(&[("path: /products", "path: products")], "does not start with `/`");
    refused(&[("path: /products", "path: \"/a b\"")], "percent-encode it");
    refused(&[("json: {n: 1}", "json: {n: 1}, text: x")], "more than one body");
    refused(&[("json: {n: 1}", "file: nowhere.json")], "cannot read `scenarios/nowhere.json`");
    refused(&[("json: {n: 1}", "file: /")], "it is no file");
    refused(&[("json: {n: 1}", "headers: {\"a b\": x}")], "is no header's name");
    refused(&[("json: {n: 1}", "headers: {A: \"x\\r\\nB: y\"}")], "holds a line break");
    refused(&[("json: {n: 1}", "headers: {Content-Length: 5}")], "is set by Assay itself");
    refused(&[("json: {n: 1}", "headers: {A: x, a: y}")], "is here twice");
    refused(
        &[("check: [{status: [200, 402]}]", "check: [{status: [200]}, {status: [402]}]")],
        "more than one check",
    );
    let ramp = [
        ("constant-arrival-rate", "ramping-arrival-rate"),
        (
            "      rate: 200/s\n      duration: 60s",
            "      start-rate: 0/s\n      stages: [{duration: 60s, target: 0/s}]",
        ),
    ];
    among(&ramp, &["sends nothing: its rate is always 0/s"]);
}

#[test]
fn moments() {
    refused(&[("at: 20s", "at: half.end + 1s")], "these wait for each other: half → half");
    refused(&[("at: 20s", "at: visitors.start - 1s")], "would start 1s before time 0");
    refused(&[("after: half.end", "after: half.start - 30s")], "lies before time 0");
    among(
        &[("at: 20s", "at: 45s")],
        &[
            "its recovery at 1m5s, but the load ends at 1m",
            "after 55s need load until 1m5s, but it ends at 1m",
        ],
    );
    refused(&[("at: 20s", "at: 500ms")], "before the steady state can be looked at");
    refused(&[("duration: 10s, recovery", "duration: 0s, recovery")], "0s is no length of time");
}

#[test]
fn objectives() {
    let fast = "fast: {latency: {percentile: 95, below: 300ms}}";
    let asked = |to: &str, message: &str| refused(&[(fast, to)], message);
    asked("fast: {latency: {percentile: 95, below: 0s}}", "0s is no length of time");
    asked("fast: {latency: {percentile: 95, below: 1s, confidence: 50%}}", "decides nothing");
    asked("fast: {latency: {percentile: 95, below: 1s, confidence: 100%}}", "decides nothing");
    asked("fast: {error-rate: {below: 0%}}", "no share is below 0%");
    asked("fast: {error-rate: {below: 100%}}", "below 100%");
    asked("fast: {availability: {at-least: 99%, slice: 1500ms}}", "not in whole seconds");
    asked("fast: {availability: {at-least: 0%, during: [all]}}", "0% asks for nothing");
    asked("fast: {availability: {at-least: 99%, slice-least: 0}}", "says nothing");
    among(
        &[("objectives:", "objectives: {}\n#"), (fast, "#"), ("errors: {error-rate", "#")],
        &["unknown objective `errors`"],
    );
}

#[test]
fn too_few_requests() {
    // 40 s of steady and after, 50/s of which are checkouts.
    let errors = "errors: {error-rate: {below: 1%, per-request: true}}";
    let harder = "errors: {error-rate: {below: 0.1%, per-request: true}}";
    let message = "`errors` expects 2 000 requests of `checkout` during steady, after, but below \
                   0.1% at 95% confidence needs at least 2 995";
    refused(&[(errors, harder)], message);
    refused(&[(errors, harder)], "raise the rate to 300/s, or let it cover 20s more");
    // Both names have too few: that is one mistake.
    let hardest = "errors: {error-rate: {below: 0.01%, per-request: true}}";
    refused(&[(errors, hardest)], "needs at least 29 956 (so do 1 more of its names)");
    let pooled = "errors: {error-rate: {below: 0.1%, confidence: 99%}}";
    assert!(planned(&changed(&[(errors, pooled)])).is_ok());
    let slow = [("rate: 200/s", "rate: 8/s"), ("client: {", "client: {"), (errors, pooled)];
    refused(
        &slow,
        "`errors` expects 320 requests during steady, after, but below 0.1% at 99% confidence needs at least 4 603",
    );
    let half = "errors: {error-rate: {below: 0.1%, during: [half]}}";
    refused(&[(errors, half)], "`errors` expects 2 000 requests during half");
    let fast = "fast: {latency: {percentile: 95, below: 300ms}}";
    let rarer = "fast: {latency: {percentile: 99.99, below: 300ms}}";
    among(
        &[(fast, rarer)],
        &[
            "but P99.99 at 95% confidence needs at least 29 956",
            "`unaffected browse during half: fast` expects 1 500 requests",
        ],
    );
    let up = "fast: {availability: {at-least: 99%}}";
    refused(
        &[(fast, up), ("keeps: [fast]", "keeps: [errors]")],
        "`fast` expects 40 valid slices during steady, after, but an availability needs at least 60",
    );
}

#[test]
fn a_recovery_needs_a_request_in_every_second() {
    let slow = [
        ("rate: 200/s", "rate: 48/m"),
        (
            "  fast: {latency: {percentile: 95, below: 300ms}}\n",
            "  fast: {error-count: {at-most: 9}}\n",
        ),
        ("below: 1%, per-request: true", "below: 50%"),
    ];
    refused(&slow, "expects 8 requests from 30s to 40s, and a second without one is no evidence");
}

#[test]
fn expectations() {
    refused(
        &[("within: 5s, hold", "within: 30s, hold")],
        "need load until 1m5s, but it ends at 1m",
    );
    refused(&[("header: Retry-After", "header: \"a b\"")], "is no header's name");
    let count = (
        "errors: {error-rate: {below: 1%, per-request: true}}",
        "errors: {error-count: {at-most: 3}}",
    );
    refused(&[count], "`errors` has no limit that could hold again");
    among(
        &[
            ("rate: 200/s", "rate: 200/s\n      at: 40s"),
            ("at: 20s", "at: 2s"),
            ("after: half.end", "after: visitors.start + 5s"),
        ],
        &[
            "`answers checkout during half` would judge nothing",
            "`unaffected browse during half: fast` expects 0",
        ],
    );
}

#[test]
fn the_gate_and_guards() {
    let gate = |to: &str, message: &str| {
        let text = format!("{to}\nload:");
        refused(&[("\nload:", &format!("\n{text}"))], message);
    };
    gate("steady-state: {require: [fist]}", "unknown objective `fist`");
    gate("steady-state: {after: 50s}", "this looks at 1m20s, but the load ends at 1m");
    gate("steady-state: {probes: [{http: {service: shopp, path: /}}]}", "did you mean `shop`?");
    gate("steady-state: {probes: [{http: {service: shop, path: x}}]}", "does not start with `/`");
    gate("guards: {max-duration: 64s}", "the timetable alone takes 1m5s");
    let during = ("per-request: true", "per-request: true, during: [half, recovery]");
    among(
        &[during, ("\nload:", "\nsteady-state: {require: [errors]}\nload:")],
        &["does not cover the phase `steady`"],
    );
}

#[test]
fn the_scenario_as_a_whole() {
    let nothing = "schema: 1\nname: x\nservices: {s: {url: \"http://127.0.0.1\"}}\nload: {l: {constant-arrival-rate: {rate: 1/s, duration: 1s, requests: [{get: {path: /}}]}}}\n";
    let shown = planned(nothing).unwrap_err().render(Look::Plain);
    assert!(shown.contains("nothing is asked"), "{shown}");
    let silent = "schema: 1\nname: x\nobjectives: {e: {error-count: {at-most: 0}}}\n";
    let shown = planned(silent).unwrap_err().render(Look::Plain);
    assert!(shown.contains("nothing is sent"), "{shown}");
    let gate = format!(
        "{nothing}objectives: {{e: {{error-count: {{at-most: 0}}}}}}\nsteady-state: {{after: 1s}}\n"
    );
    let shown = planned(&gate).unwrap_err().render(Look::Plain);
    assert!(shown.contains("without a fault there is no gate"), "{shown}");
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = planned(&changed(&[
        ("to: front\n", "to: fronk\n"),
        ("status: 503,", "status: 200,"),
        ("below: 300ms", "below: 0s"),
        ("header: Retry-After", "header: \"a b\""),
    ]));
    assert_eq!(problems.err().map(|problems| problems.len()), Some(4));
}

#[test]
fn sizes() {
    let fault = |nth: usize| {
        let after = format!("f{}.end", nth + 1);
        format!("  f{nth}: {{error: {{link: l, status: 503, at: {after}, duration: 1s}}}}")
    };
    let faults: Vec<String> = (0..10_000).map(fault).collect();
    let text = format!("schema: 1\nname: x\nfaults:\n{}\n", faults.join("\n"));
    let problems = planned(&text).err().unwrap_or_default();
    assert_eq!(problems.len(), 1);
    let shown = problems.render(Look::Plain);
    assert!(shown.contains("10000 entries are too many"), "{shown}");
    let names = vec!["browse"; 501].join(", ");
    let of = format!("of: [{names}]");
    refused(&[("of: [browse]", &of)], "501 names are too many");
}

//! Journeys that log in, keep what they got and use it; each with a twin that must be violated.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, said, verdict};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// A shop that gives whoever logs in a token made of the name, and wants it for the orders.
/// `broken` shops take no token.
struct Shop {
    server: Server,
    /// Who logged in.
    names: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    fn open(broken: bool) -> Shop {
        let names = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&names);
        let server = Server::hears(move |_, heard, stream| {
            let (head, body) = heard.split_once("\r\n\r\n").unwrap_or((heard, ""));
            let line = head.lines().next().unwrap_or_default();
            let (status, header, body) = if line.starts_with("POST /login ") {
                let name = body.split('&').find_map(|pair| pair.strip_prefix("email="));
                let name = name.unwrap_or_default().replace("%40", "@");
                seen.lock().unwrap().push(name.clone());
                (200, format!("X-Token: <{name}>\r\n"), format!("{{\"id\": [\"{name}\"]}}"))
            } else {
                let asks = |name: &&str| {
                    line.starts_with(&format!("GET /orders/{} ", name.replace('@', "%40")))
                        && head.contains(&format!("Bearer <{name}>"))
                };
                let known = ["a@x", "b@x", "c@x"].iter().any(asks);
                (if known && !broken { 200 } else { 401 }, String::new(), "ok".to_owned())
            };
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status} X\r\n{header}Content-Length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes())
        });
        Shop { server, names }
    }

    fn case(&self, pick: &str, crowd: &str) -> Case {
        let case = Case::new(&format!(
            "schema: 1
name: log-in
services: {{shop: {{url: \"http://{}\"}}}}
data: {{users: {{csv: {{file: users.csv, pick: {pick}}}}}}}
flows:
  login:
    - post:
        path: /login
        form: {{email: \"${{data.users.email}}\"}}
        check: [{{status: [200]}}, {{header: {{name: X-Token, exists: true}}}}]
        capture: {{token: {{header: X-Token}}, email: {{json: /id/0}}}}
load:
  crowd:
    {crowd}
      client: {{timeout: 5s}}
      journey:
        - use: login
        - pause: 5ms..20ms
        - get:
            name: orders
            path: \"/orders/${{email}}\"
            headers: {{Authorization: \"Bearer ${{token}}\"}}
objectives:
  errors: {{error-rate: {{below: 20%, per-request: true}}}}
",
            self.server.addr
        ));
        let rows = "email,name\na@x,Ann\nb@x,\"Bob, the\"\nc@x,Cy\n";
        std::fs::write(case.folder.path().join("users.csv"), rows).unwrap();
        case
    }
}

/// Journeys that arrive, whatever becomes of those before.
const ARRIVALS: &str = "constant-arrival-rate:\n      rate: 40/s\n      duration: 3s";

#[test]
fn journeys_that_arrive_log_in_too() {
    let shop = Shop::open(false);
    let case = shop.case("sequential", ARRIVALS);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let names = shop.names.lock().unwrap();
    assert_eq!((names.len(), shop.server.seen()), (120, 240));
    for name in ["a@x", "b@x", "c@x"] {
        assert_eq!(names.iter().filter(|seen| *seen == name).count(), 40, "{name}");
    }
    let card = verdict(&case.out());
    assert_eq!(card["health"]["planned"], 240, "{card}");
}

#[test]
fn journeys_that_arrive_at_a_shop_that_takes_no_token_are_violated() {
    let shop = Shop::open(true);
    let case = shop.case("sequential", ARRIVALS);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

const CROWD: &str =
    "shared-iterations:\n      vus: 3\n      iterations: 60\n      max-duration: 60s";

#[test]
fn what_a_log_in_gives_is_used_by_the_next_step() {
    let shop = Shop::open(false);
    let case = shop.case("sequential", CROWD);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let names = shop.names.lock().unwrap();
    assert_eq!(names.len(), 60);
    // Each of the three rows came in its turn.
    for name in ["a@x", "b@x", "c@x"] {
        assert_eq!(names.iter().filter(|seen| *seen == name).count(), 20, "{name}");
    }
    assert_eq!(shop.server.seen(), 120);
    // Whoever reads the run's directory learns neither tokens nor rows.
    let journal = std::fs::read_to_string(case.out().join("journal.jsonl")).unwrap();
    assert!(!journal.contains("a@x"), "{journal}");
}

#[test]
fn a_shop_that_takes_no_token_is_violated() {
    let shop = Shop::open(true);
    let case = shop.case("sequential", CROWD);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let card = verdict(&case.out()).to_string();
    assert!(card.contains("orders"), "{card}");
}

#[test]
fn unique_rows_come_once_and_end_the_load() {
    let shop = Shop::open(false);
    let case = shop.case("unique", CROWD);
    let output = case.run(&[]);
    // Three journeys cannot prove anything.
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let names = shop.names.lock().unwrap();
    assert_eq!(names.len(), 3);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 3);
}

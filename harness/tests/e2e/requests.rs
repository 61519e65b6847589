//! Open loads whose requests differ and whose answers are looked into; with a twin that must be
//! violated.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, said, verdict};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// A shop that gives out what was asked for; `broken` ones another thing, with the same status.
fn shop(broken: bool) -> (Server, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let server = Server::hears(move |_, heard, stream| {
        let path = heard.split(' ').nth(1).unwrap_or_default();
        let sku = path.strip_prefix("/products/").unwrap_or("none");
        seen.lock().unwrap().push(sku.to_owned());
        let shown = if broken { "{}".to_owned() } else { format!("{{\"sku\": \"{sku}\"}}") };
        let head = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", shown.len());
        stream.write_all((head + &shown).as_bytes())
    });
    (server, asked)
}

fn case(server: &Server, load: &str) -> Case {
    let case = Case::new(&format!(
        "schema: 1
name: products
services: {{shop: {{url: \"http://{}\"}}}}
data: {{products: {{csv: {{file: products.csv, pick: unique}}}}}}
warmup: 500ms
load:
  web:
    {load}
      requests:
        - get:
            path: \"/products/${{data.products.sku}}\"
            check: [{{status: 200}}, {{json: {{at: /sku, matches: \"^s[0-9]+$\"}}}}]
objectives:
  errors: {{error-rate: {{below: 10%}}}}
",
        server.addr
    ));
    let rows: String = (0..120).map(|at| format!("s{at}\n")).collect();
    std::fs::write(case.folder.path().join("products.csv"), format!("sku\n{rows}")).unwrap();
    case
}

const RATE: &str = "constant-arrival-rate:\n      rate: 40/s\n      duration: 1m";

#[test]
fn each_arrival_asks_for_its_own_and_the_load_ends_with_the_rows() {
    let (server, asked) = shop(false);
    let case = case(&server, RATE);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 120);
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 120, "one was asked for twice");
    // Twenty were the warm-up's; the verdict is about all the others.
    let card = verdict(&case.out());
    assert_eq!(card["objectives"][0]["n"], 100, "{card}");
}

#[test]
fn an_answer_that_is_not_what_was_asked_for_is_violated() {
    let (server, _) = shop(true);
    let case = case(&server, RATE);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let findings = verdict(&case.out())["findings"].to_string();
    assert!(findings.contains("the JSON value at `/sku` is missing"), "{findings}");
}

#[test]
fn connections_that_always_send_take_rows_too() {
    let (server, asked) = shop(false);
    let case = case(&server, "constant-vus:\n      vus: 3\n      duration: 1m");
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(asked.lock().unwrap().len(), 120);
}

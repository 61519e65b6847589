//! `assay try`: what is shown of a journey, its exit codes, and that no secret is shown.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, assay, said};
use std::io::Write;
use std::process::Output;

const SECRET: &str = "Xq7 s3cr3t&pW";

/// Gives a token to whoever logs in, and orders to whoever brings it.
fn shop() -> Server {
    Server::hears(|_, heard, stream| {
        let line = heard.lines().next().unwrap_or_default();
        let (status, body) = if line.starts_with("POST /login ") {
            (200, "{\"token\": \"tk-81234567\"}")
        } else if heard.contains("Bearer tk-81234567") {
            (200, "{\"orders\": [7], \"for\": \"tk-81234567\"}")
        } else {
            (401, "no \u{1b}[31mtoken")
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes())
    })
}

fn case(addr: std::net::SocketAddr, captures: &str) -> Case {
    Case::new(&format!(
        "schema: 1
name: trial
services: {{shop: {{url: \"http://{addr}\"}}}}
load:
  crowd:
    constant-vus:
      vus: 3
      duration: 1h
      journey:
        - post: {{path: /login, name: login, form: {{password: \"${{env.TOKEN}}\"}}, capture: {{token: {{json: {captures}}}}}}}
        - pause: 10m
        - get: {{path: /orders, name: orders, headers: {{Authorization: \"Bearer ${{token}}\"}}, check: [{{json: {{at: /orders/0, equals: 7}}}}]}}
  others:
    constant-arrival-rate: {{rate: 1/s, duration: 1h, requests: [{{get: {{path: /open}}}}]}}
"
    ))
}

fn tried(case: &Case, more: &[&str]) -> Output {
    let mut command = assay(&["try", "case.yaml"]);
    command.args(more).current_dir(case.folder.path()).env("TOKEN", SECRET);
    let output = command.output().unwrap();
    let said = said(&output);
    for secret in [SECRET, "Xq7+s3cr3t", "s3cr3t"] {
        assert!(!said.contains(secret), "{said}");
    }
    output
}

#[test]
fn a_journey_is_shown_whole_and_the_failing_request_with_its_curl_line() {
    let server = shop();
    let case = case(server.addr, "/token");
    let output = tried(&case, &["--only", "crowd"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for shown in [
        "> POST /login HTTP/1.1",
        "> password=***",
        "< {\"token\": \"tk-81234567\"}",
        "capture token = tk-81234567  (json /token)",
        "pause of 10 min: not waited for",
        "> authorization: ***",
        // What a header has as a credential is one everywhere.
        "< {\"orders\": [7], \"for\": \"***\"}",
        "ok       check json /orders/0 equals 7",
        "2 requests of 1 load: 2 good, 0 failed. Nothing was judged.",
    ] {
        assert!(text.contains(shown), "{shown}:\n{text}");
    }
    // All of it: the other load brings no token.
    let output = tried(&case, &["-q"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("/login"), "{text}");
    assert!(text.contains("FAILED   check status 2xx or 3xx: it is 401 Unauthorized"), "{text}");
    assert!(text.contains("< no \u{fffd}[31mtoken"), "{text}");
    assert!(text.contains(&format!("again    curl -sS -i http://{}/open", server.addr)), "{text}");
    assert!(text.contains("3 requests of 2 loads: 2 good, 1 failed."), "{text}");
}

#[test]
fn a_capture_that_is_not_there_is_named() {
    let server = shop();
    let case = case(server.addr, "/access_token");
    let output = tried(&case, &["--only", "orders"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let named = "FAILED   capture token (json /access_token): nothing to capture at \
                 `/access_token`; the body has /token";
    assert!(text.contains(named), "{text}");
    let unsent = "not sent: it needs `${token}`, which `login` was to capture and did not";
    assert!(text.contains(unsent), "{text}");
}

#[test]
fn what_cannot_be_tried_has_its_exit_code_and_starts_nothing_for_ever() {
    let server = shop();
    let wrong = case(server.addr, "/token");
    let output = tried(&wrong, &["--only", "ordres"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("there are `others`, `GET /open`, `crowd`, `login`, `orders`"));
    let output = tried(&wrong, &["--set", "load.crowd.constant-vus.vus=0"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let never = |command: &str| {
        Case::new(&format!(
            "schema: 1
name: trial
services: {{api: {{process: {{command: [sh, -c, \"{command}\"], ready: {{log: up, within: 700ms}}}}}}}}
load: {{a: {{constant-arrival-rate: {{rate: 1/s, duration: 1s, requests: [{{get: {{path: /}}}}]}}}}}}
"
        ))
    };
    let output = tried(&never("exec sleep 60"), &[]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("logs of services: "), "{}", said(&output));
    // It is started, asked, found deaf, and ended.
    let output = tried(&never("echo up; exec sleep 60"), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("refused the connection"), "{}", said(&output));
}

/// A cookie that was captured is a credential wherever it is used.
#[test]
fn a_captured_cookie_is_hidden_where_it_is_used_too() {
    const COOKIE: &str = "ck-verylongsecretcookie";
    let server = Server::hears(|_, heard, stream| {
        let line = heard.lines().next().unwrap_or_default().to_owned();
        let set = if line.contains("/login") {
            format!("Set-Cookie: sid={COOKIE}\r\n")
        } else {
            String::new()
        };
        let length = line.len();
        let answer = format!("HTTP/1.1 200 OK\r\n{set}Content-Length: {length}\r\n\r\n{line}");
        stream.write_all(answer.as_bytes())
    });
    let case = Case::new(&format!(
        "schema: 1
name: trial
services: {{shop: {{url: \"http://{}\"}}}}
load:
  crowd:
    constant-vus:
      vus: 1
      duration: 1h
      journey:
        - get: {{path: /login, name: login, capture: {{ck: {{cookie: sid}}}}}}
        - get: {{path: \"/orders/${{ck}}\", name: orders}}
",
        server.addr
    ));
    let said = said(&tried(&case, &[]));
    assert!(said.contains("/orders/***") && !said.contains(COOKIE), "{said}");
}

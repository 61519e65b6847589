//! `client: {redirects, cookies, idle-reset}` in whole runs: a chain is one request, cookies come
//! back, and a reset of a kept connection is an error unless the scenario asks for a second try.

use crate::common::{Case, Server, said, verdict};
use std::io::{Error, Write};

fn case(server: &Server, client: &str, request: &str) -> Case {
    Case::new(&format!(
        "schema: 1
name: manners
services: {{shop: {{url: \"http://{}\"}}}}
load:
  a:
    constant-arrival-rate:
      rate: 50/s
      duration: 2s
      client: {{{client}}}
      requests: [{request}]
objectives: {{errors: {{error-rate: {{below: 10%}}}}}}
",
        server.addr
    ))
}

fn answer(status: u16, headers: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: 2\r\n\r\nok")
}

/// Lets in who has the cookie that whoever has none is sent for.
fn gate() -> Server {
    Server::hears(|_, heard, stream| {
        let line = heard.lines().next().unwrap_or_default();
        let text = if line.contains("/gate") {
            answer(302, "Location: /home\r\nSet-Cookie: seen=1; Path=/\r\n")
        } else if heard.to_ascii_lowercase().contains("cookie: seen=1") {
            answer(200, "")
        } else {
            answer(302, "Location: /gate\r\n")
        };
        stream.write_all(text.as_bytes())
    })
}

#[test]
fn a_chain_of_redirects_with_cookies_is_one_request() {
    let server = gate();
    let request = "{get: {path: /home, check: [{status: [200]}]}}";
    let output = case(&server, "redirects: 2, cookies: true", request).run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("a: 100 of 100 begun; ok 100"), "{}", said(&output));
    // The first ones go three ways, all others have the cookie.
    let seen = server.seen();
    assert!((102..160).contains(&seen), "{seen}");
    // The twin: without cookies nobody gets in, and what is not followed is no 200.
    for client in ["redirects: 5", "cookies: true"] {
        let output = case(&gate(), client, request).run(&[]);
        assert_eq!(output.status.code(), Some(1), "{client}: {}", said(&output));
    }
}

/// Every fourth request on a connection is read and not answered.
fn tired() -> Server {
    Server::start(|k, stream| match k % 4 {
        3 => Err(Error::other("tired")),
        _ => stream.write_all(answer(200, "").as_bytes()),
    })
}

#[test]
fn a_reset_of_a_kept_connection_is_counted_apart_either_way() {
    for (request, lean) in
        [("{get: {path: /}}", true), ("{get: {path: /, check: [{contains: ok}]}}", false)]
    {
        let plain = case(&tired(), "", request);
        let output = plain.run(&[]);
        assert_eq!(output.status.code(), Some(1), "{lean}: {}", said(&output));
        let card = verdict(&plain.out());
        let resets = card["loads"][0]["idle_resets"].as_u64().unwrap();
        assert!(resets > 10 && card["loads"][0]["idle_resent"] == 0, "{card}");
        let again = case(&tired(), "idle-reset: retry-once", request);
        let output = again.run(&[]);
        assert_eq!(output.status.code(), Some(0), "{lean}: {}", said(&output));
        let card = verdict(&again.out());
        let resent = card["loads"][0]["idle_resent"].as_u64().unwrap();
        assert!(resent > 10 && card["loads"][0]["idle_resets"] == 0, "{card}");
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("sent once more after a reset of a connection kept"), "{text}");
    }
}

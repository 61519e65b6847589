//! Failed exchanges are kept: on every path, the first three, without secrets, and shown as text.

use crate::common::{Case, Server, assay, in_turn, said};
use std::io::Write;

const SECRET: &str = "Xq7s3cr3tpW";

/// Fixed requests on the lean path, one that a check fails, and users; half a megabyte for `/big`.
fn case(server: &Server) -> Case {
    Case::new(&format!(
        "schema: 1
name: failing
services: {{shop: {{url: \"http://{}\"}}}}
load:
  fixed:
    constant-arrival-rate:
      rate: 40/s
      duration: 2s
      client: {{headers: {{X-Key: \"${{env.TOKEN}}\"}}}}
      requests:
        - post: {{path: \"/buy?a=1\", name: buy, text: \"it's ${{env.TOKEN}}\"}}
        - get: {{path: /big, name: big}}
        - get: {{path: /fine, name: fine}}
  looked:
    constant-arrival-rate:
      rate: 20/s
      duration: 2s
      requests: [{{get: {{path: \"/fine?${{random.int(1,9)}}\", name: odd, check: [{{contains: gold}}]}}}}]
  crowd:
    constant-vus:
      vus: 2
      duration: 2s
      pace: 100ms
      journey: [{{put: {{path: /cart, name: cart, headers: {{Authorization: \"Bearer b3ar3r-t0k3n\"}}}}}}]
objectives: {{errors: {{error-rate: {{below: 5%, during: [all]}}}}}}
",
        server.addr
    ))
}

fn server() -> Server {
    Server::hears(|_, heard, stream| {
        let line = heard.lines().next().unwrap_or_default();
        let (status, body) = match line.split(' ').nth(1).unwrap_or_default() {
            "/buy?a=1" => (503, format!("<script>alert(1)</script> no {SECRET}")),
            "/big" => (500, "x".repeat(500_000)),
            "/cart" => (404, "no cart for b3ar3r-t0k3n".to_owned()),
            _ => (200, "silver".to_owned()),
        };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} X\r\nX-Why: broken\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes())
    })
}

#[test]
fn the_first_three_of_each_are_in_the_run_directory_and_the_report() {
    let server = server();
    let case = case(&server);
    let output = in_turn(case.command(&[]).env("TOKEN", SECRET));
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("failures out/failures/  12 failed exchanges"), "{text}");
    let folder = case.out().join("failures");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let wanted = [
        "crowd.01-cart.http_4xx",
        "fixed.01-buy.http_5xx",
        "fixed.02-big.http_5xx",
        "looked.01-odd.check_failed",
    ];
    let wanted: Vec<String> =
        wanted.iter().flat_map(|kind| (1..=3).map(move |n| format!("{kind}.{n}.txt"))).collect();
    assert_eq!(names, wanted);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for (name, shown) in [
        ("fixed.01-buy.http_5xx.1.txt", "load fixed, request buy: http_5xx\nstatus 503 is not"),
        ("fixed.01-buy.http_5xx.1.txt", "> POST /buy?a=1 HTTP/1.1\n"),
        ("fixed.01-buy.http_5xx.1.txt", "> it's ***\n"),
        ("fixed.01-buy.http_5xx.1.txt", r"--data-binary 'it'\''s ***'"),
        ("fixed.01-buy.http_5xx.1.txt", "< 503 Service Unavailable\n< x-why: broken\n"),
        ("fixed.01-buy.http_5xx.1.txt", "< <script>alert(1)</script> no ***\n"),
        ("fixed.02-big.http_5xx.3.txt", "< [cut: the first 65536 of 500000 bytes]"),
        ("looked.01-odd.check_failed.1.txt", "the body does not contain `gold`"),
        ("looked.01-odd.check_failed.1.txt", "< silver\n"),
        ("crowd.01-cart.http_4xx.2.txt", "> authorization: ***\n"),
        ("crowd.01-cart.http_4xx.2.txt", "< no cart for ***\n"),
    ] {
        let text = read(name);
        assert!(text.contains(shown), "{name}: {shown}:\n{}", &text[..text.len().min(2_000)]);
    }
    for name in &names {
        assert!(read(name).len() < 70_000, "{name}");
    }
    let report = std::fs::read_to_string(case.out().join("report.html")).unwrap();
    assert!(report.contains("<summary>load fixed, request buy: http_5xx <span class=\"aside\">"));
    assert!(report.contains("&lt;script&gt;alert(1)") && !report.contains("<script"));
    for text in names.iter().map(|name| read(name)).chain([report, text]) {
        assert!(!text.contains(SECRET) && !text.contains("b3ar3r-t0k3n"));
    }
    let verified = assay(&["verify", "out"]).current_dir(case.folder.path()).output().unwrap();
    assert_eq!(verified.status.code(), Some(1), "{}", said(&verified));
}

#[test]
fn a_run_in_which_nothing_fails_keeps_nothing() {
    let case = Case::new(&format!(
        "schema: 1
name: fine
services: {{shop: {{url: \"http://{}\"}}}}
load: {{a: {{constant-arrival-rate: {{rate: 50/s, duration: 1s, requests: [{{get: {{path: /}}}}]}}}}}}
objectives: {{fast: {{latency: {{percentile: 50, below: 5s}}}}}}
",
        Server::ok().addr
    ));
    let output = in_turn(case.command(&[]));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("failures "), "{}", said(&output));
    assert!(!case.out().join("failures").exists());
}

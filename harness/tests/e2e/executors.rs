//! Executors against a server on a real socket: what arrives when, and what is made of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, answer, assay, in_turn, said, verdict};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server that keeps when each request came, µs after the first.
fn watching() -> (Server, Arc<Mutex<Vec<Duration>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let clock = assay::clock::Clock::start();
    let server = Server::start(move |_, stream| {
        kept.lock().unwrap().push(Duration::from_micros(clock.now().0));
        answer(stream, 200)
    });
    (server, seen)
}

/// Half of the gaps are shorter than ln 2 = 0.69 of the mean gap; of even arrivals none is much
/// shorter than it. A machine that stalls makes gaps shorter, but not half of them.
#[test]
fn poisson_arrivals_come_as_independent_callers_do_and_alike_with_the_same_seed() {
    let mut counts = Vec::new();
    for seed in ["7", "7", "8"] {
        let (folder, (server, seen)) = (tempfile::tempdir().unwrap(), watching());
        let url = format!("http://{}/", server.addr);
        let words = ["load", &url, "--rate", "300/s", "--poisson", "--for", "3s", "--seed", seed];
        let output = in_turn(assay(&words).args(["--out", "out"]).current_dir(folder.path()));
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let at = seen.lock().unwrap().clone();
        let mut at: Vec<f64> = at.iter().map(Duration::as_secs_f64).collect();
        at.sort_by(f64::total_cmp);
        let mut gaps: Vec<f64> = at.windows(2).map(|two| two[1] - two[0]).collect();
        gaps.sort_by(f64::total_cmp);
        let median = gaps[gaps.len() / 2] * 300.0;
        assert!((0.3..0.85).contains(&median), "{median}");
        let load = &verdict(&folder.path().join("out"))["loads"][0];
        assert_eq!(load["planned"], server.seen(), "{load}");
        counts.push(server.seen());
    }
    assert_eq!(counts[0], counts[1]);
    assert_ne!(counts[0], counts[2]);
}

/// Twenty requests of a log of 19 s, ten times as fast: each once, in its order, at its time.
#[test]
fn a_log_is_replayed_at_its_own_times() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    let clock = assay::clock::Clock::start();
    let server = Server::hears(move |_, text, stream| {
        let line = text.lines().next().unwrap_or_default().to_owned();
        let tenant = text.contains("x-tenant: acme");
        kept.lock().unwrap().push((clock.now().0, line, tenant));
        answer(stream, if text.contains("/gone") { 404 } else { 200 })
    });
    let case = Case::new(&format!(
        "schema: 1
name: replay
services: {{shop: {{url: \"http://{}\"}}}}
load: {{web: {{replay-log: {{file: access.jsonl, speed: 10x, duration: 3s}}}}}}
objectives: {{few: {{error-count: {{at-most: 1}}}}}}
",
        server.addr
    ));
    let line = |n: u32| match n {
        7 => format!("{{\"time\": {n}, \"path\": \"/gone\"}}\n"),
        _ => format!(
            "{{\"time\": {n}, \"path\": \"/p/{n}\", \"name\": \"p\", \
             \"headers\": {{\"X-Tenant\": \"acme\"}}}}\n"
        ),
    };
    let log: String = (0..20).rev().map(line).collect();
    std::fs::write(case.folder.path().join("access.jsonl"), log).unwrap();
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 20);
    for (n, (at, line, tenant)) in heard.iter().enumerate() {
        let path = if n == 7 { "/gone".to_owned() } else { format!("/p/{n}") };
        assert_eq!((line.as_str(), *tenant), (format!("GET {path} HTTP/1.1").as_str(), n != 7));
        // A machine that stalls is late, never early.
        let least = u64::try_from(n).unwrap() * 100_000;
        assert!(at - heard[0].0 + 20_000 >= least, "{n}: {at}");
    }
    // One answer too many was wrong.
    let words = ["run", "case.yaml", "--set", "objectives.few.error-count.at-most=0"];
    let strict = in_turn(assay(&words).args(["--out", "strict"]).current_dir(case.folder.path()));
    assert_eq!(strict.status.code(), Some(1), "{}", said(&strict));
}

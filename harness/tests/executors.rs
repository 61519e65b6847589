//! Executors against a server on a real socket: what arrives when, and what is made of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{Server, answer, assay, said, verdict};
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
        let output = assay(&words).args(["--out", "out"]).current_dir(folder.path()).output();
        let output = output.unwrap();
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

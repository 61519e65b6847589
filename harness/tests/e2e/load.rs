//! `assay load URL` as a user types it: figures, gates, exit codes, saved scenarios.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Server, answer, assay, in_turn, said, signal, verdict, wait_for};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};

fn load(folder: &Path, words: &[&str]) -> Output {
    let out = ["load", "--out", "out", "--json", "figures.json"];
    in_turn(assay(&[&out[..], words].concat()).current_dir(folder))
}

fn figures(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("figures.json")).unwrap()).unwrap()
}

#[test]
fn it_measures_without_gates_and_says_that_nothing_was_asked() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::ok());
    let url = format!("http://{}/a?b=c", server.addr);
    let words = [&*url, "--rate", "200/s", "--for", "3s", "--hlog", "t.hlog"];
    let output = load(folder.path(), &words);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("nothing was asked"), "{}", said(&output));
    let figures = figures(folder.path());
    assert_eq!((&figures["requests"], &figures["errors"]), (&600.into(), &0.into()));
    assert_eq!(server.seen(), 600);
    assert_eq!(figures["verdict"], serde_json::Value::Null);
    for clock in [&figures, &figures["service"], &figures["first_byte"], &figures["lag"]] {
        let [p50, p999] = ["p50", "p999"].map(|key| clock[key].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p999 && p999 <= clock["max"].as_f64().unwrap(), "{figures}");
    }
    let log = std::fs::read_to_string(folder.path().join("t.hlog")).unwrap();
    assert!(log.contains("Tag=requests/lag,"), "{log}");
    let repeated = assay(&["verify", "out"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(repeated.status.code(), Some(0), "{}", said(&repeated));
}

#[test]
fn gates_are_judged_as_in_any_run() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|k, stream| answer(stream, if k % 10 == 0 { 500 } else { 200 }));
    let url = format!("http://{}/", server.addr);
    let words = [&*url, "--rate", "200/s", "--for", "2s", "--error-rate", "2%", "--p50", "5s"];
    let output = load(folder.path(), &words);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(figures(folder.path())["errors"], 40);
    let verdict = verdict(&folder.path().join("out"));
    let of = |id: &str| {
        let found = verdict["objectives"].as_array().unwrap().iter().find(|one| one["id"] == id);
        found.unwrap()["verdict"].clone()
    };
    assert_eq!((of("errors"), of("p50")), ("violated".into(), "met".into()));
}

/// Scripts read the figures and nothing else.
#[test]
fn figures_of_a_load_that_was_interrupted_are_not_called_met() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::ok());
    let url = format!("http://{}/", server.addr);
    let words = ["load", &url, "--rate", "100/s", "--for", "60s", "--error-rate", "20%"];
    let mut command = assay(&[&words[..], &["--json", "figures.json"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.current_dir(folder.path()).spawn().unwrap();
    wait_for("requests", || server.seen() >= 150);
    signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert_eq!(figures(folder.path())["verdict"], "interrupted", "{}", said(&output));
}

/// Who reads the figures finds every key, also where nothing was answered.
#[test]
fn the_keys_are_there_whatever_happened() {
    let (folder, port) = (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}/", port.local_addr().unwrap());
    drop(port);
    load(folder.path(), &[&url, "--rate", "20/s", "--for", "1s"]);
    let figures = figures(folder.path());
    assert_eq!((&figures["requests"], &figures["errors"]), (&20.into(), &20.into()));
    for times in [&figures, &figures["service"], &figures["first_byte"]] {
        let times = times.as_object().unwrap();
        let is_null = |key: &str| times.get(key).is_some_and(serde_json::Value::is_null);
        assert!(["p50", "p95", "p99", "p999", "max"].into_iter().all(is_null), "{figures}");
    }
}

#[test]
fn a_refused_connection_is_an_error_and_no_failure_to_start() {
    let folder = tempfile::tempdir().unwrap();
    // Bound and never listening: nobody else gets the port meanwhile.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{addr}/");
    let output = load(folder.path(), &[&url, "--rate", "50/s", "--for", "1s"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let figures = figures(folder.path());
    assert_eq!((&figures["requests"], &figures["errors"]), (&50.into(), &50.into()));
}

#[test]
fn a_saved_scenario_is_valid_and_holds_no_credentials() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::ok());
    let url = format!("http://{}/", server.addr);
    let words = [&*url, "--rate", "100/s", "--for", "1s", "--p50", "5s", "-q"];
    let more = ["-H", "Authorization: Bearer s3cr3t", "--save-scenario", "saved.yaml"];
    let output = load(folder.path(), &[&words[..], &more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut validate = assay(&["validate", "saved.yaml"]);
    validate.current_dir(folder.path()).env("AUTHORIZATION", "Bearer s3cr3t");
    let valid = validate.output().unwrap();
    assert_eq!(valid.status.code(), Some(0), "{}", said(&valid));
    for entry in walk(folder.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("s3cr3t"), "{}", entry.display());
    }
    assert!(!said(&output).contains("s3cr3t"), "{}", said(&output));
}

#[test]
fn what_cannot_be_loaded_is_said_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    for (words, hint) in [
        (vec!["127.0.0.1:80", "--rate", "1/s"], "http://host:port/path"),
        (vec!["ftp://127.0.0.1/", "--rate", "1/s"], "http"),
        (vec!["http://127.0.0.1:1/", "--rate", "0/s"], "above 0/s"),
    ] {
        let output = load(folder.path(), &words);
        assert_eq!(output.status.code(), Some(2), "{words:?} {}", said(&output));
        assert!(said(&output).contains(hint), "{words:?} {}", said(&output));
    }
    assert!(!folder.path().join("out").exists());
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn closed_connections_send_again_as_soon_as_they_are_answered() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::ok());
    let url = format!("http://{}/", server.addr);
    let words = [&*url, "--closed", "--connections", "4", "--for", "2s", "--p50", "5s"];
    let output = load(folder.path(), &words);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let figures = figures(folder.path());
    assert_eq!(figures["requests"].as_u64(), Some(server.seen()), "{figures}");
    assert!(server.seen() > 40 && figures["errors"] == 0, "{figures}");
    let p50 = |times: &serde_json::Value| times["p50"].as_f64().unwrap();
    assert!((p50(&figures) - p50(&figures["service"])).abs() < 1.0, "{figures}");
}

/// A server that fails from its 601st request on: the first that meets it is the third step, of
/// 300/s, for 100/s and 200/s have sent 600 in 2 s each.
fn find(words: &[&str]) -> (tempfile::TempDir, Server, Output) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|k, stream| answer(stream, if k < 600 { 200 } else { 500 }));
    let url = format!("http://{}/", server.addr);
    let stairs =
        ["--find", "--to", "800/s", "--hold", "2s", "--settle", "0s", "--error-rate", "2%"];
    let output = load(folder.path(), &[&[&*url], &stairs[..], words].concat());
    (folder, server, output)
}

#[test]
fn find_goes_up_until_a_gate_breaks_and_no_higher() {
    let (folder, server, output) = find(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let figures = figures(folder.path());
    let capacity = serde_json::json!({"at_least": 200.0, "less_than": 300.0});
    assert_eq!((&figures["capacity"], &figures["verdict"]), (&capacity, &"met".into()));
    assert_eq!(figures["requests"].as_u64(), Some(server.seen()));
    // The broken step is sent whole; of the 4800 that the five steps after it plan, hardly any.
    assert!((1_200..2_400).contains(&server.seen()), "{}", server.seen());
    let verdict = verdict(&folder.path().join("out"));
    let [room] = verdict["objectives"].as_array().unwrap().as_slice() else { panic!("{verdict}") };
    assert_eq!((&room["id"], &room["n"], &room["k"]), (&"capacity".into(), &3.into(), &1.into()));
    assert_eq!((&room["steps"][1]["n"], &room["steps"][2]["bad"]), (&400.into(), &600.into()));
    assert!(verdict["findings"][0].as_str().unwrap().contains("was stopped"), "{verdict}");
    assert_eq!(verdict["health"]["planned"], verdict["health"]["begun"]);
    let repeated = assay(&["verify", "out"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(repeated.status.code(), Some(0), "{}", said(&repeated));
}

#[test]
fn find_fails_where_the_capacity_is_less_than_asked() {
    let (_folder, _server, output) = find(&["--at-least", "300/s"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("capacity: step 300/s broke `errors`"), "{}", said(&output));
}

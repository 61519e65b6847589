//! `assay calibrate` against the bundled backend, and what later runs know of it.

use crate::common::{Server, assay, in_turn, said};

#[test]
fn later_runs_carry_what_this_machine_can_see() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = assay(words);
        command.current_dir(folder.path()).env("XDG_STATE_HOME", folder.path());
        in_turn(&mut command)
    };
    let output = run(&["calibrate", "--out", "first"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("equal load differs here by"), "{}", said(&output));
    let header = |out: &str| {
        let text = std::fs::read_to_string(folder.path().join(out).join("journal.jsonl")).unwrap();
        let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        header["environment"]["calibration"].clone()
    };
    assert!(header("first").is_null());
    let server = Server::ok();
    let url = format!("http://{}/", server.addr);
    let output = run(&["load", &url, "--rate", "50/s", "--for", "1s", "--out", "second"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(header("second")["p95_permille"].is_u64(), "{}", header("second"));
    let report = std::fs::read_to_string(folder.path().join("second/report.html")).unwrap();
    assert!(report.contains("equal load differs here by"));
}

//! What this machine cannot do is no failure of the target: it is counted as not sent, and the
//! report names the setting to raise.

use crate::common::{said, verdict};
use std::net::TcpListener;
use std::process::Command;

#[test]
fn without_descriptors_requests_are_not_sent_and_the_limit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Accepted by the kernel, and never answered: every request keeps its connection.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let script = format!(
        "ulimit -n 100 && exec {} load {url} --rate 300/s --for 1s --timeout 2s --out out --json \
         figures.json",
        env!("CARGO_BIN_EXE_assay")
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("NO_COLOR", "1")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let figures = std::fs::read(folder.path().join("figures.json")).unwrap();
    let figures: serde_json::Value = serde_json::from_slice(&figures).unwrap();
    let [sent, unsent] = ["requests", "not_sent"].map(|key| figures[key].as_u64().unwrap());
    assert_eq!(sent + unsent, 300, "{figures}");
    assert!(unsent >= 200 && (1..100).contains(&sent), "{figures}");
    let verdict = verdict(&folder.path().join("out"));
    let machine = &verdict["health"]["machine"];
    assert_eq!(machine["descriptors_allowed"], 100, "{machine}");
    assert!(machine["descriptors"].as_u64().is_some_and(|n| n >= 95), "{machine}");
    let findings = verdict["findings"].to_string();
    assert!(findings.contains("EMFILE") && findings.contains("ulimit -n"), "{findings}");
}

#[test]
fn without_ports_requests_are_not_sent_and_the_settings_are_named() {
    let server = crate::common::Server::ok();
    // No machine has this address (RFC 5737), so no port of it either.
    let case = crate::common::Case::new(&format!(
        "schema: 1
name: no-ports
services: {{shop: {{url: \"http://{}\"}}}}
load:
  visitors:
    constant-arrival-rate:
      rate: 100/s
      duration: 1s
      client: {{source-addresses: [192.0.2.1]}}
      requests: [{{get: {{path: /}}}}]
objectives: {{errors: {{error-rate: {{below: 90%}}}}}}
",
        server.addr
    ));
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert_eq!(server.seen(), 0);
    let verdict = verdict(&case.out());
    let findings = verdict["findings"].to_string();
    for setting in ["EADDRNOTAVAIL", "ip_local_port_range", "source-addresses"] {
        assert!(findings.contains(setting), "{findings}");
    }
    assert!(verdict["loads"].to_string().contains("not_sent"), "{verdict}");
}

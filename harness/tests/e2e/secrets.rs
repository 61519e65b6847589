//! A secret from the environment reaches the service and nothing else: no artefact, no terminal.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{Case, Server, answer, assay, in_turn, said};
use std::path::{Path, PathBuf};

const SECRET: &str = "Xq7-s3cr3t-pW";

/// Every place of a scenario that may hold a secret, and reports that show it.
fn scenario(addr: std::net::SocketAddr) -> String {
    format!(
        "schema: 1
name: quiet
hypothesis: Nobody learns ${{env.TOKEN}}.
labels: {{team: \"t-${{env.TOKEN}}\"}}
services:
  site: {{url: \"http://{addr}\"}}
links: {{front: {{to: site}}}}
steady-state: {{probes: [{{http: {{service: site, path: \"/p/${{env.TOKEN}}\"}}}}]}}
load:
  visitors:
    constant-arrival-rate:
      rate: 100/s
      duration: 6s
      to: front
      client: {{headers: {{X-Key: \"${{env.TOKEN}}\", Authorization: \"Bearer a-${{env.TOKEN}}\"}}}}
      requests:
        - post: {{path: \"/s/${{env.TOKEN}}\", name: \"buy\", json: {{key: \"${{env.TOKEN}}\"}}}}
faults:
  half: {{error: {{link: front, status: 503, text: \"no ${{env.TOKEN}}\", headers: {{X-Why: \"${{env.TOKEN}}\"}}, at: 3s, duration: 1s, recovery: 500ms}}}}
objectives:
  errors: {{error-rate: {{below: 5%, during: [all]}}}}
"
    )
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

fn nowhere(folder: &Path, output: &std::process::Output) {
    let said = said(output);
    assert!(!said.contains(SECRET), "{said}");
    for path in files(&folder.join("out")) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(SECRET), "{}:\n{text}", path.display());
    }
}

#[test]
fn a_secret_reaches_the_service_and_no_report() {
    let server = Server::start(|_, stream| answer(stream, 200));
    let case = Case::new(&scenario(server.addr));
    let output = in_turn(case.command(&["-v"]).env("TOKEN", SECRET));
    // The fault alone breaks the objective, so that every report has its reasons.
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    nowhere(case.folder.path(), &output);
    assert!(files(&case.out()).len() >= 8);
    let resolved = std::fs::read_to_string(case.out().join("scenario.yaml")).unwrap();
    assert!(resolved.contains("hypothesis: Nobody learns ***."), "{resolved}");
    let mut plan = assay(&["plan", "case.yaml"]);
    plan.env("TOKEN", SECRET).current_dir(case.folder.path());
    nowhere(case.folder.path(), &plan.output().unwrap());
    let verified =
        assay(&["verify", "out", "-v"]).current_dir(case.folder.path()).output().unwrap();
    assert_eq!(verified.status.code(), Some(1), "{}", said(&verified));
    nowhere(case.folder.path(), &verified);
}

#[test]
fn a_secret_in_what_cannot_run_is_not_told_either() {
    let yaml = |process: &str| {
        format!(
            "schema: 1
name: quiet
services: {{api: {{process: {process}}}}}
load:
  visitors:
    constant-arrival-rate: {{rate: 1/s, duration: 1s, requests: [{{get: {{path: /}}}}]}}
objectives: {{errors: {{error-count: {{at-most: 0}}}}}}
"
        )
    };
    for process in [
        // A program that is not there.
        "{command: [\"./no-${env.TOKEN}\"]}",
        // Never ready; and it says the secret.
        "{command: [sh, -c, \"echo ${env.TOKEN}; exec sleep 20\"], env: {KEY: \"${env.TOKEN}\"}, \
         ready: {log: \"never ${env.TOKEN}\", within: 500ms}}",
        "{command: [sh, -c, \"exec sleep 20\"], ready: {http: \"/${env.TOKEN}\", within: 500ms}}",
        // Dies at once, its last words the secret.
        "{command: [sh, -c, \"echo bad key ${env.TOKEN} >&2; exit 3\"]}",
    ] {
        let case = Case::new(&yaml(process));
        let output = in_turn(case.command(&["-v"]).env("TOKEN", SECRET));
        assert_eq!(output.status.code(), Some(4), "{process}: {}", said(&output));
        nowhere(case.folder.path(), &output);
    }
}

#[test]
fn mistakes_do_not_show_a_secret() {
    let yaml = "schema: 1
name: quiet
services: {site: {url: \"ftp://${env.TOKEN}@127.0.0.1\"}}
load:
  visitors:
    constant-arrival-rate: {rate: \"${env.TOKEN}\", duration: 1s, requests: [{get: {path: \"no ${env.TOKEN}\"}}]}
objectives: {errors: {error-count: {at-most: \"${env.TOKEN}\", of: [\"${env.TOKEN}\"]}}}
";
    let case = Case::new(yaml);
    let output = in_turn(case.command(&[]).env("TOKEN", SECRET));
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(!said(&output).contains(SECRET), "{}", said(&output));
}

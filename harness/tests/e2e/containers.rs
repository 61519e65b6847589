//! Services in containers, against a real engine: an image of this very program is started,
//! loaded, and gone afterwards, whatever ended the run. Without an engine each test says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]

mod faults;
mod leases;
mod ready;

use crate::common::{Case, said, signal, under_way, verdict, wait_for};
use std::process::Command;
use std::sync::OnceLock;
use testcontainers::GenericBuildableImage;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::ListContainersOptionsBuilder;
use testcontainers::runners::AsyncBuilder;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Whether an engine answers here.
fn has_engine() -> bool {
    let answers = wait(async {
        match Docker::connect_with_defaults() {
            Ok(engine) => engine.ping().await.is_ok(),
            Err(_) => false,
        }
    });
    if !answers {
        eprintln!("SKIPPED: no container engine answers, so nothing is known of containers");
    }
    answers
}

/// Builds the image once: this program and the libraries that it is linked to.
fn image() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let program = env!("CARGO_BIN_EXE_assay");
        let linked = Command::new("ldd").arg(program).output().unwrap();
        let linked = String::from_utf8(linked.stdout).unwrap();
        let libraries = linked.split_whitespace().filter(|word| word.starts_with('/'));
        let name = "assay-test/backend";
        let mut image = GenericBuildableImage::new(name, "latest")
            .with_dockerfile_string("FROM scratch\nCOPY root /\nENTRYPOINT [\"/assay\"]\n")
            .with_file(program, "root/assay");
        // Its client of the scorer wants to know whom to trust.
        let authorities = std::path::Path::new("/etc/ssl/certs/ca-certificates.crt");
        if authorities.exists() {
            image = image.with_file(authorities, format!("root{}", authorities.display()));
        }
        for library in libraries {
            let real = std::fs::canonicalize(library).unwrap();
            image = image.with_file(real, format!("root{library}"));
        }
        drop(wait(image.build_image()).unwrap());
        name.to_owned()
    })
}

/// Containers of the runs of a case: those labelled with its run's id.
fn left(case: &Case) -> Vec<String> {
    let journal = std::fs::read_to_string(case.out().join("journal.jsonl")).unwrap_or_default();
    let header: serde_json::Value =
        serde_json::from_str(journal.lines().next().unwrap_or("{}")).unwrap();
    let run = header["run"].as_str().unwrap().to_owned();
    let label = vec![format!("assay.run={run}")];
    let filters = std::iter::once(("label".to_owned(), label)).collect();
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = wait(async {
        Docker::connect_with_defaults().unwrap().list_containers(Some(options)).await.unwrap()
    });
    found.into_iter().filter_map(|container| container.id).collect()
}

fn case(more: &str, seconds: u64) -> Case {
    let image = image();
    Case::new(&format!(
        "schema: 1
name: contained
services:
  api:
    container:
      image: {image}
      command: [backend, --listen, \"0.0.0.0:8000\"]
      env: {{DATABASE_URL: \"sqlite:///backend.db\"}}
      port: 8000
      memory: 256MiB
      {more}
load:
  visitors: {{constant-arrival-rate: {{rate: 50/s, duration: {seconds}s, requests: [{{get: {{path: /health}}}}]}}}}
objectives:
  errors: {{error-rate: {{below: 5%}}}}
"
    ))
}

#[test]
fn a_container_is_started_loaded_and_gone() {
    if !has_engine() {
        return;
    }
    for ready in ["ready: {http: /health}", "ready: {port: 8000, within: 20s}"] {
        let case = case(ready, 4);
        let output = case.run(&[]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(verdict(&case.out())["objectives"][0]["n"], 200);
        let log = std::fs::read_to_string(case.out().join("logs/api.log")).unwrap();
        assert!(log.contains("assay: started container "), "{log}");
        assert!(log.contains("\"severity\""), "the container's own lines: {log}");
        assert_eq!(left(&case), [""; 0], "{log}");
    }
}

#[test]
fn it_is_gone_after_ctrl_c_and_after_kill_9() {
    if !has_engine() {
        return;
    }
    for (name, code) in [("INT", Some(130)), ("KILL", None)] {
        let case = case("ready: {http: /health}", 60);
        let mut run = under_way(&case);
        assert_eq!(left(&case).len(), 1);
        signal(run.id(), name);
        assert_eq!(run.wait().unwrap().code(), code, "{name}");
        wait_for("no container", || left(&case).is_empty());
        if name == "KILL" {
            // The guardian reads what is left to undo in the run's folder, which goes with the case.
            let log = case.out().join("guardian.log");
            wait_for("the guardian's account", || {
                std::fs::read_to_string(&log)
                    .is_ok_and(|text| text.contains("undone: what the run had"))
            });
        }
    }
}

#[test]
fn one_that_dies_violates_the_run() {
    if !has_engine() {
        return;
    }
    let case = case("ready: {http: /health}", 6);
    let run = under_way(&case);
    let found = left(&case);
    let id = found.first().unwrap();
    wait(async {
        let engine = Docker::connect_with_defaults().unwrap();
        engine.kill_container(id, None).await.unwrap();
    });
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("service api: "), "{}", said(&output));
    assert!(said(&output).contains("exited with status 137"), "{}", said(&output));
}

#[test]
fn what_cannot_start_says_why() {
    if !has_engine() {
        return;
    }
    let case = case("ready: {http: /health}", 4);
    let path = case.folder.path().join("case.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(image(), "localhost:1/none:1")).unwrap();
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("cannot start a container of localhost:1/none:1"), "{text}");
    // An engine that answers need not be looked for.
    assert!(text.contains("connection refused") && !text.contains("DOCKER_HOST"), "{text}");
}

#[test]
fn an_image_that_the_engine_lacks_is_told_before_the_run() {
    if !has_engine() {
        return;
    }
    let case = Case::new(
        "schema: 1
name: lacks
services: {db: {container: {image: \"assay-test/none:1\", port: 80}}}
load: {l: {constant-arrival-rate: {rate: 1/s, duration: 9s, requests: [{get: {path: /}}]}}}
objectives: {errors: {error-rate: {below: 50%}}}
",
    );
    let dry = case.run(&["--dry-run"]);
    assert!(said(&dry).contains("it has no assay-test/none:1 yet"), "{}", said(&dry));
}

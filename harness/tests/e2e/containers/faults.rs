//! Faults on containers, ours and those that were there before: done, seen by callers, and put
//! right by the run, its guardian and `assay recover`.

use super::{has_engine, image, left, wait};
use crate::common::{Case, assay, guardian, keeper, said, signal, until, verdict, wait_for};
use std::process::{Child, Stdio};
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, NetworkCreateRequest, PortBinding,
};
use testcontainers::bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
};

pub(super) fn engine() -> Docker {
    Docker::connect_with_defaults().unwrap()
}

/// A container of somebody else's project, in a network of its own; removed when it is dropped.
pub(super) struct Theirs {
    pub(super) name: String,
}

impl Theirs {
    pub(super) fn start() -> Theirs {
        Theirs::start_so(false)
    }

    /// `passing`: the engine removes it when it ends.
    fn start_so(passing: bool) -> Theirs {
        let name = Theirs::name();
        wait(async {
            let network = NetworkCreateRequest { name: name.clone(), ..Default::default() };
            engine().create_network(network).await.unwrap();
        });
        Theirs::make(name.clone(), &name, "0.0.0.0:8000", passing)
    }

    /// One more of this one's service, which listens there; by its name the second, so that requests go to
    /// the first.
    pub(super) fn beside(&self, listen: &str) -> Theirs {
        Theirs::make(format!("{}-beside", self.name), &self.name, listen, false)
    }

    fn name() -> String {
        format!(
            "assay-test-{}",
            tempfile::tempdir()
                .unwrap()
                .path()
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .replace('.', "")
        )
    }

    fn make(name: String, project: &str, listen: &str, passing: bool) -> Theirs {
        let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: None };
        let labels = [
            ("com.docker.compose.project".to_owned(), project.to_owned()),
            ("com.docker.compose.service".to_owned(), "shop".to_owned()),
        ];
        let body = ContainerCreateBody {
            image: Some(format!("{}:latest", image())),
            cmd: Some(["backend", "--listen", listen].map(str::to_owned).to_vec()),
            env: Some(vec!["DATABASE_URL=sqlite:///backend.db".to_owned()]),
            labels: Some(labels.into()),
            exposed_ports: Some(vec!["8000/tcp".to_owned()]),
            host_config: Some(HostConfig {
                network_mode: Some(project.to_owned()),
                auto_remove: Some(passing),
                port_bindings: Some([("8000/tcp".to_owned(), Some(vec![binding]))].into()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        wait(async {
            let options = CreateContainerOptionsBuilder::default().name(&name).build();
            engine().create_container(Some(options), body).await.unwrap();
            engine().start_container(&name, None).await.unwrap();
        });
        Theirs { name }
    }

    fn look(&self) -> ContainerInspectResponse {
        wait(async { engine().inspect_container(&self.name, None).await.unwrap() })
    }

    /// It runs, does not stand still, and is in its network, under its name.
    pub(super) fn is_well(&self) -> bool {
        let now = self.look();
        let state = now.state.unwrap();
        let networks = now.network_settings.unwrap().networks.unwrap();
        state.running == Some(true)
            && state.paused == Some(false)
            && networks.contains_key(&self.name)
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        wait(async {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            _ = engine().remove_container(&self.name, Some(options)).await;
            _ = engine().remove_network(&self.name).await;
        });
    }
}

fn faults_of(service: &str, all: &[&str]) -> String {
    all.iter().map(|fault| format!("  {}\n", fault.replace("SERVICE", service))).collect()
}

pub(super) fn case(service: &str, faults: &str, seconds: u64, more: &str) -> Case {
    Case::new(&format!(
        "schema: 1
name: broken-containers
services:
  api: {service}
load:
  visitors:
    constant-arrival-rate:
      rate: 50/s
      duration: {seconds}s
      client: {{timeout: 500ms}}
      requests: [{{get: {{path: /health}}}}]
faults:
{faults}
steady-state: {{require: [errors], after: 1s}}
objectives:
  errors: {{error-rate: {{below: 5%}}}}
{more}
"
    ))
}

fn ours() -> String {
    format!(
        "{{container: {{image: {}, command: [backend, --listen, \"0.0.0.0:8000\"], \
         env: {{DATABASE_URL: \"sqlite:///backend.db\"}}, port: 8000, ready: {{http: /health}}}}}}",
        image()
    )
}

pub(super) fn theirs(name: &str) -> String {
    format!("{{running-container: {{compose: {{project: {name}, service: shop}}}}}}")
}

const EACH: [&str; 4] = [
    "freeze: {pause: {service: SERVICE, at: 2s, duration: 1s, recovery: 2s}}",
    "halt: {stop: {service: SERVICE, at: 6s, duration: 1s, recovery: 3s}}",
    "crash: {kill: {service: SERVICE, at: 15s, duration: 1s, recovery: 3s}}",
    "island: {disconnect: {service: SERVICE, at: 23s, duration: 1s, recovery: 2s}}",
];

fn took_effect(case: &Case) {
    let verdict = verdict(&case.out());
    for fault in verdict["faults"].as_array().unwrap() {
        assert_eq!(fault["effect"], "took effect", "{fault}");
        assert!(fault["seen"].as_u64().unwrap() > 5, "callers saw it: {fault}");
    }
}

#[test]
fn a_container_of_ours_is_broken_in_each_way_and_keeps_what_it_had() {
    if !has_engine() {
        return;
    }
    let ready = "expect: [{ready: {service: api, after: crash.end, within: 5s}}]";
    let case = case(&ours(), &faults_of("api", &EACH), 28, ready);
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    took_effect(&case);
    let log = std::fs::read_to_string(case.out().join("logs/api.log")).unwrap();
    assert_eq!(log.matches("assay: started container ").count(), 1, "one all along: {log}");
    assert_eq!(log.matches("was started again").count(), 2, "{log}");
    let undo = std::fs::read_to_string(case.out().join("undo.jsonl")).unwrap();
    assert_eq!(undo.matches("\"undone\"").count(), 5, "{undo}");
    assert_eq!(left(&case), [""; 0]);
}

#[test]
fn a_container_that_was_there_before_is_broken_and_there_afterwards() {
    if !has_engine() {
        return;
    }
    let their = Theirs::start();
    let id = their.look().id;
    let case = case(&theirs(&their.name), &faults_of("api", &EACH), 28, "");
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    took_effect(&case);
    assert!(their.is_well());
    assert_eq!(their.look().id, id);
    let dry = case.run(&["--dry-run"]);
    let text = said(&dry);
    assert_eq!(dry.status.code(), Some(0), "{text}");
    for part in ["nothing is started", "undone: docker unpause", "service api: found"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_another_run_breaks_or_somebody_has_paused_is_refused_and_left_alone() {
    if !has_engine() {
        return;
    }
    let their = Theirs::start();
    let freeze = ["freeze: {pause: {service: SERVICE, at: 3s, duration: 2s, recovery: 2s}}"];
    let faults = faults_of("api", &freeze);
    let (first, second, third) = (
        case(&theirs(&their.name), &faults, 20, ""),
        case(&theirs(&their.name), &faults, 20, ""),
        case(&theirs(&their.name), &faults, 20, ""),
    );
    let refuses = |case: &Case, arguments: &[&str], why: &str| {
        let output = case.run(arguments);
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        assert!(said(&output).contains(why), "{}", said(&output));
    };
    let run = until(&first, "\"cells\"");
    for arguments in [&["--dry-run"][..], &[]] {
        refuses(&second, arguments, "another run breaks the container");
    }
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(their.is_well());
    wait(async { engine().pause_container(&their.name).await.unwrap() });
    for arguments in [&["--dry-run"][..], &[]] {
        refuses(&third, arguments, "stands still, and not by fault `freeze`");
    }
    assert_eq!(their.look().state.unwrap().paused, Some(true), "it was not ours to let go on");
}

/// Starts a run and does this to a container once the fault is on.
pub(super) fn meanwhile(case: &Case, act: impl Future<Output = ()>) -> Option<i32> {
    let mut command = case.command(&[]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = case.out().join("journal.jsonl");
    wait_for("the fault", || {
        assert!(run.try_wait().unwrap().is_none(), "the run ended early");
        let journal = std::fs::read_to_string(&journal).unwrap_or_default();
        journal.contains("\"first_affected\"")
            || journal.contains("\"applied\"") && journal.contains("\"command\"")
    });
    wait(act);
    run.wait().unwrap().code()
}

#[test]
fn a_container_that_others_start_again_was_not_stopped_for_long() {
    if !has_engine() {
        return;
    }
    let their = Theirs::start();
    let halt = "halt: {stop: {service: SERVICE, at: 2s, duration: 4s, recovery: 2s}}";
    let case = case(&theirs(&their.name), &faults_of("api", &[halt]), 12, "");
    let name = their.name.clone();
    let code =
        meanwhile(&case, async move { engine().start_container(&name, None).await.unwrap() });
    let card = verdict(&case.out());
    assert!(matches!(code, Some(1 | 3)), "{card}");
    let effect = card["faults"][0]["effect"].as_str().unwrap();
    assert!(effect.starts_with("without effect"), "{card}");
    assert!(card["findings"].to_string().contains("somebody else had put container"), "{card}");
    assert!(their.is_well());
}

#[test]
fn a_container_that_a_command_restarts_has_not_died_and_is_followed() {
    if !has_engine() {
        return;
    }
    let their = Theirs::start();
    let deploy = "deploy: {command: {shell: sleep 4, timeout: 6s, at: 2s, recovery: 3s}}";
    let ready =
        "expect: [{recovers: {objective: errors, after: deploy.end, within: 3s, hold: 1s}}]";
    let case = case(&theirs(&their.name), &faults_of("api", &[deploy]), 14, ready);
    let name = their.name.clone();
    meanwhile(&case, async move { engine().restart_container(&name, None).await.unwrap() });
    let card = verdict(&case.out());
    let all = card["expectations"].as_array().unwrap();
    assert!(!all.iter().any(|one| one["id"] == "service api"), "{card}");
    assert!(card["findings"].to_string().contains("while fault `deploy` was on"), "{card}");
    let recovers = all.iter().find(|one| one["id"].as_str().unwrap().contains("recovers"));
    assert_eq!(recovers.unwrap()["verdict"], "met", "{card}");
}

#[test]
fn what_its_engine_would_remove_is_not_stopped() {
    if !has_engine() {
        return;
    }
    let their = Theirs::start_so(true);
    let halt = "halt: {stop: {service: SERVICE, at: 2s, duration: 1s, recovery: 1s}}";
    let case = case(&theirs(&their.name), &faults_of("api", &[halt]), 6, "");
    for more in [&["--dry-run"][..], &[]] {
        let output = case.run(more);
        assert_ne!(output.status.code(), Some(0), "{}", said(&output));
        assert!(said(&output).contains("start it without `--rm`"), "{}", said(&output));
    }
    assert!(their.is_well());
}

fn broken(case: &Case) -> Child {
    until(case, "\"first_affected\"")
}

/// In each state of a container's undo the run is killed; then the run and its guardian.
#[test]
fn what_a_killed_run_did_to_a_container_is_undone() {
    if !has_engine() {
        return;
    }
    let their = Theirs::start();
    let kinds = ["pause", "stop", "kill", "disconnect"];
    for (kind, both) in kinds.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let fault =
            format!("  f: {{{kind}: {{service: api, at: 3s, duration: 60s, recovery: 1s}}}}");
        let case = case(&theirs(&their.name), &fault, 70, "");
        let mut run = broken(&case);
        assert!(!their.is_well(), "{kind}");
        if both {
            signal(run.id(), "STOP");
            signal(guardian(run.id()).unwrap(), "KILL");
        }
        signal(run.id(), "KILL");
        run.wait().unwrap();
        if both {
            let recovered = assay(&["recover", case.out().to_str().unwrap()]).output().unwrap();
            assert_eq!(recovered.status.code(), Some(0), "{kind}: {}", said(&recovered));
            assert!(said(&recovered).contains("undone: fault `f`"), "{}", said(&recovered));
        }
        wait_for(kind, || their.is_well());
        // Until it is done nobody else may break them.
        let id = run.id();
        wait_for("the guardian's end", || guardian(id).is_none());
        wait_for("the lease keeper's end", || keeper(id).is_none());
    }
}

#[test]
fn containers_reach_each_other_and_processes_through_links() {
    if !has_engine() {
        return;
    }
    let image = image();
    let case = Case::new(&format!(
        "schema: 1
name: together
services:
  scorer: {{container: {{image: {image}, command: [scorer, --listen, \"0.0.0.0:8001\"], port: 8001}}}}
  far: {{process: {{command: [assay, scorer, --listen, \"${{self.addr}}\"]}}}}
  near:
    container:
      image: {image}
      command: [backend, --listen, \"0.0.0.0:8000\"]
      env: {{DATABASE_URL: \"sqlite::memory:\", SCORER_URL: \"http://${{services.scorer.addr}}\"}}
      port: 8000
      ready: {{http: /health}}
  linked:
    container:
      image: {image}
      command: [backend, --listen, \"0.0.0.0:8000\"]
      env: {{DATABASE_URL: \"sqlite::memory:\", SCORER_URL: \"http://${{links.out.addr}}\"}}
      port: 8000
      ready: {{http: /health}}
links: {{out: {{to: far}}}}
load:
  a: {{constant-arrival-rate: {{rate: 20/s, at: 3s, duration: 3s, to: near, requests: [{{get: {{name: near, path: \"/predict?machine_id=TRUCK-21-0001\", check: [{{status: [200]}}]}}}}]}}}}
  b: {{constant-arrival-rate: {{rate: 20/s, at: 3s, duration: 3s, to: linked, requests: [{{get: {{name: linked, path: \"/predict?machine_id=TRUCK-21-0001\", check: [{{status: [200]}}]}}}}]}}}}
fleets:
  c: {{devices: 1, every: 200ms, duration: 6s, to: near, profile: TRUCK-21}}
  d: {{devices: 1, every: 200ms, duration: 6s, to: linked, profile: TRUCK-21}}
objectives:
  errors: {{error-count: {{at-most: 0}}}}
"
    ));
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(left(&case), [""; 0]);
}

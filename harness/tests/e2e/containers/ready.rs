//! Whether containers are ready again after a fault: what their first start said shows nothing of it, and of
//! several each must answer.

use super::faults::{Theirs, case, engine, meanwhile};
use super::{has_engine, image, left};
use crate::common::{said, verdict};
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};

/// Removes the container that the engine has under a label of this value.
async fn remove(engine: Docker, run: &str) {
    let label = vec![format!("assay.run={run}")];
    let filters = std::iter::once(("label".to_owned(), label)).collect();
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    for found in engine.list_containers(Some(options)).await.unwrap() {
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        engine.remove_container(&found.id.unwrap(), Some(options)).await.unwrap();
    }
}

#[test]
fn one_of_ours_that_somebody_removed_is_neither_ready_nor_held_against_it() {
    if !has_engine() {
        return;
    }
    let service = format!(
        "{{container: {{image: {}, command: [backend, --listen, \"0.0.0.0:8000\"], \
         env: {{DATABASE_URL: \"sqlite:///backend.db\"}}, port: 8000, ready: {{port: 8000}}}}}}",
        image()
    );
    let halt = "  halt: {stop: {service: api, at: 2s, duration: 3s, recovery: 2s}}\n";
    let ready = "expect: [{ready: {service: api, after: halt.end, within: 2s}}]";
    let case = case(&service, halt, 10, ready);
    let journal = case.out().join("journal.jsonl");
    let code = meanwhile(&case, async {
        let journal = std::fs::read_to_string(&journal).unwrap();
        let header: serde_json::Value =
            serde_json::from_str(journal.lines().next().unwrap()).unwrap();
        remove(engine(), header["run"].as_str().unwrap()).await;
    });
    let card = verdict(&case.out());
    let of = |id: &str| {
        let all = card["expectations"].as_array().unwrap();
        all.iter().find(|one| one["id"].as_str().unwrap().starts_with(id)).unwrap().clone()
    };
    assert_eq!(of("ready api")["verdict"], "inconclusive", "{card}");
    let service = of("service api");
    assert_eq!(service["verdict"], "inconclusive", "{card}");
    assert!(service["reason"].as_str().unwrap().contains("has removed its container"), "{card}");
    // Its callers missed it.
    assert_eq!(code, Some(1), "{card}");
    assert_eq!(left(&case), [""; 0]);
}

#[test]
fn of_several_each_must_answer() {
    if !has_engine() {
        return;
    }
    let their = Theirs::start();
    let other = their.beside("0.0.0.0:8000");
    let service = format!(
        "{{running-container: {{compose: {{project: {}, service: shop}}, port: 8000}}}}",
        their.name
    );
    let halt = "  halt: {stop: {service: api, at: 2s, duration: 1s, recovery: 2s}}\n";
    let ready = "expect: [{ready: {service: api, after: halt.end, within: 3s}}]";
    let well = case(&service, halt, 9, ready);
    let output = well.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    drop(other);
    let _deaf = their.beside("0.0.0.0:8001");
    let ill = case(&service, halt, 9, ready);
    let output = ill.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("not ready within 3 s"), "{}", said(&output));
}

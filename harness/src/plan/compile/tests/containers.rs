//! Containers that run already, and ours: how they are found, what is done to them, what they reach.

use super::*;
use crate::plan::{ServiceKind, Which};

fn scenario(services: &str, rest: &str) -> String {
    format!(
        "schema: 1
name: contained
services:
  shop: {{url: \"http://127.0.0.1:8080\"}}
{services}
{rest}
load: {{a: {{constant-arrival-rate: {{rate: 100/s, duration: 2m, to: shop, requests: [{{get: {{path: /}}}}]}}}}}}
objectives: {{errors: {{error-rate: {{below: 1%}}}}}}
"
    )
}

const DB: &str = "  db: {running-container: {compose: {project: shop, service: db}, port: 5432}}";

fn told(services: &str, rest: &str) -> String {
    match planned(&scenario(services, rest)) {
        Ok(_) => String::new(),
        Err(problems) => problems.render(Look::Plain),
    }
}

#[test]
fn they_are_found_in_one_way() {
    let plan = planned(&scenario(DB, "")).unwrap();
    let ServiceKind::Containers { which, port } = &plan.services[1].kind else { panic!() };
    assert_eq!(*which, Which::Compose { project: "shop".into(), service: "db".into() });
    assert_eq!(*port, Some(5432));
    let shown = crate::plan::describe(&plan);
    assert!(shown.contains("service db of the compose project shop, port 5432"), "{shown}");
    let none = told("  db: {running-container: {port: 5432}}", "");
    assert!(none.contains("it does not say which container"), "{none}");
    let two = told("  db: {running-container: {name: a, label: b}}", "");
    assert!(two.contains("says more than once which container"), "{two}");
    let port = told("  db: {running-container: {name: a, port: 70000}}", "");
    assert!(port.contains("70000 is no port"), "{port}");
}

#[test]
fn load_goes_to_the_only_one_that_has_an_address() {
    let without = |services: &str| scenario(services, "").replace(" to: shop,", "");
    let only = planned(&without("  db: {running-container: {name: db}}"));
    assert!(only.is_ok(), "{:?}", only.err().map(|problems| problems.render(Look::Plain)));
    assert!(planned(&without(DB)).is_err(), "either could be meant");
}

#[test]
fn faults_on_containers_and_what_is_refused() {
    let fault = |fault: &str| format!("faults: {{f: {{{fault}}}}}");
    let ours = "  db: {container: {image: \"db:1\", port: 5432}}";
    for services in [DB, ours] {
        for kind in ["pause", "stop", "kill", "disconnect"] {
            let fault = fault(&format!("{kind}: {{service: db, at: 20s, duration: 5s}}"));
            assert_eq!(told(services, &fault), "", "{kind}");
        }
        assert_eq!(told(services, &fault("restart: {service: db, at: 20s}")), "");
    }
    let some = fault("stop: {service: db, count: 1, at: 20s, duration: 5s}");
    assert_eq!(planned(&scenario(DB, &some)).unwrap().faults[0].count, Some(1));
    assert!(told(ours, &some).contains("there is one of `db`, not several to count"));
    let none = fault("stop: {service: db, count: 0, at: 20s, duration: 5s}");
    assert!(told(DB, &none).contains("a fault of no container has no effect"));
    let crash = fault("kill: {service: db, at: 20s, duration: 5s, restarted-by: supervisor}");
    assert_eq!(told(DB, &crash), "");
    assert!(told(ours, &crash).contains("nobody supervises the container of `db`"));
    let press =
        |what: &str| fault(&format!("pressure: {{service: db, {what}, at: 20s, duration: 5s}}"));
    assert_eq!(told(DB, &press("cpu: 50%, memory: 64MiB, count: 1")), "");
    assert_eq!(told(ours, &press("cpu: 50%")), "");
    for services in [DB, ours] {
        let by = told(services, &press("cpu: 50%, cpu-by: burners"));
        assert!(by.contains("is a container, from which its limits take processor time"), "{by}");
    }
    assert!(told(DB, &press("disk: 1GiB")).contains("no engine can change how much disk"));
    assert!(told(ours, &press("memory: 64MiB")).contains("has no limit to lower"));
    let limited = ours.replace("5432}}", "5432, memory: 64MiB}}");
    assert_eq!(told(&limited, &press("memory: 48MiB")), "");
    let most = told(&limited, &press("memory: 49MiB"));
    assert!(most.contains("of its 64MiB less than 16MiB would be left"), "{most}");
    let process = "  db: {process: {command: [./db, \"${self.addr}\"]}}";
    let leave = fault("disconnect: {service: db, at: 20s, duration: 5s}");
    assert!(told(process, &leave).contains("is in no network of its own"));
}

#[test]
fn a_container_reaches_containers_and_links_only() {
    let app = |env: &str| {
        format!(
            "{DB}\n  cache: {{container: {{image: \"redis:7\", port: 6379}}}}\n  api: {{process: {{command: \
             [./api, \"${{self.addr}}\"]}}}}\n  app: {{container: {{image: \"app:1\", port: 80, env: {{A: \
             \"{env}\"}}}}}}"
        )
    };
    let links = "links: {out: {to: api}, here: {to: api, listen: \"127.0.0.1:29001\"}}";
    for fine in ["${services.cache.addr}", "${links.out.addr}", "${run.id}"] {
        assert_eq!(told(&app(fine), links), "", "{fine}");
    }
    for (env, why) in [
        ("${services.api.addr}", "put a link before it"),
        ("${services.shop.host}", "put a link before it"),
        ("${services.db.port}", "`db` is not in its network"),
        ("${links.here.addr}", "leave `listen` out"),
        ("${self.addr}", "write 0.0.0.0 and its own port"),
    ] {
        let said = told(&app(env), links);
        assert!(said.contains(why), "{env}: {said}");
    }
}

#[test]
fn a_dry_run_says_how_each_fault_is_undone() {
    let faults = "faults:
  freeze: {pause: {service: db, at: 20s, duration: 5s}}
  island: {disconnect: {service: db, at: 40s, duration: 5s}}
  drill: {manual: {prompt: Fail over now, timeout: 10s, at: 60s}}
  deploy: {command: {shell: ./x.sh, timeout: 5s, at: 80s}}";
    let plan = planned(&scenario(DB, faults)).unwrap();
    assert!(plan.faults[2].kind.ends_itself() && plan.faults[2].lasts_us == 10_000_000);
    let text = crate::plan::dry_run(&plan);
    for part in [
        "nothing is started",
        "undone: docker unpause",
        "undone: docker network connect",
        "by hand: Fail over now (`assay mark RUN drill start|end`, at most 10 s)",
        "by nothing: the command has no `undo`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

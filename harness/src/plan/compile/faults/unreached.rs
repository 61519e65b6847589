//! Services that are broken though nothing else of the scenario names them: no load, link, probe, expectation
//! or other service. A run may then be met without having tried anything.
//!
//! Invariant: any mention will do, for what it leads to cannot be known; so what is told is true.
//! Not here: what callers saw of a fault (crate slo).

use crate::plan::compile::loads::only_service;
use crate::plan::compile::notes::Notes;
use crate::plan::{Fault, Place};
use crate::spec::Scenario;
use crate::spec::types::Service;
use serde_yaml::{Mapping, Value};

/// Entries that tell about the run, and those that break.
const NO_USE: [&str; 5] = ["name", "hypothesis", "labels", "faults", "allow"];

/// Warns of each fault on a service of ours that nothing names.
pub(super) fn warn_of(faults: &[Fault], scenario: &Scenario, notes: &mut Notes<'_>) {
    let acts = || faults.iter().filter(|fault| fault.kind.place() == Place::Service);
    if acts().next().is_none() {
        return;
    }
    let Ok(tree) = serde_yaml::from_str::<Mapping>(&notes.resolved()) else { return };
    for fault in acts() {
        let service = fault.link.as_str();
        // What was there before may have callers that were there before.
        let is_ours = scenario
            .services
            .get(service)
            .is_some_and(|kind| matches!(kind, Service::Process(_) | Service::Container(_)));
        let is_only = only_service(scenario).is_some_and(|only| only.as_str() == service);
        if is_ours && !is_only && !is_named(service, &tree) {
            notes.warn(format!(
                "fault `{}` acts on service `{service}`, which nothing else here names: no load, link, probe or \
                 expectation, and no other service; so the run can be met though nobody saw anything of it",
                fault.name
            ));
        }
    }
}

fn is_named(service: &str, tree: &Mapping) -> bool {
    tree.iter().any(|(key, value)| match (key.as_str(), value) {
        (Some(key), _) if NO_USE.contains(&key) => false,
        (Some("services"), Value::Mapping(services)) => services
            .iter()
            .any(|(key, value)| key.as_str() != Some(service) && mentions(value, service)),
        _ => mentions(value, service),
    })
}

/// Whether a text in it has this word.
fn mentions(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => {
            let part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
            text.split(|c| !part(c)).any(|one| one == word)
        }
        Value::Sequence(list) => list.iter().any(|value| mentions(value, word)),
        Value::Mapping(map) => map.values().any(|value| mentions(value, word)),
        Value::Tagged(tagged) => mentions(&tagged.value, word),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

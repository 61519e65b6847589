//! From a text to objects: documents, kinds, names.
//!
//! Not here: what the specification wants of an object (`rules`), what a run can judge (`gate`).

use super::types::{
    AlertConditionSpec, AlertNotificationTargetSpec, AlertPolicySpec, DataSourceSpec, Metadata,
    ServiceSpec, SliSpec, SloSpec,
};
use super::{Doubt, Notice, Site, Slo, SloFile, wrong_up};
use super::{alerting, gate, metadata, nothing, rules, text};
use crate::spec::check;
use crate::spec::document::{Document, Mistake};
use crate::spec::problem::{Problem, Problems};
use crate::spec::scalar::{Wrong, quoted};
use crate::spec::suggest::suggest;
use crate::spec::trail::Trail;
use crate::spec::tree;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The only version.
const VERSION: &str = "openslo/v1";

/// All kinds of objects.
const KINDS: &[&str] = &[
    "SLO",
    "SLI",
    "Service",
    "DataSource",
    "AlertPolicy",
    "AlertCondition",
    "AlertNotificationTarget",
];

/// Reads a text; `name` is what messages call it.
///
/// # Errors
/// All its mistakes.
pub fn read(name: &str, text: &str) -> Result<SloFile, Problems> {
    let mut file = SloFile { name: name.to_owned(), ..SloFile::default() };
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for part in text::documents(text) {
        let mut document = Document::new(name, &part);
        if let Some(byte) = tree::too_deep(&part) {
            let at = document.source().position(byte);
            let wrong = Wrong::new("nested too deeply", "write fewer levels");
            problems.push(document.problem_at(at..at + 1, wrong));
            continue;
        }
        let (value, mistakes) = match tree::read(&part) {
            Ok(read) => read,
            Err(error) => {
                problems.push(tree::problem(&document, &error));
                continue;
            }
        };
        let whole = Trail::root();
        let objects: Vec<(Trail, &Value)> = match &value {
            Value::Null => Vec::new(),
            Value::Array(items) => {
                items.iter().enumerate().map(|(index, item)| (whole.index(index), item)).collect()
            }
            object => vec![(whole, object)],
        };
        let mut taking = Taking { names: &mut names, mistakes, doubts: Vec::new() };
        for (trail, object) in objects {
            let site = Site { document: file.documents.len(), trail };
            taking.take(&mut file, object, &site);
        }
        let Taking { mistakes, doubts, .. } = taking;
        document.tree = value;
        problems.extend(document.problems(mistakes).iter().cloned());
        let doubts = document.problems(doubts);
        file.doubts.extend(doubts.iter().cloned().map(|problem| Doubt { slo: None, problem }));
        file.documents.push(document);
    }
    if problems.is_empty() && names.is_empty() {
        let help = "write `apiVersion: openslo/v1`, `kind: SLO`, `metadata:` and `spec:`";
        problems.push(Problem::of_file(name, "there is no object", Some(help)));
    }
    if !problems.is_empty() {
        return Err(Problems::new(problems));
    }
    judge(&mut file);
    Ok(file)
}

/// Finds what a run can judge; indicators may stand after the objectives that name them.
fn judge(file: &mut SloFile) {
    let (mut gates, mut notices, mut doubts) = (Vec::new(), Vec::new(), Vec::new());
    let mut names = BTreeSet::new();
    for slo in &file.slos {
        let (mut told, mut mistakes) = (Vec::new(), Vec::new());
        let name = slo.name().to_owned();
        let mut found = gate::gates(file, slo, &mut told, &mut mistakes);
        gate::annotations(&slo.metadata, &slo.site.trail.key("metadata"), &mut mistakes);
        if let Some((key, message, help)) = wrong_up(slo) {
            let at = slo.site.trail.key("metadata").key("annotations").key(key);
            mistakes.push(Mistake::value(at, Wrong::new(message, help)));
        }
        let taken = found.iter().filter(|gate| !names.insert(gate.name.clone()));
        // Two objectives of one name are told as such.
        for gate in taken.filter(|_| gates.iter().all(|(known, _)| *known != name)) {
            let message = format!("two limits are called `{}`", gate.name);
            let wrong = Wrong::new(message, "rename one of the objectives");
            mistakes.push(Mistake::value(slo.site.trail.key("metadata").key("name"), wrong));
        }
        if !mistakes.is_empty() {
            found.clear();
        }
        if !found.is_empty() {
            gates.push((name.clone(), found));
        }
        let Some(document) = file.documents.get(slo.site.document) else { continue };
        notices.extend(told.into_iter().map(|(trail, why)| {
            let place = document.problem(&trail, "", "").place;
            Notice { place, slo: name.clone(), why }
        }));
        let problems = document.problems(mistakes);
        let of = |problem: &Problem| Doubt { slo: Some(name.clone()), problem: problem.clone() };
        doubts.extend(problems.iter().map(of));
    }
    file.gates = gates;
    file.notices = notices;
    file.doubts.extend(doubts);
}

/// What has been seen of a file.
struct Taking<'t> {
    /// Kinds and names.
    names: &'t mut BTreeSet<(String, String)>,
    /// What the specification forbids.
    mistakes: Vec<Mistake>,
    /// What it allows, but nobody can use.
    doubts: Vec<Mistake>,
}

impl Taking<'_> {
    /// Takes an object up, or what is wrong with it.
    fn take(&mut self, file: &mut SloFile, object: &Value, site: &Site) {
        let before = self.mistakes.len();
        let at = &site.trail;
        let object = &nothing::without_nulls(object);
        let Some(kind) = envelope(object, at, &mut self.mistakes) else { return };
        let nothing = Value::Object(Map::new());
        let about = object.get("metadata").unwrap_or(&nothing);
        let spec = object.get("spec").unwrap_or(&nothing);
        let (meta_at, spec_at) = (at.key("metadata"), at.key("spec"));
        self.mistakes.extend(check::check_as("Metadata", about, &meta_at));
        self.mistakes.extend(check::check_as(&format!("{}Spec", type_name(kind)), spec, &spec_at));
        if self.mistakes.len() > before {
            return;
        }
        let Some(about) = decoded::<Metadata>(about) else { return };
        metadata::metadata(&about, &meta_at, &mut self.mistakes);
        let name = about.name.to_string();
        if !self.names.insert((kind.to_owned(), name.clone())) {
            let message = format!("there are two of kind {kind} with the name {}", quoted(&name));
            let wrong = Wrong::new(message, "rename one of them");
            self.doubts.push(Mistake::value(meta_at.key("name"), wrong));
        }
        let into = &mut self.mistakes;
        match kind {
            "SLO" => {
                let Some(spec) = decoded::<SloSpec>(spec) else { return };
                rules::slo(&spec, &spec_at, into);
                file.slos.push(Slo { site: site.clone(), metadata: about, spec });
            }
            "SLI" => {
                let Some(spec) = decoded::<SliSpec>(spec) else { return };
                rules::sli(&spec, &spec_at, into);
                file.slis.insert(name, spec);
            }
            "AlertPolicy" => {
                let Some(spec) = decoded::<AlertPolicySpec>(spec) else { return };
                alerting::policy(&spec, &spec_at, into);
                file.policies.insert(name, (site.key("spec"), spec));
            }
            "AlertCondition" => {
                let Some(spec) = decoded::<AlertConditionSpec>(spec) else { return };
                alerting::condition(&spec, &spec_at, into);
                file.conditions.insert(name, (site.clone(), about, spec));
            }
            "DataSource" => {
                let Some(spec) = decoded::<DataSourceSpec>(spec) else { return };
                metadata::description(spec.description.as_ref(), &spec_at, into);
                let of = "what it is, such as Prometheus";
                metadata::filled(&spec.of, spec_at.key("type"), of, into);
            }
            "Service" => {
                let Some(spec) = decoded::<ServiceSpec>(spec) else { return };
                metadata::description(spec.description.as_ref(), &spec_at, into);
            }
            _ => {
                let Some(spec) = decoded::<AlertNotificationTargetSpec>(spec) else { return };
                alerting::target(&spec, &spec_at, into);
            }
        }
    }
}

/// What kind of object it is; none where that cannot be told.
fn envelope(object: &Value, at: &Trail, mistakes: &mut Vec<Mistake>) -> Option<&'static str> {
    let Value::Object(map) = object else {
        let wrong = Wrong::new("an object is a map", "write `apiVersion: openslo/v1` and so on");
        mistakes.push(Mistake::value(at.clone(), wrong));
        return None;
    };
    const KEYS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];
    for key in map.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        let message = format!("unknown key {}", quoted(key));
        let wrong = Wrong::new(message, suggest(key, &KEYS, "known here"));
        mistakes.push(Mistake::key(at.key(key), wrong));
    }
    // Of a service there is nothing that must be said.
    let optional = |key: &&str| *key == "spec" && map.get("kind") == Some(&Value::from("Service"));
    let missing = |key: &&str| !map.contains_key(*key) && !optional(key);
    for key in KEYS.into_iter().filter(missing) {
        let help = match key {
            "apiVersion" => "write `apiVersion: openslo/v1`",
            "kind" => "write `kind: SLO`",
            "metadata" => "write `metadata: {name: …}`",
            _ => "write `spec: {…}`",
        };
        let wrong = Wrong::new(format!("`{key}` is missing"), help);
        mistakes.push(Mistake::key(at.clone(), wrong));
    }
    let word = |key: &str| map.get(key).map(|value| value.as_str().unwrap_or_default());
    if let Some(version) = word("apiVersion").filter(|version| *version != VERSION) {
        let message = format!("{} is not known", quoted(&version));
        let wrong = Wrong::new(message, format!("write `apiVersion: {VERSION}`"));
        mistakes.push(Mistake::value(at.key("apiVersion"), wrong));
    }
    let kind = word("kind")?;
    let known = KINDS.iter().find(|known| **known == kind);
    if known.is_none() {
        let wrong =
            Wrong::new(format!("unknown kind {}", quoted(&kind)), suggest(kind, KINDS, "known"));
        mistakes.push(Mistake::value(at.key("kind"), wrong));
    }
    let whole = ["metadata", "spec"].iter().all(|key| !missing(key));
    known.copied().filter(|_| whole)
}

/// The name of the type of a kind's `spec`, without `Spec`.
fn type_name(kind: &str) -> &str {
    match kind {
        "SLO" => "Slo",
        "SLI" => "Sli",
        other => other,
    }
}

/// What has been checked decodes.
fn decoded<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

//! OpenSLO v1 files: read, held against the specification, and turned into objectives.
//!
//! A file holds several documents, or one that is a list; anchors work within a document.
//! Invariant: what is read is what the specification allows; all mistakes are told at once.
//! Not here: keys (`types`), the specification's rules (`rules`), objectives (`gate`).

mod alerts;
mod calendar;
mod gate;
mod inline;
mod lint;
mod rules;
mod text;
pub mod types;
mod up;

pub use alerts::{Alert, alerts, budget, minutes};
pub use gate::Gate;
pub(super) use inline::{Inlined, inline};
pub use lint::lint;
pub use up::up;

use super::check;
use super::document::{Document, Mistake};
use super::problem::{Problem, Problems};
use super::scalar::{Wrong, quoted};
use super::suggest::suggest;
use super::trail::Trail;
use super::tree;
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use types::{
    AlertConditionSpec, AlertNotificationTargetSpec, AlertPolicySpec, DataSourceSpec, Metadata,
    ServiceSpec, SliSpec, SloSpec,
};

/// The shipped files, by the name that a scenario calls them.
const SHIPPED: &[(&str, &str)] =
    &[("assay:backend.yaml", include_str!("../../../../slo/objectives/backend.yaml"))];

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

/// A file without mistakes.
#[derive(Debug, Clone, Default)]
pub struct SloFile {
    /// As the user named it.
    pub name: String,
    /// Its objectives, in their order.
    pub slos: Vec<Slo>,
    /// Its indicators, by name.
    pub slis: IndexMap<String, SliSpec>,
    /// Its policies, by name.
    pub policies: IndexMap<String, AlertPolicySpec>,
    /// Its conditions, by name, with what is noted on them.
    pub conditions: IndexMap<String, (Metadata, AlertConditionSpec)>,
    /// Names of targets.
    pub targets: Vec<String>,
    /// What a run can judge, by the objective's name.
    pub gates: Vec<(String, Vec<Gate>)>,
    /// What it cannot judge, and why.
    pub notices: Vec<Notice>,
}

/// What a run cannot judge of an objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{slo}` {why}")]
pub struct Notice {
    /// The objective.
    pub slo: String,
    /// Why: `is not judged: …`.
    pub why: String,
}

impl SloFile {
    /// An objective's indicator.
    ///
    /// # Errors
    /// Why it has none here.
    pub fn indicator<'f>(&'f self, slo: &'f Slo) -> Result<&'f SliSpec, String> {
        match (&slo.spec.indicator, &slo.spec.indicator_ref) {
            (Some(indicator), _) => Ok(&indicator.spec),
            (None, Some(named)) => self
                .slis
                .get(named.as_str())
                .ok_or_else(|| format!("its indicator `{named}` is not in the file")),
            (None, None) => Err("it is a composite".to_owned()),
        }
    }
}

/// An objective.
#[derive(Debug, Clone)]
pub struct Slo {
    /// Its name and annotations.
    pub metadata: Metadata,
    /// Itself.
    pub spec: SloSpec,
}

impl Slo {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_str()
    }
}

/// The text of a shipped file; none if there is none of this name.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Reads a file by its path, or a shipped one by its name.
///
/// # Errors
/// All its mistakes.
pub fn load(path: &str, folder: &std::path::Path) -> Result<SloFile, Problems> {
    if let Some(text) = shipped(path) {
        return read(path, text);
    }
    if path.starts_with("assay:") {
        let known: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
        let message = format!("no file {} is shipped", quoted(&path));
        let help = suggest(path, &known, "shipped");
        return Err(Problem::of_file(path, message, Some(&help)).into());
    }
    let full = folder.join(path);
    let text = crate::spec::load::read(&full, &full.display().to_string())?;
    read(&full.display().to_string(), &text)
}

/// Reads a text; `name` is what messages call it.
///
/// # Errors
/// All its mistakes.
pub fn read(name: &str, text: &str) -> Result<SloFile, Problems> {
    let mut file = SloFile { name: name.to_owned(), ..SloFile::default() };
    let mut problems = Vec::new();
    let mut documents = Vec::new();
    let mut reading = Reading::default();
    for part in text::documents(text) {
        let mut document = Document::new(name, &part);
        if let Some(byte) = tree::too_deep(&part) {
            let at = document.source().position(byte);
            let wrong = Wrong::new("nested too deeply", "write fewer levels");
            problems.push(document.problem_at(at..at + 1, wrong));
            continue;
        }
        let (value, mut mistakes) = match tree::read(&part) {
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
        for (at, object) in objects {
            take(&mut file, object, &at, &mut reading, &mut mistakes);
            let known = reading.slos.len();
            reading.slos.extend(std::iter::repeat_n(
                (documents.len(), at),
                file.slos.len().saturating_sub(known),
            ));
        }
        document.tree = value;
        problems.extend(document.problems(mistakes).iter().cloned());
        documents.push(document);
    }
    if problems.is_empty() {
        judge(&mut file, &reading, &documents, &mut problems);
    }
    if problems.is_empty() && reading.names.is_empty() {
        let help = "write `apiVersion: openslo/v1`, `kind: SLO`, `metadata:` and `spec:`";
        problems.push(Problem::of_file(name, "there is no object", Some(help)));
    }
    match problems.is_empty() {
        true => Ok(file),
        false => Err(Problems::new(problems)),
    }
}

/// What has been seen of a file.
#[derive(Default)]
struct Reading {
    /// Kinds and names.
    names: BTreeSet<(String, String)>,
    /// Document and way of each objective.
    slos: Vec<(usize, Trail)>,
}

/// Finds what a run can judge; indicators may stand after the objectives that name them.
fn judge(
    file: &mut SloFile,
    reading: &Reading,
    documents: &[Document],
    problems: &mut Vec<Problem>,
) {
    let mut notices = Vec::new();
    let mut gates = Vec::new();
    for (slo, (document, at)) in file.slos.iter().zip(&reading.slos) {
        let mut mistakes = Vec::new();
        let found = gate::gates(file, slo, at, &mut notices, &mut mistakes);
        if !found.is_empty() {
            gates.push((slo.name().to_owned(), found));
        }
        if let Some(document) = documents.get(*document) {
            problems.extend(document.problems(mistakes).iter().cloned());
        }
    }
    file.notices = notices;
    file.gates = gates;
}

/// Takes an object up, or what is wrong with it.
fn take(
    file: &mut SloFile,
    object: &Value,
    at: &Trail,
    reading: &mut Reading,
    mistakes: &mut Vec<Mistake>,
) {
    let before = mistakes.len();
    let Some(kind) = envelope(object, at, mistakes) else { return };
    let metadata = object.get("metadata").unwrap_or(&Value::Null);
    let spec = object.get("spec").unwrap_or(&Value::Null);
    let (meta_at, spec_at) = (at.key("metadata"), at.key("spec"));
    mistakes.extend(check::check_as("Metadata", metadata, &meta_at));
    mistakes.extend(check::check_as(&format!("{}Spec", type_name(kind)), spec, &spec_at));
    if mistakes.len() > before {
        return;
    }
    let Some(metadata) = decoded::<Metadata>(metadata) else { return };
    rules::metadata(&metadata, &meta_at, mistakes);
    let name = metadata.name.to_string();
    if !reading.names.insert((kind.to_owned(), name.clone())) {
        let message = format!("there are two of kind {kind} with the name {}", quoted(&name));
        let wrong = Wrong::new(message, "rename one of them");
        mistakes.push(Mistake::value(meta_at.key("name"), wrong));
    }
    match kind {
        "SLO" => {
            let Some(spec) = decoded::<SloSpec>(spec) else { return };
            rules::slo(&spec, &spec_at, mistakes);
            gate::annotations(&metadata, &meta_at, mistakes);
            up::check(&metadata, &spec, &meta_at, mistakes);
            file.slos.push(Slo { metadata, spec });
        }
        "SLI" => {
            let Some(spec) = decoded::<SliSpec>(spec) else { return };
            rules::sli(&spec, &spec_at, mistakes);
            file.slis.insert(name, spec);
        }
        "AlertPolicy" => {
            let Some(spec) = decoded::<AlertPolicySpec>(spec) else { return };
            rules::policy(&spec, &spec_at, mistakes);
            file.policies.insert(name, spec);
        }
        "AlertCondition" => {
            let Some(spec) = decoded::<AlertConditionSpec>(spec) else { return };
            rules::condition(&spec, &spec_at, mistakes);
            file.conditions.insert(name, (metadata, spec));
        }
        "DataSource" => {
            let Some(spec) = decoded::<DataSourceSpec>(spec) else { return };
            rules::description(spec.description.as_ref(), &spec_at, mistakes);
        }
        "Service" => {
            let Some(spec) = decoded::<ServiceSpec>(spec) else { return };
            rules::description(spec.description.as_ref(), &spec_at, mistakes);
        }
        _ => {
            let Some(spec) = decoded::<AlertNotificationTargetSpec>(spec) else { return };
            rules::description(spec.description.as_ref(), &spec_at, mistakes);
            file.targets.push(name);
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
    for key in KEYS.into_iter().filter(|key| !map.contains_key(*key)) {
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
    let whole = map.contains_key("metadata") && map.contains_key("spec");
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

#[cfg(test)]
mod tests;

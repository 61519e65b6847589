//! A scenario's `openslo:` entries, replaced by the objectives of their files.
//!
//! Invariant: what comes of it is a scenario that anybody could have written; nothing after this
//! knows of the files. What they say of production judges nothing and goes its own way.
//! Not here: what the files mean (`gate`), what they say of production (`promise`).

use super::super::document::{Mistake, Origin, Overlays};
use super::super::problem::Problem;
use super::super::scalar::{Wrong, quoted};
use super::super::suggest::suggest;
use super::super::trail::Trail;
use super::promise::production;
use super::{Gate, Notice, SloFile, load};
use assay_slo::case::Production;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// What came of it.
#[derive(Debug, Default)]
pub(in crate::spec) struct Inlined {
    /// What is wrong in the scenario.
    pub(in crate::spec) mistakes: Vec<Mistake>,
    /// What is wrong in the files.
    pub(in crate::spec) problems: Vec<Problem>,
    /// Entries that are gone without an objective in their place.
    pub(in crate::spec) gone: Vec<Trail>,
    /// What the user should know.
    pub(in crate::spec) notices: Vec<String>,
    /// What the files say of production, by the objective's name in the scenario.
    pub(in crate::spec) production: BTreeMap<String, Production>,
}

/// Replaces them. Files are sought from `folder`; what is no such entry is left to the checks.
pub(in crate::spec) fn inline(tree: &mut Value, folder: &Path, overlays: &mut Overlays) -> Inlined {
    let mut inlined = Inlined::default();
    let Some(objectives) = tree.get_mut("objectives").and_then(Value::as_object_mut) else {
        return inlined;
    };
    if !objectives.values().any(|entry| asked(entry).is_some()) {
        return inlined;
    }
    let written: Vec<String> = objectives.keys().cloned().collect();
    let mut all = Map::new();
    for (name, entry) in std::mem::take(objectives) {
        let Some((file, only)) = asked(&entry) else {
            all.insert(name, entry);
            continue;
        };
        let trail = Trail::root().key("objectives").key(&name);
        let at = trail.key("openslo");
        let before = (inlined.mistakes.len(), inlined.problems.len());
        let gates = gates(file, only, folder, &at, &mut inlined);
        for (gate, production) in gates {
            // By its own name; a single one that was asked for has the entry's.
            let called = match only {
                Some(only) => gate.name.replacen(only, &name, 1),
                None => gate.name,
            };
            let taken = called != name && written.contains(&called) || all.contains_key(&called);
            if taken {
                let message = format!("the file has {} too", quoted(&called));
                let wrong = Wrong::new(message, "rename one of the two objectives");
                inlined.mistakes.push(Mistake::key(trail.clone(), wrong));
                continue;
            }
            overlays.add(Trail::root().key("objectives").key(&called), Origin::File(trail.clone()));
            inlined.production.extend(production.map(|production| (called.clone(), production)));
            all.insert(called, gate.objective);
        }
        if (inlined.mistakes.len(), inlined.problems.len()) != before {
            inlined.gone.push(trail);
        }
    }
    *objectives = all;
    inlined
}

/// The file and the name of an entry.
fn asked(entry: &Value) -> Option<(&str, Option<&str>)> {
    let entry = entry.as_object().filter(|entry| entry.len() == 1)?;
    let settings = entry.get("openslo")?.as_object()?;
    let known = settings.keys().all(|key| ["file", "name"].contains(&key.as_str()));
    let name = match settings.get("name") {
        Some(name) => Some(name.as_str()?),
        None => None,
    };
    known.then_some((settings.get("file")?.as_str()?, name))
}

fn gates(
    file: &str,
    only: Option<&str>,
    folder: &Path,
    at: &Trail,
    inlined: &mut Inlined,
) -> Vec<(Gate, Option<Production>)> {
    let wrong = |key: &str, message: String, help: String| {
        Mistake::value(at.key(key), Wrong::new(message, help))
    };
    let read = match load(file, folder) {
        Ok(read) => read,
        Err(problems) => {
            inlined.problems.extend(problems.iter().cloned());
            return Vec::new();
        }
    };
    let before = inlined.problems.len();
    inlined.problems.extend(read.doubts_of(only).cloned());
    if inlined.problems.len() > before {
        return Vec::new();
    }
    let Some(only) = only else {
        if read.gates.is_empty() {
            let message = format!("nothing in {} can be judged", quoted(&file));
            let help = format!("`assay slo validate {file}` says why");
            inlined.mistakes.push(wrong("file", message, help));
        }
        inlined.notices.extend(read.notices.iter().map(Notice::to_string));
        let all = read.gates.iter();
        return all.flat_map(|(name, gates)| promised(&read, name, gates, inlined)).collect();
    };
    let known: Vec<&str> = read.slos.iter().map(|slo| slo.name()).collect();
    if !known.contains(&only) {
        let message = format!("there is no objective {} in {}", quoted(&only), quoted(&file));
        inlined.mistakes.push(wrong("name", message, suggest(only, &known, "there")));
        return Vec::new();
    }
    let gates = read.gates.iter().find(|(name, _)| name == only);
    if gates.is_none() {
        let why = read.notices.iter().find(|notice| notice.slo == only);
        let message = why.map_or_else(|| format!("`{only}` cannot be judged"), Notice::to_string);
        let help = "name another, or write what it covers into its file";
        inlined.mistakes.push(wrong("name", message, help.to_owned()));
    }
    gates.map(|(name, gates)| promised(&read, name, gates, inlined)).unwrap_or_default()
}

/// An objective's gates, each with what its file says of production.
fn promised(
    file: &SloFile,
    name: &str,
    gates: &[Gate],
    inlined: &mut Inlined,
) -> Vec<(Gate, Option<Production>)> {
    let slo = file.slos.iter().find(|slo| slo.name() == name);
    let production = slo.map(|slo| production(file, slo));
    let (production, unknown) = production.unwrap_or_default();
    inlined.notices.extend(unknown);
    gates.iter().map(|gate| (gate.clone(), production.clone())).collect()
}

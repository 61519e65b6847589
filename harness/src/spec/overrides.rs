//! Profiles, `--set` and `--var`: other values at paths that exist.
//!
//! Invariant: a path that hits nothing is a mistake, never a new entry.
//! Not here: whether the new values are right (`check`).

mod path;
#[cfg(test)]
mod tests;

use self::path::find;
use super::document::{Argument, Mistake, Origin, Overlays, Where};
use super::locate::Aim;
use super::scalar::{Wrong, quoted};
use super::suggest::suggest;
use super::trail::{Segment, Trail};
use super::tree;
use serde_json::Value;

/// What the command line changes about a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Names of profiles, applied in this order.
    pub profiles: Vec<String>,
    /// `path=value`, applied in this order, after the profiles.
    pub sets: Vec<String>,
    /// `name=value`: text for `${vars.name}`.
    pub vars: Vec<String>,
    /// In the place of the scenario's seed.
    pub seed: Option<u64>,
}

/// Sections whose keys are names: an override cannot add an entry.
pub(super) const NAMED: [&str; 12] = [
    "services",
    "links",
    "load",
    "fleets",
    "faults",
    "metrics",
    "breakers",
    "objectives",
    "flows",
    "data",
    "vars",
    "profiles",
];

/// Applies everything to `tree`; notes what stands where in `overlays`.
pub(super) fn apply(
    tree: &mut Value,
    overrides: &Overrides,
    overlays: &mut Overlays,
    mistakes: &mut Vec<Mistake>,
) {
    unused_profiles(tree, overrides, mistakes);
    for name in &overrides.profiles {
        profile(tree, name, overlays, mistakes);
    }
    for text in &overrides.sets {
        let argument = Argument { option: "--set", text: text.clone() };
        if let Err((aim, wrong)) = set(tree, &argument, overlays) {
            mistakes.push(Mistake { at: Where::Option(argument, aim), wrong });
        }
    }
    for text in &overrides.vars {
        let argument = Argument { option: "--var", text: text.clone() };
        if let Err(wrong) = var(tree, &argument, overlays) {
            mistakes.push(Mistake { at: Where::Option(argument, Aim::Key), wrong });
        }
    }
    if let (Some(seed), Value::Object(root)) = (overrides.seed, tree) {
        root.insert("seed".to_owned(), Value::from(seed));
    }
}

/// The entries of a profile of the file.
fn entries(tree: &Value, name: &str) -> Option<Vec<(String, Value)>> {
    let profile = tree.get("profiles")?.get(name)?.as_object()?;
    Some(profile.iter().map(|(path, value)| (path.clone(), value.clone())).collect())
}

fn profile(tree: &mut Value, name: &str, overlays: &mut Overlays, mistakes: &mut Vec<Mistake>) {
    let argument = || Argument { option: "--profile", text: name.to_owned() };
    let known = tree.get("profiles").and_then(Value::as_object);
    if !known.is_some_and(|known| known.contains_key(name)) {
        let names = known.map(|known| known.keys().map(String::as_str).collect::<Vec<_>>());
        let names = names.unwrap_or_default();
        let help = match name.split_once(',') {
            Some((first, rest)) if names.contains(&first.trim()) => {
                format!("give each its own option: --profile {} --profile {}", first.trim(), rest)
            }
            _ => suggest(name, &names, "profiles"),
        };
        let wrong = Wrong::new(format!("there is no profile {}", quoted(&name)), help);
        return mistakes.push(Mistake { at: Where::Option(argument(), Aim::Key), wrong });
    }
    // A profile that is no map is found by `check`.
    for (path, value) in entries(tree, name).unwrap_or_default() {
        let entry = Trail::root().key("profiles").key(name).key(&path);
        match put(tree, &path, value) {
            Ok(trail) => overlays.add(trail, Origin::Profile(entry)),
            Err(wrong) => mistakes.push(Mistake::key(entry, wrong)),
        }
    }
}

/// A profile that nobody asked for must hit as well, or it rots.
fn unused_profiles(tree: &Value, overrides: &Overrides, mistakes: &mut Vec<Mistake>) {
    let Some(profiles) = tree.get("profiles").and_then(Value::as_object) else { return };
    for name in profiles.keys().filter(|name| !overrides.profiles.contains(name)) {
        let mut before: Option<Trail> = None;
        for (path, _) in entries(tree, name).unwrap_or_default() {
            match find(tree, &path) {
                Ok(trail) => before = Some(trail),
                // What the entry above puts there may have what this one needs.
                Err(_) if before.as_ref().is_some_and(|t| path.starts_with(&format!("{t}."))) => {}
                Err(wrong) => {
                    let entry = Trail::root().key("profiles").key(name).key(&path);
                    mistakes.push(Mistake::key(entry, wrong));
                }
            }
        }
    }
}

fn set(tree: &mut Value, argument: &Argument, overlays: &mut Overlays) -> Result<(), (Aim, Wrong)> {
    let Some((path, text)) = argument.text.split_once('=') else {
        let message = format!("{} has no value", quoted(&argument.text));
        return Err((Aim::Key, Wrong::new(message, "write PATH=VALUE, such as warmup=5s")));
    };
    let refuse = |message: String| {
        (
            Aim::Value,
            Wrong::new(message, "write a YAML value: 5s, \"text\", [a, b] or {key: value}"),
        )
    };
    let value = match tree::read(text) {
        Ok((value, mistakes)) => match mistakes.into_iter().next() {
            None => value,
            Some(mistake) => return Err((Aim::Value, mistake.wrong)),
        },
        Err(error) => {
            return Err(refuse(format!("the value is not YAML: {}", without_place(&error))));
        }
    };
    let trail = put(tree, path, value).map_err(|wrong| (Aim::Key, wrong))?;
    overlays.add(trail, Origin::Option(argument.clone()));
    Ok(())
}

/// What YAML says without where: lines are those of the value alone.
fn without_place(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn var(tree: &mut Value, argument: &Argument, overlays: &mut Overlays) -> Result<(), Wrong> {
    let Some((name, text)) = argument.text.split_once('=') else {
        let message = format!("{} has no value", quoted(&argument.text));
        return Err(Wrong::new(message, "write NAME=VALUE"));
    };
    let vars = tree.get_mut("vars").and_then(Value::as_object_mut);
    let names = vars.as_deref().map(|vars| vars.keys().cloned().collect::<Vec<_>>());
    match vars.and_then(|vars| vars.get_mut(name)) {
        Some(value) => {
            *value = Value::from(text);
            let trail = Trail::root().key("vars").key(name);
            overlays.add(trail, Origin::Option(argument.clone()));
            Ok(())
        }
        None => {
            let names = names.unwrap_or_default();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let message = format!("the scenario has no variable {}", quoted(&name));
            Err(Wrong::new(message, suggest(name, &names, "vars")))
        }
    }
}

/// Puts a value at a path whose parent is there; gives its trail.
fn put(tree: &mut Value, path: &str, value: Value) -> Result<Trail, Wrong> {
    let trail = find(tree, path)?;
    let mut node = tree;
    for segment in trail.segments() {
        let inner = match (node, segment) {
            (Value::Object(map), Segment::Key(key)) => {
                Some(map.entry(key.as_str()).or_insert(Value::Null))
            }
            (Value::Array(items), Segment::Index(index)) => items.get_mut(*index),
            _ => None,
        };
        node = inner.ok_or_else(|| nothing(path))?;
    }
    *node = value;
    Ok(trail)
}

fn nothing(path: &str) -> Wrong {
    Wrong::new(format!("{} hits nothing", quoted(&path)), "write a path such as warmup")
}

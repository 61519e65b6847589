//! Paths of overrides: `load.visitors.constant-arrival-rate.rate`, as trails of a tree.
//!
//! Invariant: a path that hits nothing is refused with what may have been meant.
//! Not here: putting values there (`overrides`).

use super::NAMED;
use crate::spec::check::is_root_key;
use crate::spec::scalar::{Wrong, quoted};
use crate::spec::suggest::suggest;
use crate::spec::trail::{Segment, Trail};
use serde_json::{Map, Value};

/// Sections whose entries hold their type, and that their settings.
const TYPED: [&str; 4] = ["services", "load", "faults", "objectives"];

/// The trail of a path. All of it is there, but the last key may be missing from a map of
/// settings: whether such a setting exists is known where it is decoded.
pub(super) fn find(tree: &Value, path: &str) -> Result<Trail, Wrong> {
    let steps = steps(path);
    if steps.first() == Some(&"profiles") {
        let message = "profiles cannot be overridden";
        return Err(Wrong::new(message, "override what the profile changes"));
    }
    let (mut node, mut trail) = (tree, Trail::root());
    for (at, step) in steps.iter().enumerate() {
        let lost =
            |help: String| lost(path, &trail, step, did_you_mean(tree, &steps).unwrap_or(help));
        let (inner, segment) = match node {
            Value::Object(map) => match map.get(*step) {
                Some(inner) => (inner, Segment::Key((*step).to_owned())),
                None if at + 1 == steps.len() && may_be_added(tree, &trail, map, &steps) => {
                    (&Value::Null, Segment::Key((*step).to_owned()))
                }
                None => {
                    let names: Vec<&str> = map.keys().map(String::as_str).collect();
                    return Err(lost(suggest(step, &names, "keys there")));
                }
            },
            Value::Array(items) => match step.parse().map(|at: usize| (at, items.get(at))) {
                Ok((at, Some(inner))) => (inner, Segment::Index(at)),
                _ => {
                    return Err(lost(format!(
                        "it is a list of {}; write an index from 0",
                        items.len()
                    )));
                }
            },
            _ => return Err(lost("it is a value without keys; end the path there".to_owned())),
        };
        (node, trail) = (inner, trail.step(segment));
    }
    Ok(trail)
}

/// `a.b[0].c` as `a`, `b`, `0` and `c`: messages write indices in brackets.
fn steps(path: &str) -> Vec<&str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (name, indices) = part.split_once('[').unwrap_or((part, ""));
        let indices: Option<Vec<&str>> = indices
            .strip_suffix(']')
            .map(|inside| inside.split("][").collect())
            .filter(|indices: &Vec<&str>| indices.iter().all(|index| digits(index)));
        match indices {
            Some(indices) => steps.extend([name].into_iter().chain(indices)),
            None => steps.push(part),
        }
    }
    steps
}

/// Whether the last step may be a key of this map, though it is not there: in one of settings, not
/// of names.
fn may_be_added(tree: &Value, trail: &Trail, map: &Map<String, Value>, steps: &[&str]) -> bool {
    match trail.segments() {
        _ if steps.last().is_none_or(|key| key.is_empty()) => false,
        // Of an unknown key the checker says more, unless it is a path cut short.
        [] => {
            steps.last().is_some_and(|key| is_root_key(key)) || did_you_mean(tree, steps).is_none()
        }
        [Segment::Key(section)] if NAMED.contains(&section.as_str()) => false,
        // Such an entry holds its type alone, and that its settings.
        [Segment::Key(section), _] if TYPED.contains(&section.as_str()) => {
            !(map.len() == 1 && map.values().all(Value::is_object))
        }
        _ => true,
    }
}

/// The paths that the user may have meant: those that hold all its steps, and end alike.
fn did_you_mean(tree: &Value, steps: &[&str]) -> Option<String> {
    let mut found = Vec::new();
    longer(tree, &mut Vec::new(), steps, &mut found);
    (!found.is_empty()).then(|| format!("did you mean {}?", found.join(" or ")))
}

/// So many are shown.
const MEANT: usize = 3;

fn longer(node: &Value, way: &mut Vec<String>, steps: &[&str], found: &mut Vec<String>) {
    let mut inside = |key: String, inner: &Value| {
        let next = match steps.split_first() {
            Some((step, rest)) if *step == key => rest,
            _ => steps,
        };
        way.push(key);
        // One step fewer may be left, but the last must be the path's own end.
        if found.len() < MEANT && next.is_empty() && !steps.is_empty() {
            found.push(quoted(&way.join(".")));
        } else if found.len() < MEANT {
            longer(inner, way, next, found);
        }
        way.pop();
    };
    match node {
        Value::Object(map) => {
            let entries = map.iter().filter(|(key, _)| *key != "profiles");
            entries.for_each(|(key, inner)| inside(key.clone(), inner));
        }
        Value::Array(items) => {
            let entries = items.iter().enumerate();
            entries.for_each(|(index, inner)| inside(index.to_string(), inner));
        }
        _ => {}
    }
}

fn lost(path: &str, around: &Trail, step: &str, help: String) -> Wrong {
    let message = match around.segments() {
        [] => format!("{} hits nothing: there is no {}", quoted(&path), quoted(&step)),
        _ => format!("{} hits nothing: {} has no {}", quoted(&path), quoted(around), quoted(&step)),
    };
    Wrong::new(message, help)
}

//! `${…}`: `vars`, `env` and the seed are replaced on the tree, before anything is decoded; those
//! whose value a start decides are checked and left.
//!
//! Invariant: what is put in is never read again: a `${` in a value of the environment stays text.
//! Invariant: the text that replacing makes is bounded ([`MOST`]).
//! Not here: the run's own placeholders (`plan`, `run`).

mod name;
mod pieces;
#[cfg(test)]
mod tests;

use self::name::Placeholder;
use self::pieces::Piece;
use super::document::Mistake;
use super::scalar::{Wrong, quoted};
use super::suggest::suggest;
use super::trail::{Segment, Trail};
use indexmap::IndexMap;
use serde_json::Value;

/// Bytes that all replacing together may make.
const MOST: usize = 16 << 20;

/// What replacing found besides mistakes.
pub(super) struct Replaced {
    /// Values that came from the environment.
    pub(super) secrets: Vec<String>,
    /// Values that are a variable and nothing else, and which.
    pub(super) variables: Vec<(Trail, String)>,
}

/// Replaces on `tree` what is known.
pub(super) fn replace(
    tree: &mut Value,
    env: &dyn Fn(&str) -> Option<String>,
    mistakes: &mut Vec<Mistake>,
) -> Replaced {
    let mut known = Known::of(tree, env);
    known.seed = known.find_seed(tree, mistakes);
    known.resolve_vars(mistakes);
    if let Value::Object(root) = tree {
        if let Some(seed) = known.seed.as_ref().and_then(|seed| seed.parse::<u64>().ok()) {
            root.insert("seed".to_owned(), Value::from(seed));
        }
        for (section, value) in root.iter_mut() {
            match section.as_str() {
                // An override that was applied is elsewhere by now.
                "profiles" => {}
                "vars" => known.put_vars(value),
                _ => known.walk(value, &Trail::root().key(section), mistakes),
            }
        }
    }
    Replaced { secrets: known.secrets, variables: known.variables }
}

/// The seed of a scenario that names none: from its name, below 2⁵³ so that every reader of JSON
/// keeps it.
pub(super) fn seed_of(name: &str) -> u64 {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(name.as_bytes());
    hash.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) >> 11
}

/// What placeholders can be replaced by.
struct Known<'k> {
    env: &'k dyn Fn(&str) -> Option<String>,
    /// Text of each variable as it is written.
    vars: IndexMap<String, String>,
    /// The same, replaced; none if it cannot be.
    resolved: IndexMap<String, Option<Vec<Piece>>>,
    services: Vec<String>,
    links: Vec<String>,
    sets: Vec<String>,
    /// Names of captures.
    captures: Vec<String>,
    seed: Option<String>,
    secrets: Vec<String>,
    variables: Vec<(Trail, String)>,
    /// Bytes that may still be made.
    left: usize,
}

/// Why a text cannot be replaced.
enum Failed {
    /// Tell it.
    Wrong(Wrong),
    /// It has been told, at the variable.
    Told,
}

impl Known<'_> {
    fn of<'k>(tree: &Value, env: &'k dyn Fn(&str) -> Option<String>) -> Known<'k> {
        let keys = |section: &str| -> Vec<String> {
            let map = tree.get(section).and_then(Value::as_object);
            map.map(|map| map.keys().cloned().collect()).unwrap_or_default()
        };
        let mut captures = Vec::new();
        name::captures(tree, &mut captures);
        let vars = tree.get("vars").and_then(Value::as_object);
        let vars = vars.into_iter().flatten().map(|(name, value)| {
            (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        Known {
            env,
            vars: vars.collect(),
            resolved: IndexMap::new(),
            services: keys("services"),
            links: keys("links"),
            sets: keys("data"),
            captures,
            seed: None,
            secrets: Vec::new(),
            variables: Vec::new(),
            left: MOST,
        }
    }

    /// The seed as text: given, or made of the name.
    fn find_seed(&mut self, tree: &Value, mistakes: &mut Vec<Mistake>) -> Option<String> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            _ => None,
        };
        let given = tree.get("seed");
        let text = text(given.or_else(|| tree.get("name"))?)?;
        for name in pieces::names(&text) {
            if let Some(var) = name.strip_prefix("vars.") {
                self.var(var, &mut Vec::new(), mistakes);
            }
        }
        // What is wrong with it is told where the walk comes by.
        let text = name::plain(&self.expand(&text).ok()?)?;
        Some(if given.is_some() { text } else { seed_of(&text).to_string() })
    }

    fn resolve_vars(&mut self, mistakes: &mut Vec<Mistake>) {
        for name in self.vars.keys().cloned().collect::<Vec<_>>() {
            self.var(&name, &mut Vec::new(), mistakes);
        }
    }

    /// Replaces what a variable's text holds, once; a mistake is told at the variable.
    fn var(&mut self, name: &str, open: &mut Vec<String>, mistakes: &mut Vec<Mistake>) {
        if self.resolved.contains_key(name) {
            return;
        }
        let Some(text) = self.vars.get(name).cloned() else { return };
        let trail = Trail::root().key("vars").key(name);
        open.push(name.to_owned());
        for inner in pieces::names(&text) {
            let Some(inner) = inner.strip_prefix("vars.").map(str::to_owned) else { continue };
            if open.contains(&inner) || open.len() >= DEEPEST {
                let message = match open.contains(&inner) {
                    true => format!("the variable {} is made of itself", quoted(&name)),
                    false => format!("more than {DEEPEST} variables, each made of the next"),
                };
                let wrong = Wrong::new(message, "write a value");
                mistakes.push(Mistake::value(trail.clone(), wrong));
                self.resolved.insert(name.to_owned(), None);
            } else {
                self.var(&inner, open, mistakes);
            }
        }
        open.pop();
        if self.resolved.contains_key(name) {
            return;
        }
        let resolved = match self.expand(&text) {
            Ok(pieces) => Some(pieces),
            Err(Failed::Told) => None,
            Err(Failed::Wrong(wrong)) => {
                mistakes.push(Mistake::value(trail, wrong));
                None
            }
        };
        self.resolved.insert(name.to_owned(), resolved);
    }

    /// A text's pieces, of which only those are names that the run replaces.
    fn expand(&mut self, text: &str) -> Result<Vec<Piece>, Failed> {
        let mut made = Vec::new();
        for piece in pieces::read(text).map_err(Failed::Wrong)? {
            let Piece::Name(name) = piece else {
                made.push(piece);
                continue;
            };
            match self.meaning(&name)? {
                Placeholder::Var(var) => match self.resolved.get(var) {
                    Some(Some(pieces)) => {
                        let size: usize = pieces.iter().map(Piece::len).sum();
                        self.left = self.left.checked_sub(size).ok_or_else(too_much)?;
                        made.extend(pieces.iter().cloned());
                    }
                    Some(None) => return Err(Failed::Told),
                    None => return Err(Failed::Wrong(self.unknown_var(var))),
                },
                Placeholder::Env(var) => match (self.env)(var) {
                    Some(value) => {
                        self.left = self.left.checked_sub(value.len()).ok_or_else(too_much)?;
                        self.keep_secret(&value);
                        made.push(Piece::Text(value));
                    }
                    None => {
                        let message = format!("the environment has no variable {}", quoted(&var));
                        return Err(Failed::Wrong(Wrong::new(
                            message,
                            format!("set it: {var}=… assay …"),
                        )));
                    }
                },
                // Without one the scenario has no name, which is told.
                Placeholder::Seed => {
                    made.push(Piece::Text(self.seed.clone().ok_or(Failed::Told)?));
                }
                Placeholder::Started | Placeholder::Each => made.push(Piece::Name(name)),
            }
        }
        Ok(made)
    }

    /// Also as it is written in the tree.
    fn keep_secret(&mut self, value: &str) {
        for form in [value.to_owned(), value.replace("${", "$${")] {
            if !self.secrets.contains(&form) {
                self.secrets.push(form);
            }
        }
    }

    fn meaning<'n>(&self, name: &'n str) -> Result<Placeholder<'n>, Failed> {
        let known = name::Known {
            services: &self.services,
            links: &self.links,
            sets: &self.sets,
            captures: &self.captures,
        };
        name::meaning(name, &known).map_err(Failed::Wrong)
    }

    fn unknown_var(&self, name: &str) -> Wrong {
        let names: Vec<&str> = self.vars.keys().map(String::as_str).collect();
        let message = format!("the scenario has no variable {}", quoted(&name));
        Wrong::new(message, suggest(name, &names, "vars"))
    }

    /// The variables as they are used.
    fn put_vars(&self, vars: &mut Value) {
        let Value::Object(vars) = vars else { return };
        for (name, value) in vars.iter_mut().filter(|(_, value)| value.is_string()) {
            if let Some(Some(pieces)) = self.resolved.get(name.as_str()) {
                *value = Value::from(pieces::write(pieces));
            }
        }
    }

    fn walk(&mut self, value: &mut Value, trail: &Trail, mistakes: &mut Vec<Mistake>) {
        match value {
            Value::String(text) if text.contains("${") => {
                if let Some(variable) = pieces::only(text)
                    .and_then(|name| name.strip_prefix("vars.").map(str::to_owned))
                {
                    self.variables.push((trail.clone(), variable));
                }
                match self.expand(text) {
                    Ok(pieces) => match name::place(&pieces, trail) {
                        Ok(made) => *text = made,
                        Err(wrong) => mistakes.push(Mistake::value(trail.clone(), wrong)),
                    },
                    Err(Failed::Told) => {}
                    Err(Failed::Wrong(wrong)) => {
                        mistakes.push(Mistake::value(trail.clone(), wrong));
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, &trail.step(Segment::Index(index)), mistakes);
                }
            }
            Value::Object(map) => {
                for (key, inner) in map.iter_mut() {
                    let trail = trail.key(key);
                    if pieces::read(key).map_or(true, |pieces| name::plain(&pieces).is_none()) {
                        let message = format!("the key {} holds a placeholder", quoted(key));
                        let wrong = Wrong::new(message, "write placeholders in values only");
                        mistakes.push(Mistake::key(trail.clone(), wrong));
                    }
                    self.walk(inner, &trail, mistakes);
                }
            }
            _ => {}
        }
    }
}

fn too_much() -> Failed {
    let message = format!("placeholders make more than {MOST} bytes of text");
    Failed::Wrong(Wrong::new(message, "write shorter values"))
}

/// Variables made of variables, at most so deep.
const DEEPEST: usize = 100;

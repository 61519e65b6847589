//! `include:` the files that a scenario is made of, merged before anything else is read of it.
//!
//! Invariant: nothing is overridden: whatever two files say both, down to the entries of maps, is a
//! mistake; lists are not merged.
//! Invariant: each value is known by the file that it is written in, so that mistakes point there.
//! Not here: overrides, placeholders and checks, which know of one tree only.

use super::document::{Document, Mistake};
use super::load::read;
use super::problem::Problem;
use super::scalar::{Wrong, quoted};
use super::trail::Trail;
use super::tree;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files that one scenario may be made of.
const MOST: usize = 100;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Included {
    /// What is wrong in the scenario's own file.
    pub(super) mistakes: Vec<Mistake>,
    /// What is wrong in the files.
    pub(super) problems: Vec<Problem>,
}

impl Included {
    /// Whether all of them are there, as they were written.
    pub(super) fn is_whole(&self) -> bool {
        self.mistakes.is_empty() && self.problems.is_empty()
    }
}

/// Takes `include` out of a tree, and what the files have into it. Paths are sought from the file that
/// names them; a file that two others name is taken once.
pub(super) fn include(tree: &mut Value, document: &mut Document) -> Included {
    let mut found = Found { document, included: Included::default(), seen: BTreeSet::new() };
    let Value::Object(root) = tree else { return found.included };
    let Some(wanted) = taken(root) else { return found.included };
    let name = found.document.file().to_owned();
    let chain = vec![(PathBuf::from(&name), known(Path::new(&name)))];
    for (at, file) in wanted.iter().enumerate() {
        let trail = Trail::root().key("include").index(at);
        if let Err(wrong) = found.take(file, &chain, root) {
            found.included.mistakes.push(Mistake::value(trail, wrong));
        }
    }
    found.included
}

/// The files that a tree names; one that names them wrongly is left to the checks.
fn taken(root: &mut Map<String, Value>) -> Option<Vec<String>> {
    let items = root.get("include")?.as_array()?;
    let files: Option<Vec<String>> =
        items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
    let files = files?;
    root.shift_remove("include");
    Some(files)
}

/// By what a file is known whatever it is called.
fn known(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

struct Found<'d> {
    document: &'d mut Document,
    included: Included,
    seen: BTreeSet<PathBuf>,
}

impl Found<'_> {
    /// Takes a file that the last of a chain names, and those that it names.
    fn take(
        &mut self,
        file: &str,
        chain: &[(PathBuf, PathBuf)],
        root: &mut Map<String, Value>,
    ) -> Result<(), Wrong> {
        if file.contains("${") {
            let message = format!("{} holds a placeholder", quoted(&file));
            return Err(Wrong::new(message, "write its path: files are read before variables are"));
        }
        let from = chain.last().and_then(|(named, _)| named.parent()).unwrap_or(Path::new(""));
        let path = from.join(file);
        let identity = known(&path);
        if let Some(first) = chain.iter().position(|(_, known)| *known == identity) {
            let ring = chain.iter().skip(first).map(|(named, _)| named).chain([&path]);
            let ring: Vec<String> = ring.map(|named| named.display().to_string()).collect();
            let message = format!("a file includes itself: {}", ring.join(" → "));
            return Err(Wrong::new(message, "leave this one out"));
        }
        if self.seen.contains(&identity) {
            return Ok(());
        }
        if self.seen.len() >= MOST {
            return Err(Wrong::new(format!("more than {MOST} files"), "write fewer, larger ones"));
        }
        let name = path.display().to_string();
        let text = read(&path, &name).map_err(|problems| {
            let first = problems.iter().next();
            let message = first.map_or("it cannot be read", |problem| &problem.message);
            Wrong::new(format!("{name}: {message}"), "paths count from the file that names them")
        })?;
        self.seen.insert(identity.clone());
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let document = Document::new(&name, text);
        if let Some(byte) = tree::too_deep(text) {
            let at = document.source().position(byte);
            let wrong = Wrong::new("nested too deeply", "write fewer levels");
            self.included.problems.push(document.problem_at(at..at + 1, wrong));
            return Ok(());
        }
        let (tree, mistakes) = match tree::read(text) {
            Ok(read) => read,
            Err(error) => {
                self.included.problems.push(tree::problem(&document, &error));
                return Ok(());
            }
        };
        self.included.problems.extend(document.problems(mistakes).iter().cloned());
        let Value::Object(mut own) = tree else {
            let wrong = Wrong::new("it is no map", "write entries such as `services:`");
            self.included.problems.push(document.problem_at(0..1, wrong));
            return Ok(());
        };
        let wanted = taken(&mut own).unwrap_or_default();
        self.merge(own, document.clone(), root);
        let chain: Vec<_> = chain.iter().cloned().chain([(path, identity)]).collect();
        for (at, file) in wanted.iter().enumerate() {
            if let Err(wrong) = self.take(file, &chain, root) {
                let trail = Trail::root().key("include").index(at);
                let told = document.problems(vec![Mistake::value(trail, wrong)]);
                self.included.problems.extend(told.iter().cloned());
            }
        }
        Ok(())
    }

    /// Takes over what nobody has said yet.
    fn merge(
        &mut self,
        own: Map<String, Value>,
        document: Document,
        root: &mut Map<String, Value>,
    ) {
        let mut twice = Vec::new();
        let mut homes = Vec::new();
        for (key, value) in own {
            let at = Trail::root().key(&key);
            match (root.get_mut(&key), value) {
                (None, value) => {
                    homes.push(at);
                    root.insert(key, value);
                }
                (Some(Value::Object(there)), Value::Object(here)) => {
                    for (name, value) in here {
                        let at = at.key(&name);
                        if there.contains_key(&name) {
                            twice.push(at);
                        } else {
                            homes.push(at);
                            there.insert(name, value);
                        }
                    }
                }
                // Both may say by which grammar they are written.
                (Some(there), here) if key == "schema" && *there == here => {}
                _ => twice.push(at),
            }
        }
        for at in twice {
            let (file, line) = self.document.written(&at);
            let message = format!("`{at}` is also in {file}, line {line}");
            let help = match at.segments().len() {
                1 => "keep one of them: only maps are merged, by the names in them",
                _ => "keep one of them, or give it another name",
            };
            let problem = document.problem_of_entry(&at, message, help);
            self.included.problems.push(problem);
        }
        self.document.add_home(document, homes);
    }
}

#[cfg(test)]
mod tests;

//! From a file to a scenario: all stages one after another, all mistakes at once.
//!
//! Not here: each stage (`tree`, `overrides`, `placeholder`, `check`).

use super::check;
use super::document::{Document, Mistake, Where};
use super::overrides::{self, Overrides};
use super::placeholder;
use super::problem::{Problem, Problems};
use super::scalar::Wrong;
use super::secret;
use super::trail::{Segment, Trail};
use super::tree;
use super::types::Scenario;
use serde_path_to_error::Segment as Step;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

/// A scenario file may have so many bytes.
const MOST: u64 = 4 << 20;

/// How a mistake starts that only decoding found.
const UNEXPECTED: &str = "cannot be decoded: ";

/// A scenario that has no mistakes of its own.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its values; `seed` is always there.
    pub scenario: Scenario,
    /// Its text, for places of what is found later.
    pub document: Document,
    /// Values that must not reach an artefact, longest first.
    pub secrets: Vec<String>,
}

/// Reads a scenario file. `env` gives the environment's variables.
///
/// # Errors
/// All mistakes that can be found in one go, each with its place. A file that is not there, not
/// text or too big is one mistake without a line.
pub fn load(
    path: &Path,
    overrides: &Overrides,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Problems> {
    let name = path.display().to_string();
    let text = read(path, &name)?;
    decode(&name, &text, overrides, env)
}

/// The same from a text; `name` is what messages call it.
///
/// # Errors
/// As [`load`].
pub fn decode(
    name: &str,
    text: &str,
    overrides: &Overrides,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Problems> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut document = Document::new(name, text);
    if let Some(byte) = tree::too_deep(text) {
        let at = document.source().position(byte);
        let wrong = Wrong::new("nested too deeply", "write fewer levels");
        return Err(document.problem_at(at..at + 1, wrong).into());
    }
    let (mut tree, mut mistakes) =
        tree::read(text).map_err(|error| tree::problem(&document, &error))?;
    if tree.is_object() {
        overrides::apply(&mut tree, overrides, &mut document.overlays, &mut mistakes);
        document.secrets = placeholder::replace(&mut tree, env, &mut mistakes);
    }
    secret::collect(&tree, &mut document.secrets);
    // What was refused once is not refused again for what has become of it.
    let told = trails(&mistakes);
    let checked = check::check(&tree);
    let within = |mistake: &Mistake, known: &BTreeSet<Trail>| match &mistake.at {
        Where::Tree(trail, _) => trail.and_around().any(|around| known.contains(&around)),
        Where::Option(..) => false,
    };
    mistakes.retain(|mistake| !within(mistake, &checked.later));
    mistakes.extend(checked.mistakes.into_iter().filter(|mistake| !within(mistake, &told)));
    document.tree = tree;
    if !mistakes.is_empty() {
        return Err(document.problems(mistakes));
    }
    match serde_path_to_error::deserialize::<_, Scenario>(&document.tree) {
        Ok(scenario) => {
            let secrets = document.secrets.clone();
            Ok(Loaded { scenario, document, secrets })
        }
        Err(error) => {
            // `check` says more; it and the types disagree only by a mistake of ours.
            let wrong = Wrong::new(format!("{UNEXPECTED}{}", error.inner()), "");
            Err(document.problems(vec![Mistake::value(trail(error.path()), wrong)]))
        }
    }
}

fn read(path: &Path, name: &str) -> Result<String, Problems> {
    let refuse =
        |message: String, help: &str| Problems::from(Problem::of_file(name, message, Some(help)));
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            refuse("the file does not exist".to_owned(), "check the path")
        }
        _ => refuse(format!("the file cannot be read: {error}"), "check its permissions"),
    })?;
    if !about.is_file() {
        let what = if about.is_dir() { "a folder" } else { "not a plain file" };
        return Err(refuse(format!("it is {what}"), "give the path of a scenario file"));
    }
    let cannot = |error: std::io::Error| {
        refuse(format!("the file cannot be read: {error}"), "check its permissions")
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MOST {
        let message = format!("the file has more than {MOST} bytes");
        return Err(refuse(message, "move bodies into files of their own: `file: body.json`"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let document = Document::new(name, &text);
        let at = document.source().position(good);
        let wrong = Wrong::new("the text is not UTF-8", "save the file as UTF-8");
        document.problem_at(at..at + 1, wrong).into()
    })
}

/// The trails of what has been told of values.
fn trails(mistakes: &[Mistake]) -> BTreeSet<Trail> {
    let trail = |mistake: &Mistake| match &mistake.at {
        Where::Tree(trail, super::locate::Aim::Value) => Some(trail.clone()),
        _ => None,
    };
    mistakes.iter().filter_map(trail).collect()
}

fn trail(path: &serde_path_to_error::Path) -> Trail {
    let segment = |step: &Step| match step {
        Step::Seq { index } => Some(Segment::Index(*index)),
        Step::Map { key } => Some(Segment::Key(key.clone())),
        Step::Enum { variant } => Some(Segment::Key(variant.clone())),
        Step::Unknown => None,
    };
    path.iter().filter_map(segment).collect()
}

#[cfg(test)]
mod tests;

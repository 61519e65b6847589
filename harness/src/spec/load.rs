//! From a file to a scenario: all stages one after another, all mistakes at once.
//!
//! Not here: each stage (`tree`, `overrides`, `placeholder`, `check`).

use super::check;
use super::document::{Document, Mistake, Where};
use super::include;
use super::left_out::LeftOut;
use super::openslo::{self, Inlined};
use super::overrides::{self, Overrides};
use super::placeholder;
use super::problem::{Problem, Problems};
use super::scalar::Wrong;
use super::secret;
use super::trail::{Segment, Trail};
use super::tree;
use super::types::Scenario;
use assay_slo::case::Production;
use serde_json::Value;
use serde_path_to_error::Segment as Step;
use std::collections::{BTreeMap, BTreeSet};
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
    /// What the user should know although it is no mistake.
    pub notices: Vec<String>,
    /// What SLO files say of production, by the objective's name.
    pub production: BTreeMap<String, Production>,
}

/// A scenario that has mistakes of its own.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Them.
    pub problems: Problems,
    /// None where nothing could be read.
    unfinished: Option<Box<Unfinished>>,
}

/// A tree with mistakes.
#[derive(Debug, Clone)]
struct Unfinished {
    document: Document,
    cuts: BTreeSet<Trail>,
    left_out: LeftOut,
}

impl Refused {
    /// What of it can still be planned, to find the mistakes there.
    #[must_use]
    pub fn rest(&self) -> Option<Rest> {
        self.unfinished.as_ref().and_then(|unfinished| rest((**unfinished).clone()))
    }
}

/// A scenario without its mistakes.
#[derive(Debug, Clone)]
pub struct Rest {
    /// What is left, under the whole document.
    pub loaded: Loaded,
    /// What is not.
    pub left_out: LeftOut,
}

impl From<Problems> for Refused {
    fn from(problems: Problems) -> Refused {
        Refused { problems, unfinished: None }
    }
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
) -> Result<Loaded, Refused> {
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
) -> Result<Loaded, Refused> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut document = Document::new(name, text);
    let mut inlined = Inlined::default();
    if let Some(byte) = tree::too_deep(text) {
        let at = document.source().position(byte);
        let wrong = Wrong::new("nested too deeply", "write fewer levels");
        return Err(Problems::from(document.problem_at(at..at + 1, wrong)).into());
    }
    let (mut tree, mut mistakes) =
        tree::read(text).map_err(|error| Problems::from(tree::problem(&document, &error)))?;
    if tree.is_object() {
        let mut included = include::include(&mut tree, &mut document);
        if !included.is_whole() {
            // Of what is not there nothing can be told.
            mistakes.append(&mut included.mistakes);
            let found = document.problems(mistakes);
            let all = found.iter().cloned().chain(included.problems);
            return Err(Problems::new(all.collect()).into());
        }
        overrides::apply(&mut tree, overrides, &mut document.overlays, &mut mistakes);
        let replaced = placeholder::replace(&mut tree, env, &mut mistakes);
        document.secrets = replaced.secrets;
        for (trail, variable) in replaced.variables {
            let from = Trail::root().key("vars").key(variable);
            document.overlays.follow(&from, trail);
        }
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        inlined = openslo::inline(&mut tree, folder, &mut document.overlays);
        mistakes.append(&mut inlined.mistakes);
    }
    secret::collect(&tree, &mut document.secrets);
    // What was refused once is not refused again for what has become of it.
    let mut told = trails(&mistakes);
    let checked = check::check(&tree);
    let within = |mistake: &Mistake, known: &BTreeSet<Trail>| match &mistake.at {
        Where::Tree(trail, _) => trail.and_around().any(|around| known.contains(&around)),
        Where::Option(..) => false,
    };
    let mut doubts = LeftOut::default();
    doubt(&mistakes, &mut doubts);
    if !mistakes.is_empty() {
        unreplaced(&tree, &Trail::root(), &mut told);
    }
    told.iter().chain(&inlined.gone).for_each(|trail| doubts.doubt(trail.clone()));
    mistakes.extend(checked.mistakes.into_iter().filter(|mistake| !within(mistake, &told)));
    document.tree = tree;
    if !mistakes.is_empty() || !inlined.problems.is_empty() {
        let found = document.problems(mistakes);
        let problems = Problems::new(found.iter().cloned().chain(inlined.problems).collect());
        let unfinished = Unfinished { document, cuts: checked.cuts, left_out: doubts };
        return Err(Refused { problems, unfinished: Some(Box::new(unfinished)) });
    }
    match serde_path_to_error::deserialize::<_, Scenario>(&document.tree) {
        Ok(scenario) => {
            let secrets = document.secrets.clone();
            let Inlined { notices, production, .. } = inlined;
            Ok(Loaded { scenario, document, secrets, notices, production })
        }
        Err(error) => {
            // `check` says more; it and the types disagree only by a mistake of ours.
            let wrong = Wrong::new(format!("{UNEXPECTED}{}", error.inner()), "");
            Err(document.problems(vec![Mistake::value(trail(error.path()), wrong)]).into())
        }
    }
}

/// So often what is left is looked at again: an entry that lost its only key is wrong as well.
const ROUNDS: usize = 8;

/// What can still be planned: the values without those in `cuts`, as far as that goes.
fn rest(unfinished: Unfinished) -> Option<Rest> {
    let Unfinished { document, mut cuts, mut left_out } = unfinished;
    let mut tree = document.tree.clone();
    for _ in 0..ROUNDS {
        if cuts.remove(&Trail::root()) {
            // Of these two nothing else depends.
            let root = tree.as_object_mut()?;
            root.insert("schema".to_owned(), Value::from(1));
            root.insert("name".to_owned(), Value::from("unnamed"));
        }
        left_out.take(&mut tree, &cuts);
        cuts = check::check(&tree).cuts;
        if cuts.is_empty() {
            let scenario: Scenario = serde_json::from_value(tree).ok()?;
            let secrets = document.secrets.clone();
            let loaded = Loaded {
                scenario,
                document,
                secrets,
                notices: Vec::new(),
                production: BTreeMap::new(),
            };
            return Some(Rest { loaded, left_out });
        }
    }
    None
}

/// Notes what was told before the tree was checked: it is there, but not as it was meant.
fn doubt(mistakes: &[Mistake], doubts: &mut LeftOut) {
    for mistake in mistakes {
        match &mistake.at {
            Where::Tree(trail, _) => doubts.doubt(trail.clone()),
            Where::Option(..) => doubts.doubt_options(),
        }
    }
}

/// Notes where a variable stands that was refused where it is written.
fn unreplaced(value: &Value, at: &Trail, found: &mut BTreeSet<Trail>) {
    match value {
        Value::String(text) if text.contains("${vars.") || text.contains("${env.") => {
            found.insert(at.clone());
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                unreplaced(item, &at.step(Segment::Index(index)), found);
            }
        }
        Value::Object(map) => {
            for (key, inner) in
                map.iter().filter(|(key, _)| *at != Trail::root() || *key != "profiles")
            {
                unreplaced(inner, &at.key(key), found);
            }
        }
        _ => {}
    }
}

/// The text of a file.
pub(super) fn read(path: &Path, name: &str) -> Result<String, Problems> {
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

//! A scenario's text and values, kept so that whoever finds a mistake later can say where it is.
//!
//! Invariant: the place of an overridden value is the override's: the profile's line, or the
//! option.
//! Not here: finding mistakes.

use super::locate::{Aim, Spot, spots};
use super::problem::{Place, Problem, Problems};
use super::scalar::Wrong;
use super::secret;
use super::source::Source;
use super::trail::{Segment, Trail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

/// A file that a scenario is made of.
#[derive(Debug, Clone)]
struct Home {
    source: Source,
    spots: OnceLock<Spot>,
}

impl Home {
    /// Where an entry stands in it.
    fn find(&self, way: &[Segment], aim: Aim) -> Range<usize> {
        self.spots.get_or_init(|| spots(&self.source)).find(way, aim)
    }
}

/// A scenario that has been read.
#[derive(Debug, Clone)]
pub struct Document {
    /// The scenario's own file, and those that it includes.
    own: Home,
    others: Vec<Home>,
    /// Which of the others has a value, by its way there; the longest counts.
    by_trail: BTreeMap<Trail, usize>,
    /// The final values: overrides applied, placeholders of `vars` and `env` replaced.
    pub(super) tree: Value,
    pub(super) overlays: Overlays,
    /// Values that must not be printed, longest first.
    pub(super) secrets: Vec<String>,
}

/// Which values do not stand where they belong.
#[derive(Debug, Clone, Default)]
pub(super) struct Overlays {
    /// With the number of those added before it.
    by_trail: BTreeMap<Trail, (usize, Origin)>,
    added: usize,
}

impl Overlays {
    /// Later ones win.
    pub(super) fn add(&mut self, trail: Trail, origin: Origin) {
        self.by_trail.insert(trail, (self.added, origin));
        self.added += 1;
    }

    /// A value is that of another one: what is wrong with it was written there.
    pub(super) fn follow(&mut self, from: &Trail, to: Trail) {
        if let Some((_, origin)) = self.by_trail.get(from) {
            self.add(to, origin.clone());
        }
    }

    /// The last one that touches a value, and the steps from there.
    fn of<'t>(&self, trail: &'t Trail) -> Option<(&Origin, &'t [Segment])> {
        let touching = trail.and_around().filter_map(|around| {
            let (order, origin) = self.by_trail.get(&around)?;
            Some((*order, origin, trail.segments().get(around.segments().len()..)?))
        });
        touching.max_by_key(|(order, ..)| *order).map(|(_, origin, rest)| (origin, rest))
    }
}

/// Where an override was written.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// In the file, under `profiles`.
    Profile(Trail),
    /// In an option of the command line.
    Option(Argument),
    /// In another file, which this entry of the scenario names.
    File(Trail),
}

/// An option of the command line.
#[derive(Debug, Clone)]
pub(super) struct Argument {
    /// `--set`.
    pub(super) option: &'static str,
    /// `load.visitors.constant-arrival-rate.rate=50/s`.
    pub(super) text: String,
}

/// A mistake by its way, before its place is known.
#[derive(Debug, Clone)]
pub(super) struct Mistake {
    pub(super) at: Where,
    pub(super) wrong: Wrong,
}

/// What a mistake is about.
#[derive(Debug, Clone)]
pub(super) enum Where {
    /// A value, or its key.
    Tree(Trail, Aim),
    /// An option: its part before `=`, or after.
    Option(Argument, Aim),
}

impl Mistake {
    pub(super) fn value(trail: Trail, wrong: Wrong) -> Mistake {
        Mistake { at: Where::Tree(trail, Aim::Value), wrong }
    }

    pub(super) fn key(trail: Trail, wrong: Wrong) -> Mistake {
        Mistake { at: Where::Tree(trail, Aim::Key), wrong }
    }
}

impl Document {
    /// A text under the name that the user knows it by.
    pub(super) fn new(name: &str, text: &str) -> Document {
        Document {
            own: Home { source: Source::new(name, text), spots: OnceLock::new() },
            others: Vec::new(),
            by_trail: BTreeMap::new(),
            tree: Value::Null,
            overlays: Overlays::default(),
            secrets: Vec::new(),
        }
    }

    /// The file as the user named it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.own.source.name
    }

    /// The texts of all its files, its own first.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.own).chain(&self.others).map(|home| home.source.text())
    }

    /// Takes over what another file has at these ways.
    pub(super) fn add_home(&mut self, other: Document, trails: Vec<Trail>) {
        self.others.push(other.own);
        let at = self.others.len() - 1;
        self.by_trail.extend(trails.into_iter().map(|trail| (trail, at)));
    }

    /// The file that has a value.
    fn home(&self, trail: &Trail) -> &Home {
        let other = trail.and_around().find_map(|around| self.by_trail.get(&around));
        other.and_then(|at| self.others.get(*at)).unwrap_or(&self.own)
    }

    /// The values as they were decoded, overrides applied, without `profiles`, as YAML; secrets
    /// are `***`.
    #[must_use]
    pub fn resolved(&self) -> String {
        let mut tree = self.tree.clone();
        if let Value::Object(root) = &mut tree {
            root.shift_remove("profiles");
        }
        secret::mask_tree(&mut tree, &self.secrets);
        // A map with text keys always has a YAML form.
        serde_yaml::to_string(&tree).unwrap_or_default()
    }

    /// A mistake in the value that a trail leads to.
    #[must_use]
    pub fn problem(
        &self,
        trail: &Trail,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        self.place(Mistake::value(trail.clone(), Wrong::new(message, help)))
    }

    /// A mistake in an entry as a whole: its key is shown.
    #[must_use]
    pub fn problem_of_entry(
        &self,
        trail: &Trail,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        self.place(Mistake::key(trail.clone(), Wrong::new(message, help)))
    }

    /// The file and line of an entry, from 1; in its file, even when an option has overridden it.
    #[must_use]
    pub fn written(&self, trail: &Trail) -> (&str, u32) {
        let written = match self.overlays.of(trail) {
            Some((Origin::File(entry), _)) => entry,
            _ => trail,
        };
        let home = self.home(written);
        let range = home.find(written.segments(), Aim::Key);
        (&home.source.name, number(home.source.line_column(range.start).0))
    }

    /// All mistakes with their places.
    pub(super) fn problems(&self, mistakes: Vec<Mistake>) -> Problems {
        Problems::new(mistakes.into_iter().map(|mistake| self.place(mistake)).collect())
    }

    /// A mistake at a position of the file, without a way.
    pub(super) fn problem_at(&self, range: Range<usize>, wrong: Wrong) -> Problem {
        self.shown(&self.own.source, String::new(), range, wrong)
    }

    /// The text that positions count in.
    pub(super) fn source(&self) -> &Source {
        &self.own.source
    }

    /// A mistake where a way leads.
    fn at(&self, path: String, way: &Trail, aim: Aim, wrong: Wrong) -> Problem {
        let home = self.home(way);
        self.shown(&home.source, path, home.find(way.segments(), aim), wrong)
    }

    fn place(&self, mistake: Mistake) -> Problem {
        let (trail, aim) = match mistake.at {
            Where::Tree(trail, aim) => (trail, aim),
            Where::Option(argument, aim) => {
                return self.in_option(String::new(), &argument, aim, mistake.wrong);
            }
        };
        let path = if trail == Trail::root() { String::new() } else { trail.to_string() };
        match self.overlays.of(&trail) {
            Some((Origin::Option(argument), rest)) => {
                let aim = if rest.is_empty() { aim } else { Aim::Value };
                self.in_option(path, argument, aim, mistake.wrong)
            }
            Some((Origin::Profile(entry), rest)) => {
                let way: Trail = entry.segments().iter().chain(rest).cloned().collect();
                self.at(path, &way, aim, mistake.wrong)
            }
            Some((Origin::File(entry), _)) => self.at(path, entry, Aim::Key, mistake.wrong),
            None => self.at(path, &trail, aim, mistake.wrong),
        }
    }

    fn in_option(&self, path: String, argument: &Argument, aim: Aim, wrong: Wrong) -> Problem {
        let source = Source::new(argument.option, &argument.text);
        let split = argument.text.chars().take_while(|c| *c != '=').count();
        let end = argument.text.chars().count();
        let range = match aim {
            Aim::Key => 0..split,
            Aim::Value => (split + 1).min(end)..end,
        };
        self.shown(&source, path, range, wrong)
    }

    fn shown(&self, source: &Source, path: String, range: Range<usize>, wrong: Wrong) -> Problem {
        let (line, column) = source.line_column(range.start);
        let masked = |text: String| secret::mask(&text, &self.secrets);
        Problem {
            path,
            message: masked(wrong.message),
            help: Some(masked(wrong.help)).filter(|help| !help.is_empty()),
            place: Place {
                file: source.name.clone(),
                line: number(line),
                column: number(column),
                length: number(range.len()),
            },
            excerpt: Some(source.excerpt(&range)),
        }
    }
}

fn number(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

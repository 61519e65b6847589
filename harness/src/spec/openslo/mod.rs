//! OpenSLO v1 files: read, held against the specification, and turned into objectives.
//!
//! A file holds several documents, or one that is a list; anchors work within a document.
//! Invariant: a file is read if the specification allows it; all mistakes are told at once. What no
//! run can judge of it is a doubt, and a mistake for whoever wants it judged.
//! Not here: reading (`read`), keys (`types`), the specification's rules (`rules`), objectives (`gate`).

mod alerting;
mod alerts;
mod calendar;
mod gate;
mod inline;
mod lint;
mod metadata;
mod nothing;
mod promise;
mod read;
mod rules;
mod shorthand;
mod text;
pub mod types;

pub use alerts::{Alert, alerts, budget};
pub use gate::Gate;
pub(super) use inline::{Inlined, inline};
pub use lint::{idle, lint};
pub use read::read;
pub use shorthand::minutes;

use super::document::Document;
use super::problem::{Place, Problem, Problems};
use super::scalar::quoted;
use super::suggest::suggest;
use super::trail::{Segment, Trail};
use indexmap::IndexMap;
use types::{AlertConditionSpec, AlertPolicySpec, Metadata, SliSpec, SloSpec};

/// The shipped files, by the name that a scenario calls them.
const SHIPPED: &[(&str, &str)] =
    &[("assay:backend.yaml", include_str!("../../../../slo/objectives/backend.yaml"))];

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
    pub policies: IndexMap<String, (Site, AlertPolicySpec)>,
    /// Its conditions, by name, with what is noted on them.
    pub conditions: IndexMap<String, (Site, Metadata, AlertConditionSpec)>,
    /// What a run can judge, by the objective's name.
    pub gates: Vec<(String, Vec<Gate>)>,
    /// What it is not asked to judge, and why.
    pub notices: Vec<Notice>,
    /// What it is asked to judge and cannot.
    pub doubts: Vec<Doubt>,
    documents: Vec<Document>,
}

/// Where something of a file stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    document: usize,
    trail: Trail,
}

impl Site {
    /// From here to the value of a key.
    #[must_use]
    pub fn key(&self, key: &str) -> Site {
        self.step(Segment::Key(key.to_owned()))
    }

    /// From here to an item of a list, from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Site {
        self.step(Segment::Index(index))
    }

    fn step(&self, segment: Segment) -> Site {
        Site { document: self.document, trail: self.trail.step(segment) }
    }
}

/// What a run is not asked to judge of an objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: `{slo}` {why}")]
pub struct Notice {
    /// Where.
    pub place: Place,
    /// The objective.
    pub slo: String,
    /// Why: `is not judged: …`.
    pub why: String,
}

/// What no run can judge, although the specification allows it: our own words are wrong, or ask for
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The objective; none where it concerns the file as a whole.
    pub slo: Option<String>,
    /// What is wrong, and what to write instead.
    pub problem: Problem,
}

impl std::fmt::Display for Doubt {
    /// On one line, with its place.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Problem { place, message, help, .. } = &self.problem;
        let whose =
            self.slo.as_ref().map_or("of this file nothing".to_owned(), |slo| format!("`{slo}`"));
        write!(f, "{place}: no run can judge {whose}: {message}")?;
        help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}

impl SloFile {
    /// A mistake at a place, found by whoever wants more of the file than the specification.
    #[must_use]
    pub fn problem(
        &self,
        site: &Site,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let (message, help) = (message.into(), help.into());
        match self.documents.get(site.document) {
            Some(document) => document.problem(&site.trail, message, help),
            None => Problem::of_file(&self.name, message, Some(&help)),
        }
    }

    /// The same as an error, which is to be small.
    #[must_use]
    pub fn refusal(
        &self,
        site: &Site,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Box<Problem> {
        Box::new(self.problem(site, message, help))
    }

    /// What keeps an objective from being judged, or any of them if none is named.
    pub fn doubts_of<'f>(&'f self, slo: Option<&'f str>) -> impl Iterator<Item = &'f Problem> {
        let concerns = move |doubt: &&Doubt| match (&doubt.slo, slo) {
            (None, _) | (_, None) => true,
            (Some(of), Some(slo)) => of == slo,
        };
        self.doubts.iter().filter(concerns).map(|doubt| &doubt.problem)
    }

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
    /// Where it stands.
    pub site: Site,
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

#[cfg(test)]
mod parity;
#[cfg(test)]
mod tests;

//! What compiling finds: problems that forbid the run, warnings that do not.
//!
//! Invariant: nothing stops at the first problem; each has its place and what to write instead.
//! Not here: how problems are shown (`spec`).

use crate::spec::{Document, LeftOut, Problem, Trail};

/// All so far.
#[derive(Debug)]
pub(super) struct Notes<'d> {
    document: &'d Document,
    left_out: &'d LeftOut,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl<'d> Notes<'d> {
    /// None yet.
    pub(super) fn new(document: &'d Document, left_out: &'d LeftOut) -> Notes<'d> {
        Notes { document, left_out, problems: Vec::new(), warnings: Vec::new() }
    }

    /// What the scenario had besides. What is said of an entry from what another one holds must
    /// ask here first: both [`Notes::value`] and [`Notes::entry`] only look at the entry itself.
    pub(super) fn left_out(&self) -> &'d LeftOut {
        self.left_out
    }

    /// The scenario as it was decoded, secrets masked: YAML.
    pub(super) fn resolved(&self) -> String {
        self.document.resolved()
    }

    /// The value there is wrong.
    pub(super) fn value(&mut self, trail: &Trail, message: String, help: impl Into<String>) {
        let trail = self.left_out.original(trail);
        if self.left_out.is_certain(&trail) {
            self.problems.push(self.document.problem(&trail, message, help));
        }
    }

    /// The entry there is wrong, or lacks something.
    pub(super) fn entry(&mut self, trail: &Trail, message: String, help: impl Into<String>) {
        let trail = self.left_out.original(trail);
        if self.left_out.is_certain(&trail) {
            self.problems.push(self.document.problem_of_entry(&trail, message, help));
        }
    }

    /// Nothing has the name that is written there. `known` are the names that are there in these
    /// sections, called `kinds` in messages.
    pub(super) fn unknown(
        &mut self,
        trail: &Trail,
        name: &str,
        message: String,
        (sections, kinds): (&[&str], &str),
        known: &[&str],
    ) {
        if sections.iter().any(|section| self.left_out.had(section, name)) {
            return;
        }
        let left_out = sections.iter().flat_map(|section| self.left_out.names(section));
        let known: Vec<&str> = known.iter().copied().chain(left_out).collect();
        self.unknown_word(trail, message, instead(name, kinds, &known));
    }

    /// A word there means nothing, whatever else is wrong.
    pub(super) fn unknown_word(&mut self, trail: &Trail, message: String, help: String) {
        let trail = self.left_out.original(trail);
        if !self.left_out.is_wrong(&trail) {
            self.problems.push(self.document.problem(&trail, message, help));
        }
    }

    /// The run may go on, but the user should know.
    pub(super) fn warn(&mut self, sentence: String) {
        self.warnings.push(sentence);
    }

    /// Where an entry was written, for reports.
    pub(super) fn place(&self, trail: &Trail) -> assay_slo::case::Place {
        let (file, line) = self.document.written(&self.left_out.original(trail));
        assay_slo::case::Place { file: file.to_owned(), line }
    }
}

/// `a, b and c`, each as code; at most eight.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [few @ .., last] if few.len() < 8 => format!("{} and {last}", few.join(", ")),
        [first @ .., _] => {
            let shown: Vec<&str> = first.iter().take(8).map(String::as_str).collect();
            format!("{} and {} more", shown.join(", "), names.len() - shown.len())
        }
    }
}

/// What to write instead of an unknown name: the nearest known one, else all of them.
pub(super) fn instead(name: &str, kinds: &str, known: &[&str]) -> String {
    // The work of comparing grows with the square of the length.
    let short = |text: &&&str| text.len() <= 100 && name.len() <= 100;
    let nearest = known
        .iter()
        .filter(short)
        .map(|other| (strsim::normalized_damerau_levenshtein(name, other), *other))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness >= 0.6);
    match nearest {
        Some((_, other)) => format!("did you mean `{other}`?"),
        None if known.is_empty() => format!("the scenario has no {kinds}"),
        None => format!("the {kinds} are {}", list(known.iter().copied())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_and_suggested() {
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
        let many: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let listed = list(many.iter().map(String::as_str));
        assert!(listed.ends_with("`7` and 12 more"), "{listed}");
        assert_eq!(instead("backnd", "services", &["backend", "api"]), "did you mean `backend`?");
        assert_eq!(instead("x", "services", &["api", "b"]), "the services are `api` and `b`");
        assert_eq!(instead("x", "links", &[]), "the scenario has no links");
    }
}

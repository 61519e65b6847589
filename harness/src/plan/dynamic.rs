//! The parts of a request that differ from one sending to the next, and what is read from its
//! answer.
//!
//! Invariant: whoever cannot fill and read these must refuse the request, never send it without.
//! Not here: how a text is filled (`template`), reading answers (`client::asks`).

use super::answer::{Capture, Check, Reads};
use super::rows::Rows;
use super::template::{Filling, Template, Unfilled};
use super::text::UnknownPlaceholder;
use std::sync::Arc;

/// What changes, and what is asked. The other parts of [`super::Request`] stand as they are; in
/// theirs these places look as if all values were `0`.
#[derive(Debug, Clone, Default)]
pub struct Dynamic {
    /// Path and query, with the service's prefix.
    pub path: Option<Template>,
    /// Headers, by name.
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Option<Template>,
    /// Headers whose value is empty are not sent: each request of a log has some of them.
    pub sparse: bool,
    /// What must be so besides the status, in order.
    pub checks: Vec<Check>,
    /// Texts of checks: which check, and what its text is filled with.
    pub wanted: Vec<(usize, Template)>,
    /// What later steps use, in order.
    pub captures: Vec<Capture>,
}

/// The parts of one sending that take the place of the fixed ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filled {
    /// Path and query.
    pub path: Option<String>,
    /// Headers: name and value.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
}

impl Dynamic {
    /// Whether there is nothing that changes and nothing that is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_fixed() && self.checks.is_empty() && self.captures.is_empty()
    }

    /// Whether every sending is alike.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.templates().next().is_none()
    }

    /// All texts that change.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let headers = self.headers.iter().map(|(_, value)| value);
        let wanted = self.wanted.iter().map(|(_, text)| text);
        self.path.iter().chain(headers).chain(&self.body).chain(wanted)
    }

    /// The sets that its values come from; one may be there more than once.
    pub fn sets(&self) -> impl Iterator<Item = &Arc<Rows>> {
        self.templates().flat_map(Template::sets)
    }

    /// How much of an answer's body must be read.
    #[must_use]
    pub fn reads(&self) -> Reads {
        let checks = self.checks.iter().map(Check::reads);
        checks.chain(self.captures.iter().map(Capture::reads)).max().unwrap_or(Reads::Nothing)
    }

    /// Fills in what the start has decided.
    ///
    /// # Errors
    /// The first placeholder that `known` does not know.
    pub fn start(
        &mut self,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), UnknownPlaceholder> {
        let headers = self.headers.iter_mut().map(|(_, value)| value);
        let wanted = self.wanted.iter_mut().map(|(_, text)| text);
        let all = self.path.iter_mut().chain(headers).chain(self.body.iter_mut());
        all.chain(wanted).try_for_each(|template| template.start(known))
    }

    /// The parts of one sending.
    ///
    /// # Errors
    /// See [`Unfilled`]; then it must not be sent.
    pub fn fill(&self, filling: &Filling<'_>, now: &str) -> Result<Filled, Unfilled> {
        let one = |template: &Option<Template>| {
            template.as_ref().map(|template| template.fill(filling, now)).transpose()
        };
        let header =
            |(name, value): &(String, Template)| Ok((name.clone(), value.fill(filling, now)?));
        let headers = self.headers.iter().map(header);
        let mut headers = headers.collect::<Result<Vec<_>, Unfilled>>()?;
        headers.retain(|(_, value)| !self.sparse || !value.is_empty());
        Ok(Filled { path: one(&self.path)?, headers, body: one(&self.body)? })
    }

    /// The checks of one sending, where they have texts of its own.
    ///
    /// # Errors
    /// See [`Unfilled`]; then it must not be sent.
    pub fn asks(&self, filling: &Filling<'_>, now: &str) -> Result<Option<Vec<Check>>, Unfilled> {
        if self.wanted.is_empty() {
            return Ok(None);
        }
        let mut checks = self.checks.clone();
        for (at, text) in &self.wanted {
            let text = text.fill(filling, now)?;
            if let Some(wanted) = checks.get_mut(*at).and_then(Check::wanted) {
                wanted.text = text;
            }
        }
        Ok(Some(checks))
    }
}

//! Requests that an objective's terms leave out.
//!
//! Invariant: who refuses more than one in a hundred is not met on the rest.
//! Not here: which outcomes they are (`case::Terms`), leaving them out (`objective::measure`).

use super::{Measured, Question};
use crate::health::Doubt;

impl Measured {
    /// `; 12 excused (http_429)`.
    pub(super) fn excused_words(&self, question: &Question<'_>) -> String {
        match self.excused {
            0 => String::new(),
            n => format!("; {n} excused ({})", question.excused_names()),
        }
    }

    /// A service that refuses most must not be green on the rest.
    pub(super) fn too_many_excused(&self, question: &Question<'_>) -> Option<Doubt> {
        let all = u128::from(self.excused) + u128::from(self.tally.due());
        let many = u128::from(self.excused) * 100 > all;
        many.then(|| Doubt {
            reason: format!(
                "{} of {all} requests are excused ({}), and 1 % may be",
                self.excused,
                question.excused_names()
            ),
            missing: "a run in which fewer end like that, or an objective that counts them"
                .to_owned(),
        })
    }
}

impl Question<'_> {
    fn excused_names(&self) -> String {
        let names = self.objective.terms.excused.iter().map(|outcome| outcome.name());
        names.collect::<Vec<_>>().join(", ")
    }
}

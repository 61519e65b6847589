//! Placeholders in texts that are needed before anything starts.
//!
//! Invariant: what is filled later has a value then: `spec` refuses placeholders that do not exist
//! or have no value where they stand.
//! Not here: filling (`text`).

use super::notes::Notes;
use crate::plan::Text;
use crate::spec::Trail;
use crate::spec::scalar::Words;

/// The text, which may hold no placeholder.
pub(super) fn literal(words: &Words, trail: &Trail, notes: &mut Notes<'_>) -> String {
    Text(words.to_string()).literal().unwrap_or_else(|unknown| {
        let message = format!("`${{{}}}` cannot be used here", unknown.0);
        notes.value(trail, message, "write the value itself, or use ${vars.NAME}");
        words.to_string()
    })
}

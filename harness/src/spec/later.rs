//! What the grammar has and this version has not, or has elsewhere: refused by name, so that nobody
//! takes a key that is not built yet for a typing error, or for one that works.
//!
//! Invariant: a word leaves this table when its type gets it (a test compares the two).
//! Not here: placeholders that are not built yet (`placeholder`).

/// Keys or variants of a type that are not built yet.
const LATER: &[(&str, &[&str])] = &[];

/// Whether a type gets this key or variant in a later version.
pub(super) fn is_later(of: &str, word: &str) -> bool {
    later(of).contains(&word)
}

/// What a type gets in a later version.
pub(super) fn later(of: &str) -> &'static [&'static str] {
    LATER.iter().find(|(name, _)| *name == of).map_or(&[], |(_, words)| words)
}

/// Why a word has no meaning in a type, and where it has one, for words that people look for there.
pub(super) fn elsewhere(of: &str, word: &str) -> Option<(&'static str, &'static str)> {
    match (of, word) {
        ("Request", "use" | "pause") => Some((
            "is a step of a journey, and `requests` know nothing of each other",
            "write `journey:` in the place of `requests:`: its steps follow one another",
        )),
        _ => None,
    }
}

/// The table, for the tests.
#[cfg(test)]
pub(super) fn table() -> &'static [(&'static str, &'static [&'static str])] {
    LATER
}

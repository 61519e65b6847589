//! Words that people look for in one place of a scenario, and that have their meaning in another.
//!
//! Not here: words that have none anywhere (`suggest`).

/// Why a word has no meaning in a type, and where it has one.
pub(super) fn elsewhere(of: &str, word: &str) -> Option<(&'static str, &'static str)> {
    match (of, word) {
        ("Request", "use" | "pause") => Some((
            "is a step of a journey, and `requests` know nothing of each other",
            "write `journey:` in the place of `requests:`: its steps follow one another",
        )),
        _ => None,
    }
}

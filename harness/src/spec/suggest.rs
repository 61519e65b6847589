//! What somebody may have meant by a word that is not known.
//!
//! Not here: what is known (`check`, `overrides`, `placeholder`).

/// Longer words are not compared: the work grows with the square of the length.
const LONGEST: usize = 64;
/// Known words listed at most.
const LISTED: usize = 24;

/// `did you mean …`, or what is known; `what` names the known words.
pub(super) fn suggest(word: &str, known: &[&str], what: &str) -> String {
    if let Some(near) = nearest(word, known) {
        return format!("did you mean `{near}`?");
    }
    match known {
        [] => format!("there are no {what}"),
        _ => {
            let more = if known.len() > LISTED { ", …" } else { "" };
            let listed = known.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
            format!("{what}: {listed}{more}")
        }
    }
}

/// The known word that is most like this one, if it is like it at all.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.len() > LONGEST {
        return None;
    }
    let likeness = |known: &&'k str| {
        strsim::jaro_winkler(word, known).max(strsim::normalized_damerau_levenshtein(word, known))
    };
    known
        .iter()
        .filter(|known| known.len() <= LONGEST)
        .map(|known| (likeness(known), *known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

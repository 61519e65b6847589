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
    let letters = word.chars().count();
    let near = |known: &&'k str| {
        let (shorter, longer) = match known.chars().count() {
            known if known < letters => (known, letters),
            known => (letters, known),
        };
        let most = (shorter / 3).max(1).min(shorter.saturating_sub(1));
        // The lengths alone tell most of them apart.
        let far = (longer - shorter <= most).then(|| strsim::osa_distance(word, known))?;
        (far <= most).then_some((far, *known))
    };
    let all = known.iter().filter(|known| known.len() <= LONGEST).filter_map(near);
    all.min_by_key(|(far, _)| *far).map(|(_, known)| known)
}

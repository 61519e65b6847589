//! A file of variables (`env_file`), line by line, as Compose reads it.
//!
//! Invariant: a comment is none of a value, or the override would give it to whoever asks for that.
//! Not here: which files there are (`project`).

use super::project::pair;

/// A line of a file of variables, as an override says the same, and whether it has a `$` that not
/// every Compose replaces.
pub(super) fn line(text: &str) -> Option<(String, String, bool)> {
    let text = text.trim();
    let text = text.strip_prefix("export ").unwrap_or(text);
    let (key, value) = pair(text).filter(|_| !text.starts_with('#'))?;
    let value = uncommented(value.trim());
    let within = |quote: char| value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote));
    match within('\'') {
        Some(literal) => Some((key, literal.replace('$', "$$"), false)),
        None => {
            let bare = within('"').unwrap_or(value);
            Some((key, bare.to_owned(), bare.contains('$')))
        }
    }
}

/// A value of such a line without the comment behind it, which a space or a tab parts from it.
fn uncommented(value: &str) -> &str {
    let quoted = ['\'', '"'].into_iter().find_map(|quote| {
        let end = value.strip_prefix(quote)?.find(quote)? + 2;
        let (quoted, rest) = value.split_at_checked(end)?;
        rest.trim_start().starts_with('#').then_some(quoted)
    });
    let bare = || {
        let is_quoted = value.starts_with(['\'', '"']);
        let sign = value
            .match_indices('#')
            .find(|(at, _)| value.get(..*at).is_some_and(|before| before.ends_with([' ', '\t'])));
        sign.filter(|_| !is_quoted).and_then(|(at, _)| value.get(..at)).unwrap_or(value)
    };
    quoted.unwrap_or_else(bare).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_behind_a_variable_of_a_file_is_none_of_its_value() {
        for (text, value) in [
            ("A=db:5432 # ours", "db:5432"),
            ("A=db:5432\t# ours", "db:5432"),
            ("A=http://db/#top", "http://db/#top"),
            ("A='a # b' # c", "a # b"),
            ("A=\"a # b\"", "a # b"),
            ("A=#", "#"),
        ] {
            assert_eq!(line(text).unwrap().1, value, "{text}");
        }
    }
}

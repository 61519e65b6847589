//! Filling the placeholders that are left in a [`Text`].
//!
//! Invariant: nothing is filled halfway: an unknown placeholder is an error that names it.
//! Not here: which placeholders exist where (`references`), `vars` and `env` (`spec`).

use super::Text;

/// A placeholder whose value is not known; holds what stands between `${` and `}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${{{0}}}` is not known here")]
pub struct UnknownPlaceholder(pub String);

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// As it is.
    Literal(&'t str),
    /// What stands between `${` and `}`, or up to the end where the brace is missing.
    Reference(&'t str),
}

/// The first piece of a text and the rest.
fn split(text: &str) -> Option<(Piece<'_>, &str)> {
    if let Some(rest) = text.strip_prefix("$${") {
        return Some((Piece::Literal("${"), rest));
    }
    if let Some(inside) = text.strip_prefix("${") {
        let (name, rest) = inside.split_once('}').unwrap_or((inside, ""));
        return Some((Piece::Reference(name.trim()), rest));
    }
    let found = ["$${", "${"].iter().filter_map(|mark| text.find(mark)).min();
    let (literal, rest) = text.split_at(found.unwrap_or(text.len()));
    (!literal.is_empty()).then_some((Piece::Literal(literal), rest))
}

impl Text {
    /// Its pieces, in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            let (piece, after) = split(rest)?;
            rest = after;
            Some(piece)
        })
    }

    /// The placeholders in it, in order, without `${` and `}`.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Reference(name) => Some(name),
            Piece::Literal(_) => None,
        })
    }

    /// The text with its placeholders replaced; `known` gets `services.api.addr` and the like.
    ///
    /// # Errors
    /// The first placeholder that `known` does not know.
    pub fn fill(
        &self,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, UnknownPlaceholder> {
        self.pieces().try_fold(String::new(), |mut filled, piece| {
            match piece {
                Piece::Literal(literal) => filled.push_str(literal),
                Piece::Reference(name) => match known(name) {
                    Some(value) => filled.push_str(&value),
                    None => return Err(UnknownPlaceholder(name.to_owned())),
                },
            }
            Ok(filled)
        })
    }

    /// The same for the text of a JSON value: what is filled in stays inside its string.
    ///
    /// # Errors
    /// As [`Text::fill`].
    pub fn fill_json(
        &self,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, UnknownPlaceholder> {
        self.fill(&|name| known(name).map(|value| in_json(&value)))
    }
}

/// A text as it stands between the quotes of a JSON string.
#[must_use]
pub fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

/// A text that holds no placeholder, as it reads: `spec` refuses placeholders where none can have
/// a value yet.
pub(super) fn literal(words: &impl std::fmt::Display) -> String {
    words.to_string().replace("$${", "${")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known(name: &str) -> Option<String> {
        match name {
            "services.api.addr" => Some("127.0.0.1:20001".to_owned()),
            "run.dir" => Some("/tmp/${run.id}".to_owned()),
            _ => None,
        }
    }

    fn fill(text: &str) -> Result<String, UnknownPlaceholder> {
        Text(text.to_owned()).fill(&known)
    }

    #[test]
    fn replaces_what_is_known_once() {
        assert_eq!(fill("http://${services.api.addr}/x"), Ok("http://127.0.0.1:20001/x".into()));
        assert_eq!(fill("${run.dir}!"), Ok("/tmp/${run.id}!".into()), "values are not read again");
        assert_eq!(fill("${ run.dir }"), fill("${run.dir}"));
        assert_eq!(fill("a $${b} $ {c} $"), Ok("a ${b} $ {c} $".into()));
        assert_eq!(fill(""), Ok(String::new()));
        assert_eq!(fill("ü$${ü${run.dir}ü"), Ok("ü${ü/tmp/${run.id}ü".into()));
    }

    #[test]
    fn names_what_is_unknown() {
        assert_eq!(fill("a${nope}b"), Err(UnknownPlaceholder("nope".into())));
        assert_eq!(fill("a${run.dir"), fill("a${run.dir}"), "the brace at the end may be missing");
        assert_eq!(UnknownPlaceholder("x.y".into()).to_string(), "`${x.y}` is not known here");
        assert_eq!(literal(&"$${x} $"), "${x} $");
    }

    #[test]
    fn what_is_filled_into_json_stays_inside_its_string() {
        let odd = "a\"b\\c\n${run.id}\u{7}ü";
        let filled = |text: &str| {
            Text(text.to_owned()).fill_json(&|name| (name == "run.dir").then(|| odd.to_owned()))
        };
        let body = filled(r#"{"dir":"<${run.dir}>","n":1}"#).unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body, serde_json::json!({"dir": format!("<{odd}>"), "n": 1}));
        assert_eq!(filled("${nope}"), Err(UnknownPlaceholder("nope".into())));
    }

    #[test]
    fn lists_references_in_order() {
        let text = Text("${a.b} $${c} ${d}${a.b}".into());
        assert_eq!(text.references().collect::<Vec<_>>(), ["a.b", "d", "a.b"]);
    }

    proptest! {
        #[test]
        fn any_value_survives_json(value in any::<String>()) {
            let text = Text(r#"["${x}"]"#.to_owned());
            let filled = text.fill_json(&|_| Some(value.clone())).unwrap();
            let read: Vec<String> = serde_json::from_str(&filled).unwrap();
            prop_assert_eq!(read, [value]);
        }

        #[test]
        fn any_text_is_read_to_its_end(text in "[$\\{\\}a ü]{0,40}") {
            let filled = Text(text.clone()).fill(&|name| Some(format!("<{name}>")));
            prop_assert!(filled.is_ok());
            let escaped = Text(text.replace("${", "$${"));
            if !text.contains("$$") {
                prop_assert_eq!(escaped.fill(&|_| None), Ok(text));
            }
        }
    }
}

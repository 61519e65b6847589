//! JSON without its credentials, every other byte as it came.
//!
//! Invariant: numbers, spaces and the order of fields stay as they are written.
//! Not here: what of an answer is kept (`routes`).

use crate::spec::{MASK, mask};
use serde_json::Value;

/// Parts of the names of fields that hold credentials.
const SECRET: [&str; 13] = [
    "token",
    "password",
    "passwd",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
    "session",
    "signature",
    "jwt",
];

/// A piece of JSON.
enum Token<'t> {
    /// In its quotes.
    Text(&'t str),
    Number(&'t str),
    /// A sign, a space, or a letter of another word.
    Other(&'t str),
}

/// The text, of which texts and numbers are hidden in fields whose names say that they are
/// credentials, and secrets wherever they stand as a value.
pub(super) fn veiled(text: &str, secrets: &[String]) -> String {
    let mut kept = String::with_capacity(text.len());
    // Whether the value that comes next is that of such a field.
    let mut hidden = false;
    for (token, after) in tokens(text) {
        match token {
            Token::Text(quoted) if after.trim_start().starts_with(':') => {
                hidden = is_secret(&read(quoted));
                kept.push_str(quoted);
                continue;
            }
            Token::Text(quoted) => {
                let value = read(quoted);
                let shown = if hidden { MASK.to_owned() } else { mask(&value, secrets) };
                match shown == value {
                    true => kept.push_str(quoted),
                    false => kept.push_str(&Value::from(shown).to_string()),
                }
            }
            Token::Number(number) if hidden || secrets.iter().any(|secret| secret == number) => {
                kept.push_str(&Value::from(MASK).to_string());
            }
            Token::Number(other) => kept.push_str(other),
            Token::Other(other) => {
                kept.push_str(other);
                if other == ":" || other.trim().is_empty() {
                    continue;
                }
            }
        }
        hidden = false;
    }
    kept
}

/// Whether JSON holds a number that reads back as another text: more digits than a number keeps, or
/// zeros at its end.
pub(super) fn rounds(text: &str) -> bool {
    tokens(text).any(|(token, _)| match token {
        Token::Number(number) => {
            let again = serde_json::from_str::<Value>(number).map(|value| value.to_string());
            again.is_ok_and(|again| again != number)
        }
        Token::Text(_) | Token::Other(_) => false,
    })
}

/// The tokens of JSON that was read as such, each with what comes after it.
fn tokens(text: &str) -> impl Iterator<Item = (Token<'_>, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let long = match first {
            '"' => 1 + inside(rest.get(1..)?),
            '-' | '0'..='9' => {
                rest.find(|c: char| !"+-.eE0123456789".contains(c)).unwrap_or(rest.len())
            }
            other => other.len_utf8(),
        };
        let (token, after) = rest.split_at_checked(long)?;
        rest = after;
        let token = match first {
            '"' => Token::Text(token),
            '-' | '0'..='9' => Token::Number(token),
            _ => Token::Other(token),
        };
        Some((token, after))
    })
}

/// How many bytes a text in quotes has after its first quote, with its last one.
fn inside(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}

fn read(quoted: &str) -> String {
    serde_json::from_str(quoted).unwrap_or_default()
}

fn is_secret(name: &str) -> bool {
    let bare: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    SECRET.iter().any(|part| bare.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_credentials_are_other_bytes() {
        let secrets = ["hunter2".to_owned(), "77".to_owned(), "q\"q".to_owned()];
        for (text, kept) in [
            (r#"{"big":123456789012345678901234567890,"password":"x"}"#, 1),
            (r#"{ "usd": 1.0800,  "Api-Key" : "\"x\\" , "n":1E5 }"#, 1),
            (r#"{"token":5,"a":["hunter2!",77,770],"token":-1.50e3}"#, 4),
            (r#"{"jwt":{"x":"é\/","session":null},"cookie":true,"n":"y"}"#, 0),
            (r#"{"s":"q\"q","token":"password"}"#, 2),
            (r#"["token","password:",{"hunter2":0}]"#, 0),
        ] {
            let veiled = veiled(text, &secrets);
            assert_eq!(veiled.matches("***").count(), kept, "{veiled}");
            assert!(kept > 0 || veiled == text, "{veiled}");
            assert!(serde_json::from_str::<Value>(&veiled).is_ok(), "{veiled}");
        }
        let long = r#"{"big":123456789012345678901234567890,"password":"***"}"#;
        assert_eq!(veiled(&long.replace("***", "x"), &[]), long);
        let spaced = r#"{ "usd": 1.0800,  "Api-Key" : "***" , "n":1E5 }"#;
        assert_eq!(veiled(&spaced.replace("***", "\\\"x\\\\"), &[]), spaced);
    }

    #[test]
    fn numbers_that_read_back_otherwise_are_found() {
        for odd in ["[1.0800]", "[12345678901234567890123]", r#"{"a\"1":-0}"#, "[1E5]"] {
            assert!(rounds(odd), "{odd}");
        }
        for plain in [r#"{"a": "1.0800", "b": -12, "c": 1.08, "d": "\\"}"#, "[0, 1.5, null]"] {
            assert!(!rounds(plain), "{plain}");
        }
    }

    proptest! {
        #[test]
        fn json_without_credentials_is_untouched(texts in prop::collection::vec(any::<String>(), 0..4)) {
            let text = Value::from(texts).to_string();
            prop_assert_eq!(veiled(&text, &[]), text);
        }
    }
}

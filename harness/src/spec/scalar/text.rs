//! Names, texts and free JSON.
//!
//! Invariant: text is text: an unquoted float or boolean is refused, because `1.10` would
//! arrive as `1.1`.
//! Not here: placeholders in texts (`placeholder`).

use super::{Scalar, Wrong, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// The name of an entry, or of a request (`POST /login`): one line, 1 to 100 characters.
/// Names of entries are checked by [`entry_name`] as well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub String);

/// Any text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Words(pub String);

/// Any JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Free(pub Value);

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Words {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    /// Hash and order are the text's, so maps by name can be asked with text.
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

derive_scalar!(Name, Words, Free);

/// Checks the name of a map entry: letters, digits, `_` and `-`, first a letter or digit, so that
/// `NAME.start` and `--set load.NAME.…` can refer to it.
///
/// # Errors
/// [`Wrong`] says what a name is made of.
pub fn entry_name(name: &str) -> Result<(), Wrong> {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    match name.len() {
        1..=100 if first && rest => Ok(()),
        1..=100 => Err(Wrong::new(
            format!("{} is not a name", quoted(&name)),
            "write letters, digits, `-` and `_`, a letter or digit first",
        )),
        _ => Err(Wrong::new(
            format!("{} is not a name: it has {} bytes", quoted(&name), name.len()),
            "write 1 to 100 letters, digits, `-` and `_`",
        )),
    }
}

impl Scalar for Name {
    const NAME: &'static str = "Name";
    const WANTED: &'static str = "a name such as checkout";

    fn read(value: &Value) -> Result<Name, Wrong> {
        let text = letters::<Name>(value)?;
        let help = "write 1 to 100 characters on one line";
        match text.chars().count() {
            0 => Err(Wrong::new("a name is empty", help)),
            1..=100 if text.chars().any(char::is_control) => {
                Err(Wrong::new(format!("{} is not on one line", quoted(&text)), help))
            }
            1..=100 => Ok(Name(text)),
            many => Err(Wrong::new(format!("a name has {many} characters"), help)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0.clone())
    }

    fn schema() -> Value {
        json!({
            "type": ["string", "integer"], "minLength": 1, "maxLength": 100,
            "examples": ["checkout", "POST /login"],
        })
    }
}

impl Scalar for Words {
    const NAME: &'static str = "Words";
    const WANTED: &'static str = "text";

    fn read(value: &Value) -> Result<Words, Wrong> {
        let text = letters::<Words>(value)?;
        match text.contains('\0') {
            true => Err(Wrong::new("a text holds the character NUL", "leave it out")),
            false => Ok(Words(text)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0.clone())
    }

    fn schema() -> Value {
        json!({"type": ["string", "integer"], "examples": ["text"]})
    }
}

impl Scalar for Free {
    const NAME: &'static str = "Free";
    const WANTED: &'static str = "any value";

    fn read(value: &Value) -> Result<Free, Wrong> {
        Ok(Free(value.clone()))
    }

    fn write(&self) -> Value {
        self.0.clone()
    }

    fn schema() -> Value {
        json!({"description": "Any JSON."})
    }
}

/// Text, or an integer as its digits.
fn letters<S: Scalar>(value: &Value) -> Result<String, Wrong> {
    let quote = |what: &str, help: String| {
        let message = format!("{} is {what} where {} is wanted", quoted(value), S::WANTED);
        Wrong::new(message, help)
    };
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        Value::Number(_) => {
            Err(quote("a number", "quote it as it stands: 1.10 would arrive as 1.1".to_owned()))
        }
        Value::Bool(_) => Err(quote("a boolean", format!("quote it: \"{value}\""))),
        Value::Null => Err(Wrong::new(
            format!("nothing where {} is wanted", S::WANTED),
            format!("write {}, or \"\" for empty text", S::WANTED),
        )),
        other => Err(shape::<S>(other)),
    }
}

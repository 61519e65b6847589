//! Scalars of files that other tools read as well: JSON's own types, from which nothing is converted.
//!
//! Invariant: what another reader takes for a number or a boolean is no text here.
//! Not here: the scenario's own texts and flags, which placeholders may have become (`text`, `number`).

use super::{Scalar, Wrong, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// Text, and nothing that would have to be turned into it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(pub String);

/// `true` or `false`, unquoted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Truth(pub bool);

derive_scalar!(Text, Truth);

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scalar for Text {
    const NAME: &'static str = "Text";
    const WANTED: &'static str = "text";

    fn read(value: &Value) -> Result<Text, Wrong> {
        match value {
            Value::String(text) => Ok(Text(text.clone())),
            Value::Number(_) | Value::Bool(_) => {
                let message = format!("{} is not text", quoted(value));
                Err(Wrong::new(message, format!("quote it: \"{value}\"")))
            }
            other => Err(shape::<Text>(other)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0.clone())
    }

    fn schema() -> Value {
        json!({"type": "string", "examples": ["text"]})
    }
}

impl Scalar for Truth {
    const NAME: &'static str = "Truth";
    const WANTED: &'static str = "true or false";

    fn read(value: &Value) -> Result<Truth, Wrong> {
        match value {
            Value::Bool(truth) => Ok(Truth(*truth)),
            Value::String(text) => {
                let message = format!("{} is text, neither true nor false", quoted(text));
                Err(Wrong::new(message, "write true or false, without quotes"))
            }
            other => Err(shape::<Truth>(other)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0)
    }

    fn schema() -> Value {
        json!({"type": "boolean", "examples": [true, false]})
    }
}

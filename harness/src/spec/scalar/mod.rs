//! The scalars of the grammar: numbers with units, names, texts, moments.
//!
//! Invariant: each is read from text as well as from its own YAML type, so that a replaced
//! placeholder (always text) works everywhere; except those of files that others read, too (`strict`).
//! Invariant: every one is exact: integers of µs, of requests in 1000 s, of parts per billion.
//! Not here: where in the file a mistake is (`locate`); what needs two values at once (`plan`).

mod bound;
pub(super) mod decimal;
mod factor;
mod number;
mod pace;
mod quantity;
mod size;
mod span;
mod status;
mod strict;
mod text;
mod time;

pub use bound::Bound;
pub use factor::{Factor, Multiplier};
pub use number::{Count, Flag, Percentile, Rate, Ratio};
pub use pace::Pace;
pub use quantity::{Growth, Quantity};
pub use size::{Bandwidth, Size};
pub use span::Span;
pub use status::{Status, Statuses};
pub use strict::{Text, Truth};
pub use text::{Free, Name, Words, entry_name};
pub use time::{Duration, Edge, Moment, Uniform};

use serde_json::Value;

/// Why a value is refused: what is wrong with it, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct Wrong {
    /// What is wrong, quoting the value: `` `500` has no unit ``.
    pub message: String,
    /// What to write instead: `write a duration with its unit, such as 500ms`.
    pub help: String,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), help: help.into() }
    }
}

/// A value of the grammar that is one YAML scalar, or can be written as one.
pub trait Scalar: Sized {
    /// Its name in the JSON Schema.
    const NAME: &'static str;

    /// What to write, for messages: `a duration such as 500ms, 10s or 2m30s`.
    const WANTED: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// [`Wrong`] says what to write instead.
    fn read(value: &Value) -> Result<Self, Wrong>;

    /// Its canonical form; [`Scalar::read`] of it gives the same value.
    fn write(&self) -> Value;

    /// Its JSON Schema.
    fn schema() -> Value;
}

/// Derives serde and schemars from [`Scalar`], so that all three say the same.
macro_rules! derive_scalar {
    ($($name:ty),+ $(,)?) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::spec::scalar::Scalar::write(self).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                $crate::spec::scalar::Scalar::read(&value).map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                <Self as $crate::spec::scalar::Scalar>::NAME.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as $crate::spec::scalar::Scalar>::schema().try_into().unwrap_or_default()
            }
        }
    )+};
}
use derive_scalar;

/// Refuses a value whose shape is wrong: a list where a duration is wanted.
pub(super) fn shape<S: Scalar>(value: &Value) -> Wrong {
    let (found, help) = match value {
        Value::Null => ("nothing", "write"),
        Value::Bool(_) => ("a boolean", "write"),
        Value::Number(_) => ("a number", "write"),
        Value::String(_) => ("text", "write"),
        Value::Array(_) => ("a list", "write"),
        Value::Object(_) => ("a map", "write"),
    };
    Wrong::new(format!("{found} where {} is wanted", S::WANTED), format!("{help} {}", S::WANTED))
}

/// A value as a message quotes it: short, on one line.
pub(super) fn quoted(value: &impl ToString) -> String {
    const MOST: usize = 60;
    let text: String = value.to_string().chars().flat_map(char::escape_debug).collect();
    let text = text.replace("\\\"", "\"").replace("\\'", "'");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests;

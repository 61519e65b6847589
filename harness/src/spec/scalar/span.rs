//! Pauses: one length of time, or any between two.
//!
//! Not here: single lengths (`time`).

use super::{Duration, Scalar, Uniform, Wrong, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// A length of time, or any between two, alike: `2s`, `1s..3s`, or `{min: 1s, max: 3s}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The least, µs.
    pub min_us: u64,
    /// The greatest, µs; never less than the least.
    pub max_us: u64,
}

derive_scalar!(Span);

impl Scalar for Span {
    const NAME: &'static str = "Span";
    const WANTED: &'static str = "a pause such as 500ms or 1s..3s";

    fn read(value: &Value) -> Result<Span, Wrong> {
        match value {
            Value::String(text) if !text.contains("..") => {
                let Duration { us } = Duration::read(value)?;
                Ok(Span { min_us: us, max_us: us })
            }
            Value::Number(number) => Err(Wrong::new(
                format!("{} has no unit", quoted(number)),
                format!("write a pause with its unit, such as {number}ms or {number}s"),
            )),
            Value::String(_) | Value::Object(_) => {
                Uniform::read(value).map(|Uniform { min_us, max_us }| Span { min_us, max_us })
            }
            other => Err(shape::<Span>(other)),
        }
    }

    fn write(&self) -> Value {
        match self.min_us == self.max_us {
            true => Duration { us: self.min_us }.write(),
            false => Uniform { min_us: self.min_us, max_us: self.max_us }.write(),
        }
    }

    fn schema() -> Value {
        json!({
            "anyOf": [Duration::schema(), Uniform::schema()],
            "examples": ["500ms", "1s..3s", {"min": "1s", "max": "3s"}],
        })
    }
}

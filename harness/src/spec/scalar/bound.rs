//! Limits that are a count or a share.
//!
//! Not here: counts and shares by themselves (`number`).

use super::{Count, Ratio, Scalar, Wrong, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// So many, or a share of all: `0`, `3`, `0.1%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// So many.
    Count(Count),
    /// A share of all.
    Share(Ratio),
}

derive_scalar!(Bound);

impl Scalar for Bound {
    const NAME: &'static str = "Bound";
    const WANTED: &'static str = "a count such as 0, or a share such as 0.1%";

    fn read(value: &Value) -> Result<Bound, Wrong> {
        match value {
            Value::String(text) if text.trim_end().ends_with('%') => {
                Ratio::read(value).map(Bound::Share)
            }
            Value::String(_) | Value::Number(_) => {
                Count::read(value).map(Bound::Count).map_err(|_| {
                    let message =
                        format!("{} is neither a count nor a share", quoted(&plain(value)));
                    Wrong::new(message, format!("write {}", Bound::WANTED))
                })
            }
            other => Err(shape::<Bound>(other)),
        }
    }

    fn write(&self) -> Value {
        match self {
            Bound::Count(count) => count.write(),
            Bound::Share(share) => share.write(),
        }
    }

    fn schema() -> Value {
        json!({"anyOf": [Count::schema(), Ratio::schema()], "examples": [0, "0.1%"]})
    }
}

/// A text without its quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

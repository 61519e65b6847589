//! Limits that are a share or a rate.
//!
//! Not here: shares and rates by themselves (`number`).

use super::{Rate, Ratio, Scalar, Wrong, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// A share of what is offered, or a rate: `99%`, `300/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A share of what is offered.
    Share(Ratio),
    /// Requests in time.
    Rate(Rate),
}

derive_scalar!(Pace);

impl Scalar for Pace {
    const NAME: &'static str = "Pace";
    const WANTED: &'static str = "a share such as 99%, or a rate such as 300/s";

    fn read(value: &Value) -> Result<Pace, Wrong> {
        match value {
            Value::String(text) if text.trim_end().ends_with('%') => {
                Ratio::read(value).map(Pace::Share)
            }
            Value::String(text) if text.contains('/') => Rate::read(value).map(Pace::Rate),
            Value::String(_) | Value::Number(_) => {
                let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let message = format!("{} is neither a share nor a rate", quoted(&plain));
                Err(Wrong::new(message, format!("write {}", Pace::WANTED)))
            }
            other => Err(shape::<Pace>(other)),
        }
    }

    fn write(&self) -> Value {
        match self {
            Pace::Share(share) => share.write(),
            Pace::Rate(rate) => rate.write(),
        }
    }

    fn schema() -> Value {
        json!({"anyOf": [Ratio::schema(), Rate::schema()], "examples": ["99%", "300/s"]})
    }
}

//! Factors: times as many, and plain multipliers.
//!
//! Invariant: exact to thousandths, read from the decimal text.
//! Not here: shares (`number`).

use super::{Scalar, Wrong, decimal, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// Times as many as usual: `2x`, `1.5x`; at most a million, exact to thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor {
    /// Thousandths.
    pub milli: u64,
}

/// Times the one before: `2`, `1.5`; at most a million, exact to thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Multiplier {
    /// Thousandths.
    pub milli: u64,
}

derive_scalar!(Factor, Multiplier);

/// The greatest, in thousandths.
const MOST_MILLI: u64 = 1_000_000_000;

impl Scalar for Factor {
    const NAME: &'static str = "Factor";
    const WANTED: &'static str = "a factor such as 2x or 1.5x";

    fn read(value: &Value) -> Result<Factor, Wrong> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => return Err(shape::<Factor>(other)),
        };
        let Some(number) = text.strip_suffix('x') else {
            return Err(match decimal::read(&text, 3) {
                Err(decimal::Refused::Form) => not_one(&text, "a factor", Factor::WANTED),
                _ => Wrong::new(
                    format!("{} has no unit", quoted(&text)),
                    format!("write a factor such as {text}x"),
                ),
            });
        };
        let milli = milli(&text, number.trim_end(), "a factor", Factor::WANTED)?;
        Ok(Factor { milli })
    }

    fn write(&self) -> Value {
        Value::from(self.to_string())
    }

    fn schema() -> Value {
        json!({
            "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*x\s*$|\$\{",
            "examples": ["2x", "1.5x"],
        })
    }
}

impl std::fmt::Display for Factor {
    /// As it is written: `1.5x`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x", decimal::write(self.milli, 3))
    }
}

impl Scalar for Multiplier {
    const NAME: &'static str = "Multiplier";
    const WANTED: &'static str = "a number such as 2 or 1.5";

    fn read(value: &Value) -> Result<Multiplier, Wrong> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => return Err(shape::<Multiplier>(other)),
        };
        let milli = milli(&text, &text, "a number", Multiplier::WANTED)?;
        Ok(Multiplier { milli })
    }

    fn write(&self) -> Value {
        Value::from(decimal::write(self.milli, 3))
    }

    fn schema() -> Value {
        json!({
            "type": ["number", "string"], "minimum": 0,
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*$|\$\{", "examples": [2, 1.5],
        })
    }
}

fn milli(whole: &str, number: &str, what: &str, wanted: &str) -> Result<u64, Wrong> {
    let wrong = |why: &str, help: &str| Wrong::new(format!("{} {why}", quoted(&whole)), help);
    match decimal::read(number, 3) {
        Ok(milli) if milli <= MOST_MILLI => Ok(milli),
        Ok(_) | Err(decimal::Refused::TooBig) => {
            Err(wrong("is too great", "write at most 1000000"))
        }
        Err(decimal::Refused::TooFine) => Err(wrong("is too exact", "write at most 3 decimals")),
        Err(decimal::Refused::Form) => Err(not_one(whole, what, wanted)),
    }
}

fn not_one(text: &str, what: &str, wanted: &str) -> Wrong {
    Wrong::new(format!("{} is not {what}", quoted(&text)), format!("write {wanted}"))
}

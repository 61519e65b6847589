//! Numbers: counts, flags, and those with a unit: rates, shares, percentiles.
//!
//! Invariant: read from the decimal text, never through a float's noise: 99.9 is 999 000 000
//! parts per billion.
//! Not here: lengths of time (`time`).

use super::{Scalar, Wrong, decimal, derive_scalar, quoted, shape};
use assay_slo::Share;
use serde_json::{Value, json};

/// A whole number from 0 to 2⁶⁴ − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Count(pub u64);

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flag(pub bool);

/// Requests in time: `300/s`, `20/m`, `0.5/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Thousandths of a request a minute: `1/s` is 60 000, `20/m` is 20 000; exact for all that
    /// can be written.
    pub milli_per_min: u64,
}

/// A share from 0 to 100 %, exact to parts per billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(pub Share);

/// A percentile above 0 and below 100: 95 is 950 000 000 parts per billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentile(pub Share);

/// One request a minute, in the unit of a [`Rate`].
const MINUTE: u64 = 1000;
/// One request a second.
const SECOND: u64 = 60 * MINUTE;

impl Rate {
    /// The greatest: 10 000 000 requests a second.
    pub const MOST: Rate = Rate { milli_per_min: 10_000_000 * SECOND };
}

derive_scalar!(Count, Flag, Rate, Ratio, Percentile);

impl Scalar for Count {
    const NAME: &'static str = "Count";
    const WANTED: &'static str = "a whole number such as 10";

    fn read(value: &Value) -> Result<Count, Wrong> {
        let refuse = |text: &dyn std::fmt::Display| {
            let message = format!("{} is not a whole number from 0", quoted(&text));
            Wrong::new(message, "write a whole number such as 10, without a unit")
        };
        match value {
            Value::Number(number) => number.as_u64().map(Count).ok_or_else(|| refuse(number)),
            Value::String(text) if text.trim().bytes().all(|b| b.is_ascii_digit()) => {
                text.trim().parse().map(Count).map_err(|_| refuse(text))
            }
            Value::String(text) => Err(refuse(text)),
            other => Err(shape::<Count>(other)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0)
    }

    fn schema() -> Value {
        json!({
            "type": ["integer", "string"], "minimum": 0, "pattern": PATTERN_OR_COUNT,
            "examples": [1, 10],
        })
    }
}

/// `${…}`, or digits.
const PATTERN_OR_COUNT: &str = r"^\s*[0-9]+\s*$|\$\{";

impl Scalar for Flag {
    const NAME: &'static str = "Flag";
    const WANTED: &'static str = "true or false";

    fn read(value: &Value) -> Result<Flag, Wrong> {
        match value {
            Value::Bool(flag) => Ok(Flag(*flag)),
            Value::String(text) => match text.trim() {
                "true" => Ok(Flag(true)),
                "false" => Ok(Flag(false)),
                _ => Err(Wrong::new(
                    format!("{} is neither true nor false", quoted(text)),
                    "write true or false",
                )),
            },
            other => Err(shape::<Flag>(other)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0)
    }

    fn schema() -> Value {
        json!({
            "type": ["boolean", "string"], "pattern": r"^\s*(true|false)\s*$|\$\{",
            "examples": [true, false],
        })
    }
}

impl Scalar for Rate {
    const NAME: &'static str = "Rate";
    const WANTED: &'static str = "a rate such as 300/s or 20/m";

    fn read(value: &Value) -> Result<Rate, Wrong> {
        let text = match value {
            Value::String(text) => text.trim(),
            Value::Number(number) => return Err(bare_rate(&number.to_string())),
            other => return Err(shape::<Rate>(other)),
        };
        let wrong = |why: &str, help: &str| Wrong::new(format!("{} {why}", quoted(&text)), help);
        let Some((number, unit)) = text.split_once('/') else {
            return Err(match decimal::read(text, 3) {
                Err(decimal::Refused::Form) => wrong("is not a rate", RATE_HELP),
                _ => bare_rate(text),
            });
        };
        let times = match unit.trim() {
            "s" => SECOND / MINUTE,
            "m" => 1,
            _ => return Err(wrong("is not a rate: its unit is unknown", RATE_HELP)),
        };
        let steps = decimal::read(number.trim(), 3).map_err(|why| match why {
            decimal::Refused::Form => wrong("is not a rate", RATE_HELP),
            decimal::Refused::TooFine => wrong("is too exact", "write at most 3 decimals"),
            decimal::Refused::TooBig => wrong("is too fast", "write at most 10000000/s"),
        })?;
        match steps.saturating_mul(times) {
            milli_per_min if milli_per_min > Rate::MOST.milli_per_min => {
                Err(wrong("is too fast", "write at most 10000000/s"))
            }
            milli_per_min => Ok(Rate { milli_per_min }),
        }
    }

    fn write(&self) -> Value {
        let (steps, unit) = match self.milli_per_min {
            of if of % (SECOND / MINUTE) == 0 => (of / (SECOND / MINUTE), 's'),
            of => (of, 'm'),
        };
        Value::from(format!("{}/{unit}", decimal::write(steps, 3)))
    }

    fn schema() -> Value {
        json!({
            "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*/\s*[sm]\s*$|\$\{",
            "examples": ["300/s", "20/m", "0.5/s"],
        })
    }
}

const RATE_HELP: &str = "write a rate such as 300/s or 20/m";

fn bare_rate(number: &str) -> Wrong {
    Wrong::new(
        format!("{} has no unit", quoted(&number)),
        format!("write a rate with its unit, such as {number}/s or {number}/m"),
    )
}

impl Scalar for Ratio {
    const NAME: &'static str = "Ratio";
    const WANTED: &'static str = "a share such as 50% or 0.1%";

    fn read(value: &Value) -> Result<Ratio, Wrong> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => return Err(shape::<Ratio>(other)),
        };
        let Some(number) = text.strip_suffix('%') else {
            return Err(match decimal::read(&text, 7) {
                Err(decimal::Refused::Form) => Wrong::new(
                    format!("{} is not a share", quoted(&text)),
                    "write a share such as 50% or 0.1%",
                ),
                _ => Wrong::new(
                    format!("{} has no unit", quoted(&text)),
                    format!("write a share in percent, such as {text}%"),
                ),
            });
        };
        percent(&text, number.trim_end(), "share").map(Ratio)
    }

    fn write(&self) -> Value {
        Value::from(self.0.to_string())
    }

    fn schema() -> Value {
        json!({
            "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$|\$\{",
            "examples": ["50%", "0.1%", "99.9%"],
        })
    }
}

impl Scalar for Percentile {
    const NAME: &'static str = "Percentile";
    const WANTED: &'static str = "a percentile such as 95 or 99.9";

    fn read(value: &Value) -> Result<Percentile, Wrong> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => return Err(shape::<Percentile>(other)),
        };
        let number = text.strip_suffix('%').unwrap_or(&text).trim_end();
        match percent(&text, number, "percentile")? {
            share if share.0 == 0 || share == Share::ONE => Err(Wrong::new(
                format!("{} is not above 0 and below 100", quoted(&text)),
                "write a percentile such as 95 or 99.9",
            )),
            share => Ok(Percentile(share)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0.to_string())
    }

    fn schema() -> Value {
        json!({
            "type": ["number", "string"], "exclusiveMinimum": 0, "exclusiveMaximum": 100,
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%?\s*$|\$\{", "examples": [95, 99.9],
        })
    }
}

/// Percent as a share: steps of 10⁻⁷ percent are parts per billion.
fn percent(whole: &str, number: &str, what: &str) -> Result<Share, Wrong> {
    let wrong = |why: &str, help: &str| Wrong::new(format!("{} {why}", quoted(&whole)), help);
    match decimal::read(number, 7) {
        Ok(ppb) if ppb <= Share::ONE.0 => Ok(Share(ppb)),
        Ok(_) | Err(decimal::Refused::TooBig) => {
            Err(wrong("is more than 100%", &format!("write a {what} of at most 100%")))
        }
        Err(decimal::Refused::TooFine) => {
            Err(wrong("is too exact", "write at most 7 decimals: one part in a billion"))
        }
        Err(decimal::Refused::Form) => {
            Err(wrong(&format!("is not a {what}"), &format!("write {}", example(what))))
        }
    }
}

fn example(what: &str) -> &'static str {
    if what == "share" { Ratio::WANTED } else { Percentile::WANTED }
}

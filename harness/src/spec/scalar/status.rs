//! HTTP statuses: one, or ranges of them.
//!
//! Not here: what makes an answer ok (`plan`, `client`).

use super::{Scalar, Wrong, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// One HTTP status, 100 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Status(pub u16);

/// Inclusive ranges of HTTP statuses, as written: `[200, 4xx]` is `[(200, 200), (400, 499)]`.
/// Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(pub Vec<(u16, u16)>);

derive_scalar!(Status, Statuses);

impl Scalar for Status {
    const NAME: &'static str = "Status";
    const WANTED: &'static str = "a status such as 503";

    fn read(value: &Value) -> Result<Status, Wrong> {
        match value {
            Value::Number(_) | Value::String(_) => match range(value)? {
                (low, high) if low == high => Ok(Status(low)),
                _ => Err(Wrong::new(
                    format!("{} is more than one status", quoted(&plain(value))),
                    "write one status such as 503",
                )),
            },
            other => Err(shape::<Status>(other)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0)
    }

    fn schema() -> Value {
        json!({
            "type": ["integer", "string"], "minimum": 100, "maximum": 599,
            "pattern": r"^\s*[1-5][0-9][0-9]\s*$|\$\{", "examples": [503],
        })
    }
}

impl Scalar for Statuses {
    const NAME: &'static str = "Statuses";
    const WANTED: &'static str = "statuses such as [200, 4xx]";

    fn read(value: &Value) -> Result<Statuses, Wrong> {
        match value {
            Value::Number(_) | Value::String(_) => Ok(Statuses(vec![range(value)?])),
            Value::Array(items) if items.is_empty() => Err(Wrong::new(
                "an empty list of statuses accepts no answer",
                "write statuses such as [200, 4xx]",
            )),
            Value::Array(items) => items.iter().map(range).collect::<Result<_, _>>().map(Statuses),
            other => Err(shape::<Statuses>(other)),
        }
    }

    fn write(&self) -> Value {
        let one = |&(low, high): &(u16, u16)| match high {
            high if high == low => Value::from(low),
            _ => Value::from(format!("{}xx", low / 100)),
        };
        Value::Array(self.0.iter().map(one).collect())
    }

    fn schema() -> Value {
        let one = json!({
            "type": ["integer", "string"], "minimum": 100, "maximum": 599,
            "pattern": r"^\s*[1-5]([0-9][0-9]|xx)\s*$|\$\{",
        });
        json!({
            "anyOf": [one.clone(), {"type": "array", "items": one, "minItems": 1}],
            "examples": [[200, "4xx"], "2xx"],
        })
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One status, or `2xx`.
fn range(value: &Value) -> Result<(u16, u16), Wrong> {
    let text = plain(value);
    let text = text.trim();
    let wrong = || {
        let message = format!("{} is not a status from 100 to 599", quoted(&text));
        Wrong::new(message, "write a status such as 200, or 2xx for all from 200 to 299")
    };
    if text.len() != 3 {
        return Err(wrong());
    }
    let (number, width) = match text.strip_suffix("xx") {
        Some(hundreds) => (hundreds.parse::<u16>().map_err(|_| wrong())? * 100, 99),
        None if text.bytes().all(|b| b.is_ascii_digit()) => (text.parse().map_err(|_| wrong())?, 0),
        None => return Err(wrong()),
    };
    if (100..=599).contains(&number) { Ok((number, number + width)) } else { Err(wrong()) }
}

//! Lengths of time and moments.
//!
//! Invariant: a length is at most 365 days, so that sums of a few cannot overflow.
//! Not here: which fault or load a moment's name means (`plan`).

use super::{Name, Scalar, Wrong, derive_scalar, entry_name, quoted, shape};
use serde_json::{Value, json};

/// A length of time: `500ms`, `10s`, `2m30s`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Duration {
    /// Microseconds; always whole milliseconds.
    pub us: u64,
}

/// Any length between two, alike: `10ms..50ms`, or `{min: 10ms, max: 50ms}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uniform {
    /// The least, µs.
    pub min_us: u64,
    /// The greatest, µs; never less than the least.
    pub max_us: u64,
}

/// A moment: `30s` after time 0, `down.start`, `down.end + 5s`, `pay.open`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// From where; time 0 if none.
    pub base: Option<(Name, Edge)>,
    /// How much later, or earlier, µs.
    pub offset_us: i64,
}

/// Which end of a named stretch, or what happens to a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Its first instant.
    Start,
    /// Its last.
    End,
    /// A breaker's first opening.
    Open,
}

impl Duration {
    /// The longest: 365 days.
    pub const MOST: Duration = Duration { us: 365 * 24 * 3600 * 1_000_000 };
}

impl std::fmt::Display for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Edge::Start => "start",
            Edge::End => "end",
            Edge::Open => "open",
        })
    }
}

impl std::fmt::Display for Duration {
    /// As it is written: `2m30s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.us < 1000 {
            return f.write_str("0s");
        }
        let mut rest = self.us / 1000;
        for (unit, ms) in UNITS {
            if rest >= ms {
                write!(f, "{}{unit}", rest / ms)?;
                rest %= ms;
            }
        }
        Ok(())
    }
}

derive_scalar!(Duration, Uniform, Moment);

/// Units and their milliseconds, greatest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Scalar for Duration {
    const NAME: &'static str = "Duration";
    const WANTED: &'static str = "a duration such as 500ms, 10s or 2m30s";

    fn read(value: &Value) -> Result<Duration, Wrong> {
        match value {
            Value::String(text) => length(text.trim()),
            Value::Number(number) => Err(bare(&number.to_string())),
            other => Err(shape::<Duration>(other)),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.to_string())
    }

    fn schema() -> Value {
        json!({
            "type": "string", "pattern": r"^\s*([0-9]+(h|ms|m|s))+\s*$|\$\{",
            "examples": ["500ms", "10s", "2m30s", "1h"],
        })
    }
}

fn bare(number: &str) -> Wrong {
    Wrong::new(
        format!("{} has no unit", quoted(&number)),
        format!("write a duration with its unit, such as {number}ms or {number}s"),
    )
}

/// Numbers with units, each unit at most once, greatest first.
fn length(text: &str) -> Result<Duration, Wrong> {
    let wrong = |why: &str| {
        Wrong::new(format!("{} {why}", quoted(&text)), format!("write {}", Duration::WANTED))
    };
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bare(text));
    }
    if text.starts_with('-') {
        return Err(wrong("is less than nothing"));
    }
    let (mut rest, mut smaller, mut sum_ms) = (text, 0, 0_u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(wrong("is not a duration"));
        }
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        if tail.starts_with('.') {
            return Err(Wrong::new(
                format!("{} is not in whole units", quoted(&text)),
                "write the next smaller unit: 1500ms for 1.5s",
            ));
        }
        let Some(at) = UNITS.iter().position(|(known, _)| *known == unit) else {
            return Err(wrong("is not a duration: its units are h, m, s and ms"));
        };
        let Some((_, ms)) = UNITS.get(at).filter(|_| at >= smaller) else {
            return Err(wrong("is not a duration: each unit once, the greatest first"));
        };
        smaller = at + 1;
        sum_ms = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*ms))
            .and_then(|part| sum_ms.checked_add(part))
            .filter(|sum| *sum <= Duration::MOST.us / 1000)
            .ok_or_else(|| {
                Wrong::new(format!("{} is too long", quoted(&text)), "write at most 8760h")
            })?;
        rest = tail;
    }
    if text.is_empty() {
        Err(wrong("is not a duration"))
    } else {
        Ok(Duration { us: sum_ms * 1000 })
    }
}

impl Scalar for Uniform {
    const NAME: &'static str = "Uniform";
    const WANTED: &'static str = "a span such as 10ms..50ms";

    fn read(value: &Value) -> Result<Uniform, Wrong> {
        let help = "write a span such as 10ms..50ms, or {min: 10ms, max: 50ms}";
        let (min, max) = match value {
            Value::String(text) => {
                let Some((min, max)) = text.split_once("..") else {
                    return Err(Wrong::new(format!("{} is not a span", quoted(text)), help));
                };
                (length(min.trim())?, length(max.trim())?)
            }
            Value::Object(map) => {
                let known = |key: &String| key == "min" || key == "max";
                if let Some(other) = map.keys().find(|key| !known(key)) {
                    return Err(Wrong::new(
                        format!("unknown key {} in a span", quoted(other)),
                        help,
                    ));
                }
                match (map.get("min"), map.get("max")) {
                    (Some(min), Some(max)) => (Duration::read(min)?, Duration::read(max)?),
                    _ => return Err(Wrong::new("a span needs both ends", help)),
                }
            }
            other => return Err(shape::<Uniform>(other)),
        };
        if min > max {
            return Err(Wrong::new(
                format!("the span ends at {max}, before it starts at {min}"),
                "write the shorter end first, such as 10ms..50ms",
            ));
        }
        Ok(Uniform { min_us: min.us, max_us: max.us })
    }

    fn write(&self) -> Value {
        let (min, max) = (Duration { us: self.min_us }, Duration { us: self.max_us });
        Value::from(format!("{min}..{max}"))
    }

    fn schema() -> Value {
        let end = Duration::schema();
        json!({
            "anyOf": [
                {"type": "string", "pattern": r"\.\.|\$\{"},
                {"type": "object", "properties": {"min": end.clone(), "max": end},
                 "required": ["min", "max"], "additionalProperties": false},
            ],
            "examples": ["10ms..50ms", {"min": "10ms", "max": "50ms"}],
        })
    }
}

impl Scalar for Moment {
    const NAME: &'static str = "Moment";
    const WANTED: &'static str = "a moment such as 30s, down.start, down.end + 5s or BREAKER.open";

    fn read(value: &Value) -> Result<Moment, Wrong> {
        let text = match value {
            Value::String(text) => text.trim(),
            Value::Number(number) => return Err(bare(&number.to_string())),
            other => return Err(shape::<Moment>(other)),
        };
        match text.split_once('.') {
            Some((name, rest)) if !rest.starts_with(|c: char| c.is_ascii_digit()) => {
                anchored(text, name.trim(), rest)
            }
            _ => match length(text) {
                Ok(after) => Ok(Moment { base: None, offset_us: after.us.cast_signed() }),
                Err(wrong)
                    if text.starts_with(|c: char| c.is_ascii_digit())
                        && !text.contains(['+', '-']) =>
                {
                    Err(wrong)
                }
                Err(_) => Err(Wrong::new(
                    format!("{} is not a moment", quoted(&text)),
                    format!("write {}", Moment::WANTED),
                )),
            },
        }
    }

    fn write(&self) -> Value {
        let offset = Duration { us: self.offset_us.unsigned_abs() };
        Value::from(match (&self.base, self.offset_us) {
            (None, _) => offset.to_string(),
            (Some((name, edge)), 0) => format!("{name}.{edge}"),
            (Some((name, edge)), 1..) => format!("{name}.{edge} + {offset}"),
            (Some((name, edge)), _) => format!("{name}.{edge} - {offset}"),
        })
    }

    fn schema() -> Value {
        json!({
            "type": "string",
            "pattern": r"^\s*([0-9]+(h|ms|m|s))+\s*$|^\s*[A-Za-z0-9_-]+\.[a-z]+\s*([+-].*)?$|\$\{",
            "examples": ["30s", "down.start", "down.end + 5s", "pay.open"],
        })
    }
}

/// `NAME.EDGE`, `NAME.EDGE + 5s`.
fn anchored(text: &str, name: &str, rest: &str) -> Result<Moment, Wrong> {
    entry_name(name)?;
    let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    let (edge, offset) = rest.split_at(letters);
    let edge = match edge {
        "start" => Edge::Start,
        "end" => Edge::End,
        "open" => Edge::Open,
        "closed" | "half" => {
            let message = format!("{} is not a moment", quoted(&text));
            let help = format!("a breaker has one, its first opening: write {name}.open");
            return Err(Wrong::new(message, help));
        }
        other => {
            let message = format!("{} is not a moment: unknown {}", quoted(&text), quoted(&other));
            return Err(Wrong::new(message, format!("write {name}.start or {name}.end")));
        }
    };
    let offset = offset.trim();
    let (sign, offset) = match (offset.strip_prefix('+'), offset.strip_prefix('-')) {
        (Some(later), _) => (1, later.trim()),
        (_, Some(earlier)) => (-1, earlier.trim()),
        _ if offset.is_empty() => (0, "0s"),
        _ => {
            return Err(Wrong::new(
                format!("{} is not a moment", quoted(&text)),
                format!("write {}", Moment::WANTED),
            ));
        }
    };
    let offset_us = length(offset)?.us.cast_signed() * sign;
    Ok(Moment { base: Some((Name(name.to_owned()), edge)), offset_us })
}

//! Values of metrics and their limits, in whatever unit they are: numbers, sizes, shares, lengths
//! of time; and how much of them in what time.
//!
//! Invariant: exact: the value is the nearest float to the decimal text.
//! Not here: which unit a metric has (`plan`).

use super::{Duration, Ratio, Scalar, Size, Wrong, decimal, derive_scalar, quoted, shape};
use assay_slo::case::Unit;
use assay_slo::{Number, Share};
use serde_json::{Value, json};

/// A value of a metric: `50`, `0.5`, `-3`, `512MiB`, `80%`, `250ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    unit: Of,
    negative: bool,
}

/// How much in what time: `1MiB/m`, `5/s`, `1%/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// So much,
    pub amount: Quantity,
    /// in so many µs: a second, a minute or an hour.
    pub per_us: u64,
}

/// What it is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// In steps of 10⁻⁹.
    Plain(u64),
    Size(Size),
    Share(Share),
    /// µs.
    Time(u64),
}

derive_scalar!(Quantity, Growth);

/// Decimals of a plain number.
const PLACES: u32 = 9;
/// Times that a growth can be in.
const TIMES: [(&str, u64); 3] = [("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)];

impl Quantity {
    /// In base units: bytes, parts of one, seconds.
    #[must_use]
    pub fn value(&self) -> Number {
        let value = match self.unit {
            Of::Plain(steps) => steps as f64 / 1e9,
            Of::Size(size) => size.0 as f64,
            Of::Share(share) => share.fraction(),
            Of::Time(us) => us as f64 / 1e6,
        };
        Number::new(if self.negative { -value } else { value }).unwrap_or_default()
    }

    /// What it is of.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self.unit {
            Of::Plain(_) => Unit::Plain,
            Of::Size(_) => Unit::Bytes,
            Of::Share(_) => Unit::Share,
            Of::Time(_) => Unit::Seconds,
        }
    }
}

impl Scalar for Quantity {
    const NAME: &'static str = "Quantity";
    const WANTED: &'static str = "a value such as 50, 512MiB, 80% or 250ms";

    fn read(value: &Value) -> Result<Quantity, Wrong> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => return Err(shape::<Quantity>(other)),
        };
        let wanted = format!("write {}", Quantity::WANTED);
        let (negative, size) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let unit = match decimal::read(size, PLACES) {
            Ok(steps) => Of::Plain(steps),
            Err(decimal::Refused::Form) => {
                let inner = Value::from(size);
                let bytes = Size::read(&inner).map(Of::Size);
                let share = || Ratio::read(&inner).map(|ratio| Of::Share(ratio.0));
                // Of processors there can be more than one.
                let parts = size.strip_suffix('%').map(|parts| decimal::read(parts.trim(), 7));
                let parts = parts.and_then(Result::ok).map(|parts| Of::Share(Share(parts)));
                let time = || Duration::read(&inner).map(|time| Of::Time(time.us));
                let read = bytes.or_else(|_| share()).or_else(|_| time());
                let read = read.or_else(|wrong| parts.ok_or(wrong));
                read.map_err(|_| Wrong::new(format!("{} is no value", quoted(&text)), wanted))?
            }
            Err(decimal::Refused::TooFine) => {
                let message = format!("{} is too exact", quoted(&text));
                return Err(Wrong::new(message, "write at most 9 decimals"));
            }
            Err(decimal::Refused::TooBig) => {
                let message = format!("{} is too large", quoted(&text));
                return Err(Wrong::new(message, "write a unit, such as 100GiB"));
            }
        };
        Ok(Quantity { unit, negative })
    }

    fn write(&self) -> Value {
        Value::from(self.to_string())
    }

    fn schema() -> Value {
        json!({
            "type": ["number", "string"], "examples": [50, "512MiB", "80%", "250ms"],
        })
    }
}

impl std::fmt::Display for Quantity {
    /// As it is written.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        match self.unit {
            Of::Plain(steps) => write!(f, "{sign}{}", decimal::write(steps, PLACES)),
            Of::Size(size) => write!(f, "{sign}{size}"),
            Of::Share(share) => write!(f, "{sign}{share}"),
            Of::Time(us) => write!(f, "{sign}{}", Duration { us }),
        }
    }
}

impl Scalar for Growth {
    const NAME: &'static str = "Growth";
    const WANTED: &'static str = "a growth such as 1MiB/m or 5/s";

    fn read(value: &Value) -> Result<Growth, Wrong> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => return Err(shape::<Growth>(other)),
        };
        let wanted = format!("write {}", Growth::WANTED);
        let Some((amount, unit)) = text.rsplit_once('/') else {
            let message = format!("{} does not say in what time", quoted(&text));
            let help = match Quantity::read(value) {
                Ok(amount) => format!("write {amount}/m"),
                Err(_) => wanted,
            };
            return Err(Wrong::new(message, help));
        };
        let per = TIMES.iter().find(|(name, _)| *name == unit.trim());
        let amount = Quantity::read(&Value::from(amount));
        match (amount, per) {
            (Ok(amount), Some((_, per_us))) => Ok(Growth { amount, per_us: *per_us }),
            _ => Err(Wrong::new(format!("{} is no growth", quoted(&text)), wanted)),
        }
    }

    fn write(&self) -> Value {
        let unit = TIMES.iter().find(|(_, us)| *us == self.per_us).map_or("s", |(name, _)| name);
        Value::from(format!("{}/{unit}", self.amount))
    }

    fn schema() -> Value {
        json!({
            "type": "string", "pattern": r"/\s*[smh]\s*$|\$\{", "examples": ["1MiB/m", "5/s"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_unit() {
        let read = |value: Value| {
            let read = Quantity::read(&value).unwrap();
            assert_eq!(Quantity::read(&read.write()), Ok(read), "{value}");
            (read.value().get(), read.unit())
        };
        assert_eq!(read(json!(50)), (50.0, Unit::Plain));
        assert_eq!(read(json!(0.1)), (0.1, Unit::Plain));
        assert_eq!(read(json!("-3")), (-3.0, Unit::Plain));
        assert_eq!(read(json!("512MiB")), (536_870_912.0, Unit::Bytes));
        assert_eq!(read(json!("80%")), (0.8, Unit::Share));
        assert_eq!(read(json!("250%")), (2.5, Unit::Share));
        assert_eq!(read(json!("250ms")), (0.25, Unit::Seconds));
        let message = |value: Value| Quantity::read(&value).unwrap_err().message;
        assert_eq!(message(json!("5 bananas")), "`5 bananas` is no value");
        assert_eq!(message(json!("0.0000000001")), "`0.0000000001` is too exact");
        assert_eq!(message(json!("99999999999999999999")), "`99999999999999999999` is too large");
        assert!(message(json!([])).starts_with("a list where a value"));
    }

    #[test]
    fn growths_have_a_time() {
        for (text, value, per_us) in
            [("1MiB/m", 1_048_576.0, 60_000_000), ("5 / s", 5.0, 1_000_000)]
        {
            let read = Growth::read(&json!(text)).unwrap();
            assert_eq!((read.amount.value().get(), read.per_us), (value, per_us));
            assert_eq!(Growth::read(&read.write()), Ok(read));
        }
        let wrong = |value: Value| Growth::read(&value).unwrap_err();
        assert_eq!(wrong(json!("1MiB")).message, "`1MiB` does not say in what time");
        assert_eq!(wrong(json!("1MiB")).help, "write 1MiB/m");
        assert_eq!(wrong(json!("1MiB/d")).message, "`1MiB/d` is no growth");
        assert_eq!(wrong(json!(5)).help, "write 5/m");
    }
}

//! Sizes in bytes, and bytes in a second, with their unit.
//!
//! Not here: numbers without a unit (`number`).

use super::{Scalar, Wrong, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// So many bytes: `512B`, `64KiB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// So many bytes a second: `64KiB/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bandwidth {
    /// Bytes in a second.
    pub bytes_per_s: u64,
}

derive_scalar!(Size, Bandwidth);

/// Units and their bytes, the longest first: each other one ends with `B`.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Scalar for Size {
    const NAME: &'static str = "Size";
    const WANTED: &'static str = "a size with its unit, such as 64KiB or 1MiB";

    fn read(value: &Value) -> Result<Size, Wrong> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => return Err(shape::<Size>(other)),
        };
        let refuse = |why: &str| {
            Wrong::new(format!("{} {why}", quoted(&text)), format!("write {}", Size::WANTED))
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if is_number(&text) {
            return Err(refuse("has no unit"));
        }
        let cut = UNITS.iter().find_map(|(unit, bytes)| {
            text.strip_suffix(unit).map(|number| (number.trim_end(), *bytes))
        });
        let Some((number, bytes)) = cut.filter(|(number, _)| is_number(number)) else {
            return Err(refuse("is not a size"));
        };
        let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(bytes));
        bytes.map(Size).ok_or_else(|| refuse("is too large"))
    }

    fn write(&self) -> Value {
        Value::from(self.to_string())
    }

    fn schema() -> Value {
        json!({
            "type": "string", "pattern": r"^\s*[0-9]+\s*(B|KiB|MiB|GiB)\s*$|\$\{",
            "examples": ["1MiB", "64KiB"],
        })
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whole = |(_, bytes): &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(*bytes);
        let (unit, bytes) = UNITS.iter().find(whole).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl Scalar for Bandwidth {
    const NAME: &'static str = "Bandwidth";
    const WANTED: &'static str = "bytes a second, such as 64KiB/s or 1MiB/s";

    fn read(value: &Value) -> Result<Bandwidth, Wrong> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            other => return Err(shape::<Bandwidth>(other)),
        };
        let wanted = format!("write {}", Bandwidth::WANTED);
        let Some((size, unit)) = text.split_once('/') else {
            return Err(match Size::read(value) {
                Ok(size) => Wrong::new(
                    format!("{} does not say in what time", quoted(&text)),
                    format!("write {size}/s"),
                ),
                Err(wrong) => Wrong::new(wrong.message, wanted),
            });
        };
        if unit.trim() != "s" {
            return Err(Wrong::new(format!("{} is not in a second", quoted(&text)), wanted));
        }
        match Size::read(&Value::from(size)) {
            Ok(Size(bytes_per_s)) => Ok(Bandwidth { bytes_per_s }),
            Err(_) => Err(Wrong::new(format!("{} is not bytes a second", quoted(&text)), wanted)),
        }
    }

    fn write(&self) -> Value {
        Value::from(format!("{}/s", Size(self.bytes_per_s)))
    }

    fn schema() -> Value {
        json!({
            "type": "string", "pattern": r"^\s*[0-9]+\s*(B|KiB|MiB|GiB)\s*/\s*s\s*$|\$\{",
            "examples": ["64KiB/s", "1MiB/s"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        let read = |text: &str| Size::read(&Value::from(text)).map(|size| size.0);
        for (text, bytes) in
            [("0B", 0), ("512B", 512), (" 64KiB ", 64 << 10), ("1 MiB", 1 << 20), ("2GiB", 2 << 30)]
        {
            assert_eq!(read(text), Ok(bytes), "{text}");
            let written = Size(bytes).write();
            assert_eq!(Size::read(&written), Ok(Size(bytes)), "{written}");
        }
        assert_eq!(Size(3 << 20).to_string(), "3MiB");
        let message = |value: Value| Size::read(&value).unwrap_err().message;
        assert_eq!(message(json!(5)), "`5` has no unit");
        assert_eq!(message(json!("1MB")), "`1MB` is not a size");
        assert_eq!(message(json!("1.5MiB")), "`1.5MiB` is not a size");
        assert_eq!(message(json!("99999999999GiB")), "`99999999999GiB` is too large");
    }

    #[test]
    fn bandwidths_are_bytes_a_second() {
        for (text, bytes_per_s) in [("64KiB/s", 64 << 10), (" 1 MiB / s ", 1 << 20), ("0B/s", 0)] {
            let read = Bandwidth::read(&Value::from(text)).unwrap();
            assert_eq!(read, Bandwidth { bytes_per_s }, "{text}");
            assert_eq!(Bandwidth::read(&read.write()), Ok(read));
        }
        let wrong = |value: Value| Bandwidth::read(&value).unwrap_err();
        assert_eq!(wrong(json!(64)).message, "`64` has no unit");
        assert_eq!(wrong(json!("64KiB")).message, "`64KiB` does not say in what time");
        assert_eq!(wrong(json!("64KiB")).help, "write 64KiB/s");
        assert_eq!(wrong(json!("1MiB/m")).message, "`1MiB/m` is not in a second");
        assert_eq!(wrong(json!("64kbit/s")).message, "`64kbit/s` is not bytes a second");
        assert!(wrong(json!([])).message.starts_with("a list where bytes a second"));
    }
}

//! Sizes in bytes with their unit.
//!
//! Not here: numbers without a unit (`number`).

use super::{Scalar, Wrong, derive_scalar, quoted, shape};
use serde_json::{Value, json};

/// So many bytes: `512B`, `64KiB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

derive_scalar!(Size);

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
}

//! A foreign number: what a metric read, and what a limit on one says.
//!
//! Invariant: finite, and exactly the same after it was written and read: whole numbers are
//! written as such, all others as the shortest text that is read as the same bits, because a JSON
//! reader may miss a float by its last bit.
//! Not here: numbers that count (integers everywhere), how people read them (`amount`).

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// A finite number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Number(f64);

/// Whole numbers below this are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Number {
    /// None of what is not finite. There is one zero.
    #[must_use]
    pub fn new(value: f64) -> Option<Number> {
        value.is_finite().then_some(Number(if value == 0.0 { 0.0 } else { value }))
    }

    /// Its value.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Number(value) = *self;
        if libm::trunc(value) == value && value.abs() < EXACT {
            return serializer.serialize_i64(value as i64);
        }
        match value.abs() {
            1e-6..1e18 => serializer.collect_str(&format_args!("{value}")),
            _ => serializer.collect_str(&format_args!("{value:e}")),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or the text of a finite one")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
                Number::new(value as f64).ok_or_else(|| E::custom("not finite"))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
                Number::new(value as f64).ok_or_else(|| E::custom("not finite"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                let value = text.parse().ok().and_then(Number::new);
                value.ok_or_else(|| E::custom("no finite number"))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn through_json(number: Number) -> Number {
        serde_json::from_str(&serde_json::to_string(&number).unwrap()).unwrap()
    }

    #[test]
    fn whole_numbers_are_written_as_such_and_nothing_else_is_a_number() {
        let written = |value: f64| serde_json::to_string(&Number::new(value).unwrap()).unwrap();
        assert_eq!([written(5.0), written(-0.0), written(0.1)], ["5", "0", "\"0.1\""]);
        assert_eq!(written(1e300), "\"1e300\"");
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Number::new(value), None);
        }
        for text in ["\"NaN\"", "\"inf\"", "\"\"", "null", "1.5", "[]"] {
            assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_read_as_it_was_written(value in any::<f64>()) {
            if let Some(number) = Number::new(value) {
                prop_assert_eq!(through_json(number), number);
            }
        }
    }
}

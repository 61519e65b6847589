//! The numbers of a JSON body as they were written: an id of thirty digits, or 1.50, is no f64.
//!
//! Invariant: pure; what is found is a slice of the body.
//! Not here: what is looked for (`asks`).

use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What stands at a JSON pointer, as it was written; none where nothing does.
pub(super) fn written<'b>(body: &'b [u8], at: &str) -> Option<&'b str> {
    let mut found: &'b RawValue = serde_json::from_slice(body).ok()?;
    for key in at.split('/').skip(1) {
        let key = key.replace("~1", "/").replace("~0", "~");
        found = match found.get().as_bytes().first()? {
            // Of two of one name the last, as everywhere.
            b'{' => {
                let mut all: BTreeMap<String, &'b RawValue> =
                    serde_json::from_str(found.get()).ok()?;
                all.remove(&key)?
            }
            b'[' => {
                let all: Vec<&'b RawValue> = serde_json::from_str(found.get()).ok()?;
                all.get(key.parse::<usize>().ok()?).copied()?
            }
            _ => return None,
        };
    }
    Some(found.get())
}

/// The same JSON; 1 and 1.0 are the same number, and a whole one is never rounded to be so.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            a.as_f64() == b.as_f64()
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (real, whole) = if a.is_f64() { (a, b) } else { (b, a) };
            // Both ways are exact below 2^127, and no whole one here is beyond 2^64.
            let whole = whole.as_i128();
            let real = real.as_f64().filter(|real| real.fract() == 0.0 && real.abs() < 1e30);
            real.is_some_and(|real| Some(real as i128) == whole)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_found_as_it_was() {
        let body = br#" {"a": 1, "list": [{"x/y~": 1.50}, 12345678901234567890123 ], "a": 2E1 } "#;
        for (at, text) in [
            ("/list/0/x~1y~0", Some("1.50")),
            ("/list/1", Some("12345678901234567890123")),
            ("/a", Some("2E1")),
            ("/list/2", None),
            ("/list/x", None),
            ("/a/b", None),
            ("/no", None),
        ] {
            assert_eq!(written(body, at), text, "{at}");
        }
        assert_eq!(written(b" -0.10\n", ""), Some("-0.10"));
        assert_eq!(written(b"{", ""), None);
    }

    #[test]
    fn whole_numbers_are_not_rounded_to_be_equal() {
        let same = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|text| serde_json::from_str::<Value>(text).unwrap());
            (equal(&a, &b), equal(&b, &a))
        };
        for (a, b) in
            [("1", "1.0"), ("0.5", "5e-1"), ("-3", "-3.0"), ("[{\"a\":1}]", "[{\"a\":1.0}]")]
        {
            assert_eq!(same(a, b), (true, true), "{a} {b}");
        }
        for (a, b) in [
            ("9007199254740993", "9007199254740992.0"),
            ("18446744073709551615", "18446744073709551616"),
            ("1", "1.5"),
            ("1", "1e300"),
            ("1", "\"1\""),
        ] {
            assert_eq!(same(a, b), (false, false), "{a} {b}");
        }
    }
}

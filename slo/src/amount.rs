//! A metric's values as people read them, in their unit: `12.3 MiB`, `35 %`, `250 ms`, `1240`.
//!
//! Invariant: an observed value has three significant digits, a limit all that it was written with.
//! Not here: whole sentences.

use crate::case::Unit;
use crate::number::Number;
use crate::words;

/// Units of sizes and their bytes, the greatest first.
const SIZES: [(&str, f64); 4] =
    [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1024.0), ("B", 1.0)];

/// A value that was observed.
#[must_use]
pub fn observed(value: f64, unit: Unit) -> String {
    written(value, unit, words::number)
}

/// A limit.
#[must_use]
pub fn limit(limit: Number, unit: Unit) -> String {
    written(limit.get(), unit, |value| format!("{value}"))
}

/// A change in so many µs: `1 MiB/m`, `0.5/s`.
pub(crate) fn each(amount: &str, per_us: u64) -> String {
    let unit = match per_us {
        1_000_000 => "s".to_owned(),
        60_000_000 => "m".to_owned(),
        3_600_000_000 => "h".to_owned(),
        us => words::duration(us),
    };
    format!("{amount}/{unit}")
}

fn written(value: f64, unit: Unit, number: impl Fn(f64) -> String) -> String {
    let (sign, size) = if value < 0.0 { ("-", -value) } else { ("", value) };
    let text = match unit {
        Unit::Plain => number(size),
        Unit::Bytes => {
            let fits = SIZES.iter().find(|(_, bytes)| size >= *bytes);
            let (name, bytes) = fits.unwrap_or(&("B", 1.0));
            format!("{} {name}", number(size / bytes))
        }
        Unit::Share => format!("{} %", number(size * 100.0)),
        Unit::Seconds if size > 0.0 && size < 1.0 => format!("{} ms", number(size * 1000.0)),
        Unit::Seconds => format!("{} s", number(size)),
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_their_unit() {
        let shown = |value: f64, unit| observed(value, unit);
        assert_eq!(shown(12_900_000.0, Unit::Bytes), "12.3 MiB");
        assert_eq!(shown(-512.0, Unit::Bytes), "-512 B");
        assert_eq!(shown(0.0, Unit::Bytes), "0 B");
        assert_eq!(shown(0.354, Unit::Share), "35.4 %");
        assert_eq!([shown(0.25, Unit::Seconds), shown(61.0, Unit::Seconds)], ["250 ms", "61 s"]);
        assert_eq!([shown(1240.0, Unit::Plain), shown(-0.5, Unit::Plain)], ["1240", "-0.5"]);
        assert_eq!([shown(0.0, Unit::Plain), shown(1e-12, Unit::Plain)], ["0", "0.000000000001"]);
        let exact = |value: f64, unit| limit(Number::new(value).unwrap(), unit);
        assert_eq!(exact(1_536.0, Unit::Bytes), "1.5 KiB");
        assert_eq!(exact(123_456.0, Unit::Plain), "123456");
        let growth = each(&exact(1_048_576.0, Unit::Bytes), 60_000_000);
        assert_eq!(
            [growth, each("1", 1_000_000), each("1", 5_000_000)],
            ["1 MiB/m", "1/s", "1/5 s"]
        );
    }
}

//! Lengths of time as OpenSLO v1 writes them: a whole number and a unit.
//!
//! The official validator reads them with C's rules for numbers: a sign, zeros in front and spaces are
//! allowed, and so is 0. What stands behind the unit it does not even look at; that is refused here.
//! Not here: lengths of a scenario (`scalar`), windows of a calendar (`calendar`).

use super::rules::{Mistakes, wrong};
use crate::spec::scalar::{Text, quoted};
use crate::spec::trail::Trail;

const MINUTES_A_DAY: u64 = 24 * 60;

/// The number and what stands behind it; none where there is no such number, or nothing behind.
fn parts(text: &str) -> Option<(i64, &str)> {
    let text = text.trim();
    let signed = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = signed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(text.len() - signed.len() + digits)?;
    let unit = rest.trim_start();
    let number: i64 = number.strip_prefix('+').unwrap_or(number).parse().ok()?;
    (digits > 0 && !unit.is_empty() && !unit.contains(char::is_whitespace))
        .then_some((number, unit))
}

/// A length in minutes, which may be 0; a month is 30 days, as the specification's own tools count.
#[must_use]
pub fn minutes(text: &str) -> Option<u64> {
    let (count, unit) = parts(text)?;
    let of = match unit {
        "m" => 1,
        "h" => 60,
        "d" => MINUTES_A_DAY,
        "w" => 7 * MINUTES_A_DAY,
        "M" => 30 * MINUTES_A_DAY,
        "Q" => 90 * MINUTES_A_DAY,
        "Y" => 365 * MINUTES_A_DAY,
        _ => return None,
    };
    // What is longer than can be counted is as long as can be.
    u64::try_from(count).ok().map(|count| count.saturating_mul(of))
}

/// A length that the specification wants.
pub(super) fn duration(text: &Text, at: Trail, into: &mut Mistakes) {
    if minutes(text.as_str()).is_none() {
        let help = "write a whole number and one of m, h, d, w, M, Q, Y, such as 30d";
        wrong(at, format!("{} is no duration of OpenSLO", quoted(text)), help, into);
    }
}

/// A length that nothing needs is only read: it may be empty, and of any unit.
pub(super) fn readable(text: &Text, at: Trail, into: &mut Mistakes) {
    if !text.as_str().is_empty() && parts(text.as_str()).is_none() {
        duration(text, at, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_the_official_validator_reads_them() {
        for (text, wanted) in [
            ("10m", 10),
            ("5h", 300),
            ("2d", 2880),
            ("1w", 10_080),
            ("3M", 129_600),
            ("1Q", 129_600),
            ("1Y", 525_600),
            ("0w", 0),
            ("-0m", 0),
            ("05m", 5),
            ("+5m", 5),
            (" 5 m", 5),
            ("9223372036854775807Y", u64::MAX),
        ] {
            assert_eq!(minutes(text), Some(wanted), "{text}");
        }
        for text in [
            "",
            "m",
            "5",
            "-5m",
            "5s",
            "5 minutes",
            "1h30m",
            "1.5h",
            "9223372036854775808m",
            "5m x",
            "+-5m",
            "٣m",
        ] {
            assert_eq!(minutes(text), None, "{text}");
        }
    }
}

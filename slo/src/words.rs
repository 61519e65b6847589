//! Numbers as people read them: with units, no more digits than they can use, never rounded to
//! something untrue.
//!
//! Invariant: limits are printed exactly; what was observed has 3 significant digits, and is
//! never printed as 0 % or 100 % unless it is.
//! Not here: whole sentences, which are made where their numbers are.

use crate::time::{SECOND_US, Share};

/// A length, exactly: `500 ms`, `12.3 s`, `250 µs`.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{us} µs"),
        1_000..SECOND_US => format!("{} ms", decimal(us, 1_000, 3)),
        _ => format!("{} s", decimal(us, SECOND_US, 6)),
    }
}

/// A length with three digits: `312 ms`.
pub(crate) fn about(us: u64) -> String {
    let mut step = 1;
    while us / step >= 1_000 {
        step *= 10;
    }
    duration(us.saturating_add(step / 2) / step * step)
}

/// An instant or a stretch in seconds, to a tenth: `12.3 s`.
pub(crate) fn seconds(us: i64) -> String {
    let tenths = us.unsigned_abs().saturating_add(50_000) / 100_000;
    let sign = if us < 0 && tenths > 0 { "-" } else { "" };
    format!("{sign}{} s", decimal(tenths, 10, 1))
}

/// `whole / unit` with at most so many decimals (`unit` is ten to that power).
fn decimal(whole: u64, unit: u64, decimals: usize) -> String {
    let text = format!("{}.{:0decimals$}", whole / unit, whole % unit);
    trimmed(&text)
}

fn trimmed(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// A share exactly: `0.1 %`.
pub(crate) fn share(share: Share) -> String {
    share.to_string().replace('%', " %")
}

/// A fraction with three digits: `0.31 %`; near the whole the digits are the rest's: `99.97 %`.
pub(crate) fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    format!("{} %", digits(value, near(value)))
}

/// A lower bound: as [`percent`], rounded down, so that "above" stays true.
pub(crate) fn above(fraction: f64) -> String {
    bound(fraction, |scaled| libm::floor(scaled + 1e-9))
}

/// An upper bound: as [`percent`], rounded up, so that "at most" stays true.
pub(crate) fn at_most(fraction: f64) -> String {
    bound(fraction, |scaled| libm::ceil(scaled - 1e-9))
}

fn bound(fraction: f64, round: impl Fn(f64) -> f64) -> String {
    let value = fraction * 100.0;
    let decimals = decimals(near(value));
    let scale = libm::pow(10.0, decimals as f64);
    format!("{} %", trimmed(&format!("{:.decimals$}", round(value * scale) / scale)))
}

/// How far a percentage is from 0, or from the whole if that is nearer.
fn near(value: f64) -> f64 {
    if value > 50.0 && value < 100.0 { 100.0 - value } else { value }
}

/// k of n in percent.
pub(crate) fn ratio(k: u64, n: u64) -> String {
    if n == 0 { "0 %".to_owned() } else { percent(k as f64 / n as f64) }
}

/// A number with three significant digits: `33.3`.
pub(crate) fn number(value: f64) -> String {
    digits(value, value.abs())
}

/// `value` with as many decimals as give `scale` three digits.
fn digits(value: f64, scale: f64) -> String {
    let decimals = decimals(scale);
    trimmed(&format!("{value:.decimals$}"))
}

fn decimals(scale: f64) -> usize {
    if scale <= 0.0 {
        return 9;
    }
    (2.0 - libm::floor(libm::log10(scale))).clamp(0.0, 15.0) as usize
}

/// A rate in thousandths of a request a minute, in the unit in which it is a whole number: `800/s`.
pub(crate) fn rate(milli_per_min: u64) -> String {
    if milli_per_min.is_multiple_of(60_000) {
        return format!("{}/s", milli_per_min / 60_000);
    }
    format!("{}/m", decimal(milli_per_min, 1_000, 3))
}

/// `1st`, `2nd`, `13th`, `100th`.
pub(crate) fn ordinal(n: u64) -> String {
    let ends = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{ends}")
}

/// `1 request`, `3 requests`.
pub(crate) fn count(n: u64, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// `P95`, `P99.9`.
pub(crate) fn percentile(percentile: Share) -> String {
    format!("P{percentile}").replace('%', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_read_them() {
        assert_eq!(
            [250, 500_000, 1_500, 12_300_000, 1_000_000, 0].map(duration),
            ["250 µs", "500 ms", "1.5 ms", "12.3 s", "1 s", "0 s"]
        );
        assert_eq!(
            [312_447, 12_345_678, 999_999, 7].map(about),
            ["312 ms", "12.3 s", "1 s", "7 µs"]
        );
        assert_eq!([2_140_000, -50_000, -1, 0].map(seconds), ["2.1 s", "-0.1 s", "0 s", "0 s"]);
        assert_eq!([33.333, 0.0, -0.191_704_728].map(number), ["33.3", "0", "-0.192"]);
        assert_eq!(share(Share(1_000_000)), "0.1 %");
        assert_eq!(ratio(31, 10_000), "0.31 %");
        assert_eq!(ratio(3, 10_400), "0.0288 %");
        assert_eq!(ratio(0, 10), "0 %");
        assert_eq!(ratio(10, 10), "100 %");
        assert_eq!(ratio(9_999_999, 10_000_000), "99.99999 %");
        assert_eq!(ratio(972, 1000), "97.2 %");
        assert_eq!([1.0, 1.507_756_563, 12.5].map(percent), ["100 %", "151 %", "1250 %"]);
        // Bounds are rounded outwards.
        assert_eq!(
            (above(0.002_245_299), at_most(0.002_241)),
            ("0.224 %".into(), "0.225 %".into())
        );
        assert_eq!(
            (above(0.0), at_most(1.0), at_most(0.001)),
            ("0 %".into(), "100 %".into(), "0.1 %".into())
        );
        assert_eq!([33.333, 30.0, 0.5, 1234.0].map(number), ["33.3", "30", "0.5", "1234"]);
        assert_eq!(
            (count(1, "request"), count(2, "request")),
            ("1 request".into(), "2 requests".into())
        );
        assert_eq!(percentile(Share(999_000_000)), "P99.9");
        assert_eq!([48_000_000, 90_000, 20_000, 1].map(rate), ["800/s", "90/m", "20/m", "0.001/m"]);
    }
}

//! Durations and shares as people write them: `1m30s`, `500ms`, `0.1%`.
//!
//! Invariant: exact integers, no float on the way; what is not understood is refused with the
//! form that would be.
//! Not here: the grammar of scenarios, which is the harness's.

use std::fmt;
use std::time::Duration;

/// A share as an exact count in a block: 10 % is 10 of 100, 0.25 % is 25 of 10 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartOf {
    count: u64,
    block: u64,
}

impl PartOf {
    /// All of it.
    pub(crate) const ALL: PartOf = PartOf { count: 100, block: 100 };

    /// Reads a percentage above 0 and up to 100, with at most two decimals.
    ///
    /// # Errors
    /// Says which form is expected.
    pub fn parse(text: &str) -> Result<PartOf, String> {
        let refuse = || {
            format!("`{text}` is not a share: write a percentage above 0, such as 1%, 0.1% or 10%")
        };
        let digits = text.strip_suffix('%').ok_or_else(refuse)?;
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(decimals) || decimals.len() > 2 {
            return Err(refuse());
        }
        if digits.ends_with('.') {
            return Err(refuse());
        }
        let block = 100 * 10_u64.pow(decimals.len() as u32);
        let count = format!("{whole}{decimals}").parse::<u64>().map_err(|_| refuse())?;
        if count == 0 || count > block {
            return Err(refuse());
        }
        Ok(PartOf { count, block })
    }

    /// How many of [`PartOf::block`] are taken.
    #[must_use]
    pub fn count(self) -> u64 {
        self.count
    }

    /// The length after which the pattern of [`PartOf::takes`] repeats: 100, 1 000 or 10 000.
    #[must_use]
    pub fn block(self) -> u64 {
        self.block
    }

    /// Whether the item with this ordinal is taken.
    ///
    /// Periodic in the block, so any `block` consecutive ordinals hold exactly `count`; strewn by
    /// a multiplier coprime to the block, so that a load which alternates between two requests
    /// does not always have the same one hit.
    #[must_use]
    pub fn takes(self, ordinal: u64) -> bool {
        let place = ordinal % self.block;
        (place * 37 + self.block / 2) % self.block < self.count
    }
}

impl fmt::Display for PartOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            100 => write!(f, "{}%", self.count),
            1_000 => write!(f, "{}.{}%", self.count / 10, self.count % 10),
            _ => write!(f, "{}.{:02}%", self.count / 100, self.count % 100),
        }
    }
}

/// Reads a duration above zero made of whole numbers with the units `h m s ms`, such as `1m30s`.
///
/// # Errors
/// Says which form is expected; a bare number is refused because its unit is unknown.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || format!("`{text}` is not a duration: write 500ms, 12s or 1m30s");
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("`{text}` has no unit: write {text}s for seconds, {text}ms otherwise"));
    }
    let mut total_ms = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at(letters);
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(refuse()),
        };
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
        total_ms = part.and_then(|ms| total_ms.checked_add(ms)).ok_or_else(refuse)?;
        rest = after;
    }
    if total_ms == 0 && !text.is_empty() {
        return Err(format!("`{text}` must be above zero: write a time such as 500ms or 5s"));
    }
    // A year is far beyond any use and far below what timers overflow on.
    if total_ms == 0 || total_ms > 365 * 24 * 3_600_000 {
        Err(refuse())
    } else {
        Ok(Duration::from_millis(total_ms))
    }
}

/// A duration in the form that [`duration`] reads.
pub(crate) fn show(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms.is_multiple_of(1_000) { format!("{}s", ms / 1_000) } else { format!("{ms}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_exactly_or_refused() {
        let ms = |text: &str| duration(text).map(|d| d.as_millis());
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("12s"), Ok(12_000));
        assert_eq!(ms("1m30s"), Ok(90_000));
        assert_eq!(ms("1h"), Ok(3_600_000));
        for bad in ["", "0s", "s", "5x", "-1s", "1.5s", "99999999999999999999s", "9999999h", "5 s"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration("12").is_err_and(|m| m.contains("12s")));
        assert!(duration("0s").is_err_and(|m| m.contains("must be above zero")));
    }

    #[test]
    fn shares_are_read_exactly_or_refused() {
        let part = |text: &str| PartOf::parse(text).map(|p| (p.count(), p.block()));
        assert_eq!(part("10%"), Ok((10, 100)));
        assert_eq!(part("0.1%"), Ok((1, 1_000)));
        assert_eq!(part("12.25%"), Ok((1_225, 10_000)));
        assert_eq!(part("100%"), Ok((100, 100)));
        for bad in ["", "%", "10", "0%", "101%", "1.%", ".5%", "0.001%", "-1%", "1e1%"] {
            assert!(PartOf::parse(bad).is_err(), "{bad}");
        }
        for text in ["1%", "0.1%", "0.05%", "99.9%"] {
            assert_eq!(PartOf::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn any_block_of_consecutive_ordinals_holds_the_exact_share() {
        for text in ["1%", "10%", "33%", "100%", "0.5%", "0.05%"] {
            let part = PartOf::parse(text).unwrap();
            for start in [0, 1, 57, 99, 12_345] {
                let hits = (start..start + part.block()).filter(|&k| part.takes(k)).count() as u64;
                assert_eq!(hits, part.count(), "{text} from {start}");
            }
        }
    }

    #[test]
    fn a_tenth_hits_both_of_two_alternating_requests() {
        let part = PartOf::parse("10%").unwrap();
        let hit: Vec<u64> = (0..100).filter(|&k| part.takes(k)).collect();
        assert!(hit.iter().any(|k| k % 2 == 0) && hit.iter().any(|k| k % 2 == 1), "{hit:?}");
    }
}

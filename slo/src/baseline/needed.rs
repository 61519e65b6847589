//! How many requests a side needs at least, for a plan.
//!
//! Not here: comparing (`change`).

use super::change::normal_quantile;
use crate::interval::upper_rank;
use crate::time::Share;

/// More are never asked for.
const MOST: u64 = 1_000_000_000_000;

/// The fewest with which an upper bound of a percentile is known at all, two-sided.
#[must_use]
pub fn latency(percentile: Share, confidence: Share) -> Option<u64> {
    let sure = 1.0 - confidence.rest().fraction() / 2.0;
    least(|n| upper_rank(n, percentile, sure) <= n)
}

/// The fewest with which a side without errors is surely not worse than another without, by so many
/// points: Wilson's bound of none.
#[must_use]
pub fn errors(at_most: Share, confidence: Share) -> Option<u64> {
    let z = normal_quantile(confidence);
    least(|n| z * z / (n as f64 + z * z) <= at_most.fraction())
}

fn least(enough: impl Fn(u64) -> bool) -> Option<u64> {
    let mut high = 1;
    while !enough(high) {
        high = if high >= MOST { return None } else { high * 2 };
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SURE: Share = Share(950_000_000);

    /// Source: the order statistics of slo.md D2, two-sided 95 %; Wilson's bound of no error.
    #[test]
    fn the_least_numbers() {
        // 1 - 0.95^n >= 0.975: n = 72; of a median 1 - 0.5^n >= 0.975: n = 6.
        assert_eq!(latency(Share(950_000_000), SURE), Some(72));
        assert_eq!(latency(Share(500_000_000), SURE), Some(6));
        // z² (1 / m - 1) = 7679.1
        assert_eq!(errors(Share(500_000), SURE), Some(7680));
        assert_eq!(errors(Share(0), SURE), None);
    }
}

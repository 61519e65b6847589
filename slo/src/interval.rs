//! Exact statements about a share from a count: met, violated, or not decided, and how many
//! requests a decision takes.
//!
//! With n requests of which k are bad, a limit p0 and a one-sided confidence c (Clopper and
//! Pearson 1934): met when P(X <= k; n, p0) <= 1 - c, violated when P(X >= k; n, p0) < 1 - c,
//! which is the same as "upper bound <= p0" and "lower bound > p0", without inverting anything.
//!
//! Invariant: never too sure: a service exactly at its limit is called met, or violated, with a
//! probability of at most 1 - c, for independent errors at every n.
//! Invariant: unknown outcomes count for the verdict that they could change.
//! Not here: which requests are counted (`tally`), which design effect they have (`objective`).

use crate::beta;
use crate::scorecard::Verdict;
use crate::time::Share;

/// More requests than any run sends; searches end here.
const MOST: u64 = 1_000_000_000_000;

/// P(X <= k) of a binomial with n trials of probability p.
#[must_use]
pub fn cdf(k: u64, n: u64, p: Share) -> f64 {
    if k >= n {
        return 1.0;
    }
    beta::regularised((n - k) as f64, k as f64 + 1.0, p.rest().fraction(), p.fraction())
}

/// P(X >= k) of a binomial with n trials of probability p, computed without subtraction.
#[must_use]
pub fn tail(k: u64, n: u64, p: Share) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    beta::regularised(k as f64, (n - k) as f64 + 1.0, p.fraction(), p.rest().fraction())
}

/// Whether k bad of n prove, with this confidence, that the bad share is below the limit.
#[must_use]
pub fn is_met(k: u64, n: u64, limit: Share, confidence: Share) -> bool {
    n > 0 && cdf(k, n, limit) <= confidence.rest().fraction()
}

/// Whether k bad of n prove, with this confidence, that the bad share is above the limit.
#[must_use]
pub fn is_violated(k: u64, n: u64, limit: Share, confidence: Share) -> bool {
    n > 0 && tail(k, n, limit) < confidence.rest().fraction()
}

/// The verdict on k bad of n known and `unknown` more: met only if it were with all unknown bad,
/// violated only if it were with all unknown good.
#[must_use]
pub fn decide(n: u64, k: u64, unknown: u64, limit: Share, confidence: Share) -> Verdict {
    let all = n.saturating_add(unknown);
    if n > 0 && is_violated(k, all, limit, confidence) {
        Verdict::Violated
    } else if n > 0 && is_met(k.saturating_add(unknown), all, limit, confidence) {
        Verdict::Met
    } else {
        Verdict::Inconclusive
    }
}

/// The fewest requests with which `bad` bad ones are still met; none if no number will do.
#[must_use]
pub fn least_n(limit: Share, bad: u64, confidence: Share) -> Option<u64> {
    let met = |n: u64| is_met(bad, n, limit, confidence);
    least_met(bad.saturating_add(1), met)
}

/// The fewest requests with which `bad` bad ones are still met at this design effect, as [`upper`]; none
/// if no number will do.
#[must_use]
pub fn least_clustered(limit: Share, bad: f64, effect: f64, confidence: Share) -> Option<u64> {
    let met =
        |n: u64| upper(bad / effect, n as f64 / effect, confidence.fraction()) <= limit.fraction();
    least_met(1, met)
}

/// The fewest requests, at least `least`, with which it is met, given that more are met too; none if no
/// number will do.
fn least_met(least: u64, met: impl Fn(u64) -> bool) -> Option<u64> {
    let mut high = least.min(MOST);
    while !met(high) {
        if high >= MOST {
            return None;
        }
        high = high.saturating_mul(2).min(MOST);
    }
    Some(first(least.min(high), high, met))
}

/// The most bad ones of n with which it is met; none if n is too few even without any.
#[must_use]
pub fn greatest_bad(n: u64, limit: Share, confidence: Share) -> Option<u64> {
    let end = n.saturating_add(1);
    first(0, end, |k| k > n || !is_met(k, n, limit, confidence)).checked_sub(1)
}

/// The most bad ones beside so many good ones with which it is met; none if they are too few.
#[must_use]
pub fn greatest_beside(good: u64, limit: Share, confidence: Share) -> Option<u64> {
    // At the limit itself nothing is met.
    let rest = limit.rest().fraction();
    let end = if rest > 0.0 { (good as f64 * limit.fraction() / rest) as u64 } else { MOST };
    let end = end.saturating_add(2).min(MOST);
    first(0, end, |bad| bad >= end || !is_met(bad, good.saturating_add(bad), limit, confidence))
        .checked_sub(1)
}

/// The fewest bad ones of n with which it is violated; none if even n of n prove nothing.
#[must_use]
pub fn least_bad(n: u64, limit: Share, confidence: Share) -> Option<u64> {
    let end = n.saturating_add(1);
    let k = first(0, end, |k| k > n || is_violated(k, n, limit, confidence));
    (k <= n).then_some(k)
}

/// The first number of `low..=high` that holds, given that once it holds it stays so, and that
/// `high` does.
fn first(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// One-sided lower bound of the bad share (Clopper-Pearson). `k` and `n` may be real numbers:
/// counts divided by a design effect (Korn and Graubard 1998).
#[must_use]
pub fn lower(k: f64, n: f64, confidence: f64) -> f64 {
    if k <= 0.0 || n <= 0.0 {
        return 0.0;
    }
    let k = if k > n { n } else { k };
    beta::inverse(1.0 - confidence, k, n - k + 1.0)
}

/// One-sided upper bound of the bad share (Clopper-Pearson), as [`lower`].
#[must_use]
pub fn upper(k: f64, n: f64, confidence: f64) -> f64 {
    if k >= n || n <= 0.0 {
        return 1.0;
    }
    beta::inverse(confidence, k + 1.0, n - k)
}

/// Wilson's score interval, two-sided, with the normal quantile `z` (1.959963985 for 95 %). For
/// drawing only: it may be too sure.
#[must_use]
pub fn wilson(k: u64, n: u64, z: f64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (n as f64, k as f64 / n as f64);
    let scale = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * libm::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
    // At k = 0 and k = n the bounds are exact, what floats leave of them is not.
    let low = if k == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if p >= 1.0 { 1.0 } else { (centre + half).min(1.0) };
    (low, high)
}

/// Ranks between which a quantile lies whatever the distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranks {
    /// Rank of the lower bound, from 1; 0: unbounded.
    pub low: u64,
    /// Rank of the upper bound, from 1; n + 1: unbounded.
    pub high: u64,
    /// How sure that is; at least what was asked, as a fraction.
    pub coverage: f64,
}

/// Two-sided interval of the `quantile` of n values by order statistics (Hahn and Meeker): the
/// values of these ranks, from the least, hold it between them.
#[must_use]
pub fn ranks(n: u64, quantile: Share, confidence: Share) -> Ranks {
    let half = confidence.rest().fraction() / 2.0;
    let low = first(0, n, |l| l >= n || before(l + 1, n, quantile) > half);
    let high = upper_rank(n, quantile, 1.0 - half);
    let coverage = before(high, n, quantile) - before(low, n, quantile);
    Ranks { low, high, coverage }
}

/// The least rank that is one-sidedly above the quantile with this confidence (a fraction);
/// n + 1: none is.
#[must_use]
pub fn upper_rank(n: u64, quantile: Share, confidence: f64) -> u64 {
    first(0, n.saturating_add(1), |u| u > n || before(u, n, quantile) >= confidence)
}

/// P(X <= rank - 1): how sure it is that the quantile lies below the value of this rank.
fn before(rank: u64, n: u64, quantile: Share) -> f64 {
    rank.checked_sub(1).map_or(0.0, |k| cdf(k, n, quantile))
}

/// Rounded to 9 significant digits, the precision of every float in a scorecard.
#[must_use]
pub fn round9(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests;

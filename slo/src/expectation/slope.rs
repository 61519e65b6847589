//! How fast a series grows: a robust slope with a confidence interval.
//!
//! Theil and Sen: the median of the slopes between all pairs of points; its interval by Kendall's
//! statistic. Points close together are joined to at most [`BLOCKS`] medians first, and what is
//! left of their likeness widens the interval (Hamed and Rao), so that a garbage collector's saw
//! is no growth. Pairs are made only within a segment: a restart in between is no shrinking.
//!
//! Invariant: fewer than [`LEAST`] points have no slope; equal inputs give equal bits everywhere.
//! Not here: limits (`metric`).

/// At most so many points are compared with each other.
const BLOCKS: usize = 120;
/// Fewer have no interval.
pub(super) const LEAST: usize = 8;
/// Of the normal distribution, one-sided 95 %.
const Z: f64 = 1.644_853_626_951_472_2;

/// A slope, and between which it surely lies (each side with 95 %). Infinite where there are too
/// few points for that side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slope {
    pub(super) middle: f64,
    pub(super) lower: f64,
    pub(super) upper: f64,
}

/// The slope of points `(x, y)` in segments, each in the order of x; per unit of x.
pub(super) fn slope(segments: &[Vec<(f64, f64)>]) -> Option<Slope> {
    let all: usize = segments.iter().map(Vec::len).sum();
    if all < LEAST {
        return None;
    }
    let size = all.div_ceil(BLOCKS);
    let blocks: Vec<Vec<(f64, f64)>> =
        segments.iter().map(|points| points.chunks(size).map(middle).collect()).collect();
    let mut slopes = Vec::new();
    let mut variance = 0.0;
    for points in &blocks {
        for (at, (x, y)) in points.iter().enumerate() {
            let later = points.iter().skip(at + 1).filter(|(later, _)| later > x);
            slopes.extend(later.map(|(later, value)| (value - y) / (later - x)));
        }
        let n = points.len() as f64;
        variance += n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
    }
    slopes.sort_by(f64::total_cmp);
    let middle = median(&slopes)?;
    let reach = Z * libm::sqrt(variance * likeness(&blocks, middle));
    let pairs = slopes.len() as f64;
    let rank = |rank: f64| (rank >= 1.0).then(|| slopes.get(rank as usize - 1).copied()).flatten();
    let lower = rank(libm::floor((pairs - reach) / 2.0)).unwrap_or(f64::NEG_INFINITY);
    let upper = rank(libm::ceil((pairs + reach) / 2.0) + 1.0).unwrap_or(f64::INFINITY);
    Some(Slope { middle, lower, upper })
}

/// The point that stands for some: the middle of their x, the median of their y.
fn middle(points: &[(f64, f64)]) -> (f64, f64) {
    let mut values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
    values.sort_by(f64::total_cmp);
    let sum: f64 = points.iter().map(|(x, _)| *x).sum();
    (sum / points.len().max(1) as f64, median(&values).unwrap_or(0.0))
}

/// Of sorted values.
fn median(sorted: &[f64]) -> Option<f64> {
    let n = sorted.len();
    let upper = sorted.get(n / 2)?;
    let lower = sorted.get(n.saturating_sub(1) / 2)?;
    Some(lower + (upper - lower) / 2.0)
}

/// By how much neighbours that are alike make the variance greater than it looks: 1 for none.
fn likeness(segments: &[Vec<(f64, f64)>], slope: f64) -> f64 {
    let (mut alike, mut all) = (0.0, 0.0);
    for points in segments {
        let mut rest: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
        let mut sorted = rest.clone();
        sorted.sort_by(f64::total_cmp);
        let level = median(&sorted).unwrap_or(0.0);
        rest.iter_mut().for_each(|value| *value -= level);
        alike += rest.windows(2).map(|pair| pair.iter().product::<f64>()).sum::<f64>();
        all += rest.iter().map(|value| value * value).sum::<f64>();
    }
    if all <= 0.0 {
        return 1.0;
    }
    let correlation = (alike / all).clamp(0.0, 0.9);
    (1.0 + correlation) / (1.0 - correlation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(n: usize, y: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..n).map(|x| (x as f64, y(x as f64))).collect()
    }

    /// A cheap noise between -1 and 1, the same everywhere.
    fn noise(seed: u64, x: f64) -> f64 {
        let mut hash = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (x as u64 + 1);
        for _ in 0..3 {
            hash ^= hash >> 33;
            hash = hash.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        }
        (hash >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    #[test]
    fn straight_lines_have_their_slope_and_no_doubt() {
        let exact = slope(&[line(20, |x| 3.0 * x + 7.0)]).unwrap();
        assert_eq!(exact, Slope { middle: 3.0, lower: 3.0, upper: 3.0 });
        assert_eq!(slope(&[line(600, |_| 12.0)]).unwrap().upper, 0.0);
        assert_eq!(slope(&[line(LEAST - 1, |x| x)]), None);
        // A single point out of line changes nothing.
        let spike = slope(&[line(20, |x| if x == 5.0 { 1e9 } else { 3.0 * x })]).unwrap();
        assert_eq!(spike.middle, 3.0);
    }

    #[test]
    fn a_restart_hides_no_leak() {
        let halves = [line(30, |x| x), line(30, |x| x)];
        assert_eq!(slope(&halves).unwrap().lower, 1.0);
        // Taken as one series the drop would pull it down.
        let joined: Vec<_> = (0..60).map(|x| (f64::from(x), f64::from(x % 30))).collect();
        assert!(slope(&[joined]).unwrap().lower < 0.5);
    }

    #[test]
    fn a_saw_is_no_growth() {
        let saw = slope(&[line(600, |x| x % 40.0)]).unwrap();
        assert!(saw.lower <= 0.0 && saw.upper >= 0.0 && saw.upper < 0.05, "{saw:?}");
    }

    /// White noise, and noise that wanders from second to second.
    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        for wander in [0.0, 0.7] {
            let (mut above, mut below) = (0, 0);
            for seed in 0..400 {
                let mut state = 0.0;
                let points: Vec<_> = (0..120)
                    .map(|x| {
                        state = wander * state + noise(seed, f64::from(x));
                        (f64::from(x), state)
                    })
                    .collect();
                let found = slope(&[points]).unwrap();
                above += usize::from(found.lower > 0.0);
                below += usize::from(found.upper < 0.0);
            }
            assert!(above <= 36 && below <= 36, "{wander}: {above} and {below} of 400");
        }
    }

    proptest! {
        #[test]
        fn the_middle_lies_inside(values in proptest::collection::vec(-1e6f64..1e6, 8..60)) {
            let points: Vec<_> = values.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
            let found = slope(&[points]).unwrap();
            prop_assert!(found.lower <= found.middle && found.middle <= found.upper);
        }
    }
}

//! The regularised incomplete beta function and its inverse: the one formula behind binomial
//! tails and exact intervals.
//!
//! Invariant: only arithmetic and `libm`, so every machine computes the same bits.
//! Invariant: about 13 good digits for parameters up to 1e12, with real-valued parameters too.
//! Not here: what a tail means for a verdict (`interval`).

/// Half of ln 2π.
const HALF_LN_2PI: f64 = 0.918_938_533_204_672_8;

/// What ln x! lies above Stirling's formula (C. Loader, Fast and accurate computation of
/// binomial probabilities, 2000).
fn stirling_error(x: f64) -> f64 {
    if x < 16.0 {
        return libm::lgamma(x + 1.0) - (x + 0.5) * libm::log(x) + x - HALF_LN_2PI;
    }
    let square = 1.0 / (x * x);
    let rest = 1.0 / 1260.0 - (1.0 / 1680.0 - square / 1188.0) * square;
    (1.0 / 12.0 - (1.0 / 360.0 - rest * square) * square) / x
}

/// x ln(x/m) + m - x, without cancellation where x is near m (Loader 2000).
fn deviance(x: f64, mean: f64) -> f64 {
    if libm::fabs(x - mean) >= 0.1 * (x + mean) {
        return x * libm::log(x / mean) + mean - x;
    }
    let v = (x - mean) / (x + mean);
    let (mut sum, mut term) = ((x - mean) * v, 2.0 * x * v);
    let mut odd = 3.0;
    loop {
        term *= v * v;
        let next = sum + term / odd;
        if next == sum {
            return sum;
        }
        (sum, odd) = (next, odd + 2.0);
    }
}

/// Γ(x+y+1) / (Γ(x+1) Γ(y+1)) p^x q^y for real x, y >= 0 and p + q = 1: for integers the
/// probability of exactly x of x + y. Both numbers are taken, because neither can be had from
/// their sum when the other is much greater.
pub(crate) fn mass(x: f64, y: f64, p: f64, q: f64) -> f64 {
    if p <= 0.0 {
        return if x == 0.0 { 1.0 } else { 0.0 };
    }
    if q <= 0.0 {
        return if y == 0.0 { 1.0 } else { 0.0 };
    }
    if x == 0.0 {
        return libm::exp(y * libm::log1p(-p));
    }
    if y == 0.0 {
        return libm::exp(x * libm::log1p(-q));
    }
    let n = x + y;
    let log = stirling_error(n)
        - stirling_error(x)
        - stirling_error(y)
        - deviance(x, n * p)
        - deviance(y, n * q);
    libm::exp(log - HALF_LN_2PI - 0.5 * (libm::log(x) + libm::log(y / n)))
}

/// Lentz's evaluation of the continued fraction (Abramowitz & Stegun 26.5.8).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    /// The number of steps grows with the square root of the parameters; more is never needed
    /// below 1e12, and the bound keeps any input from hanging.
    const STEPS: u32 = 20_000_000;
    let keep = |v: f64| if libm::fabs(v) < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / keep(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / keep(1.0 + even * d);
        c = keep(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / keep(1.0 + odd * d);
        c = keep(1.0 + odd / c);
        let factor = d * c;
        value *= factor;
        if libm::fabs(factor - 1.0) < 3e-16 {
            break;
        }
    }
    value
}

/// I_x(a, b) for a, b > 0 and `y` = 1 - x, which is passed because it may be known better than
/// the difference.
pub(crate) fn regularised(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let weight = mass(a, b, x, y);
    let value = if x < (a + 1.0) / (a + b + 2.0) {
        weight * b / (a + b) * fraction(a, b, x)
    } else {
        1.0 - weight * a / (a + b) * fraction(b, a, y)
    };
    value.clamp(0.0, 1.0)
}

/// The x with I_x(a, b) = `target`, by Newton's method kept between two bounds.
pub(crate) fn inverse(target: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = a / (a + b);
    for _ in 0..200 {
        let y = 1.0 - x;
        let error = regularised(a, b, x, y) - target;
        if error > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let slope = mass(a, b, x, y) * a * b / ((a + b) * x * y);
        let newton = x - error / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if libm::fabs(next - x) <= 1e-15 * x || next == low || next == high {
            return next;
        }
        x = next;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms() {
        // I_x(1, b) = 1 - (1-x)^b and I_x(a, 1) = x^a.
        for (x, e) in [(0.001, 2995.0), (0.5, 3.0), (0.9, 40.0), (1e-9, 3e9)] {
            let expect = -libm::expm1(e * libm::log1p(-x));
            let got = regularised(1.0, e, x, 1.0 - x);
            assert!(libm::fabs(got - expect) < 1e-7 * expect, "{x} {e}: {got} {expect}");
            let expect = libm::pow(x, 2.5);
            assert!(libm::fabs(regularised(2.5, 1.0, x, 1.0 - x) - expect) < 1e-12 * expect);
        }
    }

    #[test]
    fn both_sides_add_up_and_the_inverse_inverts() {
        for (a, b) in [(0.25, 7.0), (3.0, 9.0), (1e6, 9e6), (5e8, 5e8), (3.0, 1e12)] {
            for target in [0.001, 0.05, 0.5, 0.95] {
                let x = inverse(target, a, b);
                let back = regularised(a, b, x, 1.0 - x);
                assert!(libm::fabs(back - target) < 1e-6, "{a} {b} {target}: {back}");
                let other = regularised(b, a, 1.0 - x, x);
                assert!(libm::fabs(back + other - 1.0) < 1e-9);
            }
        }
    }
}

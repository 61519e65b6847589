//! Numbers as people read them: three significant digits and a unit.
//!
//! Invariant: what is not nothing is never printed as nothing: the least share is `<0.01 %`.
//! Not here: numbers that decide, which stay counts (crate slo).

use assay_slo::scorecard::ChangeScore;

/// A length of time in µs: `0.42 ms`, `31 ms`, `1.52 s`, `2 m 05 s`.
pub(super) fn time(us: u64) -> String {
    let ms = us as f64 / 1e3;
    match us {
        0 => "0 ms".to_owned(),
        1..=4 => "<0.01 ms".to_owned(),
        5..=994 => format!("{ms:.2} ms"),
        995..=9_949 => format!("{ms:.1} ms"),
        9_950..=999_499 => format!("{ms:.0} ms"),
        999_500..=9_994_999 => format!("{:.2} s", ms / 1e3),
        9_995_000..=59_949_999 => format!("{:.1} s", ms / 1e3),
        _ => whole_seconds(us.saturating_add(500_000) / 1_000_000),
    }
}

/// Whole seconds: `35 s`, `2 m 05 s`.
pub(super) fn whole_seconds(seconds: u64) -> String {
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} m {:02} s", seconds / 60, seconds % 60)
    }
}

/// A fraction in percent: `0 %`, `<0.01 %`, `0.31 %`, `12.5 %`, `100 %`.
pub(super) fn share(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if !percent.is_finite() {
        return "unknown".to_owned();
    }
    match percent {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.01 => "<0.01 %".to_owned(),
        p if p < 9.995 => format!("{p:.2} %"),
        p if p >= 100.0 => "100 %".to_owned(),
        p if p >= 99.95 => ">99.9 %".to_owned(),
        p => format!("{p:.1} %"),
    }
}

/// `k` of `n` as a share; without any, `unknown`.
pub(super) fn share_of(k: u64, n: u64) -> String {
    if n == 0 { "unknown".to_owned() } else { share(k as f64 / n as f64) }
}

/// A fraction that may be more than the whole: `1.16 %`, `250 %`.
pub(super) fn share_beyond(fraction: f64) -> String {
    if fraction > 1.0 { format!("{:.0} %", fraction * 100.0) } else { share(fraction) }
}

/// Between what a change lies: `-1.20 % to +6.30 % of what it was, allowed +10.0 %`.
pub(super) fn change(change: &ChangeScore, limit: f64) -> String {
    let unit = if change.relative { " of what it was" } else { " of all" };
    let signed = |value: f64| {
        let sign = if value < 0.0 { '-' } else { '+' };
        format!("{sign}{}", share_beyond(value.abs()))
    };
    let known = |bound: Option<f64>| bound.map_or_else(|| "unknown".to_owned(), signed);
    format!("{} to {}{unit}, allowed {}", known(change.lower), known(change.upper), signed(limit))
}

/// A rate per second: `200/s`, `0.5/s`.
pub(super) fn rate(per_second: f64) -> String {
    if !per_second.is_finite() {
        "unknown".to_owned()
    } else if per_second >= 99.95 || per_second.fract().abs() < 0.05 {
        format!("{per_second:.0}/s")
    } else {
        format!("{per_second:.1}/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (us, text) in [
            (0, "0 ms"),
            (3, "<0.01 ms"),
            (420, "0.42 ms"),
            (994, "0.99 ms"),
            (995, "1.0 ms"),
            (9_949, "9.9 ms"),
            (31_000, "31 ms"),
            (999_499, "999 ms"),
            (999_500, "1.00 s"),
            (1_519_000, "1.52 s"),
            (12_340_000, "12.3 s"),
            (125_400_000, "2 m 05 s"),
            (u64::MAX, "307445734561 m 49 s"),
        ] {
            assert_eq!(time(us), text);
        }
    }

    #[test]
    fn shares() {
        for (fraction, text) in [
            (0.0, "0 %"),
            (1e-7, "<0.01 %"),
            (0.0031, "0.31 %"),
            (0.125, "12.5 %"),
            (0.99999, ">99.9 %"),
            (1.0, "100 %"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(share(fraction), text);
        }
        assert_eq!(share_of(0, 0), "unknown");
        assert_eq!(share_of(3, 1000), "0.30 %");
    }

    #[test]
    fn changes() {
        let mut score = ChangeScore {
            relative: true,
            lower: Some(-0.012),
            upper: Some(0.063),
            base_n: 1,
            base_runs: 1,
            runs: 1,
        };
        assert_eq!(change(&score, 0.1), "-1.20 % to +6.30 % of what it was, allowed +10.0 %");
        (score.lower, score.upper) = (Some(0.5), Some(2.134));
        assert_eq!(change(&score, 0.5), "+50.0 % to +213 % of what it was, allowed +50.0 %");
        (score.lower, score.upper) = (Some(-0.012), None);
        score.relative = false;
        assert_eq!(change(&score, 0.0005), "-1.20 % to unknown of all, allowed +0.05 %");
    }

    #[test]
    fn rates() {
        assert_eq!(rate(200.0), "200/s");
        assert_eq!(rate(0.5), "0.5/s");
        assert_eq!(rate(0.0), "0/s");
        assert_eq!(rate(f64::INFINITY), "unknown");
    }
}

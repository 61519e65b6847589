//! Where values lie on an axis, and which values are written beside it.
//!
//! Invariant: every value has a place on its axis, whatever it is; none is outside.
//! Not here: drawing (`trace`, `chart`).

use super::super::units;

/// An axis from 0 to 1, 0 at its lower or left end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// Between these powers of ten.
    Log(i32, i32),
}

impl Scale {
    /// From 0 to a round number that is not less than this.
    pub(super) fn up_to(greatest: f64) -> Scale {
        let greatest = if greatest.is_finite() { greatest.max(1.0) } else { 1.0 };
        let unit = 10_f64.powf(greatest.log10().floor());
        let round = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
        let top = round.into_iter().find(|round| round * unit >= greatest).unwrap_or(10.0);
        Scale::Linear(top * unit)
    }

    /// Between two powers of ten that enclose these; at least one decade.
    pub(super) fn decades(least: f64, greatest: f64) -> Scale {
        let low = least.max(1.0).log10().floor() as i32;
        let high = greatest.max(1.0).log10().ceil() as i32;
        Scale::Log(low, high.max(low + 1))
    }

    /// A value's place.
    pub(super) fn place(self, value: f64) -> f64 {
        let place = match self {
            Scale::Linear(top) => value / top,
            Scale::Log(low, high) => {
                let log = if value > 0.0 { value.log10() } else { f64::from(low) };
                (log - f64::from(low)) / f64::from(high - low)
            }
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// Values to write beside it, with their places.
    pub(super) fn ticks(self) -> Vec<(f64, String)> {
        match self {
            Scale::Linear(top) => {
                [0.0, 0.5, 1.0].into_iter().map(|part| (part, short(part * top))).collect()
            }
            Scale::Log(low, high) => {
                let step = if high - low > 4 { 2 } else { 1 };
                (low..=high)
                    .step_by(step)
                    .map(|power| {
                        let us = 10_f64.powi(power);
                        (self.place(us), microseconds(us))
                    })
                    .collect()
            }
        }
    }
}

/// `0`, `250`, `1.5`, `12k`.
fn short(value: f64) -> String {
    if value >= 10_000.0 {
        return format!("{}k", trimmed(format!("{:.1}", value / 1000.0)));
    }
    trimmed(format!("{value:.1}"))
}

/// A power of ten in µs: `10 µs`, `1 ms`, `10 s`.
fn microseconds(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us:.0} µs"),
        us if us < 1e6 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.0} s", us / 1e6),
    }
}

fn trimmed(number: String) -> String {
    match number.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => number,
    }
}

/// A length of a drawing: one decimal at most.
pub(super) fn length(value: f64) -> String {
    trimmed(format!("{:.1}", if value.abs() < 0.05 { 0.0 } else { value }))
}

/// Round seconds between two, at most so many.
pub(super) fn moments(from_s: f64, to_s: f64, most: usize) -> Vec<i64> {
    const STEPS: [i64; 15] =
        [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600];
    let span = (to_s - from_s).max(1.0);
    let fits = |step: &&i64| span / **step as f64 <= most.max(1) as f64;
    let days = ((span / most.max(1) as f64 / 86_400.0).ceil() as i64).max(1) * 86_400;
    let step = STEPS.iter().find(fits).copied().unwrap_or(days);
    let first = (from_s / step as f64).ceil() as i64;
    let last = (to_s / step as f64).floor() as i64;
    (first..=last).map(|number| number * step).collect()
}

/// A moment on the time axis: `20 s`, `1:30`, `5 m`.
pub(super) fn moment(second: i64) -> String {
    match second {
        second if second.abs() < 60 => format!("{second} s"),
        second if second % 60 == 0 => format!("{} m", second / 60),
        second => format!("{}:{:02}", second / 60, second.abs() % 60),
    }
}

/// A moment to a tenth of a second: `20.0 s`, `2 m 05 s`.
pub(super) fn exact(seconds: f64) -> String {
    if seconds.abs() < 120.0 {
        format!("{seconds:.1} s")
    } else {
        let sign = if seconds < 0.0 { "-" } else { "" };
        format!("{sign}{}", units::whole_seconds(seconds.abs().round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_place() {
        for scale in [Scale::up_to(0.0), Scale::up_to(f64::NAN), Scale::decades(0.0, 3e9)] {
            for value in [-1.0, 0.0, 1.0, 1e300, f64::NAN, f64::INFINITY] {
                assert!((0.0..=1.0).contains(&scale.place(value)), "{scale:?} {value}");
            }
        }
        assert_eq!(Scale::up_to(401.0), Scale::Linear(500.0));
        assert_eq!(Scale::decades(900.0, 1_200.0), Scale::Log(2, 4));
        assert_eq!(Scale::decades(1e3, 1e3), Scale::Log(3, 4));
    }

    #[test]
    fn ticks_are_few_and_round() {
        assert_eq!(moments(0.0, 50.0, 12), (0..=10).map(|five| five * 5).collect::<Vec<_>>());
        assert_eq!(moments(-0.5, 3600.0, 5), [0, 900, 1800, 2700, 3600]);
        assert!(moments(0.0, 1e9, 5).len() <= 6);
        let labels: Vec<_> = [0, 45, 60, 90].into_iter().map(moment).collect();
        assert_eq!(labels, ["0 s", "45 s", "1 m", "1:30"]);
        let ticks = Scale::decades(900.0, 2e6).ticks();
        let labels: Vec<_> = ticks.into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["100 µs", "10 ms", "1 s"]);
        assert_eq!([length(1.0), length(-0.01), length(2.25)], ["1", "0", "2.2"]);
    }
}

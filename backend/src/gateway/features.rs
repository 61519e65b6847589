//! The features of a window of readings, as the platform's edge computes them.
//!
//! Invariant: finite readings have finite features, rounded to three decimals.
//! Not here: whose readings they are, when a window is full.

/// Samples in one window.
pub const WINDOW: u64 = 10;

/// What a sensor reads.
pub type Reading<N> = (N, f64);

/// The features of a window, oldest sample first: of each sensor its mean, its last step, least
/// and greatest; of all latest readings their sum, mean, greatest and least; and two products.
#[must_use]
pub fn features<N: AsRef<str>>(window: &[Vec<Reading<N>>]) -> Vec<(String, f64)> {
    let Some(latest) = window.last() else { return Vec::new() };
    let mut features = Vec::new();
    for (place, (name, last)) in latest.iter().enumerate() {
        // Sensors are mostly the same in every sample, at the same place.
        let of = |sample: &Vec<Reading<N>>| {
            let same = |(other, _): &&Reading<N>| other.as_ref() == name.as_ref();
            let there = sample.get(place).filter(same).or_else(|| sample.iter().find(same));
            there.map(|(_, value)| *value)
        };
        let values: Vec<f64> = window.iter().filter_map(of).collect();
        let before = values.iter().rev().nth(1).unwrap_or(last);
        let mut add =
            |what: &str, value| features.push((format!("{}_{what}", name.as_ref()), round(value)));
        add("sma", values.iter().sum::<f64>() / values.len() as f64);
        add("derivative", last - before);
        add("min", values.iter().copied().fold(f64::INFINITY, f64::min));
        add("max", values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
    }
    let all = || latest.iter().map(|(_, value)| *value);
    let value = |sensor: &str| latest.iter().find(|(name, _)| name.as_ref() == sensor).map(|r| r.1);
    let mut add = |name: &str, value: f64| features.push((name.to_owned(), round(value)));
    if !latest.is_empty() {
        add("sum", all().sum());
        add("avg", all().sum::<f64>() / latest.len() as f64);
        add("max", all().fold(f64::NEG_INFINITY, f64::max));
        add("min", all().fold(f64::INFINITY, f64::min));
    }
    if let (Some(vibration), Some(temperature)) = (value("vibration"), value("temperature")) {
        add("vib_temp_product", vibration * temperature);
    }
    if let Some(rpm) = value("rpm") {
        add("rpm_normalized", rpm / 2000.0);
    }
    features
}

/// Three decimals: no sensor knows more.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_a_known_window() {
        let window: Vec<Vec<Reading<&str>>> = (1..=10)
            .map(|n| vec![("vibration", n as f64), ("temperature", 2.0), ("rpm", 1000.0)])
            .collect();
        let found = features(&window);
        let value = |name: &str| found.iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!((value("vibration_sma"), value("vibration_derivative")), (5.5, 1.0));
        assert_eq!((value("vibration_min"), value("vibration_max")), (1.0, 10.0));
        assert_eq!((value("sum"), value("avg")), (1012.0, 337.333));
        assert_eq!((value("max"), value("min")), (1000.0, 2.0));
        assert_eq!((value("vib_temp_product"), value("rpm_normalized")), (20.0, 0.5));
        assert_eq!(found.len(), 3 * 4 + 6);
        assert!(features::<&str>(&[]).is_empty() && features::<&str>(&[vec![]]).is_empty());
    }

    #[test]
    fn a_sensor_that_came_late_has_the_features_of_its_own_readings() {
        let window = [vec![("rpm", 1.0)], vec![("kwh", 5.0), ("rpm", 3.0)]];
        let found = features(&window);
        let value = |name: &str| found.iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!((value("kwh_sma"), value("kwh_derivative")), (5.0, 0.0));
        assert_eq!((value("rpm_sma"), value("rpm_derivative")), (2.0, 2.0));
    }
}

//! The risk model: pure functions from the latest readings to a prediction.
//!
//! risk = base by type (truck .10-.25, mill .15-.30, boiler .08-.20)
//! + .25/.15/.08 for vibration above 5/4.5/4 mm/s + .20/.10 for temperature above 100/95 °C
//! + .12 for rpm outside 1300-1900, at most .95; these rules are the platform's contract.
//!
//! Invariant: the same machine and readings give the same prediction, on every machine.
//! Not here: carbon figures (see `esg`).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::machine::{MachineId, MachineType};
use crate::sample::Readings;

/// The label under which predictions are counted.
pub(crate) const MODEL_VERSION: &str = "rules-1";

/// The highest risk the rules give.
const MOST: f64 = 0.95;

/// What the model says of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prediction {
    /// 0 to .95.
    pub(crate) risk_score: f64,
    /// min(1.2 × risk, .99).
    pub(crate) failure_probability: f64,
    /// .5 without readings, and .15 more for each of vibration, temperature and rpm known.
    pub(crate) confidence: f64,
    /// Hours until maintenance is due, 10 to 500.
    pub(crate) maintenance_hours: f64,
}

/// The risk of a machine of which nothing is known: drawn within its type's range by its name.
pub(crate) fn base_risk(id: &MachineId) -> f64 {
    let (low, high) = match MachineType::of(id) {
        MachineType::HaulTruck => (0.10, 0.25),
        MachineType::GrindingMill => (0.15, 0.30),
        MachineType::IndustrialBoiler => (0.08, 0.20),
        // The contract names no range for strangers: the envelope of the three.
        MachineType::Unknown => (0.08, 0.30),
    };
    let fraction = f64::from(stream(id.as_str()).next_u32()) / f64::from(u32::MAX);
    low + (high - low) * fraction
}

/// The seeded stream of a name: FNV-1a (Fowler, Noll, Vo; 64 bit) as the seed.
fn stream(name: &str) -> ChaCha8Rng {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    ChaCha8Rng::seed_from_u64(hash)
}

/// What each rule adds to the base: vibration, temperature, rpm. Zero where a reading is missing.
fn additions(metrics: &Readings) -> [f64; 3] {
    let vibration = metrics.get("vibration").map_or(0.0, |&v| match v {
        v if v > 5.0 => 0.25,
        v if v > 4.5 => 0.15,
        v if v > 4.0 => 0.08,
        _ => 0.0,
    });
    let temperature = metrics.get("temperature").map_or(0.0, |&t| match t {
        t if t > 100.0 => 0.20,
        t if t > 95.0 => 0.10,
        _ => 0.0,
    });
    let outside = |&rpm: &f64| !(1_300.0..=1_900.0).contains(&rpm);
    let rpm = if metrics.get("rpm").is_some_and(outside) { 0.12 } else { 0.0 };
    [vibration, temperature, rpm]
}

/// How many rules the readings trip: the machine's alerts.
pub(crate) fn alerts(metrics: &Readings) -> usize {
    additions(metrics).iter().filter(|a| **a > 0.0).count()
}

/// The prediction for a machine of this base risk with these latest readings, if there are any.
pub(crate) fn predict(base: f64, metrics: Option<&Readings>) -> Prediction {
    let added: f64 = metrics.map_or(0.0, |m| additions(m).iter().sum());
    let risk = to_four_places((base + added).min(MOST));
    let known = metrics.map_or(0, |m| {
        ["vibration", "temperature", "rpm"].iter().filter(|name| m.contains_key(**name)).count()
    });
    Prediction {
        risk_score: risk,
        failure_probability: to_four_places((1.2 * risk).min(0.99)),
        confidence: to_four_places(0.5 + 0.15 * known as f64),
        maintenance_hours: to_four_places(maintenance_hours(risk)),
    }
}

/// Within each band of the contract the hours fall linearly with the risk, so that no two risks
/// of different size promise the same date and the bands join without a step.
fn maintenance_hours(risk: f64) -> f64 {
    let (from, to, most, least) = match risk {
        r if r < 0.3 => (0.0, 0.3, 500.0, 300.0),
        r if r < 0.5 => (0.3, 0.5, 300.0, 150.0),
        r if r < 0.7 => (0.5, 0.7, 150.0, 50.0),
        _ => (0.7, MOST, 50.0, 10.0),
    };
    most - (most - least) * (risk - from) / (to - from)
}

/// Answers carry four decimals, like the platform's.
fn to_four_places(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(pairs: &[(&str, f64)]) -> Readings {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    fn base(name: &str) -> f64 {
        base_risk(&MachineId::parse(name).unwrap())
    }

    #[test]
    fn base_risk_is_fixed_by_the_name_and_stays_in_the_range_of_the_type() {
        for n in 0..500 {
            let truck = base(&format!("TRUCK-21-{n:04}"));
            assert!((0.10..=0.25).contains(&truck), "{truck}");
            assert!((0.15..=0.30).contains(&base(&format!("MILL-{n}"))));
            assert!((0.08..=0.20).contains(&base(&format!("BOILER-{n}"))));
            assert!((0.08..=0.30).contains(&base(&format!("pump-{n}"))));
        }
        assert_eq!(base("TRUCK-21"), base("TRUCK-21"));
        assert_ne!(base("TRUCK-21-0001"), base("TRUCK-21-0002"));
    }

    #[test]
    fn each_rule_adds_what_the_contract_says() {
        let added = |pairs: &[(&str, f64)]| additions(&readings(pairs)).iter().sum::<f64>();
        for (value, expect) in [(4.0, 0.0), (4.1, 0.08), (4.5, 0.08), (4.6, 0.15), (5.1, 0.25)] {
            assert_eq!(added(&[("vibration", value)]), expect, "vibration {value}");
        }
        for (value, expect) in [(95.0, 0.0), (95.1, 0.10), (100.0, 0.10), (100.1, 0.20)] {
            assert_eq!(added(&[("temperature", value)]), expect, "temperature {value}");
        }
        for (value, expect) in [(1_300.0, 0.0), (1_900.0, 0.0), (1_299.0, 0.12), (1_901.0, 0.12)] {
            assert_eq!(added(&[("rpm", value)]), expect, "rpm {value}");
        }
        assert_eq!(
            alerts(&readings(&[("vibration", 6.0), ("temperature", 96.0), ("rpm", 0.0)])),
            3
        );
        assert_eq!(alerts(&readings(&[("pressure", 1e9)])), 0);
    }

    #[test]
    fn risk_is_capped_and_everything_stays_in_its_range() {
        let worst = readings(&[("vibration", 9.0), ("temperature", 300.0), ("rpm", 0.0)]);
        let p = predict(0.9, Some(&worst));
        assert_eq!((p.risk_score, p.failure_probability, p.confidence), (0.95, 0.99, 0.95));
        assert_eq!(p.maintenance_hours, 10.0);
        let idle = predict(0.2, None);
        assert_eq!((idle.risk_score, idle.failure_probability, idle.confidence), (0.2, 0.24, 0.5));
    }

    #[test]
    fn hours_fall_with_risk_and_keep_to_the_bands() {
        let mut before = f64::INFINITY;
        for step in 0..=950 {
            let risk = f64::from(step) / 1_000.0;
            let hours = maintenance_hours(risk);
            assert!(hours < before, "{risk}: {hours}");
            let band = match step {
                0..300 => 300.0..=500.0,
                300..500 => 150.0..=300.0,
                500..700 => 50.0..=150.0,
                _ => 10.0..=50.0,
            };
            assert!(band.contains(&hours), "{risk}: {hours}");
            before = hours;
        }
    }
}

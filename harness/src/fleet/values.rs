//! What the sensors of a machine read.
//!
//! Invariant: readings are finite, and a function of profile, sample number and chance only.
//! Not here: names, due times and payloads (`device`), features (crate assay-backend, `gateway`).

use crate::plan::fleet::Profile;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Last sample of normal life; then 200 of drift; then failure.
const NORMAL_UNTIL: u64 = 600;
/// Last sample of drift.
const DRIFT_UNTIL: u64 = 800;
/// Drift leads this far beyond the top of the range.
const BEYOND: f64 = 1.15;

/// One sensor's name and normal range.
type Sensor = (&'static str, f64, f64);

const TRUCK: &[Sensor] = &[
    ("rpm", 1400.0, 1900.0),
    ("temperature", 80.0, 100.0),
    ("vibration", 2.0, 4.5),
    ("fuel_rate_lh", 9.0, 15.0),
    ("co2_ppm", 420.0, 550.0),
    ("pressure", 85.0, 110.0),
    ("speed_kmh", 15.0, 45.0),
];
const MILL: &[Sensor] = &[
    ("rpm", 1200.0, 1600.0),
    ("temperature", 90.0, 115.0),
    ("vibration", 3.0, 5.5),
    ("fuel_rate_lh", 0.0, 2.0),
    ("co2_ppm", 400.0, 500.0),
    ("pressure", 95.0, 125.0),
    ("load_tons", 50.0, 150.0),
    ("kwh", 150.0, 250.0),
];
const BOILER: &[Sensor] = &[
    ("rpm", 0.0, 0.0),
    ("temperature", 150.0, 220.0),
    ("vibration", 1.5, 3.0),
    ("fuel_rate_lh", 20.0, 40.0),
    ("co2_ppm", 500.0, 800.0),
    ("pressure", 120.0, 180.0),
    ("steam_pressure_bar", 80.0, 120.0),
    ("kwh", 50.0, 100.0),
];

/// What a sensor reads.
pub(super) type Reading = assay_backend::gateway::Reading<&'static str>;

fn sensors(profile: Profile) -> &'static [Sensor] {
    match profile {
        Profile::Truck => TRUCK,
        Profile::Mill => MILL,
        Profile::Boiler => BOILER,
        Profile::None => &[],
    }
}

/// All readings of a sample, numbered from 1. Normal: even over the range. Drift: a share of the
/// way, growing from 0 to 1, to 15 % above the top. Failure: normal, but vibration times 1.8-2.8,
/// temperature times 1.1-1.3, CO2 times 1.3-1.7.
pub(super) fn readings(profile: Profile, sample: u64, chance: &mut ChaCha8Rng) -> Vec<Reading> {
    let reading = |(name, low, high): &Sensor| {
        let normal = between(*low, *high, chance);
        let value = if sample <= NORMAL_UNTIL {
            normal
        } else if sample <= DRIFT_UNTIL {
            let way = (sample - NORMAL_UNTIL) as f64 / (DRIFT_UNTIL - NORMAL_UNTIL) as f64;
            normal + way * (BEYOND * high - normal)
        } else {
            normal * failing(name).map_or(1.0, |(low, high)| between(low, high, chance))
        };
        (*name, round(value))
    };
    sensors(profile).iter().map(reading).collect()
}

fn failing(name: &str) -> Option<(f64, f64)> {
    match name {
        "vibration" => Some((1.8, 2.8)),
        "temperature" => Some((1.1, 1.3)),
        "co2_ppm" => Some((1.3, 1.7)),
        _ => None,
    }
}

/// Even in `[low, high)`, 53 bits.
fn between(low: f64, high: f64, chance: &mut ChaCha8Rng) -> f64 {
    let even = (chance.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    low + (high - low) * even
}

/// Three decimals: no sensor knows more.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    fn extremes(profile: Profile, samples: std::ops::RangeInclusive<u64>) -> Vec<(f64, f64)> {
        let mut chance = ChaCha8Rng::seed_from_u64(9);
        let mut found = vec![(f64::INFINITY, f64::NEG_INFINITY); sensors(profile).len()];
        for sample in samples.cycle().take(20_000) {
            for (extreme, (_, value)) in
                found.iter_mut().zip(readings(profile, sample, &mut chance))
            {
                *extreme = (extreme.0.min(value), extreme.1.max(value));
            }
        }
        found
    }

    /// Within the bounds, and reaching nearly to both.
    fn fits(found: (f64, f64), low: f64, high: f64, what: &str) {
        let near = (high - low) * 0.03 + 0.001;
        assert!(found.0 >= low - 0.0006 && found.0 <= low + near, "{what}: {found:?} from {low}");
        assert!(found.1 <= high + 0.0006 && found.1 >= high - near, "{what}: {found:?} to {high}");
    }

    #[test]
    fn every_phase_keeps_its_ranges() {
        for profile in [Profile::Truck, Profile::Mill, Profile::Boiler] {
            let normal = extremes(profile, 1..=600);
            let drifted = extremes(profile, 800..=800);
            let failed = extremes(profile, 801..=1000);
            for (place, (name, low, high)) in sensors(profile).iter().enumerate() {
                fits(normal[place], *low, *high, name);
                fits(drifted[place], high * BEYOND, high * BEYOND, name);
                let (least, most) = failing(name).unwrap_or((1.0, 1.0));
                let (low, high) = (low * least, high * most);
                assert!(failed[place].0 >= low - 0.001 && failed[place].1 <= high + 0.001);
                assert!(name != &"vibration" || failed[place].1 > high * 0.9);
            }
        }
    }

    #[test]
    fn drift_goes_up_with_the_samples() {
        let mean = |sample| {
            let mut chance = ChaCha8Rng::seed_from_u64(3);
            let read = |_| readings(Profile::Truck, sample, &mut chance)[2].1;
            (0..500).map(read).sum::<f64>() / 500.0
        };
        assert!(mean(600) < mean(650) && mean(650) < mean(700) && mean(700) < mean(800));
        assert!((mean(600) - 3.25).abs() < 0.1 && (mean(800) - 5.175).abs() < 0.001);
    }
}

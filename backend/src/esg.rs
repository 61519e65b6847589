//! Carbon figures: pure functions from fuel and electricity to kilograms of CO2 equivalent.
//!
//! 2.68 kg CO2e per litre of diesel (scope 1); .45 / .40 / .30 kg per kWh of electricity for
//! latam / us / eu (scope 2). The larger one names the scope. These factors are the platform's
//! contract. `fuel_rate_lh` and `kwh` are per hour; a sample stands for a fixed time, so that sums
//! do not depend on the order in which samples arrive.
//!
//! Invariant: never negative, and the sum of the instants is the cumulative figure.
//! Not here: which samples there are (see `store`).

use std::time::Duration;

use crate::store::Burned;

/// Kilograms of CO2e per litre of diesel.
const DIESEL: f64 = 2.68;

/// Whose electricity it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// Latin America.
    Latam,
    /// The United States.
    Us,
    /// The European Union.
    Eu,
}

impl Region {
    /// Reads `latam`, `us` or `eu`.
    ///
    /// # Errors
    /// Says what to write.
    pub(crate) fn parse(text: &str) -> Result<Region, String> {
        match text.to_ascii_lowercase().as_str() {
            "latam" => Ok(Region::Latam),
            "us" => Ok(Region::Us),
            "eu" => Ok(Region::Eu),
            _ => Err(format!("`{text}` is not a region: write latam, us or eu")),
        }
    }

    /// Kilograms of CO2e per kWh.
    fn electricity(self) -> f64 {
        match self {
            Region::Latam => 0.45,
            Region::Us => 0.40,
            Region::Eu => 0.30,
        }
    }
}

/// What a sample, and all up to it, emitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Emissions {
    pub(crate) instant_kg: f64,
    pub(crate) cumulative_kg: f64,
    pub(crate) scope: u8,
}

/// The emissions of a sample that stands for `interval`.
pub(crate) fn emissions(burned: &Burned, region: Region, interval: Duration) -> Emissions {
    let hours = interval.as_secs_f64() / 3_600.0;
    let kg = |fuel: f64, kwh: f64| {
        (fuel.max(0.0) * DIESEL * hours, kwh.max(0.0) * region.electricity() * hours)
    };
    let (direct, bought) =
        kg(burned.fuel_rate_lh.unwrap_or_default(), burned.kwh.unwrap_or_default());
    let (all_direct, all_bought) = kg(burned.fuel_sum, burned.kwh_sum);
    Emissions {
        instant_kg: six_places(direct + bought),
        cumulative_kg: six_places(all_direct + all_bought),
        scope: if bought > direct { 2 } else { 1 },
    }
}

/// To the milligram: what is beyond is noise of the sum.
fn six_places(kg: f64) -> f64 {
    (kg * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burned(fuel: Option<f64>, kwh: Option<f64>, sums: (f64, f64)) -> Burned {
        Burned {
            measured_at: chrono::DateTime::UNIX_EPOCH,
            fuel_rate_lh: fuel,
            kwh,
            fuel_sum: sums.0,
            kwh_sum: sums.1,
        }
    }

    #[test]
    fn factors_are_the_contracts_and_the_larger_names_the_scope() {
        let hour = Duration::from_secs(3_600);
        let truck = emissions(&burned(Some(10.0), None, (30.0, 0.0)), Region::Eu, hour);
        assert_eq!((truck.instant_kg, truck.cumulative_kg, truck.scope), (26.8, 80.4, 1));
        for (region, factor) in [(Region::Latam, 45.0), (Region::Us, 40.0), (Region::Eu, 30.0)] {
            let mill = emissions(&burned(Some(1.0), Some(100.0), (1.0, 100.0)), region, hour);
            assert_eq!((mill.instant_kg, mill.scope), (six_places(2.68 + factor), 2));
        }
        let second = emissions(&burned(Some(36.0), None, (36.0, 0.0)), Region::Us, hour / 3_600);
        assert_eq!(second.instant_kg, 0.0268);
    }

    #[test]
    fn negative_readings_emit_nothing() {
        let odd = emissions(&burned(Some(-5.0), None, (-5.0, 0.0)), Region::Us, Duration::MAX / 4);
        assert_eq!((odd.instant_kg, odd.cumulative_kg, odd.scope), (0.0, 0.0, 1));
    }
}

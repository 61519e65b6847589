//! Devices: names, due times and payloads, each a function of seed, fleet, device and sample.
//!
//! Invariant: nothing is remembered: any machine computes the same sample, in any order.
//! Not here: sensors (`values`), whose turn it is (`driver`).

use super::values::{self, Reading};
use crate::clock;
use crate::plan;
use crate::plan::fleet::Profile;
use assay_backend::gateway::{WINDOW, features};
use assay_slo::At;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The devices of one fleet; device numbers count from 0, samples from 1.
#[derive(Debug, Clone)]
pub(super) struct Devices {
    profile: Profile,
    count: u64,
    every_us: u64,
    jitter_us: u64,
    samples: u64,
    key: [u8; 32],
}

impl Devices {
    pub(super) fn new(fleet: &plan::Fleet, seed: u64) -> Devices {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(b"fleet ");
        hash.update(fleet.name.as_bytes());
        Devices {
            profile: fleet.profile,
            count: fleet.devices,
            every_us: fleet.every_us.max(1),
            jitter_us: fleet.jitter_us,
            samples: fleet.samples,
            key: hash.finalize().into(),
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Samples of each device.
    pub(super) fn samples(&self) -> u64 {
        self.samples
    }

    /// `TRUCK-21-0001` and on.
    pub(super) fn name(&self, device: u64) -> String {
        format!("{}{:04}", self.prefix(), device.saturating_add(1))
    }

    /// What each name starts with.
    pub(super) fn prefix(&self) -> &'static str {
        match self.profile {
            Profile::Truck => "TRUCK-21-",
            Profile::Mill => "MILL-3-",
            Profile::Boiler => "BOILER-7-",
            Profile::None => "device-",
        }
    }

    /// The device of this name.
    pub(super) fn named(&self, name: &str) -> Option<u64> {
        let number: u64 = name.strip_prefix(self.prefix())?.parse().ok()?;
        let device = number.checked_sub(1)?;
        (device < self.count && self.name(device) == name).then_some(device)
    }

    /// When a sample is due, µs after time 0: periods, spread over the first one by the device's
    /// number, and its jitter. Numbers beyond the last sample are due too: they mark the drain.
    pub(super) fn due_us(&self, device: u64, sample: u64) -> u64 {
        let spread = u128::from(device) * u128::from(self.every_us) / u128::from(self.count.max(1));
        let periods = u128::from(sample.saturating_sub(1)) * u128::from(self.every_us);
        let plain = u64::try_from(periods + spread).unwrap_or(u64::MAX / 2);
        let width = u128::from(self.jitter_us) * 2 + 1;
        let word = self.stream(device, sample).next_u64();
        let later = ((u128::from(word) * width) >> 64) as u64;
        plain.saturating_add(later).saturating_sub(self.jitter_us)
    }

    /// The chance of one sample; its due time has a word of its own.
    pub(super) fn chance(&self, device: u64, sample: u64) -> ChaCha8Rng {
        let mut chance = self.stream(device, sample);
        let _ = chance.next_u64();
        chance
    }

    fn stream(&self, device: u64, sample: u64) -> ChaCha8Rng {
        let mut chance = ChaCha8Rng::from_seed(self.key);
        // Device and sample side by side: alike only 2³² apart.
        chance.set_stream(device.rotate_left(32) ^ sample);
        chance
    }

    fn readings(&self, device: u64, sample: u64) -> Vec<Reading> {
        values::readings(self.profile, sample, &mut self.chance(device, sample))
    }

    /// The profile's own payload of a sample.
    pub(super) fn payload(&self, device: u64, sample: u64, now: &str) -> String {
        let name = self.name(device);
        let mut text = format!(
            r#"{{"machine_id":"{name}","sample_number":{sample},"timestamp":"{now}","metrics":{{"#
        );
        push_numbers(&mut text, self.readings(device, sample));
        text.push_str("}}");
        text
    }

    /// The features of the window that ends with a sample.
    pub(super) fn features(&self, device: u64, sample: u64, now: &str) -> String {
        let first = sample.saturating_sub(WINDOW - 1).max(1);
        let window: Vec<_> = (first..=sample).map(|n| self.readings(device, n)).collect();
        let name = self.name(device);
        let mut text = format!(r#"{{"machine_id":"{name}","timestamp":"{now}","features":{{"#);
        push_numbers(&mut text, features(&window));
        text.push_str("}}");
        text
    }
}

fn push_numbers(text: &mut String, numbers: impl IntoIterator<Item = (impl AsRef<str>, f64)>) {
    for (place, (name, value)) in numbers.into_iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing to a String cannot fail; values are finite.
        let _ = write!(text, r#"{comma}"{}":{value}"#, name.as_ref());
    }
}

/// The date of instants of the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    date: DateTime<Utc>,
    at: At,
}

impl Calendar {
    /// Ties the run's clock to the date, now.
    pub(super) fn now(clock: &clock::Clock) -> Calendar {
        Calendar { date: clock::wall(), at: clock.now() }
    }

    /// An instant as RFC 3339, to the millisecond.
    pub(super) fn date(&self, at: At) -> String {
        let moved = self.date.checked_add_signed(TimeDelta::microseconds(at.since(self.at)));
        moved.unwrap_or(self.date).to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::tests::fleet;

    fn devices(count: u64, jitter_us: u64, seed: u64) -> Devices {
        let plan = plan::Fleet { devices: count, jitter_us, every_us: 200_000, ..fleet() };
        Devices::new(&plan, seed)
    }

    #[test]
    fn starts_are_spread_over_one_period() {
        let devices = devices(40, 0, 1);
        let starts: Vec<u64> = (0..40).map(|device| devices.due_us(device, 1)).collect();
        assert_eq!(starts, (0..40).map(|device| device * 5_000).collect::<Vec<_>>());
        assert_eq!(devices.due_us(3, 11), 15_000 + 10 * 200_000);
        assert!(devices.due_us(u64::MAX, u64::MAX) > 0);
    }

    #[test]
    fn jitter_goes_both_ways_is_bounded_and_seeded() {
        let (plain, jittered) = (devices(7, 0, 1), devices(7, 30_000, 1));
        let mut apart = Vec::new();
        for (device, sample) in (0..7).flat_map(|d| (2..200).map(move |s| (d, s))) {
            let (due, about) = (jittered.due_us(device, sample), plain.due_us(device, sample));
            assert!(due.abs_diff(about) <= 30_000);
            apart.push(due as i64 - about as i64);
            assert_eq!(due, devices(7, 30_000, 1).due_us(device, sample));
        }
        assert!(apart.iter().any(|us| *us < -20_000) && apart.iter().any(|us| *us > 20_000));
        assert_ne!(jittered.due_us(0, 2), devices(7, 30_000, 2).due_us(0, 2));
    }

    #[test]
    fn names_are_read_back() {
        let devices = devices(20_000, 0, 1);
        for device in [0, 9, 9_998, 9_999, 19_999] {
            assert_eq!(devices.named(&devices.name(device)), Some(device));
        }
        assert_eq!(devices.name(0), "TRUCK-21-0001");
        for foreign in ["TRUCK-21-0000", "TRUCK-21-1", "TRUCK-21-20001", "MILL-3-0001", ""] {
            assert_eq!(devices.named(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn payloads_are_json_and_depend_on_all_that_they_should() {
        let devices = devices(2, 0, 1);
        let body = |device, sample| devices.payload(device, sample, "2026-01-01T00:00:00.000Z");
        let read: serde_json::Value = serde_json::from_str(&body(0, 12)).unwrap();
        assert_eq!(read["machine_id"], "TRUCK-21-0001");
        assert_eq!(
            (&read["sample_number"], read["metrics"].as_object().unwrap().len()),
            (&12.into(), 7)
        );
        assert_eq!(body(0, 12), body(0, 12));
        let metrics = |text: String| text.split_once("metrics").unwrap().1.to_owned();
        let all = [metrics(body(0, 12)), metrics(body(1, 12)), metrics(body(0, 13))];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
        let features = devices.features(0, 20, "2026-01-01T00:00:00.000Z");
        let read: serde_json::Value = serde_json::from_str(&features).unwrap();
        assert!(read["features"]["vibration_sma"].as_f64().unwrap() > 2.0);
    }

    #[tokio::test(start_paused = true)]
    async fn dates_follow_the_runs_clock() {
        let clock = clock::Clock::start();
        let calendar = Calendar { date: DateTime::UNIX_EPOCH, at: At(2_000_000) };
        assert_eq!(calendar.date(At(3_500_000)), "1970-01-01T00:00:01.500Z");
        assert_eq!(calendar.date(At(1_000_000)), "1969-12-31T23:59:59.000Z");
        assert!(calendar.date(At(u64::MAX)).ends_with('Z'));
        assert!(Calendar::now(&clock).date(clock.now()).len() == 24);
    }
}

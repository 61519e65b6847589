//! How much of processors and memory a container may have: read, lowered, and raised again.
//!
//! Invariant: what the engine was never told of a limit it is not told now: a container without one of
//! processors has none again.
//! Not here: when it is done (`acts`, `run`).

use super::{Engine, timely};
use crate::plan::{LEAST_MEMORY, Pressure};
use assay_slo::Share;
use serde::{Deserialize, Serialize};
use std::fmt;
use testcontainers::bollard::models::{ContainerUpdateBody, HostConfig};

/// The kernel's period of processor time, µs, where nobody says another.
const PERIOD_US: i64 = 100_000;
/// The least of a period that can be asked for, µs.
const LEAST_QUOTA_US: i64 = 1_000;
/// A hundredth of a processor, in billionths: the least that the engine takes.
const LEAST_NANO: i64 = 10_000_000;

/// The most that a container may have; 0: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in bytes.
    pub memory: i64,
    /// Processors in billionths.
    pub nano: i64,
    /// Processor time in each period, µs.
    pub quota: i64,
    /// The period, µs.
    pub period: i64,
    /// -1: memory that is swapped out is not counted; 0: the engine's own rule.
    #[serde(default)]
    pub swap: i64,
}

/// The options of `docker update` that ask for them.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nano, self.quota) {
            (0, 0) => write!(f, "--cpu-quota -1")?,
            (0, quota) => write!(f, "--cpu-quota {quota}")?,
            (nano, _) => write!(f, "--cpus {}", nano as f64 / 1e9)?,
        }
        if self.memory > 0 {
            write!(f, " --memory {}", self.memory)?;
        }
        if self.swap < 0 { write!(f, " --memory-swap {}", self.swap) } else { Ok(()) }
    }
}

impl Limits {
    pub(super) fn of(host: &HostConfig) -> Limits {
        // The engine says -1 where a limit was lifted.
        let number = |limit: Option<i64>| limit.unwrap_or(0).max(0);
        Limits {
            memory: number(host.memory),
            nano: number(host.nano_cpus),
            quota: number(host.cpu_quota),
            period: number(host.cpu_period),
            swap: host.memory_swap.unwrap_or(0).min(0),
        }
    }

    /// What is left of them under a pressure, on a machine with so many processors.
    ///
    /// # Errors
    /// A sentence without its beginning: why that much cannot be taken.
    pub fn under(self, pressure: &Pressure, processors: i64) -> Result<Limits, String> {
        let mut left = self;
        if pressure.cpu.0 > 0 {
            let keep = Share::ONE.0.saturating_sub(pressure.cpu.0);
            let part = |of: i64| {
                let part = i128::from(of) * i128::from(keep) / i128::from(Share::ONE.0);
                i64::try_from(part).unwrap_or(of)
            };
            if self.nano > 0 {
                left.nano = part(self.nano).max(LEAST_NANO);
            } else {
                let period = if self.period > 0 { self.period } else { PERIOD_US };
                let quota = if self.quota > 0 { self.quota } else { period * processors.max(1) };
                left.quota = part(quota).max(LEAST_QUOTA_US);
            }
        }
        if pressure.memory > 0 {
            let taken = i64::try_from(pressure.memory).unwrap_or(i64::MAX);
            let least = i64::try_from(LEAST_MEMORY).unwrap_or(0);
            if self.memory == 0 {
                let how = "`mem_limit` of a compose file, or `docker update --memory`";
                return Err(format!("it has no limit of memory to lower: give it one ({how})"));
            }
            left.memory = self.memory.saturating_sub(taken);
            if left.memory < least {
                return Err(format!(
                    "of its {} bytes of memory less than {least} would be left",
                    self.memory
                ));
            }
        }
        Ok(left)
    }
}

impl Engine {
    /// How many processors the engine's machine has.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn processors(&self) -> Result<i64, String> {
        Ok(timely(self.docker.info()).await?.ncpu.unwrap_or(1))
    }

    /// Tells the engine what of a container's limits is to change.
    pub(super) async fn limit(&self, id: &str, to: &Limits, now: &Limits) -> Result<(), String> {
        timely(self.docker.update_container(id, change(to, now))).await
    }
}

fn change(to: &Limits, now: &Limits) -> ContainerUpdateBody {
    let changed = |to: i64, now: i64| (to != now).then_some(to);
    let memory = changed(to.memory, now.memory);
    ContainerUpdateBody {
        memory,
        // Told with it where it is unlimited, or no limit of memory is small enough for the engine.
        memory_swap: memory.and(Some(to.swap)).filter(|swap| *swap < 0),
        nano_cpus: changed(to.nano, now.nano),
        // To the engine 0 means what is there already.
        cpu_quota: changed(to.quota, now.quota).map(|quota| if quota == 0 { -1 } else { quota }),
        ..ContainerUpdateBody::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure(percent: u64, memory: u64) -> Pressure {
        Pressure { cpu: Share(Share::ONE.0 / 100 * percent), memory, by_burners: false, disk: 0 }
    }

    #[test]
    fn what_is_left_is_what_was_not_taken() {
        let none = Limits::default();
        let left = |before: Limits, percent| before.under(&pressure(percent, 0), 2).unwrap();
        assert_eq!(left(none, 80), Limits { quota: 40_000, ..none });
        let nano = Limits { nano: 1_500_000_000, ..none };
        assert_eq!(left(nano, 80), Limits { nano: 300_000_000, ..none });
        let quota = Limits { quota: 50_000, period: 50_000, ..none };
        assert_eq!(left(quota, 50), Limits { quota: 25_000, ..quota });
        assert_eq!(left(Limits { nano: LEAST_NANO, ..none }, 95).nano, LEAST_NANO);
    }

    #[test]
    fn memory_is_taken_of_a_limit_and_some_is_left() {
        let mib = 1 << 20;
        let before = Limits { memory: 128 << 20, ..Limits::default() };
        let left = before.under(&pressure(0, 100 * mib), 2).unwrap();
        assert_eq!(left, Limits { memory: 28 << 20, ..before });
        assert!(before.under(&pressure(0, 120 * mib), 2).unwrap_err().contains("would be left"));
        let none = Limits::default().under(&pressure(0, mib), 2);
        assert!(none.unwrap_err().contains("no limit of memory to lower"));
    }

    #[test]
    fn unlimited_swap_is_told_with_the_limit_of_memory() {
        let before = Limits { memory: 128 << 20, swap: -1, ..Limits::default() };
        let left = before.under(&pressure(0, 32 << 20), 2).unwrap();
        let told = change(&left, &before);
        assert_eq!((told.memory, told.memory_swap), (Some(96 << 20), Some(-1)));
        assert_eq!(change(&before, &before), ContainerUpdateBody::default());
        let usual = Limits { swap: 0, ..before };
        assert_eq!(change(&Limits { swap: 0, ..left }, &usual).memory_swap, None);
        assert_eq!(before.to_string(), "--cpu-quota -1 --memory 134217728 --memory-swap -1");
    }

    #[test]
    fn a_person_types_what_it_was() {
        let limits = Limits { memory: 1 << 20, nano: 1_500_000_000, ..Limits::default() };
        assert_eq!(limits.to_string(), "--cpus 1.5 --memory 1048576");
        assert_eq!(Limits::default().to_string(), "--cpu-quota -1");
        let quota = Limits { quota: 50_000, ..Limits::default() };
        assert_eq!(quota.to_string(), "--cpu-quota 50000");
    }
}

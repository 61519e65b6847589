//! Retries with exponential waits, on backon's loop.
//!
//! The n-th wait, from 1, is `base · factor^(n−1)`, at most `max`; with a jitter of j it is drawn
//! evenly from there to `(1 + j)` times that, and still at most `max`. Attempts are one more than
//! waits: 3 attempts wait twice.
//!
//! Invariant: the waits of a (seed, call) are the same on every machine and in every interleaving.
//! Invariant: without jitter, waits are exact to the microsecond.
//! Not here: which errors are worth another attempt; the caller says.

use std::time::Duration;

use backon::Retryable;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::invalid::{Invalid, at_least_a_microsecond, at_least_one};

/// How often, and with what waits. The default is 3 attempts with waits of 1 s and 2 s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetrySettings {
    attempts: u32,
    base: Duration,
    factor: f64,
    max: Duration,
    jitter: f64,
}

impl Default for RetrySettings {
    fn default() -> RetrySettings {
        RetrySettings {
            attempts: 3,
            base: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_secs(30),
            jitter: 0.0,
        }
    }
}

impl RetrySettings {
    /// `attempts` in all; waits start at `base`, grow by `factor` up to `max`, and are lengthened
    /// by up to the fraction `jitter` of themselves.
    ///
    /// # Errors
    ///
    /// No attempt, a wait under a microsecond, a factor below 1, `max` below `base`, a jitter
    /// outside 0 to 1.
    pub fn new(
        attempts: u32,
        base: Duration,
        factor: f64,
        max: Duration,
        jitter: f64,
    ) -> Result<RetrySettings, Invalid> {
        let attempts = at_least_one(
            "attempts",
            attempts,
            "write 1 or more; the first try is an attempt, so 1 never retries",
        )?;
        let base = at_least_a_microsecond("base", base, "write the first wait, such as 1s")?;
        if !(factor.is_finite() && factor >= 1.0) {
            let write = "write 1 or more: 2 doubles each wait, 1 keeps it";
            return Err(Invalid { setting: "factor", found: factor.to_string(), write });
        }
        if max < base {
            let write = "write the longest wait, at least as long as base, such as 30s";
            return Err(Invalid { setting: "max", found: format!("{max:?}"), write });
        }
        if !(0.0..=1.0).contains(&jitter) {
            let write = "write a fraction from 0 to 1: 0.1 makes waits up to a tenth longer";
            return Err(Invalid { setting: "jitter", found: jitter.to_string(), write });
        }
        Ok(RetrySettings { attempts, base, factor, max, jitter })
    }

    /// One attempt and no wait.
    pub(super) fn once() -> RetrySettings {
        RetrySettings { attempts: 1, ..RetrySettings::default() }
    }

    /// Attempts in all, the first included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The waits of one call: its `seed`, and which call of that seed it is, from 0.
    #[must_use]
    pub fn waits(&self, seed: u64, call: u64) -> Waits {
        let chance = (self.jitter > 0.0).then(|| {
            let mut chance = ChaCha8Rng::seed_from_u64(seed);
            chance.set_stream(call);
            chance
        });
        let next_us = self.base.as_micros() as f64;
        Waits { settings: *self, left: self.attempts - 1, next_us, chance }
    }
}

/// The waits of one call, in order: one fewer than its attempts.
#[derive(Debug, Clone)]
pub struct Waits {
    settings: RetrySettings,
    left: u32,
    next_us: f64,
    chance: Option<ChaCha8Rng>,
}

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let max_us = self.settings.max.as_micros() as f64;
        let plain = self.next_us.min(max_us);
        self.next_us = (self.next_us * self.settings.factor).min(max_us);
        let stretch = self.chance.as_mut().map_or(1.0, |chance| {
            // 53 bits: every value is a double, evenly spaced in [0, 1).
            let even = (chance.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            1.0 + self.settings.jitter * even
        });
        Some(Duration::from_micros((plain * stretch).min(max_us).round() as u64))
    }
}

/// An attempt failed, and another one will follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retrying {
    /// The attempt that failed, from 1.
    pub attempt: u32,
    /// Until the next one begins.
    pub wait: Duration,
}

/// Runs `op` with the attempt's number, from 1, until it succeeds, `again` says no, or the waits
/// are used up; tells of each retry before waiting.
///
/// # Errors
///
/// The last attempt's.
pub async fn retry<T, E, Fut: Future<Output = Result<T, E>>>(
    waits: Waits,
    mut op: impl FnMut(u32) -> Fut,
    again: impl FnMut(&E) -> bool,
    mut tell: impl FnMut(Retrying),
) -> Result<T, E> {
    let (mut begun, mut failed) = (0, 0);
    let begin = || {
        begun += 1;
        op(begun)
    };
    begin
        .retry(waits)
        .sleep(tokio::time::sleep)
        .when(again)
        .notify(|_: &E, wait| {
            failed += 1;
            tell(Retrying { attempt: failed, wait });
        })
        .await
}

#[cfg(test)]
mod tests;

//! What a breaker is told: counts, durations, and the faults that its twins have.
//!
//! Invariant: settings that exist are valid: no zero count, no zero duration.
//! Not here: names of environment variables and YAML keys; callers parse.

use std::time::Duration;

use crate::resilience::invalid::{Invalid, at_least_a_microsecond, at_least_one};

/// A breaker's settings. The default is 5 failures in a row, 60 s of recovery, 1 trial, and a
/// lease of 60 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    failures: u32,
    recovery: Duration,
    trials: u32,
    lease: Duration,
    mutant: Option<BreakerMutant>,
}

/// A fault built into a breaker on purpose, so that a scenario can prove that it notices.
///
/// Never set in earnest; no constructor sets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerMutant {
    /// Counts failures and stays closed.
    NeverOpens,
    /// A call that was admitted before the breaker opened, and succeeds while it is half-open,
    /// closes it. Several libraries in use do this.
    StaleSuccessCloses,
}

impl Default for BreakerSettings {
    fn default() -> BreakerSettings {
        BreakerSettings {
            failures: 5,
            recovery: Duration::from_secs(60),
            trials: 1,
            lease: Duration::from_secs(60),
            mutant: None,
        }
    }
}

impl BreakerSettings {
    /// Opens after `failures` in a row, stays open for `recovery`, then lets `trials` through,
    /// each of which is a failure when it has not ended after `lease`.
    ///
    /// The lease should be longer than the longest honest call, timeouts and, where one call
    /// holds its permit over its retries, their waits included.
    ///
    /// # Errors
    ///
    /// A zero count, or a duration under a microsecond.
    pub fn new(
        failures: u32,
        recovery: Duration,
        trials: u32,
        lease: Duration,
    ) -> Result<BreakerSettings, Invalid> {
        Ok(BreakerSettings {
            failures: at_least_one(
                "failures",
                failures,
                "write 1 or more failures in a row; for no breaker, leave the breaker out",
            )?,
            recovery: at_least_a_microsecond(
                "recovery",
                recovery,
                "write how long it stays open before a trial, such as 60s",
            )?,
            trials: at_least_one(
                "trials",
                trials,
                "write 1 or more; without a trial the breaker could never close again",
            )?,
            lease: at_least_a_microsecond(
                "lease",
                lease,
                "write how long a trial may take before it counts as failed, such as 60s",
            )?,
            mutant: None,
        })
    }

    /// The same with a fault on purpose.
    #[must_use]
    pub fn with_mutant(self, mutant: BreakerMutant) -> BreakerSettings {
        BreakerSettings { mutant: Some(mutant), ..self }
    }

    /// Failures in a row that open it.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// From opening to the first trial.
    #[must_use]
    pub fn recovery(&self) -> Duration {
        self.recovery
    }

    /// Trials of one half-open episode, all of which must succeed.
    #[must_use]
    pub fn trials(&self) -> u32 {
        self.trials
    }

    /// How long a trial may take before it counts as failed.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// The fault that it has on purpose.
    #[must_use]
    pub fn mutant(&self) -> Option<BreakerMutant> {
        self.mutant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn default_passes_its_own_constructor() {
        let d = BreakerSettings::default();
        assert_eq!(BreakerSettings::new(5, 60 * S, 1, 60 * S), Ok(d));
    }

    #[test]
    fn nonsense_is_refused_with_what_to_write() {
        let text = |r: Result<BreakerSettings, Invalid>| r.unwrap_err().to_string();
        assert_eq!(
            text(BreakerSettings::new(0, S, 1, S)),
            "failures is 0: write 1 or more failures in a row; for no breaker, leave the breaker out"
        );
        assert_eq!(
            text(BreakerSettings::new(1, S, 0, S)),
            "trials is 0: write 1 or more; without a trial the breaker could never close again"
        );
        assert_eq!(
            text(BreakerSettings::new(1, Duration::from_nanos(999), 1, S)),
            "recovery is 999ns: write how long it stays open before a trial, such as 60s"
        );
        assert!(text(BreakerSettings::new(1, S, 1, Duration::ZERO)).starts_with("lease is 0ns: "));
    }
}

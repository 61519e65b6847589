//! Retry, breaker and timeout around one operation, in the order that the caller chose.
//!
//! With retries outside the breaker (the default) each attempt asks the breaker and counts: a
//! caller alone opens it after `(F − 1)` waits and F attempts. With retries inside, one operation
//! asks once and counts once, by its last attempt: F operations with all their waits.
//!
//! Invariant: a rejection is never retried, in either order.
//! Invariant: every permit goes back: with the verdict, or as neutral when the call is dropped.
//! Not here: what counts as a failure (the caller's `classify`), the numbers (see `breaker`,
//! `retry`, `timeout`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use thiserror::Error;

use super::breaker::{Breaker, Permit, Rejected, Returned};
use super::retry::{RetrySettings, Retrying, retry};
use super::timeout::{Expired, Limit, Timeouts};

/// Where the retries are, seen from the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Each attempt asks the breaker, and counts.
    #[default]
    OutsideBreaker,
    /// The operation asks the breaker once, and counts once, whatever its attempts.
    InsideBreaker,
}

/// How one attempt ended, as the caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The dependency works.
    Success,
    /// The dependency does not.
    Failure {
        /// Whether another attempt may help.
        retry: bool,
    },
    /// Says nothing about the dependency, as an answer 429. Not retried.
    Neutral,
}

impl Verdict {
    fn returned(self) -> Returned {
        match self {
            Verdict::Success => Returned::Success,
            Verdict::Failure { .. } => Returned::Failure,
            Verdict::Neutral => Returned::Neutral,
        }
    }
}

/// What an attempt is told about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Whether the breaker let it through as a half-open trial.
    pub trial: bool,
}

/// Why a call has no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError<E> {
    /// The breaker turned the attempt away; nothing was sent. An attempt before it may have
    /// failed.
    #[error("the breaker is open: ask again in {retry_after:?}")]
    Rejected {
        /// See [`Rejected::retry_after`].
        retry_after: Duration,
    },
    /// The last attempt's error.
    #[error("{0}")]
    Failed(E),
    /// The last attempt took too long.
    #[error(transparent)]
    Timeout(Expired),
}

/// Retry, breaker and timeout for the calls of one operation. Each part may be missing.
#[derive(Default)]
pub struct Policy {
    breaker: Option<Breaker>,
    retry: Option<(RetrySettings, u64)>,
    order: Order,
    timeout: Option<(Timeouts, Limit)>,
    on_retry: Option<Box<dyn Fn(Retrying) + Send + Sync>>,
    /// How many calls began: each has its own stream of chance.
    calls: AtomicU64,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("breaker", &self.breaker)
            .field("retry", &self.retry)
            .field("order", &self.order)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// One attempt's end.
struct End<T, E> {
    verdict: Verdict,
    result: Result<T, CallError<E>>,
}

impl Policy {
    /// One attempt, no breaker, no timeout.
    #[must_use]
    pub fn new() -> Policy {
        Policy::default()
    }

    /// Asks this breaker.
    #[must_use]
    pub fn with_breaker(self, breaker: Breaker) -> Policy {
        Policy { breaker: Some(breaker), ..self }
    }

    /// Retries. The k-th call's jitter depends on the seed and k only.
    #[must_use]
    pub fn with_retry(self, settings: RetrySettings, seed: u64) -> Policy {
        Policy { retry: Some((settings, seed)), ..self }
    }

    /// Where the retries are.
    #[must_use]
    pub fn with_order(self, order: Order) -> Policy {
        Policy { order, ..self }
    }

    /// Gives each attempt this limit's time; one that takes longer is a failure to be retried.
    #[must_use]
    pub fn with_timeout(self, timeouts: Timeouts, limit: Limit) -> Policy {
        Policy { timeout: Some((timeouts, limit)), ..self }
    }

    /// Hears of each retry, before its wait.
    #[must_use]
    pub fn with_on_retry(self, hear: impl Fn(Retrying) + Send + Sync + 'static) -> Policy {
        Policy { on_retry: Some(Box::new(hear)), ..self }
    }

    /// The breaker.
    #[must_use]
    pub fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// Calls the operation until an attempt need not be repeated, and gives the last one's result.
    /// `classify` sees what each finished attempt gave; an `Ok` that it calls a failure is retried
    /// too, and returned as it is when no attempt is left.
    ///
    /// Dropping the future gives the permit back as neutral.
    ///
    /// # Errors
    ///
    /// [`CallError`]: rejected by the breaker, or the last attempt failed or took too long.
    pub async fn call<T, E, Fut: Future<Output = Result<T, E>>>(
        &self,
        mut op: impl FnMut(Attempt) -> Fut,
        classify: impl Fn(&Result<T, E>) -> Verdict,
    ) -> Result<T, CallError<E>> {
        let (outer, each) = match self.order {
            Order::OutsideBreaker => (None, self.breaker.as_ref()),
            Order::InsideBreaker => (acquire(self.breaker.as_ref())?, None),
        };
        let outer_trial = outer.as_ref().is_some_and(Permit::is_trial);
        let classify = &classify;
        let begin = |number| {
            let begun = acquire(each).map(|permit| {
                let trial = outer_trial || permit.as_ref().is_some_and(Permit::is_trial);
                (permit, op(Attempt { number, trial }))
            });
            async move {
                let end = match begun {
                    Ok((permit, attempt)) => {
                        let end = self.run(attempt, classify).await;
                        if let Some(permit) = permit {
                            permit.end(end.verdict.returned());
                        }
                        end
                    }
                    Err(rejected) => {
                        End { verdict: Verdict::Neutral, result: Err(rejected.into()) }
                    }
                };
                match end.verdict {
                    Verdict::Failure { retry: true } => Err(end),
                    _ => Ok(end),
                }
            }
        };
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let waits = match &self.retry {
            Some((settings, seed)) => settings.waits(*seed, call),
            None => RetrySettings::once().waits(0, call),
        };
        let tell = |retrying| {
            if let Some(hear) = &self.on_retry {
                hear(retrying);
            }
        };
        let (Ok(end) | Err(end)) = retry(waits, begin, |_| true, tell).await;
        if let Some(permit) = outer {
            permit.end(end.verdict.returned());
        }
        end.result
    }

    /// One attempt within its time.
    async fn run<T, E>(
        &self,
        attempt: impl Future<Output = Result<T, E>>,
        classify: &impl Fn(&Result<T, E>) -> Verdict,
    ) -> End<T, E> {
        let done = match self.timeout {
            Some((timeouts, limit)) => timeouts.within(limit, attempt).await,
            None => Ok(attempt.await),
        };
        match done {
            Ok(result) => {
                let verdict = classify(&result);
                End { verdict, result: result.map_err(CallError::Failed) }
            }
            Err(expired) => End {
                verdict: Verdict::Failure { retry: true },
                result: Err(CallError::Timeout(expired)),
            },
        }
    }
}

impl<E> From<Rejected> for CallError<E> {
    fn from(rejected: Rejected) -> CallError<E> {
        CallError::Rejected { retry_after: rejected.retry_after }
    }
}

fn acquire(breaker: Option<&Breaker>) -> Result<Option<Permit>, Rejected> {
    breaker.map(Breaker::try_acquire).transpose()
}

#[cfg(test)]
mod tests;

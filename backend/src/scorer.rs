//! The scorer: who predicts, called through timeout, retry and circuit breaker.
//!
//! Embedded, the rules run in this process and cannot fail; remote, `assay scorer` is asked over
//! HTTP with `POST /score`.
//!
//! Invariant: while the breaker is open the scorer is not asked; the answer is immediate.
//! Invariant: what a remote scorer says is checked: a risk outside 0 to 1, or a time before now,
//! is an error, not an answer.
//! Not here: the rules (see `model`), the scorer's own process (see `serve`).

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::calls;
use crate::fleet::Machine;
use crate::model::{self, Prediction};
use crate::resilience::{Attempt, Breaker, CallError, Policy, RetrySettings, Verdict};
use crate::sample::Readings;
use crate::settings::Settings;
use crate::telemetry::traces::{Kind, Open};
use crate::telemetry::{Telemetry, context};

/// The breaker's name in metrics, logs and `/health`.
pub(crate) const BREAKER: &str = "scorer";

/// The operation's name in metrics and spans.
const FUNCTION: &str = "scorer.predict";

/// What a scorer is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) machine_id: String,
    /// The latest readings; none before a first sample.
    pub(crate) metrics: Option<Readings>,
}

/// Why there is no prediction.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub(crate) enum ScorerError {
    /// The breaker is open: the scorer was not asked.
    #[error("the scorer's circuit breaker is open")]
    Open {
        /// See `Rejected::retry_after`.
        retry_after: Duration,
    },
    /// It cannot be reached, took too long or answered 5xx.
    #[error("the scorer failed: {0}")]
    Failed(String),
    /// It answered 429: it works, and takes no more.
    #[error("the scorer takes no more requests")]
    Limited,
    /// It refused the question.
    #[error("the scorer refused: status {0}")]
    Refused(u16),
    /// Its answer makes no sense.
    #[error("the scorer's answer cannot be used: {0}")]
    Nonsense(String),
}

impl ScorerError {
    /// What went wrong, in one word.
    fn kind(&self) -> &'static str {
        match self {
            ScorerError::Open { .. } => "open",
            ScorerError::Failed(_) => "failed",
            ScorerError::Limited => "429",
            ScorerError::Refused(_) => "refused",
            ScorerError::Nonsense(_) => "nonsense",
        }
    }
}

/// Predicts, whoever does it.
pub(crate) struct Scorer {
    place: Place,
    breaker: Breaker,
    policy: Policy,
    telemetry: Arc<Telemetry>,
}

enum Place {
    Embedded,
    Remote { client: reqwest::Client, url: String },
}

impl Scorer {
    /// The scorer that the settings name.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub(crate) fn new(
        settings: &Settings,
        breaker: Breaker,
        retry: RetrySettings,
        telemetry: Arc<Telemetry>,
    ) -> Result<Scorer, String> {
        let place = match &settings.scorer_url {
            None => Place::Embedded,
            Some(url) => {
                let client = calls::client(settings)?;
                Place::Remote { client, url: format!("{url}/score") }
            }
        };
        let hears = Arc::clone(&telemetry);
        hears.metrics.may_retry(FUNCTION, retry.attempts());
        let policy = Policy::new()
            .with_breaker(breaker.clone())
            .with_retry(retry, 0)
            .with_on_retry(move |retrying| hears.metrics.retry(FUNCTION, retrying.attempt + 1));
        Ok(Scorer { place, breaker, policy, telemetry })
    }

    /// Predicts for a machine as it is now.
    ///
    /// # Errors
    /// [`ScorerError`]; the embedded scorer has none.
    pub(crate) async fn predict(&self, machine: &Machine) -> Result<Prediction, ScorerError> {
        let metrics = machine.latest.as_ref().map(|l| &l.metrics);
        let operation = |attempt: Attempt| {
            let kind = match &self.place {
                Place::Embedded => Kind::Internal,
                Place::Remote { .. } => Kind::Client,
            };
            let span = self.telemetry.traces.span(FUNCTION, kind);
            span.set("attempt", i64::from(attempt.number));
            async move {
                let result = match &self.place {
                    Place::Embedded => Ok(model::predict(machine.base_risk, metrics)),
                    Place::Remote { client, url } => {
                        let question = Question {
                            machine_id: machine.id.to_string(),
                            metrics: metrics.cloned(),
                        };
                        ask(client, url, &question, &span, attempt.number).await
                    }
                };
                if let Err(error) = &result {
                    let cause = error.to_string();
                    span.fail(error.kind(), &cause);
                    self.telemetry.attempt_failed(FUNCTION, attempt.number.into(), &cause);
                }
                result
            }
        };
        let classify = |result: &Result<Prediction, ScorerError>| match result {
            Ok(_) | Err(ScorerError::Refused(_)) => Verdict::Success,
            Err(ScorerError::Limited) => Verdict::Neutral,
            Err(ScorerError::Nonsense(_)) => Verdict::Failure { retry: false },
            Err(_) => Verdict::Failure { retry: true },
        };
        let error = match self.policy.call(operation, classify).await {
            Ok(prediction) => return Ok(prediction),
            Err(CallError::Rejected { retry_after }) => {
                let retry_after = self.breaker.ask_again(retry_after);
                return Err(ScorerError::Open { retry_after });
            }
            Err(CallError::Failed(error)) => error,
            Err(CallError::Timeout(expired)) => ScorerError::Failed(expired.to_string()),
        };
        if !matches!(error, ScorerError::Limited | ScorerError::Refused(_)) {
            self.telemetry.metrics.gave_up(FUNCTION);
        }
        Err(error)
    }
}

/// One question over HTTP.
async fn ask(
    client: &reqwest::Client,
    url: &str,
    question: &Question,
    span: &Open,
    attempt: u32,
) -> Result<Prediction, ScorerError> {
    let failed = |error: reqwest::Error| ScorerError::Failed(error.without_url().to_string());
    span.asks("POST", url);
    let mut request = client.post(url).headers(span.headers()).json(question);
    if let Some(context) = context::current().filter(|context| !context.request_id.is_empty()) {
        // With the attempt in it, as the edge does: who breaks a share of requests by their ids must not
        // break one question for ever.
        let id = format!("{}-s{attempt}", context.request_id);
        request = request.header("x-request-id", id);
    }
    let answer = request.send().await.map_err(failed)?;
    let status = answer.status().as_u16();
    span.set("http.response.status_code", i64::from(status));
    match status {
        200 => {}
        429 => return Err(ScorerError::Limited),
        500.. => return Err(ScorerError::Failed(format!("status {status}"))),
        _ => return Err(ScorerError::Refused(status)),
    }
    let body = answer.bytes().await.map_err(failed)?;
    let prediction: Prediction =
        serde_json::from_slice(&body).map_err(|error| ScorerError::Nonsense(error.to_string()))?;
    let sane = [prediction.risk_score, prediction.failure_probability, prediction.confidence]
        .iter()
        .all(|value| (0.0..=1.0).contains(value));
    let hours = prediction.maintenance_hours;
    if sane && hours.is_finite() && hours >= 0.0 {
        Ok(prediction)
    } else {
        Err(ScorerError::Nonsense("a figure is outside its range".to_owned()))
    }
}

//! Errors: their codes and their one shape.
//!
//! `{status_code, error_code, message, details{field, constraint, provided_value,
//! expected_format}, timestamp, request_id}`; details that do not apply are null.
//!
//! Invariant: a handler's error becomes a body only in `observe`, which knows the request's id.
//! Invariant: what a database says is logged, not answered: it may hold paths.
//! Not here: which requests are wrong (see `body` and `query`).

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use crate::machine::MachineId;
use crate::sample::now_text;
use crate::scorer::ScorerError;
use crate::store::StoreError;

/// The longest text that an answer repeats.
const LONGEST_ECHO: usize = 100;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    ValidationError,
    InvalidMachineId,
    MissingRequiredField,
    PayloadTooLarge,
    MachineNotFound,
    PredictionNotFound,
    EsgDataNotFound,
    HistoryNotFound,
    RateLimited,
    RouteNotFound,
    MethodNotAllowed,
    InternalError,
    DatabaseError,
    IngestError,
    ModelError,
    PredictionFailed,
    ServiceUnavailable,
    ExternalServiceError,
}

impl Code {
    /// Each of them.
    pub(super) const ALL: [Code; 18] = [
        Code::ValidationError,
        Code::InvalidMachineId,
        Code::MissingRequiredField,
        Code::PayloadTooLarge,
        Code::MachineNotFound,
        Code::PredictionNotFound,
        Code::EsgDataNotFound,
        Code::HistoryNotFound,
        Code::RateLimited,
        Code::RouteNotFound,
        Code::MethodNotAllowed,
        Code::InternalError,
        Code::DatabaseError,
        Code::IngestError,
        Code::ModelError,
        Code::PredictionFailed,
        Code::ServiceUnavailable,
        Code::ExternalServiceError,
    ];

    pub(super) fn status(self) -> StatusCode {
        match self {
            Code::ValidationError | Code::InvalidMachineId | Code::MissingRequiredField => {
                StatusCode::BAD_REQUEST
            }
            Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::MachineNotFound
            | Code::PredictionNotFound
            | Code::EsgDataNotFound
            | Code::HistoryNotFound
            | Code::RouteNotFound => StatusCode::NOT_FOUND,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::InternalError
            | Code::DatabaseError
            | Code::IngestError
            | Code::ModelError
            | Code::PredictionFailed => StatusCode::INTERNAL_SERVER_ERROR,
            Code::ServiceUnavailable | Code::ExternalServiceError => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Code::ValidationError => "validation_error",
            Code::InvalidMachineId => "invalid_machine_id",
            Code::MissingRequiredField => "missing_required_field",
            Code::PayloadTooLarge => "payload_too_large",
            Code::MachineNotFound => "machine_not_found",
            Code::PredictionNotFound => "prediction_not_found",
            Code::EsgDataNotFound => "esg_data_not_found",
            Code::HistoryNotFound => "history_not_found",
            Code::RateLimited => "rate_limited",
            Code::RouteNotFound => "route_not_found",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::InternalError => "internal_error",
            Code::DatabaseError => "database_error",
            Code::IngestError => "ingest_error",
            Code::ModelError => "model_error",
            Code::PredictionFailed => "prediction_failed",
            Code::ServiceUnavailable => "service_unavailable",
            Code::ExternalServiceError => "external_service_error",
        }
    }

    /// The family of the code: `error_type` in logs and metrics.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Code::ValidationError
            | Code::InvalidMachineId
            | Code::MissingRequiredField
            | Code::PayloadTooLarge => "validation",
            Code::MachineNotFound
            | Code::PredictionNotFound
            | Code::EsgDataNotFound
            | Code::HistoryNotFound
            | Code::RouteNotFound => "not_found",
            Code::RateLimited => "rate_limit",
            Code::MethodNotAllowed => "method",
            Code::InternalError => "internal",
            Code::DatabaseError | Code::IngestError => "database",
            Code::ModelError | Code::PredictionFailed => "model",
            Code::ServiceUnavailable => "unavailable",
            Code::ExternalServiceError => "external",
        }
    }
}

/// What was wrong with which part of the request.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Details {
    pub(super) field: Option<String>,
    pub(super) constraint: Option<&'static str>,
    pub(super) provided_value: Option<Value>,
    pub(super) expected_format: Option<&'static str>,
}

/// An error on its way to the client.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    pub(super) code: Code,
    pub(super) message: String,
    /// Boxed: results of handlers stay small.
    pub(super) details: Box<Details>,
    pub(super) machine_id: Option<MachineId>,
    /// What only the log may know.
    pub(super) cause: Option<String>,
    /// When the client may try again; some second where it is not known.
    pub(super) retry_after: Option<Duration>,
}

impl ApiError {
    pub(super) fn new(code: Code, message: impl Into<String>) -> ApiError {
        ApiError {
            code,
            message: message.into(),
            details: Box::default(),
            machine_id: None,
            cause: None,
            retry_after: None,
        }
    }

    /// A field that must be there is not.
    pub(super) fn missing(field: &str, expected: &'static str) -> ApiError {
        let mut error = ApiError::new(Code::MissingRequiredField, format!("`{field}` is required"));
        error.details.field = Some(field.to_owned());
        error.details.constraint = Some("required");
        error.details.expected_format = Some(expected);
        error
    }

    /// A field breaks a constraint.
    pub(super) fn broken(
        code: Code,
        field: &str,
        constraint: &'static str,
        provided: &Value,
        expected: &'static str,
    ) -> ApiError {
        let field = clip(field);
        let mut error = ApiError::new(code, format!("`{field}` must be {expected}"));
        *error.details = Details {
            field: Some(field),
            constraint: Some(constraint),
            provided_value: Some(echo(provided)),
            expected_format: Some(expected),
        };
        error
    }

    pub(super) fn unknown_machine(id: MachineId) -> ApiError {
        let mut error =
            ApiError::new(Code::MachineNotFound, format!("machine `{id}` is not registered"));
        error.details.field = Some("machine_id".to_owned());
        error.details.constraint = Some("registered");
        error.details.provided_value = Some(echo(&id.as_str().into()));
        error.machine_id = Some(id);
        error
    }

    /// A machine that is registered has nothing of what was asked for.
    pub(super) fn nothing(code: Code, id: &MachineId) -> ApiError {
        let what = match code {
            Code::PredictionNotFound => "no prediction was made yet",
            _ => "no sample with fuel_rate_lh or kwh was stored yet",
        };
        ApiError::new(code, format!("machine `{id}`: {what}")).about(id)
    }

    /// A client used its minute up.
    pub(super) fn limited(retry_after: Duration) -> ApiError {
        let mut error = ApiError::new(
            Code::RateLimited,
            "too many requests in this minute: wait as long as Retry-After says",
        );
        error.retry_after = Some(retry_after);
        error
    }

    pub(super) fn of_scorer(error: &ScorerError, machine: &MachineId) -> ApiError {
        let (code, message) = match error {
            ScorerError::Open { .. } => {
                (Code::ServiceUnavailable, "the scorer does not work and is not asked just now")
            }
            ScorerError::Failed(_) | ScorerError::Limited => {
                (Code::ExternalServiceError, "the scorer does not answer")
            }
            ScorerError::Refused(_) => (Code::PredictionFailed, "the scorer refused to predict"),
            ScorerError::Nonsense(_) => (Code::ModelError, "the scorer's answer makes no sense"),
        };
        let mut answer = ApiError::new(code, message).about(machine);
        if let ScorerError::Open { retry_after } = error {
            answer.retry_after = Some(*retry_after);
        }
        answer.cause = Some(error.to_string());
        answer
    }

    pub(super) fn of_store(error: &StoreError, machine: &MachineId) -> ApiError {
        let (code, message) = match error {
            StoreError::Open { .. } => {
                (Code::ServiceUnavailable, "the database does not work and is not asked just now")
            }
            StoreError::Lost => (Code::IngestError, "the write has no outcome: send it again"),
            StoreError::Busy => (Code::ServiceUnavailable, "the store is busy, try again"),
            StoreError::Closed => (Code::ServiceUnavailable, "the service is stopping"),
            StoreError::Timeout => (Code::DatabaseError, "the database took too long"),
            StoreError::Database(_) => (Code::DatabaseError, "the database failed"),
        };
        let mut answer = ApiError::new(code, message).about(machine);
        if let StoreError::Open { retry_after } = error {
            answer.retry_after = Some(*retry_after);
        }
        answer.cause = Some(error.to_string());
        answer
    }

    /// Names the machine that the request was about.
    pub(super) fn about(mut self, machine: &MachineId) -> ApiError {
        self.machine_id = Some(machine.clone());
        self
    }

    /// The seconds that `Retry-After` tells, where this error has one: whole ones, at least 1.
    pub(super) fn retry_after_seconds(&self) -> Option<u64> {
        let limited = matches!(
            self.code,
            Code::RateLimited | Code::ServiceUnavailable | Code::ExternalServiceError
        );
        let known = self.retry_after.unwrap_or_default();
        limited.then(|| (known.as_secs() + u64::from(known.subsec_nanos() > 0)).max(1))
    }

    /// The field as a label: readings are clients' words, so they share one.
    pub(super) fn field_label(&self) -> &str {
        let field = self.details.field.as_deref().unwrap_or("none");
        field.split('.').next().unwrap_or(field)
    }

    /// The body, with the id of its request.
    pub(super) fn body(&self, request_id: &str) -> Vec<u8> {
        let body = Body {
            status_code: self.code.status().as_u16(),
            error_code: self.code.name(),
            message: &self.message,
            details: &self.details,
            timestamp: now_text(),
            request_id,
        };
        // Text and numbers only: nothing in it can fail to be JSON.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    status_code: u16,
    error_code: &'static str,
    message: &'a str,
    details: &'a Details,
    timestamp: String,
    request_id: &'a str,
}

/// An error inside a response that `observe` has still to write.
#[derive(Debug, Clone)]
pub(super) struct Unwritten(pub(super) Arc<ApiError>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(Unwritten(Arc::new(self)));
        response
    }
}

/// A value to repeat to its sender: scalars, texts cut short, the kind of anything larger.
fn echo(value: &Value) -> Value {
    match value {
        Value::String(text) => clip(text).into(),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
        scalar => scalar.clone(),
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(LONGEST_ECHO) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

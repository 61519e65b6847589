//! `GET /`, `GET /health`, `GET /metrics`: the service about itself.
//!
//! Invariant: `/health` is 503 once nothing can be acknowledged any more, and names the mutants.
//! Invariant: while a breaker is not closed `/health` is 200 `degraded` and says why: an orchestrator
//! must not kill a service for what its dependency does.
//! Not here: what the metrics mean (see `telemetry::metrics`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::App;
use super::error::{ApiError, Code};
use crate::settings::Settings;
use crate::telemetry::breakers::Breakers;
use crate::telemetry::format::Format;

/// What `GET /` lists.
pub(super) const ROUTES: [&str; 15] = [
    "POST /ingest/raw",
    "POST /ingest/batch",
    "POST /ingest/features",
    "POST /predict/?machine_id=",
    "GET /predict?machine_id=",
    "GET /predict/history/{machine_id}?limit=",
    "GET /machines/?after=&limit=",
    "GET /machines/{machine_id}/metrics",
    "GET /esg/current?machine_id=",
    "GET /esg/history/{machine_id}?limit=",
    "GET /samples/{machine_id}?after=&limit=",
    "GET /health",
    "GET /metrics",
    "GET /openapi.json",
    "GET /",
];

pub(super) async fn root(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({
        "app_name": app.settings.app_name,
        "app_version": Settings::APP_VERSION,
        "routes": ROUTES,
    }))
}

pub(super) async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    if !app.store.is_open() {
        return Err(ApiError::new(Code::ServiceUnavailable, "the store takes no writes"));
    }
    let reasons = not_closed(&app.breakers);
    let settings = &app.settings;
    let scorer = if settings.scorer_url.is_some() { "remote" } else { "embedded" };
    let features = json!({
        "ingest": true,
        "batch_ingest": true,
        "predict": true,
        "prediction_history": true,
        "sample_read_back": true,
        "esg": true,
        "scorer": scorer,
        "rate_limits": {
            "ingest_per_minute": settings.rate_limit_ingest,
            "predict_per_minute": settings.rate_limit_predict,
        },
        "mutants": app.mutants.names(),
    });
    Ok(Json(health_page(settings, &reasons, features)))
}

/// What every service of the platform says of itself.
pub(super) fn health_page(settings: &Settings, reasons: &[String], features: Value) -> Value {
    let mut page = json!({
        "status": if reasons.is_empty() { "healthy" } else { "degraded" },
        "app_name": settings.app_name,
        "app_version": Settings::APP_VERSION,
        "environment": settings.environment,
        "features": features,
        "observability": {"logs": "json", "metrics": true, "tracing": settings.tracing_enabled},
    });
    if !reasons.is_empty() {
        page["reasons"] = reasons.into();
    }
    page
}

/// What does not work just now, in sentences.
pub(super) fn not_closed(breakers: &Breakers) -> Vec<String> {
    let open = breakers.not_closed().into_iter();
    open.map(|(name, state)| format!("circuit breaker `{name}` is {}", state.name())).collect()
}

pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    app.breakers.publish(app.metrics());
    let accept = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let format = Format::of(&accept.collect::<Vec<_>>().join(","));
    let text = app.metrics().text(format, app.store.connections_active()).map_err(|error| {
        let mut answer = ApiError::new(Code::InternalError, "the metrics cannot be written");
        answer.cause = Some(error.to_string());
        answer
    })?;
    Ok(([(CONTENT_TYPE, format.media_type())], text))
}

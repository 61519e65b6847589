//! `GET /`, `GET /health`, `GET /metrics`: the service about itself.
//!
//! Invariant: `/health` is 503 once nothing can be acknowledged any more, and names the mutants.
//! Not here: what the metrics mean (see `telemetry::metrics`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::App;
use super::error::{ApiError, Code};
use crate::settings::Settings;

/// What `GET /` lists.
pub(super) const ROUTES: [&str; 10] = [
    "POST /ingest/raw",
    "POST /ingest/features",
    "POST /predict/?machine_id=",
    "GET /predict?machine_id=",
    "GET /machines/?after=&limit=",
    "GET /machines/{machine_id}/metrics",
    "GET /samples/{machine_id}?after=&limit=",
    "GET /health",
    "GET /metrics",
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
    Ok(Json(json!({
        "status": "healthy",
        "app_name": app.settings.app_name,
        "app_version": Settings::APP_VERSION,
        "environment": app.settings.environment,
        "features": {
            "ingest": true,
            "predict": true,
            "sample_read_back": true,
            "esg": false,
            "mutants": app.mutants.names(),
        },
        "observability": {"logs": "json", "metrics": true, "tracing": false},
    })))
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, ApiError> {
    let text = app.metrics.text(app.store.connections_active()).map_err(|error| {
        let mut answer = ApiError::new(Code::InternalError, "the metrics cannot be written");
        answer.cause = Some(error.to_string());
        answer
    })?;
    Ok(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}

//! The edge's own process: `POST /ingest/raw` as the backend has it, answered 202 once the sample is
//! in the outbox; `/health`, `/metrics`.
//!
//! Invariant: what the backend would refuse for its content is refused here, with the same error.
//! Not here: the outbox and what leaves it (see `crate::edge`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::{ApiError, Code};
use super::{App, Route, body, dressed, ingest, meta};
use crate::edge::{Edge, NotTaken};
use crate::sample::show_instant;
use crate::telemetry::context;

/// The edge's API.
pub(crate) fn router(app: Arc<App>, edge: Arc<Edge>) -> Router {
    let routes = vec![
        Route::new(&["POST"], "/ingest/raw", post(raw)).answering(202),
        Route::new(&["POST"], "/ingest/features", post(features)).answering(202),
        Route::new(&["GET"], "/health", get(health)),
        Route::new(&["GET"], "/metrics", get(metrics)),
    ];
    dressed(app, routes).layer(Extension(edge))
}

/// The promise to deliver a sample.
#[derive(Serialize)]
struct Accepted {
    status: &'static str,
    message: &'static str,
    machine_id: String,
    timestamp: String,
    metrics_count: usize,
}

async fn raw(
    State(app): State<Arc<App>>,
    Extension(edge): Extension<Arc<Edge>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Accepted>), ApiError> {
    let started = Instant::now();
    let text = body.as_ref().ok().map(|b| String::from_utf8_lossy(b).into_owned());
    let sample = body::sample(body).inspect_err(|error| ingest::refused(&app, error))?;
    context::about(&sample.machine_id);
    context::sample(sample.number);
    if !app.mutants.forgets() {
        let taken = edge.take(&sample, text.unwrap_or_default()).await;
        let taken = taken.map_err(|error| not_taken(error).about(&sample.machine_id));
        taken.inspect_err(|error| ingest::refused(&app, error))?;
    }
    app.fleet.register([&sample.machine_id]);
    app.metrics().ingested(sample.machine_id.as_str(), "raw", false, started.elapsed());
    let accepted = Accepted {
        status: "accepted",
        message: "sample kept, and sent on",
        machine_id: sample.machine_id.to_string(),
        timestamp: show_instant(sample.measured_at),
        metrics_count: sample.metrics.len(),
    };
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// The promise to deliver features.
#[derive(Serialize)]
struct AcceptedFeatures {
    status: &'static str,
    message: &'static str,
    machine_id: String,
    timestamp: String,
    features_count: usize,
}

async fn features(
    State(app): State<Arc<App>>,
    Extension(edge): Extension<Arc<Edge>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<AcceptedFeatures>), ApiError> {
    let started = Instant::now();
    let text = body.as_ref().ok().map(|b| String::from_utf8_lossy(b).into_owned());
    let features = body::features(body).inspect_err(|error| ingest::refused(&app, error))?;
    let machine = &features.machine_id;
    context::about(machine);
    let taken = edge.take_features(machine, text.unwrap_or_default()).await;
    let taken = taken.map_err(|error| not_taken(error).about(machine));
    taken.inspect_err(|error| ingest::refused(&app, error))?;
    app.fleet.register([machine]);
    app.metrics().ingested(machine.as_str(), "features", false, started.elapsed());
    let accepted = AcceptedFeatures {
        status: "accepted",
        message: "features kept, and sent on",
        machine_id: machine.to_string(),
        timestamp: show_instant(features.measured_at),
        features_count: features.features.len(),
    };
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

fn not_taken(error: NotTaken) -> ApiError {
    match error {
        NotTaken::Full => ApiError::new(Code::ServiceUnavailable, "the outbox is full"),
        NotTaken::Stopping => ApiError::new(Code::ServiceUnavailable, "the edge is stopping"),
        NotTaken::Unwritten(why) => {
            let mut error = ApiError::new(Code::ServiceUnavailable, "the outbox cannot be written");
            error.cause = Some(why);
            error
        }
    }
}

async fn health(
    State(app): State<Arc<App>>,
    Extension(edge): Extension<Arc<Edge>>,
) -> Result<Json<Value>, ApiError> {
    if !edge.is_open() {
        return Err(ApiError::new(Code::ServiceUnavailable, "the outbox takes no more"));
    }
    let mut reasons = meta::not_closed(&app.breakers);
    if edge.held() >= edge.most() {
        reasons.push("the outbox is full".to_owned());
    }
    if edge.is_failing() {
        reasons.push("the outbox cannot be written".to_owned());
    }
    let features = json!({
        "ingest": true,
        "outbox": {"held": edge.held(), "most": edge.most(), "durable": edge.is_durable()},
        "mutants": app.mutants.names(),
    });
    Ok(Json(meta::health_page(&app.settings, &reasons, features)))
}

async fn metrics(
    state: State<Arc<App>>,
    Extension(edge): Extension<Arc<Edge>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    edge.publish();
    meta::metrics(state, headers).await
}

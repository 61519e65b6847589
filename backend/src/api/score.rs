//! The scorer's own process: `POST /score`, `/health`, `/metrics`.
//!
//! Invariant: it keeps nothing; the same question has the same answer.
//! Not here: the rules (see `model`), who asks (see `scorer`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::time::Instant;

use super::error::ApiError;
use super::{App, Route, body, dressed, meta};
use crate::machine::MachineType;
use crate::model::{self, Prediction};
use crate::telemetry::context;

/// The scorer's API.
pub(crate) fn router(app: Arc<App>) -> Router {
    let routes = vec![
        Route::new(&["POST"], "/score", post(score)),
        Route::new(&["GET"], "/health", get(meta::health)),
        Route::new(&["GET"], "/metrics", get(meta::metrics)),
    ];
    dressed(app, routes)
}

async fn score(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Prediction>, ApiError> {
    let started = Instant::now();
    let (machine, metrics) = body::question(body)?;
    context::about(&machine);
    let prediction = model::predict(model::base_risk(&machine), metrics.as_ref());
    let kind = MachineType::of(&machine).name();
    app.metrics().prediction(kind, model::MODEL_VERSION, prediction.risk_score, started.elapsed());
    Ok(Json(prediction))
}

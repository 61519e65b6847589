//! A process of devices about itself: `/health`, `/metrics`.
//!
//! Not here: what it tells (see `crate::devices`).

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::error::ApiError;
use super::{App, Route, dressed, meta};
use crate::devices::DeviceTelemetry;

/// Its routes.
pub(crate) fn router(app: Arc<App>, told: Arc<DeviceTelemetry>) -> Router {
    let routes = vec![
        Route::new(&["GET"], "/health", get(health)),
        Route::new(&["GET"], "/metrics", get(metrics)),
    ];
    dressed(app, routes).layer(Extension(told))
}

async fn health(
    State(app): State<Arc<App>>,
    Extension(told): Extension<Arc<DeviceTelemetry>>,
) -> Json<Value> {
    let reasons = meta::not_closed(told.breakers());
    let progress = told.last();
    let features = json!({
        "samples": {
            "generated": progress.generated,
            "acknowledged": progress.acknowledged,
            "held": progress.held,
        },
    });
    Json(meta::health_page(&app.settings, &reasons, features))
}

async fn metrics(
    state: State<Arc<App>>,
    Extension(told): Extension<Arc<DeviceTelemetry>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    told.breakers().publish(state.metrics());
    meta::metrics(state, headers).await
}

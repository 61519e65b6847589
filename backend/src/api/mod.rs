//! The HTTP API: routes, and what every handler shares.
//!
//! Invariant: whatever happens to a request, its answer carries an `X-Request-ID`, is counted
//! once, and if it is an error has the one shape (see `observe`).
//! Not here: the meaning of samples and predictions.

mod body;
mod error;
mod ingest;
mod machines;
mod meta;
mod observe;
mod predict;
mod query;
mod request_id;
mod samples;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::fleet::Fleet;
use crate::mutant::Mutants;
use crate::settings::Settings;
use crate::store::Store;
use crate::telemetry::logs::Flood;
use crate::telemetry::metrics::Metrics;
use error::{ApiError, Code};
use request_id::RequestIds;

/// What every handler shares.
pub(crate) struct App {
    settings: Settings,
    fleet: Arc<Fleet>,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    mutants: Mutants,
    request_ids: RequestIds,
    flood: Flood,
}

impl App {
    pub(crate) fn new(
        settings: Settings,
        fleet: Arc<Fleet>,
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
    ) -> App {
        let mutants = Mutants::new(&settings.mutants);
        let (request_ids, flood) = (RequestIds::new(), Flood::default());
        App { settings, fleet, store, metrics, mutants, request_ids, flood }
    }
}

/// All routes; `observe::endpoint` must know each template.
pub(crate) fn router(app: Arc<App>) -> Router {
    let predict = get(predict::predict).post(predict::predict);
    Router::new()
        .route("/", get(meta::root))
        .route("/health", get(meta::health))
        .route("/metrics", get(meta::metrics))
        .route("/ingest/raw", post(ingest::raw))
        .route("/ingest/features", post(ingest::features))
        .route("/predict", predict.clone())
        .route("/predict/", predict)
        .route("/machines", get(machines::list))
        .route("/machines/", get(machines::list))
        .route("/machines/{machine_id}/metrics", get(machines::metrics))
        .route("/samples/{machine_id}", get(samples::page))
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(app.settings.body_limit))
        .layer(from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

async fn unknown_route() -> ApiError {
    ApiError::new(Code::RouteNotFound, "there is no such route; GET / lists them")
}

async fn wrong_method() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "this route does not take this method; see Allow")
}

//! The HTTP API: routes, and what every handler shares.
//!
//! Invariant: whatever happens to a request, its answer carries an `X-Request-ID`, is counted
//! once, and if it is an error has the one shape (see `observe`).
//! Not here: the meaning of samples and predictions.

mod body;
pub(crate) mod devices;
pub(crate) mod edge;
mod error;
mod esg;
mod ingest;
mod machines;
mod meta;
mod observe;
mod openapi;
mod predict;
mod query;
mod request_id;
mod samples;
pub(crate) mod score;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use crate::fleet::Fleet;
use crate::limit::Limit;
use crate::mutant::Mutants;
use crate::scorer::Scorer;
use crate::settings::Settings;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::telemetry::breakers::Breakers;
use crate::telemetry::logs::Flood;
use crate::telemetry::metrics::Metrics;
use error::{ApiError, Code};
use request_id::RequestIds;

/// What every handler shares.
pub(crate) struct App {
    settings: Settings,
    fleet: Arc<Fleet>,
    store: Arc<dyn Store>,
    scorer: Scorer,
    breakers: Breakers,
    telemetry: Arc<Telemetry>,
    mutants: Mutants,
    request_ids: RequestIds,
    flood: Flood,
    ingest_limit: Limit,
    predict_limit: Limit,
}

impl App {
    pub(crate) fn new(
        settings: Settings,
        fleet: Arc<Fleet>,
        store: Arc<dyn Store>,
        scorer: Scorer,
        breakers: Breakers,
        telemetry: Arc<Telemetry>,
    ) -> App {
        App {
            mutants: Mutants::new(&settings.mutants),
            request_ids: RequestIds::new(),
            flood: Flood::default(),
            ingest_limit: Limit::new(settings.rate_limit_ingest),
            predict_limit: Limit::new(settings.rate_limit_predict),
            settings,
            fleet,
            store,
            scorer,
            breakers,
            telemetry,
        }
    }

    pub(crate) fn breakers(&self) -> &Breakers {
        &self.breakers
    }

    fn metrics(&self) -> &Metrics {
        &self.telemetry.metrics
    }

    /// The limit of a route, if it has one.
    fn limit(&self, endpoint: &str) -> Option<&Limit> {
        match endpoint {
            "/ingest/raw" | "/ingest/batch" | "/ingest/features" => Some(&self.ingest_limit),
            "/predict/" => Some(&self.predict_limit),
            _ => None,
        }
    }
}

/// Every route, by template; `observe::endpoint` and the OpenAPI document know each of them.
fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let predict = get(predict::predict).post(predict::predict);
    vec![
        ("/", get(meta::root)),
        ("/health", get(meta::health)),
        ("/metrics", get(meta::metrics)),
        ("/openapi.json", get(openapi::document)),
        ("/ingest/raw", post(ingest::raw)),
        ("/ingest/batch", post(ingest::batch)),
        ("/ingest/features", post(ingest::features)),
        ("/predict", predict.clone()),
        ("/predict/", predict),
        ("/predict/history/{machine_id}", get(predict::history)),
        ("/machines", get(machines::list)),
        ("/machines/", get(machines::list)),
        ("/machines/{machine_id}/metrics", get(machines::metrics)),
        ("/esg/current", get(esg::current)),
        ("/esg/history/{machine_id}", get(esg::history)),
        ("/samples/{machine_id}", get(samples::page)),
    ]
}

/// The backend's API.
pub(crate) fn router(app: Arc<App>) -> Router {
    dressed(app, routes())
}

/// Routes with what surrounds every request.
fn dressed(app: Arc<App>, routes: Vec<(&'static str, MethodRouter<Arc<App>>)>) -> Router {
    let paths: Vec<&str> = routes.iter().map(|(path, _)| *path).collect();
    let known = if paths.contains(&"/") {
        "GET / lists them".to_owned()
    } else {
        format!("there are {}", paths.join(", "))
    };
    let message = format!("there is no such route; {known}");
    let unknown_route = async move || ApiError::new(Code::RouteNotFound, message);
    let plain = routes.into_iter().fold(Router::new(), |r, (path, to)| r.route(path, to));
    plain
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(app.settings.body_limit))
        .layer(from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

async fn wrong_method() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "this route does not take this method; see Allow")
}

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
mod route;
mod samples;
pub(crate) mod score;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

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
use route::Route;

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
fn routes() -> Vec<Route> {
    let predict = get(predict::predict).post(predict::predict);
    let (asked, told, both): (&[_], &[_], &[_]) = (&["GET"], &["POST"], &["GET", "POST"]);
    vec![
        Route::new(asked, "/", get(meta::root)),
        Route::new(asked, "/health", get(meta::health)),
        Route::new(asked, "/metrics", get(meta::metrics)),
        Route::new(asked, "/openapi.json", get(openapi::document)),
        Route::new(told, "/ingest/raw", post(ingest::raw)),
        Route::new(told, "/ingest/batch", post(ingest::batch)),
        Route::new(told, "/ingest/features", post(ingest::features)),
        Route::new(both, "/predict", predict.clone()),
        Route::new(both, "/predict/", predict),
        Route::new(asked, "/predict/history/{machine_id}", get(predict::history)),
        Route::new(asked, "/machines", get(machines::list)),
        Route::new(asked, "/machines/", get(machines::list)),
        Route::new(asked, "/machines/{machine_id}/metrics", get(machines::metrics)),
        Route::new(asked, "/esg/current", get(esg::current)),
        Route::new(asked, "/esg/history/{machine_id}", get(esg::history)),
        Route::new(asked, "/samples/{machine_id}", get(samples::page)),
    ]
}

/// The backend's API.
pub(crate) fn router(app: Arc<App>) -> Router {
    dressed(app, routes())
}

/// Routes with what surrounds every request.
fn dressed(app: Arc<App>, routes: Vec<Route>) -> Router {
    route::count(&routes, &app);
    let paths: Vec<&str> = routes.iter().map(|route| route.path).collect();
    let known = if paths.contains(&"/") {
        "GET / lists them".to_owned()
    } else {
        format!("there are {}", paths.join(", "))
    };
    let message = format!("there is no such route; {known}");
    let unknown_route = async move || ApiError::new(Code::RouteNotFound, message);
    let plain = routes.into_iter().fold(Router::new(), |all, one| all.route(one.path, one.to));
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

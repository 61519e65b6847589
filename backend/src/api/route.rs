//! A route: its path, its methods, and how its requests are answered when all is well.
//!
//! Invariant: what an alert or an SLO counts of a route is there from the start, at 0: a series that began
//! with the first burst of errors would show `rate()` no rise, and that burst would be counted nowhere.
//! Not here: which routes there are (see `api` and the processes' own).

use std::sync::Arc;

use axum::routing::MethodRouter;

use super::App;
use super::error::Code;
use super::observe::endpoint;

/// Routes that take nothing, so that nothing about a request can be wrong.
const PLAIN: [&str; 4] = ["/", "/health", "/metrics", "/openapi.json"];
/// Where records are taken.
const INGESTS: &str = "/ingest/";

/// One route.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) to: MethodRouter<Arc<App>>,
    methods: &'static [&'static str],
    /// The status of what went well.
    well: u16,
}

impl Route {
    /// One that is asked with these methods, and answers 200.
    pub(super) fn new(
        methods: &'static [&'static str],
        path: &'static str,
        to: MethodRouter<Arc<App>>,
    ) -> Route {
        Route { path, to, methods, well: 200 }
    }

    /// The same, answering this status.
    pub(super) fn answering(self, well: u16) -> Route {
        Route { well, ..self }
    }

    /// Counts from 0 what it may answer. Not 404, 405 and 413: no alert looks at them.
    fn count(&self, app: &App) {
        let endpoint = endpoint(Some(self.path));
        let wrong = (!PLAIN.contains(&endpoint)).then_some(400);
        let limited = app.limit(endpoint).map(|_| 429);
        for status in [Some(self.well), wrong, limited, Some(500), Some(503)].into_iter().flatten()
        {
            for method in self.methods {
                app.metrics().may_answer(method, endpoint, status);
            }
        }
    }
}

/// Counts from 0 what routes may answer, and the errors that they may tell.
pub(super) fn count(routes: &[Route], app: &App) {
    routes.iter().for_each(|route| route.count(app));
    let alarming = |code: &&Code| matches!(code.status().as_u16(), 400 | 429 | 500 | 503);
    for code in Code::ALL.iter().filter(alarming) {
        app.metrics().may_tell(code.kind(), code.name());
    }
    if routes.iter().any(|route| route.path.starts_with(INGESTS)) {
        let invalid = Code::ALL.iter().filter(|code| code.kind() == "validation");
        invalid.for_each(|code| app.metrics().may_refuse("unknown", code.name()));
        for machine in app.fleet.page(None, usize::MAX) {
            app.metrics().may_lose(machine.id.as_str());
        }
    }
}

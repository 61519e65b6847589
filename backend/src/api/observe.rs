//! Around every request: its id, its limit, its mutants, its span, its metrics, its error body, its
//! log line.
//!
//! Invariant: labels are templates and listed methods, never what the client wrote.
//! Invariant: a well served request writes no line, but at debug level.
//! Invariant: a failed request is an exemplar of the series that count errors only if it has a line.
//! Not here: what a request means.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::App;
use super::error::{ApiError, Code, Unwritten};
use super::request_id::user;
use crate::mutant::{Exposure, Ruling};
use crate::telemetry::context::Context;
use crate::telemetry::traces::caller;

/// The middleware around all routes, unknown ones too.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let now = Instant::now();
    let endpoint = endpoint(request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let method = method(request.method());
    let in_progress = app.metrics().request(method, endpoint);
    let id = app.request_ids.of(request.headers()).into_owned();
    let route = (endpoint != UNMATCHED).then_some(endpoint);
    let span = app.telemetry.traces.request(&caller(request.headers()), method, route);
    span.set("http.request.method", method);
    if let Some(route) = route {
        span.set("http.route", route);
    }
    span.set("url.path", request.uri().path().to_owned());
    span.set("url.scheme", "http");
    span.set("request_id", id.clone());
    let context = Arc::new(Context {
        request_id: id.clone(),
        user_id: user(request.headers()).map(str::to_owned),
        machine_id: OnceLock::new(),
        sample_number: OnceLock::new(),
        parent: span.parent().clone(),
    });
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let client = client.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(address)| address.ip());
    let limit = app.limit(endpoint).map_or(Ok(()), |limit| limit.admit(client, now));
    let served = async {
        if let Err(wait) = limit {
            app.metrics().rate_limited(endpoint);
            return ApiError::limited(wait).into_response();
        }
        match app.mutants.rule(now, exposure(endpoint)) {
            Ruling::Serve(wait) => {
                hold(now, wait).await;
                next.run(request).await
            }
            Ruling::Fail(wait) => {
                hold(now, wait).await;
                ApiError::new(Code::InternalError, "an internal error occurred").into_response()
            }
            Ruling::Refuse => ApiError::new(Code::ServiceUnavailable, "the service is unavailable")
                .into_response(),
        }
    };
    let mut response = Arc::clone(&context).scope(served).await;
    let error = response.extensions_mut().remove::<Unwritten>();
    let line =
        error.as_ref().and_then(|Unwritten(e)| app.flood.admit(e.code.name(), Instant::now()));
    if let Some(Unwritten(error)) = &error {
        write(&mut response, error, &id);
        Arc::clone(&context).within(|| count(&app, error, line.is_some()));
    }
    // A sane token and our own ids are always header values.
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    let status = response.status().as_u16();
    let time = Arc::clone(&context).within(|| in_progress.answered(status, line.is_some()));
    span.set("http.response.status_code", i64::from(status));
    if let Some(machine) = context.machine_id.get() {
        span.set("machine_id", machine.to_string());
    }
    if status >= 500 {
        let why = error.as_ref().map_or("server error", |Unwritten(e)| e.message.as_str());
        span.fail(status.to_string(), why);
    }
    let log = async {
        match (error, line) {
            (Some(Unwritten(error)), Some(suppressed)) => {
                log_error(&error, suppressed, endpoint, method);
            }
            (Some(_), None) => {}
            (None, _) => tracing::debug!(
                function = "observe",
                method,
                endpoint,
                status_code = status,
                duration_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
                "request served"
            ),
        }
    };
    context.scope(log).await;
    response
}

/// Counts an error that a client is told, and that has a line in the log or not.
pub(super) fn count(app: &App, error: &ApiError, logged: bool) {
    app.metrics().error(error.code.kind(), error.code.name(), logged);
    if error.code.kind() == "validation" {
        let constraint = error.details.constraint.unwrap_or("none");
        app.metrics().validation_error(error.field_label(), constraint);
    }
}

/// Waits until the request is `wait` old.
async fn hold(arrived: Instant, wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep_until(arrived + wait).await;
    }
}

/// Puts the one shape into the response; its other headers stay (`Allow`).
fn write(response: &mut Response, error: &ApiError, id: &str) {
    *response.body_mut() = error.body(id).into();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = error.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn log_error(error: &ApiError, suppressed: u64, endpoint: &'static str, method: &'static str) {
    let code = error.code;
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                function = "observe",
                machine_id = error.machine_id.as_ref().map(|m| m.as_str()),
                error_type = code.kind(),
                error_code = code.name(),
                status_code = code.status().as_u16(),
                method,
                endpoint,
                cause = error.cause.as_deref(),
                suppressed,
                "{}",
                error.message
            )
        };
    }
    if code.status().is_server_error() { line!(error) } else { line!(warn) }
}

/// The label of what has no route.
const UNMATCHED: &str = "unmatched";

/// The label of a route: its template, one for both spellings of a trailing slash.
pub(super) fn endpoint(matched: Option<&str>) -> &'static str {
    match matched {
        Some("/") => "/",
        Some("/health") => "/health",
        Some("/metrics") => "/metrics",
        Some("/ingest/raw") => "/ingest/raw",
        Some("/ingest/features") => "/ingest/features",
        Some("/ingest/batch") => "/ingest/batch",
        Some("/predict/history/{machine_id}") => "/predict/history/{machine_id}",
        Some("/esg/current") => "/esg/current",
        Some("/esg/history/{machine_id}") => "/esg/history/{machine_id}",
        Some("/openapi.json") => "/openapi.json",
        Some("/score") => "/score",
        Some("/predict" | "/predict/") => "/predict/",
        Some("/machines" | "/machines/") => "/machines/",
        Some("/machines/{machine_id}/metrics") => "/machines/{machine_id}/metrics",
        Some("/samples/{machine_id}") => "/samples/{machine_id}",
        _ => UNMATCHED,
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

fn exposure(endpoint: &str) -> Exposure {
    match endpoint {
        "/metrics" => Exposure::Exempt,
        "/health" => Exposure::OutageOnly,
        _ => Exposure::Full,
    }
}

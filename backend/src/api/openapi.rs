//! `GET /openapi.json`: the contract, for tools.
//!
//! Invariant: it says what the routes do; a test holds each of its answers against the real ones.
//! Not here: prose; README.md has it.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// OpenAPI 3.1, written by hand.
pub(super) const DOCUMENT: &str = include_str!("../../openapi.json");

pub(super) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

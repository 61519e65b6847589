//! `GET /samples/{machine_id}`: what was kept, for whoever keeps a ledger of what was sent.
//!
//! Invariant: read from the database, not from memory: the ledger must see what a restart sees.
//! Not here: the samples' content.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;

use super::App;
use super::error::ApiError;
use super::query::{Parameters, machine_of};
use crate::telemetry::context;

/// A page of sample numbers.
#[derive(Serialize)]
pub(super) struct SamplesAnswer {
    machine_id: String,
    sample_numbers: Vec<[i64; 2]>,
    duplicates: i64,
    next: Option<i64>,
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<SamplesAnswer>, ApiError> {
    let id = machine_of(path)?;
    context::about(&id);
    let parameters = Parameters::of(&uri)?;
    let limit = parameters.limit(1_000, 10_000, "a whole number from 1 to 10000")?;
    let after = parameters.after_number()?;
    if !app.fleet.knows(&id) {
        return Err(ApiError::unknown_machine(id));
    }
    let page = app.store.samples(&id, after, limit).await;
    let page = page.map_err(|error| ApiError::of_store(&error, &id))?;
    Ok(Json(SamplesAnswer {
        machine_id: id.to_string(),
        sample_numbers: page.ranges,
        duplicates: page.repeats,
        next: page.next,
    }))
}

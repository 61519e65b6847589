//! `POST /ingest/raw` and `POST /ingest/features`: acknowledged means committed.
//!
//! Not here: validation (see `body`), batching (see `store::writer`).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use serde::Serialize;
use tokio::time::Instant;

use super::App;
use super::body;
use super::error::ApiError;
use crate::sample::show_instant;
use crate::store::{Record, Written};

/// The acknowledgement of a sample.
#[derive(Serialize)]
pub(super) struct RawAnswer {
    status: &'static str,
    message: &'static str,
    machine_id: String,
    timestamp: String,
    metrics_count: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// The acknowledgement of features.
#[derive(Serialize)]
pub(super) struct FeaturesAnswer {
    status: &'static str,
    message: &'static str,
    machine_id: String,
    timestamp: String,
    features_count: usize,
}

pub(super) async fn raw(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<RawAnswer>, ApiError> {
    let started = Instant::now();
    let sample = body::sample(body).inspect_err(|error| refused(&app, error))?;
    let machine_id = sample.machine_id.to_string();
    let timestamp = show_instant(sample.measured_at);
    let metrics_count = sample.metrics.len();
    let written = keep(&app, Record::Sample(sample), "raw", started).await?;
    let (message, duplicate) = match written {
        Written::New => ("sample stored", false),
        Written::Repeat => ("sample was stored before", true),
    };
    Ok(Json(RawAnswer {
        status: "success",
        message,
        machine_id,
        timestamp,
        metrics_count,
        duplicate,
    }))
}

pub(super) async fn features(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<FeaturesAnswer>, ApiError> {
    let started = Instant::now();
    let features = body::features(body).inspect_err(|error| refused(&app, error))?;
    let machine_id = features.machine_id.to_string();
    let timestamp = show_instant(features.measured_at);
    let features_count = features.features.len();
    keep(&app, Record::Features(features), "features", started).await?;
    Ok(Json(FeaturesAnswer {
        status: "success",
        message: "features stored",
        machine_id,
        timestamp,
        features_count,
    }))
}

/// Stores a record and counts it, or (a mutant) only pretends to.
async fn keep(
    app: &App,
    record: Record,
    data_type: &'static str,
    started: Instant,
) -> Result<Written, ApiError> {
    let machine = record.machine_id().clone();
    let written = if app.mutants.forgets() {
        Written::New
    } else {
        let kept = app.store.write(record).await.map_err(|e| ApiError::of_store(e, &machine));
        kept.inspect_err(|error| refused(app, error))?
    };
    let repeat = written == Written::Repeat;
    app.metrics.ingested(machine.as_str(), data_type, repeat, started.elapsed());
    Ok(written)
}

/// Counts a record that was not acknowledged.
fn refused(app: &App, error: &ApiError) {
    let known = error.machine_id.as_ref().filter(|id| app.fleet.knows(id));
    let label = known.map_or("unknown", |id| id.as_str());
    app.metrics.ingest_error(label, error.code.name());
}

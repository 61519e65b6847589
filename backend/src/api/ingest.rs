//! `POST /ingest/raw`, `/ingest/batch` and `/ingest/features`: acknowledged means committed.
//!
//! Invariant: the good samples of a batch share one commit; a bad one is told and left out.
//!
//! Not here: validation (see `body`), batching (see `store::writer`).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use serde::Serialize;
use tokio::time::Instant;

use super::error::{ApiError, Details};
use super::{App, body, observe};
use crate::machine::MachineId;
use crate::sample::show_instant;
use crate::store::{Record, Written};
use crate::telemetry::context;

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
    let written = keep(&app, vec![Record::Sample(sample)], "raw", started).await?;
    let (message, duplicate) = match written.first() {
        Some(Written::Repeat) => ("sample was stored before", true),
        _ => ("sample stored", false),
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
    keep(&app, vec![Record::Features(features)], "features", started).await?;
    Ok(Json(FeaturesAnswer {
        status: "success",
        message: "features stored",
        machine_id,
        timestamp,
        features_count,
    }))
}

/// What became of one sample of a batch.
#[derive(Serialize)]
pub(super) struct BatchItem {
    /// `stored`, `duplicate` or `rejected`.
    status: &'static str,
    machine_id: Option<String>,
    sample_number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

/// The acknowledgement of a batch.
#[derive(Serialize)]
pub(super) struct BatchAnswer {
    /// `success` when all were acknowledged, else `partial`, or `rejected` when none was.
    status: &'static str,
    acknowledged: usize,
    rejected: usize,
    /// One for each sample, in order.
    results: Vec<BatchItem>,
}

pub(super) async fn batch(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<BatchAnswer>, ApiError> {
    let started = Instant::now();
    let read = body::samples(body).inspect_err(|error| refused(&app, error))?;
    let mut good = Vec::new();
    let mut results = Vec::with_capacity(read.len());
    let mut places = Vec::new();
    for (place, sample) in read.into_iter().enumerate() {
        results.push(match sample {
            Ok(sample) => {
                places.push(place);
                let machine_id = Some(sample.machine_id.to_string());
                let sample_number = sample.number;
                good.push(Record::Sample(sample));
                BatchItem {
                    status: "stored",
                    machine_id,
                    sample_number,
                    error_code: None,
                    message: None,
                    details: None,
                }
            }
            Err((sample_number, error)) => {
                refused(&app, &error);
                // It has no line: its client is told.
                observe::count(&app, &error, false);
                BatchItem {
                    status: "rejected",
                    machine_id: error.machine_id.map(|id| id.to_string()),
                    sample_number,
                    error_code: Some(error.code.name()),
                    message: Some(error.message),
                    details: Some(*error.details),
                }
            }
        });
    }
    let (all, acknowledged) = (results.len(), good.len());
    let written = keep(&app, good, "raw", started).await?;
    for (place, written) in places.into_iter().zip(written) {
        if let (Some(item), Written::Repeat) = (results.get_mut(place), written) {
            item.status = "duplicate";
        }
    }
    let status = match acknowledged {
        0 => "rejected",
        some if some < all => "partial",
        _ => "success",
    };
    Ok(Json(BatchAnswer { status, acknowledged, rejected: all - acknowledged, results }))
}

/// Stores records and counts them, or (a mutant) only pretends to.
async fn keep(
    app: &App,
    records: Vec<Record>,
    data_type: &'static str,
    started: Instant,
) -> Result<Vec<Written>, ApiError> {
    let Some(first) = records.first() else { return Ok(Vec::new()) };
    let machine = first.machine_id().clone();
    context::about(&machine);
    let forgotten: Vec<bool> = records.iter().map(|_| app.mutants.forgets()).collect();
    let machines: Vec<MachineId> = records.iter().map(|r| r.machine_id().clone()).collect();
    let kept = records.into_iter().zip(&forgotten).filter(|(_, forgotten)| !**forgotten);
    let kept: Arc<[Record]> = kept.map(|(record, _)| record).collect();
    let mut written = Vec::new().into_iter();
    if app.mutants.acknowledges_early() {
        let store = Arc::clone(&app.store);
        // What becomes of it is nobody's business: that is the mutant.
        tokio::spawn(async move { store.write(kept).await });
    } else if !kept.is_empty() {
        let stored = app.store.write(kept).await;
        let stored = stored.map_err(|error| ApiError::of_store(&error, &machine));
        let stored = stored.inspect_err(|e| machines.iter().for_each(|_| refused(app, e)))?;
        written = stored.into_iter();
    }
    let pretend = |forgotten: bool| if forgotten { None } else { written.next() };
    let words = forgotten.into_iter().map(pretend).map(|word| word.unwrap_or(Written::New));
    let words: Vec<Written> = words.collect();
    for (machine, word) in machines.iter().zip(&words) {
        let repeat = *word == Written::Repeat;
        app.metrics().ingested(machine.as_str(), data_type, repeat, started.elapsed());
    }
    Ok(words)
}

/// Counts a record that was not acknowledged.
pub(super) fn refused(app: &App, error: &ApiError) {
    let known = error.machine_id.as_ref().filter(|id| app.fleet.knows(id));
    let label = known.map_or("unknown", |id| id.as_str());
    app.metrics().ingest_error(label, error.code.name());
}

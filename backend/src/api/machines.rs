//! `GET /machines/` and `GET /machines/{machine_id}/metrics`: the fleet as it is now.
//!
//! Invariant: answered from memory, no query; without the scorer, `predictions` is null.
//! Not here: history.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;

use super::App;
use super::error::ApiError;
use super::predict::PredictionAnswer;
use super::query::{Parameters, machine_of};
use crate::model;
use crate::sample::{Readings, show_instant};
use crate::telemetry::context;

/// One machine of the list.
#[derive(Serialize)]
pub(super) struct Listed {
    machine_id: String,
    machine_type: &'static str,
    status: String,
    last_measurement: Option<String>,
}

/// One machine in full.
#[derive(Serialize)]
pub(super) struct MachineAnswer {
    machine_id: String,
    current_status: String,
    last_measurement: Option<String>,
    metrics: Readings,
    alerts_count: usize,
    predictions: Option<PredictionAnswer>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Vec<Listed>>, ApiError> {
    let parameters = Parameters::of(&uri)?;
    let limit = parameters.limit(100, 1_000, "a whole number from 1 to 1000")?;
    let after = parameters.after_name()?;
    let page = app.fleet.page(after.as_ref(), limit as usize);
    let listed = page.iter().map(|machine| Listed {
        machine_id: machine.id.to_string(),
        machine_type: machine.kind.name(),
        status: machine.status().to_owned(),
        last_measurement: machine.latest.as_ref().map(|l| show_instant(l.measured_at)),
    });
    Ok(Json(listed.collect()))
}

pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<MachineAnswer>, ApiError> {
    let id = machine_of(path)?;
    context::about(&id);
    let machine = app.fleet.get(&id).ok_or_else(|| ApiError::unknown_machine(id))?;
    let latest = machine.latest.as_ref();
    let metrics = latest.map(|l| l.metrics.clone()).unwrap_or_default();
    // Before a first sample there is nothing to show beside the machine's type; and the rest of the
    // answer does not depend on the scorer.
    let predictions = match latest {
        Some(_) => PredictionAnswer::of(&app, &machine).await.ok(),
        None => None,
    };
    Ok(Json(MachineAnswer {
        machine_id: machine.id.to_string(),
        current_status: machine.status().to_owned(),
        last_measurement: latest.map(|l| show_instant(l.measured_at)),
        alerts_count: model::alerts(&metrics),
        metrics,
        predictions,
    }))
}

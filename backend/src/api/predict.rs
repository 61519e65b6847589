//! `POST /predict/` and `GET /predict`: what the model says of a machine now.
//!
//! Invariant: answered from memory; a machine without samples is judged by its base risk.
//! Not here: the rules (see `model`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use tokio::time::Instant;

use super::App;
use super::error::ApiError;
use super::query::Parameters;
use crate::fleet::Machine;
use crate::model;
use crate::sample::now_text;

/// A prediction as the API shows it.
#[derive(Serialize)]
pub(super) struct PredictionAnswer {
    machine_id: String,
    timestamp: String,
    risk_score: f64,
    failure_probability: f64,
    confidence: f64,
    maintenance_hours: f64,
}

impl PredictionAnswer {
    /// Predicts, and counts it.
    pub(super) fn of(app: &App, machine: &Machine) -> PredictionAnswer {
        let started = Instant::now();
        let metrics = machine.latest.as_ref().map(|l| &l.metrics);
        let prediction = model::predict(machine.base_risk, metrics);
        app.metrics.prediction(
            machine.kind.name(),
            model::MODEL_VERSION,
            prediction.risk_score,
            started.elapsed(),
        );
        PredictionAnswer {
            machine_id: machine.id.to_string(),
            timestamp: now_text(),
            risk_score: prediction.risk_score,
            failure_probability: prediction.failure_probability,
            confidence: prediction.confidence,
            maintenance_hours: prediction.maintenance_hours,
        }
    }
}

pub(super) async fn predict(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<PredictionAnswer>, ApiError> {
    let id = Parameters::of(&uri)?.machine()?;
    let machine = app.fleet.get(&id).ok_or_else(|| ApiError::unknown_machine(id))?;
    Ok(Json(PredictionAnswer::of(&app, &machine)))
}

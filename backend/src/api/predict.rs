//! `POST /predict/`, `GET /predict` and `GET /predict/history/{machine_id}`.
//!
//! Invariant: a machine without samples is judged by its base risk.
//! Invariant: a prediction is answered whether or not its history has room for it; one that is
//! left out is counted.
//! Not here: the rules (see `model`), who applies them (see `scorer`).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use tokio::time::Instant;

use super::App;
use super::error::{ApiError, Code};
use super::query::{Parameters, machine_of};
use crate::fleet::Machine;
use crate::model::{self, Prediction};
use crate::scorer::ScorerError;
use crate::store::{PREDICTIONS_KEPT, Predicted, Record};
use crate::telemetry::context;

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
    ///
    /// # Errors
    /// When the scorer has no answer.
    pub(super) async fn of(app: &App, machine: &Machine) -> Result<PredictionAnswer, ScorerError> {
        let predicted = predict_now(app, machine).await?;
        Ok(PredictionAnswer::show(&predicted))
    }

    fn show(predicted: &Predicted) -> PredictionAnswer {
        let Prediction { risk_score, failure_probability, confidence, maintenance_hours } =
            predicted.prediction;
        PredictionAnswer {
            machine_id: predicted.machine_id.to_string(),
            timestamp: shown(predicted.at),
            risk_score,
            failure_probability,
            confidence,
            maintenance_hours,
        }
    }
}

fn shown(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn predict_now(app: &App, machine: &Machine) -> Result<Predicted, ScorerError> {
    let started = Instant::now();
    let prediction = app.scorer.predict(machine).await?;
    app.metrics().prediction(
        machine.kind.name(),
        model::MODEL_VERSION,
        prediction.risk_score,
        started.elapsed(),
    );
    Ok(Predicted { machine_id: machine.id.clone(), at: Utc::now(), prediction })
}

pub(super) async fn predict(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<PredictionAnswer>, ApiError> {
    let id = Parameters::of(&uri)?.machine()?;
    context::about(&id);
    let machine = app.fleet.get(&id).ok_or_else(|| ApiError::unknown_machine(id.clone()))?;
    let predicted = predict_now(&app, &machine).await;
    let predicted = predicted.map_err(|error| ApiError::of_scorer(&error, &id))?;
    let answer = PredictionAnswer::show(&predicted);
    if !app.store.note(Record::Predicted(predicted)) {
        app.metrics().prediction_unkept();
    }
    Ok(Json(answer))
}

pub(super) async fn history(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Vec<PredictionAnswer>>, ApiError> {
    let id = machine_of(path)?;
    context::about(&id);
    let expected = "a whole number from 1 to 200";
    let limit = Parameters::of(&uri)?.limit(50, PREDICTIONS_KEPT, expected)?;
    if !app.fleet.knows(&id) {
        return Err(ApiError::unknown_machine(id));
    }
    let kept = app.store.predictions(&id, limit).await;
    let kept = kept.map_err(|error| ApiError::of_store(&error, &id))?;
    if kept.is_empty() {
        return Err(ApiError::nothing(Code::PredictionNotFound, &id));
    }
    Ok(Json(kept.iter().map(PredictionAnswer::show).collect()))
}

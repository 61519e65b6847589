//! `GET /esg/current` and `GET /esg/history/{machine_id}`: carbon figures.
//!
//! Invariant: `current` is the newest entry of `history`, by the time of measurement.
//! Not here: factors (see `crate::esg`).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde::Serialize;

use super::App;
use super::error::{ApiError, Code};
use super::query::{Parameters, machine_of};
use crate::esg::emissions;
use crate::machine::MachineId;
use crate::sample::show_instant;
use crate::store::Burned;
use crate::telemetry::context;

/// What a sample emitted.
#[derive(Serialize)]
pub(super) struct EsgAnswer {
    machine_id: String,
    timestamp: String,
    instant_co2eq_kg: f64,
    cumulative_co2eq_kg: f64,
    fuel_rate_lh: Option<f64>,
    kwh: Option<f64>,
    scope: &'static str,
}

impl EsgAnswer {
    fn of(app: &App, machine: &MachineId, burned: &Burned) -> EsgAnswer {
        let settings = &app.settings;
        let figures = emissions(burned, settings.esg_region, settings.esg_interval);
        EsgAnswer {
            machine_id: machine.to_string(),
            timestamp: show_instant(burned.measured_at),
            instant_co2eq_kg: figures.instant_kg,
            cumulative_co2eq_kg: figures.cumulative_kg,
            fuel_rate_lh: burned.fuel_rate_lh,
            kwh: burned.kwh,
            scope: if figures.scope == 2 { "scope2" } else { "scope1" },
        }
    }
}

pub(super) async fn current(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<EsgAnswer>, ApiError> {
    let id = Parameters::of(&uri)?.machine()?;
    let found = page(&app, &id, 1, Code::EsgDataNotFound).await?;
    let answer = found.first().map(|burned| EsgAnswer::of(&app, &id, burned));
    answer.map(Json).ok_or_else(|| ApiError::nothing(Code::EsgDataNotFound, &id))
}

pub(super) async fn history(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<Vec<EsgAnswer>>, ApiError> {
    let id = machine_of(path)?;
    let limit = Parameters::of(&uri)?.limit(100, 500, "a whole number from 1 to 500")?;
    let found = page(&app, &id, limit, Code::HistoryNotFound).await?;
    Ok(Json(found.iter().map(|burned| EsgAnswer::of(&app, &id, burned)).collect()))
}

/// The latest entries; none of them is an error with this code.
async fn page(app: &App, id: &MachineId, limit: u32, none: Code) -> Result<Vec<Burned>, ApiError> {
    context::about(id);
    if !app.fleet.knows(id) {
        return Err(ApiError::unknown_machine(id.clone()));
    }
    let found = app.store.burned(id, limit).await;
    let found = found.map_err(|error| ApiError::of_store(&error, id))?;
    if found.is_empty() { Err(ApiError::nothing(none, id)) } else { Ok(found) }
}

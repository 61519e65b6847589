//! Bodies: JSON into samples and features, or the first thing that is wrong with them.
//!
//! Invariant: what comes out is whole: a sane machine, an instant, readings that are not empty.
//! Invariant: unknown fields are ignored, so that newer devices can talk to older backends.
//! Not here: whether the machine is known; ingest registers it.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::error::{ApiError, Code};
use crate::machine::{BadMachineId, MachineId};
use crate::sample::{Features, Readings, Sample, parse_instant};

const NAME: &str = "1 to 255 of A-Z a-z 0-9 - _";
const INSTANT: &str = "an ISO 8601 instant such as 2024-06-11T10:00:00Z";
const READINGS: &str = "an object of finite numbers with at least one entry";
const NUMBER: &str = "a whole number from 0 to 9223372036854775807";
const STATUS: &str = "a text of 1 to 64 characters";
const OBJECT: &str = "a JSON object";
const BATCH: &str = "an array of 1 to 500 samples, or an object with it as `samples`";

/// The most samples of one batch.
const MOST_IN_A_BATCH: usize = 500;

/// A raw sample.
pub(super) fn sample(body: Result<Bytes, BytesRejection>) -> Result<Sample, ApiError> {
    sample_of(&object(&received(body)?)?)
}

/// A sample of a batch that was refused, and its number if it has a good one.
pub(super) type RefusedSample = (Option<i64>, ApiError);

/// The samples of a batch, each for itself: what is wrong with one does not touch the others.
pub(super) fn samples(
    body: Result<Bytes, BytesRejection>,
) -> Result<Vec<Result<Sample, RefusedSample>>, ApiError> {
    let items = match json(&received(body)?)? {
        Value::Array(items) => items,
        Value::Object(mut fields) => match fields.remove("samples") {
            Some(Value::Array(items)) => items,
            other => {
                let value = present("samples", other.as_ref(), BATCH)?;
                return Err(refused("samples", "type", value, BATCH));
            }
        },
        other => return Err(refused("body", "type", &other, BATCH)),
    };
    if items.is_empty() || items.len() > MOST_IN_A_BATCH {
        return Err(refused("samples", "length", &items.len().into(), BATCH));
    }
    let read = |item: &Value| match item {
        Value::Object(fields) => sample_of(fields)
            .map_err(|error| (number(fields.get("sample_number")).ok().flatten(), error)),
        other => Err((None, refused("sample", "type", other, OBJECT))),
    };
    Ok(items.iter().map(read).collect())
}

fn sample_of(fields: &Map<String, Value>) -> Result<Sample, ApiError> {
    let machine_id = machine(fields.get("machine_id"))?;
    let read = || {
        Ok(Sample {
            number: number(fields.get("sample_number"))?,
            measured_at: instant(fields.get("timestamp"))?,
            status: status(fields.get("status"))?,
            metrics: readings("metrics", fields.get("metrics"))?,
            machine_id: machine_id.clone(),
        })
    };
    read().map_err(|error: ApiError| error.about(&machine_id))
}

/// Features computed at the edge.
pub(super) fn features(body: Result<Bytes, BytesRejection>) -> Result<Features, ApiError> {
    let fields = object(&received(body)?)?;
    let machine_id = machine(fields.get("machine_id"))?;
    let read = || {
        Ok(Features {
            measured_at: instant(fields.get("timestamp"))?,
            features: readings("features", fields.get("features"))?,
            machine_id: machine_id.clone(),
        })
    };
    read().map_err(|error: ApiError| error.about(&machine_id))
}

/// A machine's name, from a body, a path or a query.
pub(super) fn machine(value: Option<&Value>) -> Result<MachineId, ApiError> {
    let value = present("machine_id", value, NAME)?;
    let Value::String(text) = value else {
        return Err(refused("machine_id", "type", value, NAME));
    };
    MachineId::parse(text).map_err(|bad| {
        let constraint = match bad {
            BadMachineId::Length => "length",
            BadMachineId::Pattern => "pattern",
        };
        ApiError::broken(Code::InvalidMachineId, "machine_id", constraint, value, NAME)
    })
}

fn received(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| {
        let too_large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let (code, constraint, message) = if too_large {
            (Code::PayloadTooLarge, "size", "the body is larger than this service takes")
        } else {
            (Code::ValidationError, "complete", "the body did not arrive whole")
        };
        let mut error = ApiError::new(code, message);
        error.details.field = Some("body".to_owned());
        error.details.constraint = Some(constraint);
        error.cause = Some(rejection.body_text());
        error
    })
}

fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match json(body)? {
        Value::Object(fields) => Ok(fields),
        other => Err(refused("body", "type", &other, OBJECT)),
    }
}

fn json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice::<Value>(body).map_err(|error| {
        let mut answer =
            ApiError::new(Code::ValidationError, format!("the body is not JSON: {error}"));
        answer.details.field = Some("body".to_owned());
        answer.details.constraint = Some("json");
        answer.details.expected_format = Some(OBJECT);
        answer
    })
}

/// The value of a field that must be there; null is not there.
fn present<'a>(
    field: &str,
    value: Option<&'a Value>,
    expected: &'static str,
) -> Result<&'a Value, ApiError> {
    value.filter(|v| !v.is_null()).ok_or_else(|| ApiError::missing(field, expected))
}

fn refused(
    field: &str,
    constraint: &'static str,
    value: &Value,
    expected: &'static str,
) -> ApiError {
    ApiError::broken(Code::ValidationError, field, constraint, value, expected)
}

fn instant(value: Option<&Value>) -> Result<DateTime<Utc>, ApiError> {
    let value = present("timestamp", value, INSTANT)?;
    let instant = value.as_str().and_then(parse_instant);
    instant.ok_or_else(|| refused("timestamp", "iso8601", value, INSTANT))
}

fn readings(field: &str, value: Option<&Value>) -> Result<Readings, ApiError> {
    let value = present(field, value, READINGS)?;
    let Value::Object(entries) = value else {
        return Err(refused(field, "type", value, READINGS));
    };
    if entries.is_empty() {
        return Err(refused(field, "not_empty", value, READINGS));
    }
    let mut readings = Readings::new();
    for (name, value) in entries {
        let wrong =
            |constraint| refused(&format!("{field}.{name}"), constraint, value, "a finite number");
        let number = value.as_f64().ok_or_else(|| wrong("number"))?;
        if !number.is_finite() {
            return Err(wrong("finite"));
        }
        readings.insert(name.clone(), number);
    }
    Ok(readings)
}

fn number(value: Option<&Value>) -> Result<Option<i64>, ApiError> {
    let Some(value) = value.filter(|v| !v.is_null()) else { return Ok(None) };
    // JSON knows one kind of numbers: 195.0 is whole, too. Beyond 2^53 a float is no longer exact.
    let exact = |float: &f64| float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0;
    let number = value.as_i64().or_else(|| value.as_f64().filter(exact).map(|f| f as i64));
    let number = number.filter(|n| *n >= 0);
    number.map(Some).ok_or_else(|| refused("sample_number", "range", value, NUMBER))
}

fn status(value: Option<&Value>) -> Result<Option<String>, ApiError> {
    let Some(value) = value.filter(|v| !v.is_null()) else { return Ok(None) };
    let sane = |text: &&str| {
        (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    };
    match value.as_str().filter(sane) {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(refused("status", "length", value, STATUS)),
    }
}

/// What a scorer is asked: a machine, and its latest readings if there are any.
pub(super) fn question(
    body: Result<Bytes, BytesRejection>,
) -> Result<(MachineId, Option<Readings>), ApiError> {
    let fields = object(&received(body)?)?;
    let machine_id = machine(fields.get("machine_id"))?;
    let metrics = match fields.get("metrics") {
        None | Some(Value::Null) => None,
        some => Some(readings("metrics", some).map_err(|error| error.about(&machine_id))?),
    };
    Ok((machine_id, metrics))
}

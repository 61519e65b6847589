//! Queries and path parameters, with the same errors as bodies.
//!
//! Invariant: an empty `after` is an absent one: read-back loops begin with an empty cursor.
//! Not here: what the parameters do.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query};
use axum::http::Uri;
use serde_json::Value;

use super::body;
use super::error::{ApiError, Code};
use crate::machine::MachineId;

/// The parameters of a request, each named once.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the query.
    ///
    /// # Errors
    /// When it is not form-encoded UTF-8, or names a parameter twice: nobody can tell which is meant.
    pub(super) fn of(uri: &Uri) -> Result<Parameters, ApiError> {
        let read = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = read.map_err(|_| {
            let text = uri.query().unwrap_or_default().into();
            let expected = "name=value pairs joined by &";
            ApiError::broken(Code::ValidationError, "query", "form", &text, expected)
        })?;
        let again = pairs.iter().enumerate().find(|(at, (name, _))| {
            let known = ["machine_id", "after", "limit"].contains(&name.as_str());
            known && pairs.iter().take(*at).any(|(earlier, _)| earlier == name)
        });
        if let Some((_, (name, value))) = again {
            let (value, expected) = (value.as_str().into(), "given once");
            return Err(ApiError::broken(Code::ValidationError, name, "once", &value, expected));
        }
        Ok(Parameters(pairs))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The machine that the request must name.
    pub(super) fn machine(&self) -> Result<MachineId, ApiError> {
        let value = self.get("machine_id").map(Value::from);
        body::machine(value.as_ref())
    }

    /// A name to go on after, if given.
    pub(super) fn after_name(&self) -> Result<Option<MachineId>, ApiError> {
        let Some(text) = self.get("after").filter(|t| !t.is_empty()) else { return Ok(None) };
        let expected = "the machine_id that ended the page before";
        MachineId::parse(text).map(Some).map_err(|_| {
            ApiError::broken(Code::ValidationError, "after", "pattern", &text.into(), expected)
        })
    }

    /// A number to go on after, if given.
    pub(super) fn after_number(&self) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get("after").filter(|t| !t.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let expected = "a sample number";
            ApiError::broken(Code::ValidationError, "after", "type", &text.into(), expected)
        })
    }

    /// The size of a page, from 1 to `most`.
    pub(super) fn limit(
        &self,
        default: u32,
        most: u32,
        expected: &'static str,
    ) -> Result<u32, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(default) };
        let limit = text.parse::<u32>().ok().filter(|n| (1..=most).contains(n));
        limit.ok_or_else(|| {
            ApiError::broken(Code::ValidationError, "limit", "range", &text.into(), expected)
        })
    }
}

/// The machine in a path.
pub(super) fn machine_of(path: Result<Path<String>, PathRejection>) -> Result<MachineId, ApiError> {
    // What is not UTF-8 after decoding is no name either.
    let text = path.map_or_else(|_| "\u{fffd}".to_owned(), |Path(text)| text);
    body::machine(Some(&text.into()))
}

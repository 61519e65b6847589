//! What machines send: samples of their sensors, and features computed from them.
//!
//! Invariant: readings are not empty and finite; see `api::body`, the only maker in production.
//! Not here: how they are stored (see `store`).

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, Utc};

use crate::machine::MachineId;

/// Sensor or feature name to value.
pub(crate) type Readings = BTreeMap<String, f64>;

/// One measurement of one machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) machine_id: MachineId,
    /// With the machine, the identity of the sample; without it every sending is a new one.
    pub(crate) number: Option<i64>,
    pub(crate) measured_at: DateTime<Utc>,
    /// The machine's own word on its state.
    pub(crate) status: Option<String>,
    pub(crate) metrics: Readings,
}

/// Features that an edge computed over a window of samples.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Features {
    pub(crate) machine_id: MachineId,
    pub(crate) measured_at: DateTime<Utc>,
    pub(crate) features: Readings,
}

/// Reads an ISO 8601 instant; one without an offset is taken as UTC, as Python writes it. Its year in
/// UTC has four digits, as those have that are shown.
pub(crate) fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    read_instant(text).filter(|instant| (0..=9_999).contains(&instant.year()))
}

fn read_instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.with_timezone(&Utc));
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
        .ok()
        .map(|naive| naive.and_utc())
}

/// An instant of a measurement as answers show it: as many decimals as it has, in UTC.
pub(crate) fn show_instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The wall clock's date, to the millisecond, for answers and log lines.
pub(crate) fn now_text() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_and_without_offset() {
        let show = |text: &str| parse_instant(text).map(show_instant);
        assert_eq!(show("2024-06-11T10:00:00Z").as_deref(), Some("2024-06-11T10:00:00Z"));
        assert_eq!(
            show("2024-06-11T10:00:00.250+02:00").as_deref(),
            Some("2024-06-11T08:00:00.250Z")
        );
        assert_eq!(
            show("2024-06-11T10:00:00.123456").as_deref(),
            Some("2024-06-11T10:00:00.123456Z")
        );
        assert_eq!(show("2024-06-11 10:00:00").as_deref(), Some("2024-06-11T10:00:00Z"));
        for bad in ["", "yesterday", "2024-06-11", "2024-13-11T10:00:00Z", "1718100000"] {
            assert_eq!(show(bad), None, "{bad}");
        }
        for edge in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(show(edge).as_deref(), Some(edge));
        }
        // Not in UTC: what would be shown could not be sent again.
        for beyond in [
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "+10000-01-01T00:00:00",
            "-0001-12-31T23:59:59",
        ] {
            assert_eq!(show(beyond), None, "{beyond}");
        }
    }
}

//! Durations and windows of time, as the validator of OpenSLO v1 wants them.
//!
//! Invariant: nothing depends on the zones that this machine knows.
//! Not here: everything else of the specification (`rules`).

use super::super::document::Mistake;
use super::super::scalar::{Words, Wrong, quoted};
use super::super::trail::Trail;
use super::rules::{Mistakes, wrong};
use super::types::{Calendar, TimeWindow};

/// The first parts of names in the IANA database of zones.
const AREAS: [&str; 16] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Brazil",
    "Canada",
    "Chile",
    "Etc",
    "Europe",
    "Indian",
    "Mexico",
    "Pacific",
    "US",
];
/// Names of one part.
const ZONES: [&str; 45] = [
    "CET",
    "CST6CDT",
    "Cuba",
    "EET",
    "EST",
    "EST5EDT",
    "Egypt",
    "Eire",
    "Factory",
    "GB",
    "GB-Eire",
    "GMT",
    "GMT+0",
    "GMT-0",
    "GMT0",
    "Greenwich",
    "HST",
    "Hongkong",
    "Iceland",
    "Iran",
    "Israel",
    "Jamaica",
    "Japan",
    "Kwajalein",
    "Libya",
    "MET",
    "MST",
    "MST7MDT",
    "NZ",
    "NZ-CHAT",
    "Navajo",
    "PRC",
    "PST8PDT",
    "Poland",
    "Portugal",
    "ROC",
    "ROK",
    "Singapore",
    "Turkey",
    "UCT",
    "UTC",
    "Universal",
    "W-SU",
    "WET",
    "Zulu",
];

/// A whole number that fits, and a unit.
pub(super) fn duration(text: &Words, at: Trail, into: &mut Mistakes) {
    let text = text.as_str();
    let count = text.strip_suffix(['m', 'h', 'd', 'w', 'M', 'Q', 'Y']);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let fits = |text: &str| !text.starts_with('0') && text.parse::<i64>().is_ok();
    if !count.is_some_and(|count| digits(count) && fits(count)) {
        let help = "write a whole number and one of m, h, d, w, M, Q, Y, such as 30d";
        wrong(at, format!("{} is no duration of OpenSLO", quoted(&text)), help, into);
    }
}

/// A window that rolls, or begins at an instant of a calendar.
pub(super) fn time_window(window: &TimeWindow, at: &Trail, into: &mut Mistakes) {
    duration(&window.duration, at.key("duration"), into);
    match (window.is_rolling.0, &window.calendar) {
        (true, Some(_)) => {
            let message = "a window that rolls has no `calendar`";
            wrong(at.key("calendar"), message, "leave it out, or write `isRolling: false`", into);
        }
        (false, None) => {
            let help = "write `isRolling: true`, or `calendar: {startTime: …, timeZone: …}`";
            let message = "a window that does not roll needs a `calendar`";
            into.push(Mistake::key(at.clone(), Wrong::new(message, help)));
        }
        (true, None) => {}
        (false, Some(one)) => calendar(one, &at.key("calendar"), into),
    }
}

fn calendar(calendar: &Calendar, at: &Trail, into: &mut Mistakes) {
    let time = calendar.start_time.as_str();
    if !is_instant(time) {
        let help = "write `YYYY-MM-DD HH:MM:SS`, such as 2026-01-01 00:00:00";
        wrong(at.key("startTime"), format!("{} is no such instant", quoted(&time)), help, into);
    }
    let zone = calendar.time_zone.as_str();
    if !is_zone(zone) {
        let help = "write a name of the IANA database, such as Europe/Berlin or UTC";
        wrong(at.key("timeZone"), format!("{} is no time zone", quoted(&zone)), help, into);
    }
}

/// `YYYY-MM-DD HH:MM:SS` of a day that there is.
fn is_instant(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00 00:00:00";
    let formed = text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(is, form)| match form {
            b'0' => is.is_ascii_digit(),
            form => is == *form,
        });
    let part = |range: std::ops::Range<usize>| {
        text.get(range).and_then(|part| part.parse::<u32>().ok()).unwrap_or(u32::MAX)
    };
    if !formed {
        return false;
    }
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day) && part(11..13) < 24 && part(14..16) < 60 && part(17..19) < 60
}

/// An area and one or two places in it, or one of the names without an area.
fn is_zone(text: &str) -> bool {
    if ZONES.contains(&text) {
        return true;
    }
    let mut parts = text.split('/');
    let area = parts.next().is_some_and(|area| AREAS.contains(&area));
    let places: Vec<&str> = parts.collect();
    let place = |place: &&str| {
        place.starts_with(|c: char| c.is_ascii_uppercase())
            && place.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+".contains(&b))
    };
    area && (1..=2).contains(&places.len()) && places.iter().all(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_of_days_that_there_are() {
        for good in ["2026-01-01 00:00:00", "2024-02-29 23:59:59", "2000-02-29 12:00:00"] {
            assert!(is_instant(good), "{good}");
        }
        for bad in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            "2026-02-29 00:00:00",
            "1900-02-29 00:00:00",
            "2026-13-01 00:00:00",
            "2026-00-01 00:00:00",
            "2026-04-31 00:00:00",
            "2026-01-00 00:00:00",
            "2026-01-01 24:00:00",
            "2026-01-01 00:60:00",
            "2026-01-01 00:00:60",
            "+026-01-01 00:00:00",
            "2026-01-01 00:00:00 ",
            "tomorrow at the latest",
        ] {
            assert!(!is_instant(bad), "{bad}");
        }
    }

    #[test]
    fn zones_are_named_as_the_iana_database_does() {
        for good in [
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "America/Port-au-Prince",
            "Etc/GMT+5",
            "GMT",
        ] {
            assert!(is_zone(good), "{good}");
        }
        for bad in
            ["", "Berlin", "europe/berlin", "Europe", "Europe/", "Mars/Base", "+02:00", "CEST"]
        {
            assert!(!is_zone(bad), "{bad}");
        }
    }
}

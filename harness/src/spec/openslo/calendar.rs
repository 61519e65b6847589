//! Windows of time, as the validator of OpenSLO v1 wants them.
//!
//! Invariant: nothing depends on the zones that this machine knows.
//! Not here: lengths of time (`shorthand`), everything else of the specification (`rules`).

use super::rules::{Mistakes, wrong};
use super::shorthand::duration;
use super::types::{Calendar, TimeWindow};
use crate::spec::document::Mistake;
use crate::spec::scalar::{Wrong, quoted};
use crate::spec::trail::Trail;

/// All names of time zones.
const ZONES: &str = include_str!("zones.txt");

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

/// `YYYY-MM-DD HH:MM:SS` of a day that there is. Go, in which the official validator is written, also
/// takes an hour of one digit, several spaces, and a fraction of a second.
fn is_instant(text: &str) -> bool {
    let Some((date, time)) = text.split_once(' ') else { return false };
    let time = time.trim_start_matches(' ');
    let is_fraction = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let time = match time.split_once(['.', ',']) {
        Some((time, fraction)) if is_fraction(fraction) => time,
        Some(_) => return false,
        None => time,
    };
    is_day(date) && is_time(time)
}

/// Numbers of so many digits, with the mark between.
fn numbers<const N: usize>(text: &str, mark: char, widths: [&[usize]; N]) -> Option<[u32; N]> {
    let parts: Vec<&str> = text.split(mark).collect();
    let parts: [&str; N] = parts.try_into().ok()?;
    let mut numbers = [0; N];
    for ((part, widths), number) in parts.into_iter().zip(widths).zip(&mut numbers) {
        let digits = part.bytes().all(|b| b.is_ascii_digit()) && widths.contains(&part.len());
        *number = part.parse().ok().filter(|_| digits)?;
    }
    Some(numbers)
}

fn is_day(text: &str) -> bool {
    let Some([year, month, day]) = numbers(text, '-', [&[4], &[2], &[2]]) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn is_time(text: &str) -> bool {
    let time = numbers(text, ':', [&[1, 2], &[2], &[2]]);
    time.is_some_and(|[hour, minute, second]| hour < 24 && minute < 60 && second < 60)
}

fn is_zone(text: &str) -> bool {
    let names = ZONES.lines().filter(|line| !line.starts_with('#'));
    names.flat_map(str::split_whitespace).any(|name| name == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_of_days_that_there_are() {
        for good in [
            "2026-01-01 00:00:00",
            "2024-02-29 23:59:59",
            "2000-02-29 12:00:00",
            "2022-01-01 1:00:00",
            "2022-01-01   12:00:00.25",
            "2022-01-01 12:00:00,5",
        ] {
            assert!(is_instant(good), "{good}");
        }
        for bad in [
            "",
            "2026-01-01",
            "2026-01-01 ",
            "2026-01-01T00:00:00Z",
            "2026-02-29 00:00:00",
            "1900-02-29 00:00:00",
            "2026-13-01 00:00:00",
            "2026-00-01 00:00:00",
            "2026-04-31 00:00:00",
            "2026-01-00 00:00:00",
            "2026-1-01 00:00:00",
            "2026-01-01 24:00:00",
            "2026-01-01 00:60:00",
            "2026-01-01 00:00:60",
            "2026-01-01 00:0:00",
            "2026-01-01 00:00:00.",
            "+026-01-01 00:00:00",
            "2026-01-01 00:00:00 ",
            " 2026-01-01 00:00:00",
            "tomorrow at the latest",
        ] {
            assert!(!is_instant(bad), "{bad}");
        }
    }

    #[test]
    fn zones_are_those_of_the_iana_database() {
        for good in [
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "America/Argentina/Buenos_Aires",
            "America/Port-au-Prince",
            "Etc/GMT+5",
            "US/Eastern",
            "GMT",
        ] {
            assert!(is_zone(good), "{good}");
        }
        for bad in [
            "",
            "Local",
            "Berlin",
            "europe/berlin",
            "Europe",
            "Europe/",
            "Europe/Atlantis",
            "Mars/Base",
            "+02:00",
            "CEST",
            "#",
            "IANA",
        ] {
            assert!(!is_zone(bad), "{bad}");
        }
    }
}

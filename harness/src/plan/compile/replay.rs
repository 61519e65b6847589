//! Loads that replay a log: its lines become requests and due instants.
//!
//! Invariant: whatever a log holds, it makes requests, or problems that name its lines.
//! Invariant: requests are due as far apart as they were logged, by the speed; lines may lie in any
//! order, as those of servers do that log when they have answered.
//! Not here: one line (`logged`), the arithmetic of shards (`plan::arrivals`).

use super::loads::{Given, prefix};
use super::logged::{Line, read_line};
use super::notes::Notes;
use super::{MOST_RUN_US, data, positive};
use crate::plan::replay::Logged;
use crate::plan::rows::{Landed, Rows};
use crate::plan::template::{Form, Template};
use crate::plan::text::literal;
use crate::plan::words::{several, time};
use crate::plan::{Arrivals, Body, Client, Dynamic, Load, Request, Spread, Stretch, Target, Text};
use crate::spec::Trail;
use crate::spec::types::{Pick, ReplayLog, WhenExhausted};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The longest log, in bytes.
const LONGEST: u64 = 512 << 20;
/// So many wrong lines are told.
const TOLD: usize = 10;
/// More names than this say nothing: then requests are named by their method.
const MOST_NAMES: usize = 50;

/// Where a load is written, and what it is made from.
pub(super) struct Place<'s> {
    pub(super) name: &'s str,
    pub(super) trail: &'s Trail,
    pub(super) starts_us: u64,
    pub(super) to: &'s Target,
    pub(super) given: Given<'s>,
}

/// The load; with a problem noted, one that sends nothing.
pub(super) fn compile(
    load: &ReplayLog,
    place: &Place<'_>,
    client: Client,
    notes: &mut Notes<'_>,
) -> Load {
    let lasts_us = positive(load.duration, MOST_RUN_US, &place.trail.key("duration"), notes);
    let speed_milli = load.speed.map_or(1000, |speed| speed.milli);
    if speed_milli == 0 {
        let message = "at that speed nothing would ever come".to_owned();
        notes.value(&place.trail.key("speed"), message, "write a factor such as 2x");
    }
    let mut lines = lines(load, place, notes);
    lines.sort_by_key(|line| line.at_us);
    let first_us = lines.first().map_or(0, |line| line.at_us);
    let after_us = |line: &Line| {
        let after = u128::from(line.at_us.abs_diff(first_us)) * 1000;
        u64::try_from(after / u128::from(speed_milli.max(1))).unwrap_or(u64::MAX)
    };
    let logged = lines.len();
    lines.retain(|line| after_us(line) < lasts_us);
    let last_us = lines.last().map_or(0, after_us);
    let late = (logged - lines.len()) as u64;
    if late > 0 {
        notes.warn(format!(
            "{} of the log of `{}` {} due after its `duration` of {}: not sent",
            several(late, "request", "requests"),
            place.name,
            if late == 1 { "is" } else { "are" },
            time(lasts_us)
        ));
    }
    // More than half of the time without a request is no gap between two.
    if !lines.is_empty() && lines.len() == logged && last_us < lasts_us / 2 {
        notes.warn(format!(
            "the last request of `{}` comes {} after its start: its log is shorter than its \
             `duration`",
            place.name,
            time(last_us)
        ));
    }
    name_by_method(&mut lines, place.name, notes);
    let spread = Spread::Logged(Logged {
        file: literal(&load.file),
        speed_milli,
        due_us: lines.iter().map(|line| place.starts_us.saturating_add(after_us(line))).collect(),
    });
    let (requests, cycle) = requests(lines, place, client.timeout_us);
    let arrivals = Arrivals {
        starts_us: place.starts_us,
        start_milli_per_min: 0,
        stretches: vec![Stretch { lasts_us, end_milli_per_min: 0 }],
        spread,
        cut: None,
    };
    let (name, to) = (place.name.to_owned(), place.to.clone());
    Load { name, to, arrivals, stairs: None, client, requests, cycle, journey: None, used_up: None }
}

/// The lines of the log.
fn lines(load: &ReplayLog, place: &Place<'_>, notes: &mut Notes<'_>) -> Vec<Line> {
    let way = place.trail.key("file");
    let path = place.given.folder.join(literal(&load.file));
    let text = data::read(&path, LONGEST)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
    let text = match text {
        Ok(text) => text,
        Err(why) => {
            let message = format!("cannot read `{}`: {why}", path.display());
            notes.value(&way, message, "the path is relative to the scenario's folder");
            return Vec::new();
        }
    };
    let mut wrong = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    // The first line, and whether it has a date: seconds from whenever are no distance from one.
    let mut dated = None;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match read_line(line) {
            Ok(line) => {
                let (first, is_dated) = *dated.get_or_insert((at + 1, line.is_dated));
                if line.is_dated != is_dated {
                    let form = |dated| if dated { "a date" } else { "a number" };
                    let (here, there) = (form(line.is_dated), form(is_dated));
                    let message = format!("`time` is {here}, and {there} in line {first}");
                    let help = "write the time of all lines in one form: RFC 3339, or seconds";
                    wrong.push((at + 1, (message, help.to_owned())));
                }
                lines.push(line);
            }
            Err(why) => wrong.push((at + 1, why)),
        }
    }
    for (line, (message, help)) in wrong.iter().take(TOLD) {
        notes.value(&way, format!("{}:{line}: {message}", path.display()), help.clone());
    }
    if let Some(more) = wrong.len().checked_sub(TOLD).filter(|more| *more > 0) {
        let more = several(more as u64, "more line is", "more lines are");
        notes.value(&way, format!("{}: {more} wrong", path.display()), "see the first ones");
    }
    if lines.is_empty() && wrong.is_empty() {
        let message = format!("`{}` holds no request", path.display());
        let help = r#"write one a line, such as {"time": 0.25, "method": "GET", "path": "/"}"#;
        notes.value(&way, message, help);
    }
    lines
}

/// Where a log has too many paths for names, each request is named by its method.
fn name_by_method(lines: &mut [Line], load: &str, notes: &mut Notes<'_>) {
    let names: BTreeSet<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    if names.len() <= MOST_NAMES {
        return;
    }
    notes.warn(format!(
        "the log of `{load}` has {}: its requests are named by their method alone, but for lines \
         that have a `name`",
        several(names.len() as u64, "path", "paths")
    ));
    for line in lines.iter_mut().filter(|line| !line.is_named) {
        line.name.clone_from(&line.method);
    }
}

/// One request for each name and method, whose values are the lines', and which each line is.
fn requests(lines: Vec<Line>, place: &Place<'_>, timeout_us: u64) -> (Vec<Request>, Vec<u16>) {
    let prefix = prefix(place.to, place.given.services, place.given.links);
    // With the path of its first line.
    let mut kinds: Vec<(String, String, String)> = Vec::new();
    let mut known: BTreeMap<(String, String), u16> = BTreeMap::new();
    let mut headers: BTreeSet<String> = BTreeSet::new();
    let mut cycle = Vec::new();
    for line in &lines {
        let key = (line.name.clone(), line.method.clone());
        let at = *known.entry(key.clone()).or_insert_with(|| {
            let (name, method) = key;
            kinds.push((name, method, format!("{prefix}{}", line.path)));
            u16::try_from(kinds.len() - 1).unwrap_or(u16::MAX)
        });
        cycle.push(at);
        let new = line.headers.keys().filter(|name| !headers.contains(*name));
        let new: Vec<String> = new.cloned().collect();
        headers.extend(new);
    }
    let row = |mut line: Line| {
        let fixed = [format!("{prefix}{}", line.path), line.body];
        let sent = headers.iter().map(|name| line.headers.remove(name).unwrap_or_default());
        fixed.into_iter().chain(sent).collect()
    };
    let columns = ["path", "body"].into_iter().map(str::to_owned);
    let rows = Arc::new(Rows {
        name: format!("the log of {}", place.name),
        pick: Pick::Sequential,
        when_exhausted: WhenExhausted::Stop,
        columns: columns.chain(headers.iter().cloned()).collect(),
        values: lines.into_iter().map(row).collect(),
        landed: Landed::default(),
    });
    let column = |form, name: &str, at| Template::column(form, name, &rows, at);
    let header = |(at, name): (usize, &String)| (name.clone(), column(Form::Header, name, at + 2));
    let request = |(name, method, first): &(String, String, String)| Request {
        name: name.clone(),
        method: method.clone(),
        path: Text(first.replace("${", "$${")),
        headers: Vec::new(),
        body: Body::Empty,
        check_status: Vec::new(),
        timeout_us,
        dynamic: Some(Dynamic {
            path: Some(column(Form::Plain, "path", 0)),
            body: Some(column(Form::Plain, "body", 1)),
            headers: headers.iter().enumerate().map(header).collect(),
            sparse: true,
            ..Dynamic::default()
        }),
    };
    (kinds.iter().map(request).collect(), cycle)
}

//! Marks: what somebody else says of the faults that they make, through a file in the run directory.
//!
//! Invariant: a mark is taken once, in the order in which they were written; a line that is not whole
//! is read when it is.
//! Invariant: who marks is told that the run has taken it, by the journal, or that it has not; what was
//! refused is never taken later.
//! Not here: what a mark does (`conduct`), what can be typed (`cli`).

use crate::clock::{self, Clock};
use crate::record::under_way::under_way;
use assay_slo::event::EdgeKind;
use assay_slo::{At, Case, Entry, Event};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior};

/// The file's name in the run directory.
const FILE: &str = "marks.jsonl";
/// The journal's.
const JOURNAL: &str = "journal.jsonl";
/// Between two looks, on either side.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long whoever marks waits for the run to take it.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
/// A mark older than this is not taken: whoever gave it is about to be told, or was, that it was not.
const TAKEN_MS: i64 = 4_000;

/// What is said of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// It starts now.
    Start,
    /// It has ended.
    End,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    fault: String,
    mark: Mark,
    /// When it was given, ms since 1970 by the wall clock.
    at_ms: i64,
}

/// The run's side.
pub(super) struct Marks {
    path: PathBuf,
    read: u64,
    ticks: Interval,
}

impl Marks {
    /// Of a run with this directory. Call within a runtime.
    pub(super) fn of(dir: &Path) -> Marks {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Marks { path: dir.join(FILE), read: 0, ticks }
    }

    /// Waits for the next marks; nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Vec<(String, Mark)> {
        loop {
            self.ticks.tick().await;
            let unread = self.unread();
            if !unread.is_empty() {
                return unread;
            }
        }
    }

    fn unread(&mut self) -> Vec<(String, Mark)> {
        let Ok(mut file) = File::open(&self.path) else { return Vec::new() };
        let mut text = String::new();
        let read =
            file.seek(SeekFrom::Start(self.read)).and_then(|_| file.read_to_string(&mut text));
        if read.is_err() {
            return Vec::new();
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        let lines = text.get(..whole).unwrap_or_default().lines();
        let lines = lines.filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let oldest = clock::wall().timestamp_millis().saturating_sub(TAKEN_MS);
        lines.filter(|line| line.at_ms >= oldest).map(|line| (line.fault, line.mark)).collect()
    }
}

/// Says to the run with this directory that a fault starts or ends, and waits until it has taken it.
/// Gives the instant, µs after the run's time 0. Blocks; call it outside any runtime.
///
/// # Errors
/// A sentence: there is no such run or fault, or the run did not take it.
pub fn mark(dir: &Path, fault: &str, mark: Mark) -> Result<i64, String> {
    let journal = dir.join(JOURNAL);
    let case = case(&journal).ok_or_else(|| format!("{} is no run directory", dir.display()))?;
    let manual = || case.faults.iter().enumerate().filter(|(_, known)| known.kind == "manual");
    let Some((index, _)) = manual().find(|(_, known)| known.name == fault) else {
        let known: Vec<String> = manual().map(|(_, known)| format!("`{}`", known.name)).collect();
        return Err(match known.as_slice() {
            [] => "this run has no `manual` faults".to_owned(),
            known => format!("there is no `manual` fault `{fault}`, but {}", known.join(", ")),
        });
    };
    if under_way(&journal).is_none() {
        return Err("this run is over".to_owned());
    }
    let failed = |why: std::io::Error| format!("{}: {why}", dir.display());
    let before = edges(&journal, index);
    if let Some(why) = refusal(&before, mark) {
        return Err(format!("{} of `{fault}` was not taken: {why}", mark.word()));
    }
    let mut file =
        OpenOptions::new().create(true).append(true).open(dir.join(FILE)).map_err(failed)?;
    let at_ms = clock::wall().timestamp_millis();
    let line = serde_json::to_string(&Line { fault: fault.to_owned(), mark, at_ms });
    let line = line.map_err(|why| why.to_string())? + "\n";
    file.write_all(line.as_bytes()).map_err(failed)?;
    let clock = Clock::start();
    while clock.now().0 < TAKEN_WITHIN.as_micros() as u64 {
        let now = edges(&journal, index);
        let mut new = now.get(before.len()..).unwrap_or_default().iter();
        if let Some((_, at)) = new.find(|(edge, _)| *edge == mark.edge()) {
            return Ok(*at);
        }
        rest(LOOK_EVERY);
    }
    Err(format!("the run did not take {} of `{fault}`, and will not", mark.word()))
}

/// Why a fault whose edges are these cannot be marked so now.
fn refusal(edges: &[(EdgeKind, i64)], mark: Mark) -> Option<&'static str> {
    match (mark, edges.last().map(|(edge, _)| *edge)) {
        (Mark::Start, Some(EdgeKind::Asked)) | (Mark::End, Some(EdgeKind::Applied)) => None,
        (Mark::Start, None) => Some("it is not due yet"),
        (Mark::Start, Some(EdgeKind::Applied)) => Some("it was started before"),
        (Mark::End, Some(EdgeKind::Cleared)) | (Mark::Start, _) => Some("it has ended before"),
        (Mark::End, _) => Some("it was not started"),
    }
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Mark::Start => "the start",
            Mark::End => "the end",
        }
    }

    fn edge(self) -> EdgeKind {
        match self {
            Mark::Start => EdgeKind::Applied,
            Mark::End => EdgeKind::Cleared,
        }
    }
}

/// Stays idle; nothing else is to be done meanwhile.
fn rest(time: Duration) {
    let spec = rustix::time::Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
    // Waking early costs a look.
    let _ = rustix::thread::nanosleep(&spec);
}

fn case(journal: &Path) -> Option<Case> {
    let mut line = String::new();
    BufReader::new(File::open(journal).ok()?).read_line(&mut line).ok()?;
    let mut header: serde_json::Value = serde_json::from_str(&line).ok()?;
    serde_json::from_value(header.get_mut("case")?.take()).ok()
}

/// When a fault was due, started and ended, by the journal, in its order: µs after the run's time 0.
fn edges(journal: &Path, index: usize) -> Vec<(EdgeKind, i64)> {
    let Ok(file) = File::open(journal) else { return Vec::new() };
    let lines = BufReader::new(file).lines().skip(1).map_while(Result::ok);
    let (mut zero, mut all) = (At(0), Vec::new());
    let wanted = [EdgeKind::Asked, EdgeKind::Applied, EdgeKind::Cleared];
    for line in lines.filter(|line| line.contains("\"edge\"") || line.contains("\"zero\"")) {
        match serde_json::from_str::<Entry>(&line).map(|entry| entry.event) {
            Ok(Event::Zero { zero: at }) => zero = at,
            Ok(Event::Edge(edge)) if edge.fault == index && wanted.contains(&edge.edge) => {
                all.push((edge.edge, edge.at.since(zero)));
            }
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whole_lines_are_taken_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut marks = Marks::of(dir.path());
        assert_eq!(marks.unread(), []);
        let path = dir.path().join(FILE);
        let now = clock::wall().timestamp_millis();
        let start =
            |at: i64| format!("{{\"fault\":\"drill\",\"mark\":\"start\",\"at_ms\":{at}}}\n");
        // Of the first somebody was told long ago that it was not taken.
        let (old, start) = (start(now - TAKEN_WITHIN.as_millis() as i64), start(now));
        std::fs::write(&path, format!("{old}{start}nonsense\n{{\"fault\":\"dr")).unwrap();
        assert_eq!(marks.next().await, [("drill".to_owned(), Mark::Start)]);
        assert_eq!(marks.unread(), []);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        let rest = format!("ill\",\"mark\":\"end\",\"at_ms\":{now}}}\n");
        file.write_all(rest.as_bytes()).unwrap();
        assert_eq!(marks.next().await, [("drill".to_owned(), Mark::End)]);
    }

    #[test]
    fn only_what_is_due_can_be_marked() {
        use EdgeKind::{Applied, Asked, Cleared};
        let after = |edges: &[EdgeKind], mark| {
            refusal(&edges.iter().map(|edge| (*edge, 0)).collect::<Vec<_>>(), mark)
        };
        assert_eq!(after(&[], Mark::Start), Some("it is not due yet"));
        assert_eq!(after(&[], Mark::End), Some("it was not started"));
        assert_eq!(after(&[Asked], Mark::Start), None);
        assert_eq!(after(&[Asked], Mark::End), Some("it was not started"));
        assert_eq!(after(&[Asked, Applied], Mark::Start), Some("it was started before"));
        assert_eq!(after(&[Asked, Applied], Mark::End), None);
        let ended = [Asked, Applied, Cleared];
        assert_eq!(after(&ended, Mark::End), Some("it has ended before"));
        assert_eq!(after(&ended, Mark::Start), Some("it has ended before"));
        assert_eq!(after(&[Asked, Applied, Cleared, Asked], Mark::Start), None);
    }

    #[test]
    fn nobody_marks_what_is_no_run() {
        let dir = tempfile::tempdir().unwrap();
        let why = mark(dir.path(), "drill", Mark::Start).unwrap_err();
        assert!(why.contains("is no run directory"), "{why}");
    }
}

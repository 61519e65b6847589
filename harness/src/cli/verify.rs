//! `assay verify`: the verdict again, from the journal alone, and whether the reports say the same.
//!
//! Invariant: it judges and prints as `run` does, and never writes over a report that is there.
//! Not here: judging (`judge`), what is in the reports (`report`).

use super::args::WordArgs;
use super::go::{conclude, failed, say};
use super::print;
use super::scenario::tell;
use crate::judge;
use crate::record::under_way::{UnderWay, under_way};
use crate::report::{self, Exit, Head};
use crate::run;
use clap::Args as ClapArgs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A finished run.
#[derive(Debug, ClapArgs)]
pub(super) struct VerifyArgs {
    /// The run directory.
    #[arg(value_name = "RUN_DIR")]
    run_dir: PathBuf,
    /// Judge by this file of OpenSLO v1 instead of what the scenario asked, and write nothing.
    #[arg(long, value_name = "FILE")]
    slo: Option<String>,
    #[command(flatten)]
    words: WordArgs,
}

pub(super) fn verify(args: &VerifyArgs) -> ExitCode {
    let dir = &args.run_dir;
    if let Some(going) = going(dir) {
        return failed(&going);
    }
    if let Some(file) = &args.slo {
        return by(args, file);
    }
    let judged = match judge::judge(dir) {
        Ok(judged) => judged,
        Err(error) => return failed(&error),
    };
    // It is written last: without it the run was killed before its reports were whole.
    match std::fs::metadata(dir.join("verdict.json")) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return conclude(dir, &judged, args.words);
        }
        Err(error) => {
            return failed(&format!("cannot read {}: {error}", dir.join("verdict.json").display()));
        }
    }
    let kept = report::html::kept(dir).len();
    let head = Head { kept, ..Head::of(&judged, run::shown(dir)) };
    let ours = report::html::collect(dir)
        .and_then(|series| report::files(dir, &head, &judged.scorecard, &series));
    let ours = match ours {
        Ok(ours) => ours,
        Err(error) => return failed(&error),
    };
    match compared(dir, &ours) {
        Err(error) => failed(&error),
        Ok(Compared { differing, missing }) if differing.is_empty() => {
            if !missing.is_empty() && !args.words.quiet {
                print::err(&format!("not there, so not compared: {}\n", missing.join(", ")));
            }
            say(&head, &judged, args.words)
        }
        Ok(Compared { differing, .. }) => {
            let mut text = differing.join("\n");
            if head.tool != crate::TOOL {
                text += &format!("\nit was written by {}, this is {}", head.tool, crate::TOOL);
            }
            print::error(&format!("{text}\nnothing was rewritten"));
            Exit::CouldNotRun.into()
        }
    }
}

/// Judges by another SLO file, and writes nothing.
fn by(args: &VerifyArgs, file: &str) -> ExitCode {
    let here = Path::new(file).canonicalize().map(|path| path.display().to_string());
    let path =
        if file.starts_with("assay:") { file.to_owned() } else { here.unwrap_or(file.to_owned()) };
    match judge::by(&args.run_dir, &path) {
        Ok((judged, told)) => {
            told.iter().for_each(|one| print::err(&format!("warning: {one}\n")));
            let head = Head { run_dir: String::new(), ..Head::of(&judged, String::new()) };
            say(&head, &judged, args.words)
        }
        Err(judge::JudgeError::Asked(problems)) => tell(&problems),
        Err(error) => failed(&error),
    }
}

/// Why this run is not judged yet; none if it has ended.
pub(super) fn going(dir: &Path) -> Option<String> {
    under_way(&dir.join("journal.jsonl")).map(still_going)
}

/// Why a run that has not ended is not judged.
fn still_going(UnderWay { pid }: UnderWay) -> String {
    let how = "nothing was written; wait for its end, or end it with";
    match pid {
        Some(pid) => format!("this run is still going (pid {pid}): {how} `kill -INT {pid}`"),
        None => format!("this run is still going: {how} Ctrl-C where it runs"),
    }
}

/// How the reports that are there compare with those that the journal gives.
#[derive(Debug, Default)]
struct Compared {
    /// A sentence and the first difference of each.
    differing: Vec<String>,
    missing: Vec<&'static str>,
}

/// Compares every byte.
fn compared(dir: &Path, ours: &[(&'static str, Vec<u8>)]) -> io::Result<Compared> {
    let mut compared = Compared::default();
    // The verdict first: of all that differs it matters most.
    for (name, ours) in ours.iter().rev() {
        match std::fs::read(dir.join(name)) {
            Ok(theirs) if theirs == *ours => {}
            Ok(theirs) => {
                let from = if *name == "report.html" {
                    "the journal, latency.hlog and scenario.yaml say"
                } else {
                    "the journal says"
                };
                let mut difference = first_difference(name, &theirs, ours);
                for also in ["latency.hlog", "scenario.yaml"] {
                    if *name == "report.html" && !dir.join(also).exists() {
                        difference += &format!("\n  {also} is not there");
                    }
                }
                compared.differing.push(format!("{name} differs from what {from}\n{difference}"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => compared.missing.push(name),
            Err(error) => {
                let path = dir.join(name);
                return Err(io::Error::other(format!("cannot read {}: {error}", path.display())));
            }
        }
    }
    Ok(compared)
}

/// Of a line, so many characters are shown.
const SHOWN: usize = 160;
/// So many of them before the first that differs.
const BEFORE: usize = 40;

/// The first line that differs, both ways.
fn first_difference(name: &str, theirs: &[u8], ours: &[u8]) -> String {
    let (theirs, ours) = (String::from_utf8_lossy(theirs), String::from_utf8_lossy(ours));
    let (mut theirs, mut ours) = (theirs.lines(), ours.lines());
    let shown = |line: Option<&str>, from: usize| match line {
        None => "(ends)".to_owned(),
        Some(line) => {
            let cut = if from > 0 { "… " } else { "" };
            let part = line.chars().skip(from).take(SHOWN);
            let part: String = part.map(|c| if c.is_control() { ' ' } else { c }).collect();
            format!("{cut}{part}")
        }
    };
    let mut number = 0;
    loop {
        number += 1;
        match (theirs.next(), ours.next()) {
            (None, None) => return "  they differ in white space only".to_owned(),
            (left, right) if left == right => {}
            (left, right) => {
                let width = name.len().max("journal".len()) + 1;
                let labels = (format!("{name}:"), "journal:");
                let same = left.unwrap_or_default().chars().zip(right.unwrap_or_default().chars());
                let from = same.take_while(|(a, b)| a == b).count().saturating_sub(BEFORE);
                return format!(
                    "  line {number}\n  {:width$} {}\n  {:width$} {}",
                    labels.0,
                    shown(left, from),
                    labels.1,
                    shown(right, from)
                );
            }
        }
    }
}

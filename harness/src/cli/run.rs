//! Commands that end in a verdict: `run`, `verify`.
//!
//! Invariant: both judge the same way and print the same last lines.

use super::args::{Remap, RunArgs, VerifyArgs};
use super::go::{Go, conclude, failed, quoted, say};
use super::{print, scenario};
use crate::judge;
use crate::record::journal::OnInconclusive;
use crate::record::under_way::{UnderWay, under_way};
use crate::report::{self, Exit, Head};
use crate::run::{self, Options};
use std::process::ExitCode;

pub(super) fn run(args: &RunArgs) -> ExitCode {
    let plan = match scenario::planned(&args.scenario.file, &args.scenario.changes) {
        Ok(plan) => plan,
        Err(problems) => return scenario::tell(&problems),
    };
    if !args.words.quiet {
        scenario::warn(&plan);
    }
    let remap = match args.on_inconclusive {
        None => OnInconclusive::Exit3,
        Some(remap) => remap.into(),
    };
    let go = Go {
        plan: &plan,
        options: Options {
            out: args.out.clone(),
            on_inconclusive: remap,
            allow_faults: args.allow_faults.clone(),
            repeat: repeat(args, plan.seed),
        },
        words: args.words,
    };
    match go.to_the_end() {
        Ok(finished) => finished.exit,
        Err(exit) => exit,
    }
}

/// Why a run that has not ended is not judged.
fn still_going(UnderWay { pid }: UnderWay) -> String {
    let how = "nothing was written; wait for its end, or end it with";
    match pid {
        Some(pid) => format!("this run is still going (pid {pid}): {how} `kill -INT {pid}`"),
        None => format!("this run is still going: {how} Ctrl-C where it runs"),
    }
}

pub(super) fn verify(args: &VerifyArgs) -> ExitCode {
    let dir = &args.run_dir;
    if let Some(going) = under_way(&dir.join("journal.jsonl")) {
        return failed(&still_going(going));
    }
    let judged = match judge::judge(dir) {
        Ok(judged) => judged,
        Err(error) => return failed(&error),
    };
    let head = Head::of(&judged, run::shown(dir));
    let ours = match report::verdict_json(&head, &judged.scorecard) {
        Ok(bytes) => bytes,
        Err(error) => return failed(&error),
    };
    match std::fs::read(dir.join("verdict.json")) {
        Ok(theirs) if theirs == ours => say(&head, &judged, args.words),
        Ok(theirs) => {
            let difference = first_difference(&theirs, &ours);
            print::error(&format!(
                "verdict.json differs from what the journal says; nothing was rewritten\n{difference}"
            ));
            Exit::CouldNotRun.into()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            conclude(dir, &judged, args.words)
        }
        Err(error) => {
            failed(&format!("cannot read {}: {error}", dir.join("verdict.json").display()))
        }
    }
}

/// The first line that differs, both ways.
fn first_difference(theirs: &[u8], ours: &[u8]) -> String {
    let (theirs, ours) = (String::from_utf8_lossy(theirs), String::from_utf8_lossy(ours));
    let (mut theirs, mut ours) = (theirs.lines(), ours.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (theirs.next(), ours.next()) {
            (None, None) => return "  they differ in white space only".to_owned(),
            (left, right) if left == right => {}
            (left, right) => {
                return format!(
                    "  line {number}\n  verdict.json: {}\n  journal:      {}",
                    left.unwrap_or("(ends)"),
                    right.unwrap_or("(ends)")
                );
            }
        }
    }
}

/// What to type to get this run again, seed and all.
fn repeat(args: &RunArgs, seed: u64) -> String {
    let mut words = vec!["assay".to_owned(), "run".into(), quoted(&args.scenario.file.display())];
    let changes = &args.scenario.changes;
    let pairs = [("--profile", &changes.profile), ("--set", &changes.set), ("--var", &changes.var)];
    for (flag, values) in pairs {
        words.extend(values.iter().map(|value| format!("{flag} {}", quoted(value))));
    }
    words.push(format!("--seed {seed}"));
    words.extend(args.allow_faults.iter().map(|host| format!("--allow-faults {}", quoted(host))));
    words.extend(args.on_inconclusive.map(|remap| {
        let word = match remap {
            Remap::Fail => "fail",
            Remap::Pass => "pass",
        };
        format!("--on-inconclusive {word}")
    }));
    words.join(" ")
}

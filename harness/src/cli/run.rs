//! Commands that end in a verdict: `run`, `verify`.
//!
//! Invariant: both judge the same way and print the same last lines.

use super::args::{Remap, RunArgs, VerifyArgs, WordArgs};
use super::{print, scenario};
use crate::judge::{self, Judged};
use crate::record::journal::OnInconclusive;
use crate::report::{self, Color, Detail, Exit, Head, Live, Mode};
use crate::run::{self, Options, RunError};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(args: &RunArgs) -> ExitCode {
    let plan = match scenario::planned(&args.scenario.file, &args.scenario.changes) {
        Ok(plan) => plan,
        Err(problems) => return scenario::tell(&problems),
    };
    if !args.words.quiet {
        scenario::warn(&plan);
    }
    let options = Options {
        out: args.out.clone(),
        on_inconclusive: match args.on_inconclusive {
            None => OnInconclusive::Exit3,
            Some(Remap::Fail) => OnInconclusive::Fail,
            Some(Remap::Pass) => OnInconclusive::Pass,
        },
        allow_faults: args.allow_faults.clone(),
        repeat: repeat(args, plan.seed),
    };
    let live = Live::new(Mode::of_stderr(), detail(args.words));
    let dir = match run::run(&plan, &options, live) {
        Ok(dir) => dir,
        Err(error) => {
            print::error(&error);
            return match error {
                RunError::Directory(_) => Exit::Invalid.into(),
                _ => Exit::CouldNotRun.into(),
            };
        }
    };
    match judge::judge(&dir) {
        Ok(judged) => conclude(&dir, &judged, args.words),
        Err(error) => failed(&error),
    }
}

pub(super) fn verify(args: &VerifyArgs) -> ExitCode {
    let dir = &args.run_dir;
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

/// Writes every report and says the verdict.
fn conclude(dir: &Path, judged: &Judged, words: WordArgs) -> ExitCode {
    let head = Head::of(judged, run::shown(dir));
    let written = report::html::collect(dir)
        .and_then(|series| report::write_all(dir, &head, &judged.scorecard, &series));
    if let Err(error) = written {
        let _ = say(&head, judged, words);
        return failed(&format!("cannot write the reports to {}: {error}", dir.display()));
    }
    say(&head, judged, words)
}

fn say(head: &Head, judged: &Judged, words: WordArgs) -> ExitCode {
    let no_color = std::env::var_os("NO_COLOR");
    let term = std::env::var_os("TERM");
    let color = Color::of(std::io::stdout().is_terminal(), no_color.as_deref(), term.as_deref());
    print::out(&report::console(head, &judged.scorecard, detail(words), color));
    if std::env::var_os("GITHUB_ACTIONS").is_some() {
        print::out(&report::annotations(head, &judged.scorecard));
    }
    head.exit.into()
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    print::error(error);
    Exit::CouldNotRun.into()
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

fn detail(words: WordArgs) -> Detail {
    match words {
        WordArgs { quiet: true, .. } => Detail::Quiet,
        WordArgs { verbose: true, .. } => Detail::Verbose,
        WordArgs { .. } => Detail::Usual,
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

fn quoted(word: &dyn std::fmt::Display) -> String {
    let word = word.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

//! `assay run`: what was typed becomes one run, and the words to repeat it.
//!
//! Not here: running, judging and saying the verdict (`go`), judging again (`verify`).

use super::args::{Remap, RunArgs};
use super::go::{Go, failed, quoted};
use super::{print, scenario};
use crate::plan::{self, Plan};
use crate::record::journal::OnInconclusive;
use crate::report::Exit;
use crate::run::Options;
use crate::run::there::look_for;
use std::process::ExitCode;

pub(super) fn run(args: &RunArgs) -> ExitCode {
    let plan = match scenario::planned(&args.scenario.file, &args.scenario.changes) {
        Ok(plan) => plan,
        Err(problems) => return scenario::tell(&problems),
    };
    if !args.words.quiet {
        scenario::warn(&plan);
    }
    if args.dry_run {
        return dry(&plan);
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
            metrics_addr: args.metrics_addr,
        },
        words: args.words,
    };
    match go.to_the_end() {
        Ok(finished) => finished.exit,
        Err(exit) => exit,
    }
}

/// Says what a run would do, and looks whether what must run already is there.
fn dry(plan: &Plan) -> ExitCode {
    print::out(&plan::dry_run(plan));
    match look_for(plan) {
        Ok(found) => {
            print::out(&found.iter().map(|line| format!("{line}\n")).collect::<String>());
            let missing = found.iter().any(|line| !line.is_there);
            if missing { Exit::CouldNotRun.into() } else { Exit::Met.into() }
        }
        Err(why) => failed(&why),
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

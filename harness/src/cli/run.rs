//! `assay run`: what was typed becomes one run, and the words to repeat it.
//!
//! Not here: running, judging and saying the verdict (`go`), judging again (`verify`).

use super::args::{ChangeArgs, Remap, RunArgs};
use super::go::{Go, failed, quoted};
use super::series::Many;
use super::{baseline, print, scenario};
use crate::plan::traced::Tracing;
use crate::plan::{self, Plan};
use crate::record::journal::OnInconclusive;
use crate::report::Exit;
use crate::run::directory::beside;
use crate::run::there::{look_for, refusals};
use crate::run::{Options, Otlp};
use crate::service::undo::left_behind;
use crate::spec::Problems;
use assay_slo::case::Ask;
use clap::ValueEnum;
use std::process::ExitCode;

pub(super) fn run(args: &RunArgs) -> ExitCode {
    let plan = match planned(args, &args.scenario.changes) {
        Ok(plan) => plan,
        Err(problems) => return scenario::tell(&problems),
    };
    if !args.words.quiet {
        scenario::warn(&plan);
    }
    for left in left_behind(beside(args.out.as_deref())) {
        print::err(&format!("warning: an earlier run left {left}\n"));
    }
    if args.dry_run {
        return dry(&plan, &args.allow_faults);
    }
    if let Some(path) = &args.save_baseline
        && let Err(why) = baseline::can_be_saved(path)
    {
        print::error(&why);
        return Exit::Invalid.into();
    }
    if args.stop_early && plan.series.pooled() > 1 {
        print::error(
            &"--stop-early leaves out the rest of bad runs, so they cannot be counted together: leave one of both \
             out, --stop-early or `decide: pooled`",
        );
        return Exit::Invalid.into();
    }
    let remap = match args.on_inconclusive {
        None => OnInconclusive::Exit3,
        Some(remap) => remap.into(),
    };
    let options = Options {
        out: args.out.clone(),
        on_inconclusive: remap,
        allow_faults: args.allow_faults.clone(),
        repeat: repeat(args, plan.seed),
        metrics_addr: args.metrics_addr,
        stop_early: args.stop_early,
        otlp: args
            .otlp
            .clone()
            .map(|endpoint| Otlp { endpoint, tracing: Tracing { per_million: args.otlp_sample } }),
    };
    if plan.series.is_many() {
        let other = match other(args, &plan) {
            Ok(other) => other,
            Err(problems) => return scenario::tell(&problems),
        };
        let save_baseline = args.save_baseline.as_deref();
        return Many { plan, other, options, words: args.words, save_baseline }.go();
    }
    let go = Go { plan: &plan, options, words: args.words };
    let finished = match go.to_the_end() {
        Ok(finished) => finished,
        Err(exit) => return exit,
    };
    if let Some(path) = &args.save_baseline
        && let Err(why) = baseline::save(path, &finished.dir, &finished.judged)
    {
        print::err(&format!("warning: {why}\n"));
    }
    finished.exit
}

fn planned(args: &RunArgs, changes: &ChangeArgs) -> Result<Plan, Problems> {
    let decide = args.decide.map(Into::into);
    scenario::planned_often(&args.scenario.file, changes, args.repeat, decide)
}

/// The other build's plan, if there is one: the same scenario, read again with its variables.
fn other(args: &RunArgs, plan: &Plan) -> Result<Option<Plan>, Problems> {
    let Some(vars) = &plan.series.against else { return Ok(None) };
    let mut changes = args.scenario.changes.clone();
    changes.var.extend(vars.iter().map(|(name, value)| format!("{name}={value}")));
    changes.seed = Some(plan.seed);
    let mut other = planned(args, &changes)?;
    // It is what others are held against.
    for one in &mut other.case.objectives {
        let change = matches!(one.ask, Ask::LatencyChange { .. } | Ask::ErrorRateChange { .. });
        one.advisory |= change;
    }
    Ok(Some(other))
}

/// Says what a run would do, and looks whether what must run already is there, and whether the run would
/// be refused.
fn dry(plan: &Plan, allow_faults: &[String]) -> ExitCode {
    print::out(&plan::dry_run(plan));
    let refusals = match refusals(plan, allow_faults) {
        Ok(refusals) => refusals,
        Err(why) => return failed(&why),
    };
    refusals.iter().for_each(|why| print::error(&format!("the run would be refused: {why}")));
    match look_for(plan) {
        Ok(found) => {
            print::out(&found.iter().map(|line| format!("{line}\n")).collect::<String>());
            let missing = found.iter().any(|line| !line.is_there);
            if missing || !refusals.is_empty() {
                Exit::CouldNotRun.into()
            } else {
                Exit::Met.into()
            }
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
    words.extend(args.stop_early.then(|| "--stop-early".to_owned()));
    words.extend(args.repeat.map(|runs| format!("--repeat {runs}")));
    let decide = args.decide.and_then(|decide| decide.to_possible_value());
    words.extend(decide.map(|decide| format!("--decide {}", decide.get_name())));
    words.extend(args.on_inconclusive.map(|remap| {
        let word = match remap {
            Remap::Fail => "fail",
            Remap::Pass => "pass",
        };
        format!("--on-inconclusive {word}")
    }));
    words.join(" ")
}

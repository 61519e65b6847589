//! `assay load URL`: a load that is typed, run and judged as a scenario is.
//!
//! Invariant: it becomes a scenario and takes the same way as `assay run`: same plan, same
//! engine, same judge, same artefacts, same exit codes.
//! Invariant: without gates nothing is asked: it measures, says so, and exits with 0.
//! Not here: what the flags mean as a scenario (`scenario`), and mistakes in flags (`flags`), judging.

mod args;
mod figures;
mod flags;
mod scenario;

pub(super) use args::LoadArgs;

use super::go::{Finished, Go, failed, quoted};
use super::{print, scenario as files};
use crate::plan::{self, Plan};
use crate::record::journal::OnInconclusive;
use crate::report::{Exit, Head, try_out, write_whole};
use crate::run::{self, Options};
use crate::spec::{self, Overrides, Problems};
use figures::Figures;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the records of a run call the scenario that was typed.
const TYPED: &str = "assay load";

pub(super) fn load(args: &LoadArgs) -> ExitCode {
    let yaml = match scenario::to_run(args) {
        Ok(yaml) => yaml,
        Err(problem) => return usage(&problem),
    };
    let plan = match planned(&yaml) {
        Ok(plan) => plan,
        Err(problems) => {
            print::err(&flags::told(&problems, &args.url));
            return Exit::Invalid.into();
        }
    };
    if let Err(problem) = can_be_written(args) {
        return usage(&problem);
    }
    if let Some(path) = &args.save_scenario
        && let Err(problem) = save(args, path)
    {
        return usage(&problem);
    }
    if is_stdout(&args.json) {
        print::keep_for_data();
    }
    if !args.words.quiet {
        files::warn(&plan);
    }
    let go = Go {
        plan: &plan,
        options: Options {
            out: args.out.clone(),
            on_inconclusive: match args.on_inconclusive {
                Some(remap) => remap.into(),
                // What was not asked cannot fail.
                None if plan.case.objectives.is_empty() => OnInconclusive::Pass,
                None => OnInconclusive::Exit3,
            },
            allow_faults: Vec::new(),
            metrics_addr: None,
            stop_early: args.stop_early,
            otlp: None,
            repeat: repeat(),
        },
        words: args.words,
    };
    let Finished { dir, judged, exit } = match go.to_the_end() {
        Ok(finished) => finished,
        Err(exit) => return exit,
    };
    if let Some(path) = &args.hlog
        && let Err(error) = std::fs::copy(dir.join("latency.hlog"), path)
    {
        return failed(&format!("cannot write {}: {error}", path.display()));
    }
    let planned_s = plan.ends_us as f64 / 1e6;
    let head = Head::of(&judged, run::shown(&dir));
    let figures = Figures::of(&head, &judged.scorecard, planned_s);
    if let (Some(path), Some(figures)) = (&args.json, figures) {
        let text = format!("{}\n", serde_json::to_string_pretty(&figures).unwrap_or_default());
        if is_stdout(&args.json) {
            print::data(&text);
        } else if let Err(error) = write_whole(path, text.as_bytes()) {
            return failed(&error);
        }
    }
    exit
}

/// The plan of the scenario that was typed.
fn planned(yaml: &str) -> Result<Plan, Problems> {
    plan::compile_to_measure(spec::decode(TYPED, yaml, &Overrides::default(), &|_| None))
}

fn save(args: &LoadArgs, path: &Path) -> Result<(), String> {
    let yaml = scenario::to_save(args)?;
    write_whole(path, yaml.as_bytes()).map_err(|error| error.to_string())
}

/// What is written after the run can be: nobody shall wait for a run to hear that it cannot.
fn can_be_written(args: &LoadArgs) -> Result<(), String> {
    for (flag, path) in [("--hlog", &args.hlog), ("--save-scenario", &args.save_scenario)] {
        if is_stdout(path) {
            return Err(format!("`{flag} -` names no file: only `--json -` writes to stdout"));
        }
    }
    if let Some(path) = args.save_scenario.as_ref().filter(|path| path.is_file()) {
        return Err(format!(
            "{} is there already, and somebody may have grown it: name a new file, or remove it",
            path.display()
        ));
    }
    let made = |path: &Path| args.out.as_ref().is_some_and(|out| path.starts_with(out));
    // The run's own folder is not there yet.
    let json = args.json.as_ref().filter(|_| !is_stdout(&args.json));
    let after = json.into_iter().chain(&args.hlog).filter(|path| !made(path));
    args.save_scenario.iter().chain(after).try_for_each(|path| try_out(path))
}

/// `-` is what other programs call it.
fn is_stdout(path: &Option<PathBuf>) -> bool {
    path.as_deref() == Some(Path::new("-"))
}

/// What was typed, for whoever wants it again.
fn repeat() -> String {
    let words = std::env::args().skip(1).map(|word| quoted(&word));
    let words: Vec<String> = ["assay".to_owned()].into_iter().chain(words).collect();
    words.join(" ")
}

fn usage(problem: &str) -> ExitCode {
    print::error(&problem);
    Exit::Invalid.into()
}

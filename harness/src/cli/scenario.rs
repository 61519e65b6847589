//! Commands about scenario files: `validate`, `plan`, `schema`.
//!
//! Invariant: nothing is started and nothing is sent.

use super::args::{ChangeArgs, OneScenario, ValidateArgs};
use super::print;
use crate::plan::{self, Plan};
use crate::report::exit::Exit;
use crate::spec::scalar::Count;
use crate::spec::types::{Decide, Repeat};
use crate::spec::{self, Loaded, Look, Overrides, Problems, Refused};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Reads, decodes and plans one scenario.
///
/// # Errors
/// All its mistakes.
pub(super) fn planned(file: &Path, changes: &ChangeArgs) -> Result<Plan, Problems> {
    plan::compile_all(read(file, changes))
}

/// The same with another number of runs, or another meaning of them, than the file says.
///
/// # Errors
/// All its mistakes.
pub(super) fn planned_often(
    file: &Path,
    changes: &ChangeArgs,
    runs: Option<u64>,
    decide: Option<Decide>,
) -> Result<Plan, Problems> {
    let mut read = read(file, changes);
    if let Ok(loaded) = &mut read
        && (runs.is_some() || decide.is_some())
    {
        let once = Repeat { runs: Count(1), decide: None };
        let repeat = loaded.scenario.repeat.get_or_insert(once);
        repeat.runs = runs.map_or(repeat.runs, Count);
        repeat.decide = decide.or(repeat.decide);
    }
    plan::compile_all(read)
}

/// The same of a scenario that may ask nothing.
///
/// # Errors
/// All its mistakes.
pub(super) fn planned_to_measure(file: &Path, changes: &ChangeArgs) -> Result<Plan, Problems> {
    plan::compile_to_measure(read(file, changes))
}

/// The same of a scenario of which nothing is judged.
///
/// # Errors
/// All its mistakes.
pub(super) fn planned_to_try(file: &Path, changes: &ChangeArgs) -> Result<Plan, Problems> {
    plan::compile_to_try(read(file, changes))
}

fn read(file: &Path, changes: &ChangeArgs) -> Result<Loaded, Refused> {
    let overrides = Overrides {
        profiles: changes.profile.clone(),
        sets: changes.set.clone(),
        vars: changes.var.clone(),
        seed: changes.seed,
    };
    spec::load(file, &overrides, &|name| std::env::var(name).ok())
}

/// Prints mistakes to stderr.
pub(super) fn tell(problems: &Problems) -> ExitCode {
    let styled = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print::err(&problems.render(if styled { Look::Styled } else { Look::Plain }));
    Exit::Invalid.into()
}

pub(super) fn validate(args: &ValidateArgs) -> ExitCode {
    let mut exit = Exit::Met.into();
    for file in &args.files {
        match planned(file, &args.changes) {
            Ok(plan) => {
                warn(&plan);
                print::out(&format!("{}: valid\n", file.display()));
            }
            Err(problems) => exit = tell(&problems),
        }
    }
    exit
}

pub(super) fn plan(args: &OneScenario) -> ExitCode {
    match planned(&args.file, &args.changes) {
        Ok(plan) => {
            print::out(&plan::describe(&plan));
            Exit::Met.into()
        }
        Err(problems) => tell(&problems),
    }
}

pub(super) fn schema() -> ExitCode {
    print::out(&format!("{:#}\n", spec::schema()));
    Exit::Met.into()
}

/// Prints what the user should know to stderr.
pub(super) fn warn(plan: &Plan) {
    for warning in &plan.warnings {
        print::err(&format!("warning: {warning}\n"));
    }
}

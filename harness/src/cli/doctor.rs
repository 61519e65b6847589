//! `assay doctor`: what would not work on this machine, said before a run finds out.
//!
//! Not here: looking (`run::doctor`, `run::there`).

use super::args::ChangeArgs;
use super::{go, print, scenario};
use crate::report::Exit;
use crate::run::doctor::{Health, examine};
use crate::run::there::look_for;
use clap::Args as ClapArgs;
use std::path::PathBuf;
use std::process::ExitCode;

/// The end of its help.
pub(super) const EXAMPLES: &str = "\
It also looks below reports/ for runs that died and left something broken.

Exit codes: 0 runs would work here (`limited` says what some would miss), 2 invalid scenario, 4 runs
would not work, or what the scenario needs is not there.

Examples:
  assay doctor
  assay doctor my.yaml
  docker run --rm assay doctor";

/// What is looked at.
#[derive(Debug, ClapArgs)]
pub(super) struct DoctorArgs {
    /// A scenario: what it needs is looked for too.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    changes: ChangeArgs,
}

pub(super) fn doctor(args: &DoctorArgs) -> ExitCode {
    let plan = match &args.file {
        None => None,
        Some(file) => match scenario::planned_to_measure(file, &args.changes) {
            Ok(plan) => Some(plan),
            Err(problems) => return scenario::tell(&problems),
        },
    };
    let found = match examine() {
        Ok(found) => found,
        Err(why) => return go::failed(&why),
    };
    let mut is_well = true;
    for one in &found {
        is_well &= one.health != Health::Bad;
        print::out(&format!("{one}\n"));
    }
    if let Some(plan) = &plan {
        scenario::warn(plan);
        let there = match look_for(plan) {
            Ok(there) => there,
            Err(why) => return go::failed(&why),
        };
        for one in &there {
            is_well &= one.is_there;
            print::out(&format!("{one}\n"));
        }
    }
    if is_well { Exit::Met.into() } else { Exit::CouldNotRun.into() }
}

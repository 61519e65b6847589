//! Commands about objectives' files: `slo validate`, `slo lint`, `slo expand`, `slo rules`.
//!
//! Invariant: nothing is started and nothing is sent.
//! Not here: what the files mean (`spec::openslo`), what production makes of them
//! (`report::production`).

use super::print;
use super::scenario::tell;
use crate::report::exit::Exit;
use crate::report::production;
use crate::spec::openslo::{self, SloFile, lint};
use crate::spec::{Problem, Problems};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do with files of OpenSLO v1. `assay:backend.yaml` is shipped.
#[derive(Debug, Subcommand)]
pub(super) enum SloCommand {
    /// Hold files against the specification: every mistake, with file, line and column.
    #[command(after_help = "\
Valid is what the official validator of OpenSLO v1 accepts. What no run can judge of it is a warning
with its place here, and a mistake for whoever wants it judged: a scenario, `slo expand`.

Exit codes: 0 all are valid, 2 at least one is not.

Examples:
  assay slo validate slo/*.yaml
  assay slo validate assay:backend.yaml")]
    Validate(Files),
    /// Tell what the specification allows, but nobody wants.
    #[command(after_help = "\
Exit codes: 0 nothing, 1 something, 2 a file is invalid.

Examples:
  assay slo lint slo/backend.yaml")]
    Lint(Files),
    /// Print the objectives that a run judges, as a scenario would write them.
    #[command(after_help = "\
Examples:
  assay slo expand assay:backend.yaml")]
    Expand(File),
    /// Write Prometheus recording rules and burn-rate alerts, with unit tests of the alerts.
    #[command(after_help = "\
Without --out the rules go to stdout. With it FOLDER/rules.yaml and FOLDER/rules.test.yaml are
written: `promtool check rules rules.yaml`, `promtool test rules rules.test.yaml`; and
FOLDER/dashboard.json, which Grafana imports.

Examples:
  assay slo rules assay:backend.yaml > rules.yaml
  assay slo rules slo/backend.yaml --out prometheus/")]
    Rules(RulesArgs),
}

/// Which files.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// Files of OpenSLO v1.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
}

/// Which file.
#[derive(Debug, Args)]
pub(super) struct File {
    /// A file of OpenSLO v1.
    #[arg(value_name = "FILE")]
    file: String,
}

/// Where rules go.
#[derive(Debug, Args)]
pub(super) struct RulesArgs {
    /// A file of OpenSLO v1.
    #[arg(value_name = "FILE")]
    file: String,
    /// A folder to write into.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn slo(command: &SloCommand) -> ExitCode {
    match command {
        SloCommand::Validate(files) => each(files, |file| {
            print::out(&format!("{}: valid\n", file.name));
            for notice in &file.notices {
                print::err(&format!("warning: {notice}\n"));
            }
            for doubt in &file.doubts {
                print::err(&format!("warning: {doubt}\n"));
            }
            true
        }),
        SloCommand::Lint(files) => each(files, |file| {
            let found = lint(file);
            for one in &found {
                print::out(&format!("{one}\n"));
            }
            found.is_empty()
        }),
        SloCommand::Expand(File { file }) => one(file, expand),
        SloCommand::Rules(args) => one(&args.file, |file| rules(file, args.out.as_deref())),
    }
}

/// Does something with each file that is valid; it says whether all is well.
fn each(files: &Files, mut with: impl FnMut(&SloFile) -> bool) -> ExitCode {
    let (mut invalid, mut well) = (false, true);
    for file in &files.files {
        match openslo::load(file, Path::new("")) {
            Ok(file) => well &= with(&file),
            Err(problems) => {
                tell(&problems);
                invalid = true;
            }
        }
    }
    match (invalid, well) {
        (true, _) => Exit::Invalid.into(),
        (false, true) => Exit::Met.into(),
        (false, false) => Exit::Violated.into(),
    }
}

fn one(file: &str, with: impl FnOnce(&SloFile) -> ExitCode) -> ExitCode {
    match openslo::load(file, Path::new("")) {
        Ok(file) => with(&file),
        Err(problems) => tell(&problems),
    }
}

fn expand(file: &SloFile) -> ExitCode {
    let doubts: Vec<Problem> = file.doubts_of(None).cloned().collect();
    if !doubts.is_empty() {
        return tell(&Problems::new(doubts));
    }
    let gates = file.gates.iter().flat_map(|(_, gates)| gates);
    let objectives: Map<String, Value> =
        gates.map(|gate| (gate.name.clone(), gate.objective.clone())).collect();
    for notice in &file.notices {
        print::err(&format!("warning: {notice}\n"));
    }
    // A map with text keys always has a YAML form.
    let text = serde_yaml::to_string(&json!({"objectives": objectives})).unwrap_or_default();
    print::out(&text);
    Exit::Met.into()
}

fn rules(file: &SloFile, out: Option<&Path>) -> ExitCode {
    let made = match production::rules(file) {
        Ok(made) => made,
        Err(problems) => return tell(&problems),
    };
    for notice in &made.notices {
        print::err(&format!("warning: {notice}\n"));
    }
    let Some(out) = out else {
        print::out(&made.rules);
        return Exit::Met.into();
    };
    let write = || {
        std::fs::create_dir_all(out)?;
        std::fs::write(out.join("rules.yaml"), &made.rules)?;
        std::fs::write(out.join("rules.test.yaml"), &made.tests)?;
        std::fs::write(out.join("dashboard.json"), &made.dashboard)
    };
    match write() {
        Ok(()) => {
            let written = [out.join("rules.yaml"), out.join("rules.test.yaml")];
            let [rules, tests] = written.map(|path| path.display().to_string());
            print::out(&format!("{rules}: {} rules\n{tests}: {} tests\n", made.count, made.tested));
            print::out(&format!("{}: for Grafana\n", out.join("dashboard.json").display()));
            Exit::Met.into()
        }
        Err(error) => {
            print::error(&format!("{} cannot be written: {error}", out.display()));
            Exit::CouldNotRun.into()
        }
    }
}

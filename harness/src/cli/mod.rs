//! The command line: what can be typed, and the exit code that comes of it.
//!
//! Invariant: results go to stdout; progress, warnings and errors to stderr.
//! Invariant: a verdict is a result, not an error; usage and input mistakes exit with 2.
//! Not here: what commands do beyond parsing, calling and printing.

mod args;
mod baseline;
mod calibrate;
mod doctor;
mod endpoints;
mod explain;
mod go;
mod health;
mod hidden;
mod links;
mod load;
mod mark;
mod platform;
mod print;
mod record;
mod recover;
mod run;
mod scenario;
mod series;
mod slo;
mod tried;
mod verify;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

/// Parses the process's arguments and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    match Args::parse().command {
        Command::Validate(args) => scenario::validate(&args),
        Command::Plan(args) => scenario::plan(&args),
        Command::Run(args) => run::run(&args),
        Command::Try(args) => tried::try_once(&args),
        Command::Load(args) => load::load(&args),
        Command::Calibrate(args) => calibrate::calibrate(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Compare(args) => baseline::compared(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Record(args) => record::record(&args),
        Command::Recover(args) => recover::recover(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Links(args) => links::links(&args),
        Command::Mark(args) => mark::mark(&args),
        Command::Slo(command) => slo::slo(&command),
        Command::Schema => scenario::schema(),
        Command::Backend(args) => platform::backend(args),
        Command::Scorer(args) => platform::scorer(args),
        Command::Edge(args) => platform::edge(args),
        Command::Health(args) => health::health(&args),
        Command::Devices(args) => platform::devices(&args),
        Command::Container(args) => platform::container(args),
        Command::Burner(args) => platform::burner(args),
        Command::Guardian(args) => platform::guardian(&args),
        Command::Keeper(args) => platform::keeper(&args),
    }
}

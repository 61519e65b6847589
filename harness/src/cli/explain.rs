//! `assay explain`: one verdict, or all of a run, at length.
//!
//! Invariant: nothing is written; it says what the journal says, whatever the reports say.
//! Not here: the words (`report::explain`), judging.

use super::go::failed;
use super::{print, verify};
use crate::judge;
use crate::report::{self, Color, Exit};
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Which verdict.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// The run directory.
    #[arg(value_name = "RUN_DIR")]
    run_dir: PathBuf,
    /// An objective or expectation, by its name; all of them unless given.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn explain(args: &ExplainArgs) -> ExitCode {
    if let Some(going) = verify::going(&args.run_dir) {
        return failed(&going);
    }
    let judged = match judge::judge(&args.run_dir) {
        Ok(judged) => judged,
        Err(error) => return failed(&error),
    };
    let no_color = std::env::var_os("NO_COLOR");
    let term = std::env::var_os("TERM");
    let color = Color::of(std::io::stdout().is_terminal(), no_color.as_deref(), term.as_deref());
    match report::explain(&judged, args.name.as_deref(), color) {
        Ok(text) => {
            print::out(&text);
            Exit::Met.into()
        }
        Err(known) => {
            let name = args.name.as_deref().unwrap_or_default();
            let known = match known.as_slice() {
                [] => "the run judged nothing".to_owned(),
                known => format!("there are: {}", known.join(", ")),
            };
            print::error(&format!("the run judged nothing called `{name}`; {known}"));
            Exit::Invalid.into()
        }
    }
}

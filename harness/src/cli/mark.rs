//! `assay mark`: somebody else breaks something, and says when.
//!
//! Not here: what a run does with it (`run`).

use super::print;
use crate::report::Exit;
use crate::run::marks::{self, Mark};
use clap::Args as ClapArgs;
use std::path::PathBuf;
use std::process::ExitCode;

/// The end of its help.
pub(super) const EXAMPLES: &str = "\
For faults `manual`: other tools or people break, Assay loads and judges.

Exit codes: 0 the run has taken it, 2 there is no such run or fault, or it is not its time.

Examples:
  assay mark reports/failover-20260101T000000Z-7 drill start
  assay mark reports/failover-20260101T000000Z-7 drill end";

/// A mark.
#[derive(Debug, ClapArgs)]
pub(super) struct MarkArgs {
    /// The run directory.
    #[arg(value_name = "RUN_DIR")]
    run_dir: PathBuf,
    /// The fault.
    #[arg(value_name = "NAME")]
    fault: String,
    /// What happens to it now.
    #[arg(value_name = "start|end")]
    what: What,
}

/// What happens to a fault.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// It is made now.
    Start,
    /// It is over.
    End,
}

pub(super) fn mark(args: &MarkArgs) -> ExitCode {
    let (mark, word) = match args.what {
        What::Start => (Mark::Start, "started"),
        What::End => (Mark::End, "ended"),
    };
    match marks::mark(&args.run_dir, &args.fault, mark) {
        Ok(at_us) => {
            let (name, seconds) = (&args.fault, at_us as f64 / 1e6);
            print::out(&format!("fault {name} {word} {seconds:.3} s after time 0\n"));
            Exit::Met.into()
        }
        Err(why) => {
            print::error(&why);
            Exit::Invalid.into()
        }
    }
}

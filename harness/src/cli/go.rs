//! One run from its plan to the verdict on the terminal, whoever planned it.
//!
//! Invariant: judged from the closed journal, as `assay verify` judges.
//! Not here: what was typed (`run`, `load`), running (`run` of the crate), judging.

use super::args::{Remap, WordArgs};
use super::print;
use crate::judge::{self, Judged};
use crate::plan::Plan;
use crate::record::journal::OnInconclusive;
use crate::report::{self, Color, Detail, Exit, Head, Live, Mode};
use crate::run::{self, Options, RunError};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A run that is ready to go.
pub(super) struct Go<'p> {
    pub(super) plan: &'p Plan,
    pub(super) options: Options,
    pub(super) words: WordArgs,
}

/// A run that was judged and reported.
pub(super) struct Finished {
    pub(super) dir: PathBuf,
    pub(super) judged: Judged,
    pub(super) exit: ExitCode,
}

impl Go<'_> {
    /// Runs, judges, reports and says the verdict.
    ///
    /// # Errors
    /// The exit code of a run that left nothing to judge; why is on stderr.
    pub(super) fn to_the_end(&self) -> Result<Finished, ExitCode> {
        let live = Live::new(Mode::of_stderr(), detail(self.words));
        let ran = run::run(self.plan, &self.options, live).map_err(|error| {
            print::error(&error);
            match error {
                RunError::Directory(_) => ExitCode::from(Exit::Invalid),
                RunError::Unrecorded { still_broken, .. } => unjudged(&still_broken),
                _ => Exit::CouldNotRun.into(),
            }
        })?;
        let judged = judge::judge(&ran.dir).map_err(|error| {
            print::error(&error);
            unjudged(&ran.still_broken)
        })?;
        let exit = conclude(&ran.dir, &judged, self.words);
        Ok(Finished { dir: ran.dir, judged, exit })
    }
}

/// The exit code of a run whose journal nobody can judge. What it left broken is told here, because no
/// report will.
fn unjudged(still_broken: &[String]) -> ExitCode {
    still_broken.iter().for_each(|left| print::err(&format!("still broken: {left}\n")));
    if still_broken.is_empty() { Exit::CouldNotRun.into() } else { Exit::StillBroken.into() }
}

/// Writes every report and says the verdict.
pub(super) fn conclude(dir: &Path, judged: &Judged, words: WordArgs) -> ExitCode {
    let kept = report::html::kept(dir).len();
    let head = Head { kept, ..Head::of(judged, run::shown(dir)) };
    let written = report::html::collect(dir)
        .and_then(|series| report::write_all(dir, &head, &judged.scorecard, &series));
    if let Err(error) = written {
        let head =
            Head { exit: head.exit.or_worse(Exit::CouldNotRun), run_dir: String::new(), ..head };
        let exit = say(&head, judged, words);
        print::error(&format!("cannot write the reports to {}: {error}", dir.display()));
        return exit;
    }
    say(&head, judged, words)
}

pub(super) fn say(head: &Head, judged: &Judged, words: WordArgs) -> ExitCode {
    let no_color = std::env::var_os("NO_COLOR");
    let term = std::env::var_os("TERM");
    let color = Color::of(std::io::stdout().is_terminal(), no_color.as_deref(), term.as_deref());
    print::out(&report::console(head, &judged.scorecard, detail(words), color));
    if std::env::var_os("GITHUB_ACTIONS").is_some() {
        print::out(&report::annotations(head, &judged.scorecard));
    }
    head.exit.into()
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    print::error(error);
    Exit::CouldNotRun.into()
}

fn detail(words: WordArgs) -> Detail {
    match words {
        WordArgs { quiet: true, .. } => Detail::Quiet,
        WordArgs { verbose: true, .. } => Detail::Verbose,
        WordArgs { .. } => Detail::Usual,
    }
}

impl From<Remap> for OnInconclusive {
    fn from(remap: Remap) -> OnInconclusive {
        match remap {
            Remap::Fail => OnInconclusive::Fail,
            Remap::Pass => OnInconclusive::Pass,
        }
    }
}

/// A word as a shell takes it.
pub(super) fn quoted(word: &dyn std::fmt::Display) -> String {
    crate::plan::words::quoted(&word.to_string())
}

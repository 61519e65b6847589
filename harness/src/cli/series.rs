//! Several runs of one scenario, and by turns those of another build: one directory, one verdict.
//!
//! Invariant: each run is a run of its own, with its own directory and reports; what all mean together
//! is judged from their closed journals, as `assay verify` judges it.
//! Invariant: a run that was interrupted, could not go on or left something broken ends the series.
//! Not here: what several runs mean (crate slo `series`), one run (`go`).

use super::args::WordArgs;
use super::baseline;
use super::go::{Finished, Go, conclude, failed};
use super::print;
use crate::judge::{self, Judged};
use crate::plan::Plan;
use crate::record::series::{Member, NAME, SCHEMA, Series};
use crate::report::{Exit, write_whole};
use crate::run::{Options, directory};
use assay_slo::Past;
use assay_slo::event::EndReason;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A series that is ready to go.
pub(super) struct Many<'p> {
    pub(super) plan: Plan,
    /// The same with the other build's variables.
    pub(super) other: Option<Plan>,
    pub(super) options: Options,
    pub(super) words: WordArgs,
    pub(super) save_baseline: Option<&'p Path>,
}

impl Many<'_> {
    /// Runs them all, by turns where there is another build: it comes first in each turn.
    pub(super) fn go(mut self) -> ExitCode {
        let dir =
            match directory::create(self.options.out.as_deref(), &self.plan.name, self.plan.seed) {
                Ok(dir) => dir,
                Err(error) => {
                    print::error(&error);
                    return Exit::Invalid.into();
                }
            };
        // Its runs have their own.
        let _ = std::fs::remove_dir(dir.join("logs"));
        let dir = dir.canonicalize().unwrap_or(dir);
        let turns = self.plan.series.runs;
        let mut series = Series {
            schema: SCHEMA,
            decide: self.plan.series.decide,
            asked: turns,
            runs: Vec::new(),
            against: Vec::new(),
        };
        let mut before: Vec<Past> = Vec::new();
        for turn in 1..=turns {
            if let Some(other) = &self.other {
                let name = format!("against-{turn}");
                self.say(&format!("turn {turn} of {turns}: the other build"));
                let ran = match self.one(other, dir.join(&name)) {
                    Ok(ran) => ran,
                    Err(exit) => return exit,
                };
                match judge::pasts(&ran.dir) {
                    Ok((header, pasts)) => {
                        before.extend(pasts);
                        series.against.push(Member { folder: name, run: header.run });
                    }
                    Err(error) => return failed(&error),
                }
                if let Some(baseline) = &mut self.plan.case.baseline {
                    baseline.runs.clone_from(&before);
                }
            }
            self.say(&format!("run {turn} of {turns}"));
            let name = turn.to_string();
            let ran = self.one(&self.plan, dir.join(&name));
            if dir.join(&name).join("journal.jsonl").exists() {
                match judge::judge(&dir.join(&name)) {
                    Ok(judged) => {
                        let run = judged.header.run;
                        series.runs.push(Member { folder: name, run });
                    }
                    Err(error) if ran.is_ok() => return failed(&error),
                    Err(_) => {}
                }
                if let Err(error) = write(&dir, &series) {
                    return failed(&error);
                }
            }
            if let Err(exit) = ran {
                return exit;
            }
        }
        let judged = match judge::judge(&dir) {
            Ok(judged) => judged,
            Err(error) => return failed(&error),
        };
        self.say(&format!("{turns} runs together"));
        let exit = conclude(&dir, &judged, self.words);
        if let Some(path) = self.save_baseline
            && let Err(why) = baseline::save(path, &dir, &judged)
        {
            print::err(&format!("warning: {why}\n"));
        }
        exit
    }

    fn say(&self, text: &str) {
        if !self.words.quiet {
            print::err(&format!("\n{text}\n"));
        }
    }

    /// One run.
    ///
    /// # Errors
    /// The exit code of one that ends the series.
    fn one(&self, plan: &Plan, dir: PathBuf) -> Result<Finished, ExitCode> {
        let options = Options { out: Some(dir), ..self.options.clone() };
        let finished = Go { plan, options, words: self.words }.to_the_end()?;
        if ends(&finished.judged) { Err(finished.exit) } else { Ok(finished) }
    }
}

/// Whether nothing more is to be run after this.
fn ends(judged: &Judged) -> bool {
    let Some(end) = &judged.end else { return true };
    let went = matches!(end.reason, EndReason::Complete | EndReason::Lost);
    !went || !end.still_broken.is_empty()
}

fn write(dir: &Path, series: &Series) -> Result<(), String> {
    let text = series.text()?;
    write_whole(&dir.join(NAME), text.as_bytes()).map_err(|error| error.to_string())
}

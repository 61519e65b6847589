//! Baselines: `run --save-baseline` writes them, `assay compare` holds runs against each other.
//!
//! Invariant: what says nothing of a service (a stopped run, a late generator, a violated one) never
//! becomes a baseline.
//! Not here: comparing (crate slo), the file (`plan::baseline`).

use super::go::failed;
use super::{print, verify};
use crate::judge::{self, Judged};
use crate::plan::baseline::{Kept, SCHEMA};
use crate::report::{self, Color, Exit, write_whole};
use crate::spec::scalar::{Percentile, Ratio, Scalar};
use assay_slo::baseline::{Margins, compare};
use assay_slo::{Baseline, Past, Verdict};
use clap::Args;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is compared, and how much worse may be.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The earlier run: a run directory, or a file of `--save-baseline`.
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The later run, likewise.
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Which percentile of each request's times.
    #[arg(long, default_value = "95", value_name = "NUMBER", value_parser = scalar::<Percentile>)]
    percentile: Percentile,
    /// It may be so much above.
    #[arg(long, default_value = "10%", value_name = "SHARE", value_parser = scalar::<Ratio>)]
    latency: Ratio,
    /// So many points more may be not ok.
    #[arg(long, default_value = "0.1%", value_name = "SHARE", value_parser = scalar::<Ratio>)]
    errors: Ratio,
    /// Confidence of each interval.
    #[arg(long, default_value = "95%", value_name = "SHARE", value_parser = scalar::<Ratio>)]
    confidence: Ratio,
    /// Compare runs of unlike machines too.
    #[arg(long)]
    any_environment: bool,
}

/// A value as scenarios write it.
fn scalar<S: Scalar>(text: &str) -> Result<S, String> {
    S::read(&serde_json::Value::from(text)).map_err(|wrong| wrong.to_string())
}

/// Runs, and where they were made.
struct Runs {
    environment: Vec<(String, String)>,
    noise_permille: Option<[u64; 3]>,
    runs: Vec<Past>,
}

pub(super) fn compared(args: &CompareArgs) -> ExitCode {
    let (before, after) = match (runs(&args.before), runs(&args.after)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(error), _) | (_, Err(error)) => return failed(&error),
    };
    let unlike = match args.any_environment {
        true => Vec::new(),
        false => Kept::differences(&before.environment, &after.environment),
    };
    let noise_permille = after.noise_permille.or(before.noise_permille);
    let name = args.before.display().to_string();
    let baseline = Baseline { name, runs: before.runs, unlike, noise_permille };
    let margins = Margins {
        percentile: args.percentile.0,
        latency: args.latency.0,
        errors: args.errors.0,
        confidence: args.confidence.0,
    };
    let compared = compare(&baseline, &after.runs, &margins);
    let no_color = std::env::var_os("NO_COLOR");
    let term = std::env::var_os("TERM");
    let color = Color::of(std::io::stdout().is_terminal(), no_color.as_deref(), term.as_deref());
    print::out(&report::compared(&compared, color));
    match compared.iter().map(|one| one.verdict).max() {
        Some(Verdict::Met) => Exit::Met.into(),
        Some(Verdict::Violated) => Exit::Violated.into(),
        Some(Verdict::Inconclusive) | None => Exit::Inconclusive.into(),
    }
}

fn runs(path: &Path) -> Result<Runs, String> {
    if path.is_dir() {
        if let Some(going) = verify::going(path) {
            return Err(going);
        }
        let (header, runs) = judge::pasts(path).map_err(|error| error.to_string())?;
        let calibration = header.environment.calibration.as_ref();
        return Ok(Runs {
            environment: header.environment.facts(),
            noise_permille: calibration
                .map(|own| [own.p50_permille, own.p95_permille, own.p99_permille]),
            runs,
        });
    }
    match Kept::read(path) {
        Ok(Some(kept)) => {
            Ok(Runs { environment: kept.environment, noise_permille: None, runs: kept.runs })
        }
        Ok(None) => Err(format!("there is no {}", path.display())),
        Err(why) => Err(format!("cannot read {}: {why}", path.display())),
    }
}

/// Whether [`save`] will be able to write there: it makes the folders that are not there yet.
pub(super) fn can_be_saved(path: &Path) -> Result<(), String> {
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    match folders.clone().next().filter(|folder| !folder.exists()) {
        None => report::try_out(path),
        Some(_) => match folders.into_iter().find(|folder| folder.exists()) {
            Some(folder) => report::try_out(&folder.join("baseline")),
            None => Ok(()),
        },
    }
}

/// Keeps runs as a baseline; says where, or why not.
pub(super) fn save(path: &Path, dir: &Path, judged: &Judged) -> Result<(), String> {
    let not = |why: &str| Err(format!("the baseline {} is not written: {why}", path.display()));
    if judged.scorecard.verdict == Verdict::Violated {
        return not("the run is violated");
    }
    let (_, runs) = judge::pasts(dir).map_err(|error| error.to_string())?;
    if let Some(why) = runs.iter().find_map(|past| past.ill.as_ref()) {
        return not(why);
    }
    let kept = Kept {
        schema: SCHEMA,
        tool: crate::TOOL.to_owned(),
        scenario: judged.header.scenario.name.clone(),
        environment: judged.header.environment.facts(),
        runs,
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    let text = kept.text()?;
    let written = made.and_then(|()| write_whole(path, text.as_bytes()));
    written.map_err(|error| format!("the baseline cannot be written: {error}"))
}

//! What a run is held against, and how often it is made.
//!
//! Invariant: what asks for a change has something to be held against, or is refused.
//! Not here: the other build's scenario, which is read again with its variables (`cli`).

use super::notes::Notes;
use super::{named, parts};
use crate::plan::baseline::{Kept, Series};
use crate::plan::text::literal;
use crate::spec::Trail;
use crate::spec::types::{self, Alike, Objective, Scenario};
use assay_slo::Baseline;
use assay_slo::case::{Case, During};
use assay_slo::series::Decide;
use std::path::Path;

/// More runs than anybody waits for.
const MOST_RUNS: u64 = 1000;

/// The series, and what its runs are held against.
pub(super) fn compile(
    scenario: &Scenario,
    folder: &Path,
    notes: &mut Notes<'_>,
) -> (Series, Option<Baseline>) {
    let trail = Trail::root().key("baseline");
    let mut series = repeated(scenario, notes);
    let change = |one: &&types::Objective| {
        matches!(one, Objective::LatencyChange(_) | Objective::ErrorRateChange(_))
    };
    let asks = scenario.objectives.iter().find(|(_, one)| change(one));
    let Some(written) = &scenario.baseline else {
        if let Some((name, one)) = asks
            && !notes.left_out().touches("baseline")
        {
            let message = format!("`{name}` has no baseline to be held against");
            let help = "write `baseline: {from: FILE}`, which `--save-baseline FILE` writes, or \
                        `baseline: {against: {vars: …}}`";
            notes.entry(&parts::objective(name, one).trail, message, help);
        }
        return (series, None);
    };
    if asks.is_none() && !notes.left_out().touches("objectives") {
        notes.warn(
            "nothing is held against the baseline: write an objective `latency-change` or \
             `error-rate-change`"
                .to_owned(),
        );
    }
    let same = written.environment.is_none_or(|alike| alike == Alike::Same);
    match (&written.from, &written.against) {
        (Some(_), Some(_)) => {
            let message = "the baseline is earlier runs, or another build by turns".to_owned();
            notes.entry(&trail, message, "leave out `from` or `against`");
            (series, None)
        }
        (None, None) => {
            let message = "the baseline is of nothing".to_owned();
            notes.entry(&trail, message, "write `from: FILE`, or `against: {vars: …}`");
            (series, None)
        }
        (None, Some(against)) => {
            let way = trail.key("against").key("vars");
            if against.vars.is_empty() {
                let message = "the other build differs in nothing".to_owned();
                notes.entry(&way, message, "write the variables that make it another");
            }
            let known: Vec<&str> = scenario.vars.keys().map(String::as_str).collect();
            for name in against.vars.keys().filter(|name| !scenario.vars.contains_key(*name)) {
                let message = format!("unknown variable `{name}`");
                notes.unknown(&way.key(name), name, message, (&["vars"], "variables"), &known);
            }
            let vars = against.vars.iter().map(|(name, value)| (name.clone(), literal(value)));
            series.against = Some(vars.collect());
            let baseline = Baseline { name: "the other build".to_owned(), ..Baseline::default() };
            (series, Some(baseline))
        }
        (Some(from), None) => {
            let name = literal(from);
            let mut baseline = Baseline { name: name.clone(), ..Baseline::default() };
            match Kept::read(&folder.join(&name)) {
                Err(why) => {
                    let message = format!("cannot read `{name}`: {why}");
                    notes.value(&trail.key("from"), message, "name a file that `--save-baseline` wrote");
                }
                Ok(None) => notes.warn(format!(
                    "there is no baseline `{name}` yet, so what is held against it is inconclusive: \
                     `assay run … --save-baseline {}` writes it",
                    folder.join(&name).display()
                )),
                Ok(Some(kept)) => {
                    baseline.runs = kept.runs;
                    series.environment = same.then_some(kept.environment);
                }
            }
            (series, Some(baseline))
        }
    }
}

fn repeated(scenario: &Scenario, notes: &mut Notes<'_>) -> Series {
    let mut series = Series { runs: 1, ..Series::default() };
    if let Some(repeat) = &scenario.repeat {
        let way = Trail::root().key("repeat").key("runs");
        let runs = repeat.runs.0;
        if !(1..=MOST_RUNS).contains(&runs) {
            notes.value(&way, format!("{runs} runs are none, or too many"), "write 1 to 1000");
        }
        series.runs = runs.clamp(1, MOST_RUNS);
        series.decide = match repeat.decide {
            None | Some(types::Decide::All) => Decide::All,
            Some(types::Decide::Majority) => Decide::Majority,
            Some(types::Decide::Pooled) => Decide::Pooled,
        };
    }
    series
}

/// Refuses what is held against a baseline in stretches that another run has elsewhere.
pub(super) fn check(scenario: &Scenario, case: &Case, notes: &mut Notes<'_>) {
    for (name, one) in &scenario.objectives {
        if !matches!(one, Objective::LatencyChange(_) | Objective::ErrorRateChange(_)) {
            continue;
        }
        let during = case.objectives.iter().find(|known| known.name == name.as_str());
        let open = during.into_iter().flat_map(|known| &known.during);
        let open: Vec<During> =
            open.copied().filter(|one| matches!(one, During::Open(_))).collect();
        if !open.is_empty() {
            let message = format!("{} is not as long in every run", named(&open, case));
            let way = parts::objective(name, one).trail.key("during");
            notes.value(&way, message, "name phases, such as [steady, after]");
        }
    }
}

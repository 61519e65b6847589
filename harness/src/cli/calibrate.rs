//! `assay calibrate`: A against A, how much equal measurements differ on this machine.
//!
//! Four stretches of load on the bundled backend, five seconds each, one after another, alike in
//! everything. Whatever they differ by is the machine: a change that is smaller cannot be told from
//! it by runs of such a length.
//!
//! Invariant: it takes the way of any run: same engine, same backend, same artefacts.
//! Not here: keeping the figures (`run`), comparing runs.

use super::args::CalibrateArgs;
use super::go::{Finished, Go, failed};
use super::{print, scenario as files};
use crate::plan;
use crate::record::journal::{Calibration, OnInconclusive};
use crate::run::{self, Options};
use crate::spec::{self, Overrides};
use assay_slo::Scorecard;
use assay_slo::case::Clock;
use assay_slo::scorecard::TimesScore;
use std::process::ExitCode;

/// What messages call the scenario.
const TYPED: &str = "assay calibrate";
/// When the stretches begin, seconds.
const STRETCHES: [u32; 4] = [0, 5, 10, 15];

pub(super) fn calibrate(args: &CalibrateArgs) -> ExitCode {
    let read = spec::decode(TYPED, &scenario(), &Overrides::default(), &|_| None);
    let plan = match plan::compile_to_measure(read) {
        Ok(plan) => plan,
        Err(problems) => return files::tell(&problems),
    };
    let options = Options {
        out: args.out.clone(),
        // What was not asked cannot fail.
        on_inconclusive: OnInconclusive::Pass,
        allow_faults: Vec::new(),
        metrics_addr: None,
        stop_early: false,
        otlp: None,
        repeat: TYPED.to_owned(),
    };
    let Finished { judged, exit, .. } =
        match (Go { plan: &plan, options, words: args.words }).to_the_end() {
            Ok(finished) => finished,
            Err(exit) => return exit,
        };
    if exit != ExitCode::SUCCESS {
        return exit;
    }
    let figures = match figures(&judged.scorecard) {
        Ok(figures) => figures,
        Err(why) => return failed(&format!("cannot calibrate: {why}")),
    };
    match run::keep_calibration(&figures) {
        Ok(path) => {
            print::out(&format!("\n{}\nkept in {}\n", figures.sentence(), path.display()));
            ExitCode::SUCCESS
        }
        Err(why) => failed(&format!("cannot keep the calibration: {why}")),
    }
}

fn scenario() -> String {
    let stretch = |at: &u32| {
        format!(
            "  from-{at}s: {{constant-arrival-rate: {{rate: 200/s, duration: 5s, at: {at}s, requests: \
             [{{get: {{name: machines-{at}, path: /machines/}}}}]}}}}\n"
        )
    };
    let stretches: String = STRETCHES.iter().map(stretch).collect();
    format!(
        "schema: 1\nname: calibrate\nhypothesis: Equal stretches of load are answered alike.\n\
         services:\n  backend:\n    process:\n      command: [assay, backend, --listen, \
         \"${{self.addr}}\"]\n      env: {{DATABASE_URL: \"sqlite://${{run.dir}}/backend.db\"}}\n      \
         ready: {{http: /health, within: 10s}}\nwarmup: 3s\nload:\n{stretches}"
    )
}

/// By how much the stretches differ.
fn figures(scorecard: &Scorecard) -> Result<Calibration, String> {
    let bad =
        scorecard.loads.iter().flat_map(|load| &load.outcomes).filter(|(name, _)| name != "ok");
    let bad: u64 = bad.map(|(_, n)| n).sum();
    if bad > 0 {
        return Err(format!("{bad} requests were not answered ok"));
    }
    let on_response = |load: &assay_slo::scorecard::LoadScore| {
        load.times.iter().find(|times| times.clock == Clock::Response).cloned()
    };
    let times: Vec<TimesScore> = scorecard.loads.iter().filter_map(on_response).collect();
    if times.len() != STRETCHES.len() {
        return Err("not every stretch was answered".to_owned());
    }
    let spread = |of: fn(&TimesScore) -> u64| spread(times.iter().map(of));
    Ok(Calibration {
        on: crate::clock::wall().format("%F").to_string(),
        p50_permille: spread(|times| times.p50_us),
        p95_permille: spread(|times| times.p95_us),
        p99_permille: spread(|times| times.p99_us),
    })
}

/// The greatest by how much above the least, in thousandths, rounded up.
fn spread(values: impl Iterator<Item = u64> + Clone) -> u64 {
    let (least, most) = (values.clone().min().unwrap_or(0), values.max().unwrap_or(0));
    most.saturating_sub(least).saturating_mul(1000).div_ceil(least.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenario_is_valid_and_its_stretches_are_alike() {
        let read = spec::decode(TYPED, &scenario(), &Overrides::default(), &|_| None);
        let plan = plan::compile_to_measure(read);
        let plan = plan.unwrap_or_else(|problems| panic!("{}", problems.render(spec::Look::Plain)));
        let planned: Vec<u64> = plan.loads.iter().map(|load| load.arrivals.count()).collect();
        assert_eq!((planned, plan.ends_us), (vec![1000; 4], 20_000_000));
        assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    }

    #[test]
    fn a_spread_is_seen_from_the_least() {
        assert_eq!(spread([100, 110, 100, 105].into_iter()), 100);
        assert_eq!(spread([1000, 1001, 1000, 1000].into_iter()), 1);
        assert_eq!(spread([3, 3, 3, 4].into_iter()), 334);
        assert_eq!(spread([7; 4].into_iter()), 0);
    }
}

//! A scenario and its twin, for real: the scenario is met, its twin is violated in exactly the
//! objectives and expectations that its first comment lists. `.ci/pairs` runs all others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::common::{alone, assay, root, said, verdict, was_late};
use std::path::Path;
use std::process::Output;

const PAIRS: &[&str] = &["half-failures"];

/// Once more where the generator was late, as `.ci/pairs` does.
fn run(file: &Path, out: &Path) -> Output {
    let run = |out: &Path| {
        let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
        alone(assay(&["run", file, "--profile", "ci", "--out", out, "-q"]))
    };
    let output = run(out);
    if !was_late(&output) {
        return output;
    }
    std::fs::rename(out, out.with_extension("late")).unwrap();
    run(out)
}

fn expected(twin: &Path) -> Vec<String> {
    let yaml = std::fs::read_to_string(twin).unwrap();
    let list = yaml.lines().next().unwrap().strip_prefix("# Violates: ").unwrap();
    let mut ids: Vec<_> = list.split(", ").map(str::to_owned).collect();
    ids.sort();
    ids
}

fn violated(run_dir: &Path) -> Vec<String> {
    let card = verdict(run_dir);
    let parts = ["objectives", "expectations"].map(|kind| card[kind].as_array().unwrap().clone());
    let mut ids: Vec<_> = parts
        .concat()
        .iter()
        .filter(|part| part["verdict"] == "violated")
        .map(|part| part["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

/// One after another: what is met must not be ill because of what is beside it.
#[test]
fn scenarios_are_met_and_their_twins_violated() {
    let out = tempfile::tempdir().unwrap();
    for name in PAIRS {
        let scenario = root().join(format!("scenarios/{name}.yaml"));
        let twin = root().join(format!("scenarios/must-fail/{name}.yaml"));
        let (good, bad) = (out.path().join(name), out.path().join(format!("{name}-twin")));
        let (met, failed) = (run(&scenario, &good), run(&twin, &bad));
        assert_eq!(met.status.code(), Some(0), "{name}\n{}", said(&met));
        assert_eq!(failed.status.code(), Some(1), "{name}, twin\n{}", said(&failed));
        assert_eq!(violated(&bad), expected(&twin), "{name}, twin\n{}", said(&failed));
    }
}

//! What another SLO file asks of a run that is over.
//!
//! Invariant: names and phases are those of the run's own scenario; nothing of what the scenario asked
//! is left. A mistake has the SLO file and the objective's name, for the scenario was not written so.
//! Not here: counting what was not counted (crate slo `Timeline::ask_later`).

use super::notes::Notes;
use super::objectives;
use crate::plan::marks::Marks;
use crate::spec::{self, LeftOut, Overrides, Problem, Problems};
use assay_slo::Case;
use assay_slo::case::Place;
use serde_yaml::{Mapping, Value};

/// The name of the resolved scenario in a run directory.
const SCENARIO: &str = "scenario.yaml";
/// The entry that stands for the SLO file.
const ASKED: &str = "asked";
/// What a scenario asks, beside objectives.
const ASKS: [&str; 6] = ["expect", "steady-state", "baseline", "repeat", "profiles", "guards"];

/// The question of the objectives of `file` (an SLO file, by an absolute path or as it is shipped) for
/// a run of this resolved scenario and this case; and what is to be said of it.
///
/// # Errors
/// All mistakes of the file, and what the run cannot say.
pub fn asked_later(
    resolved: &str,
    file: &str,
    case: &Case,
) -> Result<(Case, Vec<String>), Problems> {
    let of_file = |message: String| Problem::of_file(SCENARIO, message, None).into();
    let tree: Value = serde_yaml::from_str(resolved)
        .map_err(|error| -> Problems { of_file(format!("cannot be read: {error}")) })?;
    let Value::Mapping(mut tree) = tree else {
        return Err(of_file("it is no scenario".to_owned()));
    };
    for key in ASKS {
        tree.remove(key);
    }
    let map =
        |key: &str, value: Value| Value::Mapping(Mapping::from_iter([(Value::from(key), value)]));
    let openslo = map("openslo", map("file", Value::from(file)));
    tree.insert(Value::from("objectives"), map(ASKED, openslo));
    let text = serde_yaml::to_string(&Value::Mapping(tree))
        .map_err(|error| -> Problems { of_file(format!("cannot be written: {error}")) })?;
    let loaded = spec::decode(SCENARIO, &text, &Overrides::default(), &|_| None)
        .map_err(|refused| of_slo(file, refused.problems.iter()))?;
    let left_out = LeftOut::default();
    let mut notes = Notes::new(&loaded.document, &left_out);
    let mut marks = Marks::of(case.marks.clone());
    let mut asked = objectives::compile(&loaded.scenario, &case.loads, &mut marks, &mut notes);
    objectives::promised(&mut asked, &loaded.production);
    if !notes.problems.is_empty() {
        return Err(of_slo(file, notes.problems.iter()));
    }
    let mut told: Vec<String> = loaded.notices.clone();
    let marks = marks.into_table();
    let counted = case.marks.len();
    for one in &mut asked {
        one.place = Place { file: file.to_owned(), line: 1 };
        if let assay_slo::case::Ask::Latency { mark, .. } = one.ask
            && mark >= counted
        {
            told.push(format!(
                "the limit of `{}` was not counted when the run was made: it is read from \
                 histograms, and the bucket that it lies in counts as slow",
                one.name
            ));
            // In which seconds the slow ones were is not known any more.
            one.terms.window_s = None;
        }
    }
    let mut loads = case.loads.clone();
    loads.iter_mut().for_each(|load| load.stop_after.clear());
    let case = Case {
        loads,
        marks,
        objectives: asked,
        expectations: Vec::new(),
        capacities: Vec::new(),
        steady_state: None,
        ..case.clone()
    };
    Ok((case, told))
}

/// Mistakes where the SLO file's objectives stand in the scenario, as mistakes of that file: one for
/// each name and message. Those that have their place in the file keep it.
fn of_slo<'p>(file: &str, problems: impl Iterator<Item = &'p Problem>) -> Problems {
    let told = problems.map(|problem| {
        if problem.place.file != SCENARIO {
            return problem.clone();
        }
        let name = problem.path.strip_prefix("objectives.").and_then(|path| {
            let name = path.split(['.', '[']).next()?;
            (name != ASKED).then_some(name)
        });
        let message = match name {
            Some(name) => format!("objective `{name}`: {}", problem.message),
            None => problem.message.clone(),
        };
        let mut told = Problem::of_file(file, message, problem.help.as_deref());
        told.path.clone_from(&problem.path);
        told
    });
    let mut one: Vec<Problem> = Vec::new();
    for problem in told {
        let same =
            |known: &Problem| known.message == problem.message && known.place == problem.place;
        if !one.iter().any(same) {
            one.push(problem);
        }
    }
    Problems::new(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Look;
    use assay_slo::case::{Load, LoadKind, Request};

    const RUN: &str = "schema: 1\nname: r\nhypothesis: h\nservices:\n  s: {url: \"http://127.0.0.1:1\"}\n\
        load:\n  v: {constant-arrival-rate: {rate: 10/s, duration: 10s, to: s, requests: [{get: \
        {path: /, name: buy}}]}}\nobjectives:\n  e: {error-rate: {below: 1%}}\n";

    fn slo(requests: &str) -> String {
        format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: fast}}\nspec:\n  service: s\n  \
             budgetingMethod: Occurrences\n  timeWindow: [{{duration: 30d, isRolling: true}}]\n  \
             objectives: [{{target: 0.95}}]\n  indicator:\n    metadata: {{name: fast}}\n    spec:\n      \
             ratioMetric:\n        counter: true\n        good: {{metricSource: {{type: Prometheus, spec: \
             {{assay-requests: \"{requests}\", assay-outcomes: ok}}}}}}\n        total: {{metricSource: \
             {{type: Prometheus, spec: {{assay-requests: \"{requests}\"}}}}}}\n"
        )
    }

    #[test]
    fn a_mistake_names_the_slo_file_and_its_objective() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slo.yaml");
        let file = path.display().to_string();
        let case = Case {
            loads: vec![Load {
                name: "v".to_owned(),
                kind: LoadKind::Open,
                link: None,
                requests: vec![Request { name: "buy".to_owned() }],
                starts_us: 0,
                ends_us: 10_000_000,
                planned: 100,
                journeys: false,
                scarce: None,
                steps: Vec::new(),
                stop_after: Vec::new(),
                traffic: None,
            }],
            ..Case::default()
        };
        let asked = |requests: &str| {
            std::fs::write(&path, slo(requests)).unwrap();
            asked_later(RUN, &file, &case)
        };
        let objectives = asked("buy").unwrap().0.objectives;
        assert_eq!(objectives.len(), 1);
        assert_eq!(objectives[0].production.as_ref().unwrap().lasts_s, 30 * 86_400);
        let problems = asked("browse, look").unwrap_err();
        let told: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "objective `fast`: unknown load or request `browse`",
                "objective `fast`: unknown load or request `look`"
            ]
        );
        assert!(problems.iter().all(|problem| problem.place.file == file));
        let text = problems.render(Look::Plain);
        assert!(!text.contains("scenario.yaml") && !text.contains("asked"), "{text}");
    }
}

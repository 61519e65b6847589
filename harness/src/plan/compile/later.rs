//! What another SLO file asks of a run that is over.
//!
//! Invariant: names and phases are those of the run's own scenario; nothing of what the scenario asked
//! is left.
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
    tree.insert(Value::from("objectives"), map("asked", openslo));
    let text = serde_yaml::to_string(&Value::Mapping(tree))
        .map_err(|error| -> Problems { of_file(format!("cannot be written: {error}")) })?;
    let loaded = spec::decode(SCENARIO, &text, &Overrides::default(), &|_| None)
        .map_err(|refused| refused.problems)?;
    let left_out = LeftOut::default();
    let mut notes = Notes::new(&loaded.document, &left_out);
    let mut marks = Marks::of(case.marks.clone());
    let mut asked = objectives::compile(&loaded.scenario, &case.loads, &mut marks, &mut notes);
    if !notes.problems.is_empty() {
        return Err(Problems::new(notes.problems));
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

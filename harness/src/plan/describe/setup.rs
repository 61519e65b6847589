//! What is done before and after a run, as `assay plan` prints it.
//!
//! Not here: doing it (`run`).

use crate::plan::setup::{Setup, Step};
use crate::plan::words::{several, time};

/// A line for each step.
pub(super) fn rows(setup: &Setup) -> Vec<Vec<String>> {
    let step = |step: &Step| match step {
        Step::Send(at) => {
            let sent = setup.requests.as_ref().and_then(|sent| sent.requests.get(*at));
            sent.map_or(String::new(), |request| request.name.clone())
        }
        Step::Command { words, timeout_us } => {
            let words: Vec<&str> = words.iter().map(|word| word.0.as_str()).collect();
            format!("{}, within {}", words.join(" "), time(*timeout_us))
        }
        Step::ForEach(each) => {
            let names: Vec<&str> =
                each.sent.requests.iter().map(|request| request.name.as_str()).collect();
            let every =
                each.every_us.map(|us| format!(", again every {}", time(us))).unwrap_or_default();
            format!(
                "for {} of {}: {}{every}",
                several(each.rows.values.len() as u64, "row", "rows"),
                each.rows.name,
                names.join(", ")
            )
        }
    };
    let numbered = setup.steps.iter().enumerate();
    numbered.map(|(at, one)| vec![format!("step {}", at + 1), step(one)]).collect()
}

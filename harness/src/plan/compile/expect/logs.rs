//! Expectations of services' output.
//!
//! Not here: whose output there is, and what a pattern may be (`compile::logs`).

use crate::plan::compile::notes::Notes;
use crate::plan::compile::{logs, names};
use crate::spec::Trail;
use crate::spec::types::{LogAsked, Scenario};
use assay_slo::case::{During, LogMust, Must};

pub(super) fn compile(
    asked: &LogAsked,
    scenario: &Scenario,
    trail: &Trail,
    notes: &mut Notes<'_>,
) -> Option<Must> {
    let at_least = asked.count.at_least.as_ref().map(|count| count.0);
    let at_most = asked.count.at_most.as_ref().map(|count| count.0);
    let count = trail.key("count");
    match (at_least, at_most) {
        (None, None) => {
            let message = "it asks for no number of lines".to_owned();
            notes.entry(&count, message, "write `{at-least: 1}`, or `{at-most: 0}`");
        }
        (Some(0), None) => {
            let message = "at least 0 lines asks for nothing".to_owned();
            notes.value(&count.key("at-least"), message, "write 1 or more, or `at-most`");
        }
        (Some(least), Some(most)) if least > most => {
            let message = format!("at least {least} and at most {most} cannot both hold");
            notes.value(&count.key("at-least"), message, format!("write at most {most}"));
        }
        _ => {}
    }
    let during = asked.during.as_deref();
    let during = names::during(during, &[During::All], scenario, &trail.key("during"), notes);
    let log = logs::index(scenario, &asked.service, &asked.pattern)?;
    Some(Must::Log(LogMust { log, at_least, at_most, during }))
}

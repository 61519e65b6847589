//! verdict.json: every number of the verdict, for programs.
//!
//! Invariant: the same head and scorecard give the same bytes; the order of keys is the order of
//! the fields here, and a reader meets only keys of its schema's number.
//! Invariant: nothing in it depends on when or where the report is written.
//! Not here: what the numbers mean (crate slo's scorecard).

use super::head::Head;
use assay_slo::scorecard::{
    BreakerScore, ExpectationScore, FaultScore, HealthScore, LedgerScore, LoadScore, MetricScore,
    ObjectiveScore, Phase,
};
use assay_slo::{Scorecard, Verdict};
use serde::Serialize;
use std::io;

/// The version of the file's shape; it changes when a key changes its meaning or goes.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    tool: &'a str,
    scenario: Scenario<'a>,
    seed: u64,
    verdict: Verdict,
    exit_code: u8,
    stopped_by: Option<&'a str>,
    sentence: &'a str,
    phases: &'a [Phase],
    objectives: &'a [ObjectiveScore],
    expectations: &'a [ExpectationScore],
    faults: &'a [FaultScore],
    breakers: &'a [BreakerScore],
    /// One for each fleet.
    ledger: &'a [LedgerScore],
    loads: &'a [LoadScore],
    /// One for each metric; left out where there is none.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    metrics: &'a [MetricScore],
    findings: &'a [String],
    health: &'a HealthScore,
}

#[derive(Serialize)]
struct Scenario<'a> {
    name: &'a str,
    sha256: &'a str,
    file: &'a str,
    hypothesis: Option<&'a str>,
    labels: serde_json::Map<String, serde_json::Value>,
}

/// The file's bytes: indented JSON that ends in a newline.
///
/// # Errors
/// When a value cannot be written as JSON; none of the scorecard's types is such a value.
pub fn verdict_json(head: &Head, scorecard: &Scorecard) -> io::Result<Vec<u8>> {
    let labels = head.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
    let document = Document {
        schema: SCHEMA,
        tool: &head.tool,
        scenario: Scenario {
            name: &head.scenario,
            sha256: &head.sha256,
            file: &head.file,
            hypothesis: head.hypothesis.as_deref(),
            labels: labels.collect(),
        },
        seed: head.seed,
        verdict: scorecard.verdict,
        exit_code: head.exit.code(),
        stopped_by: head.stopped_by.as_deref(),
        sentence: &scorecard.sentence,
        phases: &scorecard.phases,
        objectives: &scorecard.objectives,
        expectations: &scorecard.expectations,
        faults: &scorecard.faults,
        breakers: &scorecard.breakers,
        ledger: &scorecard.ledgers,
        loads: &scorecard.loads,
        metrics: &scorecard.metrics,
        findings: &scorecard.findings,
        health: &scorecard.health,
    };
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests;

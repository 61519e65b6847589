//! Which traces are sampled: as the caller says, else a share of those that begin here.
//!
//! Invariant: who only asks how we are begins no trace: such questions come every few seconds for ever,
//! and would be most of what a collector holds.
//! Not here: the share (`settings`).

use opentelemetry::trace::{Link, SpanKind, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Routes of probes and scrapers, as their spans are called after the method.
const PROBES: [&str; 2] = ["/health", "/metrics"];

/// A sampler of this share.
pub(super) fn of(ratio: f64) -> impl ShouldSample + 'static {
    Sampler::ParentBased(Box::new(Roots(Sampler::TraceIdRatioBased(ratio))))
}

/// Decides for traces that begin here.
#[derive(Debug, Clone)]
struct Roots(Sampler);

impl ShouldSample for Roots {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let route = name.split_once(' ').map_or(name, |(_, route)| route);
        if PROBES.contains(&route) {
            let (decision, trace_state) = (SamplingDecision::Drop, TraceState::default());
            return SamplingResult { decision, attributes: vec![], trace_state };
        }
        self.0.should_sample(parent, trace, name, kind, attributes, links)
    }
}

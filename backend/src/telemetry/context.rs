//! What is known of the request that a task serves: its ids, in every log line and span.
//!
//! Invariant: a task that serves no request has no context, and nothing fails for it.
//! Not here: reading headers (see `api::observe`).

use std::sync::{Arc, OnceLock};

use opentelemetry::Context as Parent;
use opentelemetry::trace::TraceContextExt;

use crate::machine::MachineId;

tokio::task_local! {
    static CURRENT: Arc<Context>;
}

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// Empty where no request is served.
    pub(crate) request_id: String,
    pub(crate) user_id: Option<String>,
    /// Told by the handler once it has read which machine the request is about.
    pub(crate) machine_id: OnceLock<MachineId>,
    /// The sample's number, where the request is about one.
    pub(crate) sample_number: OnceLock<i64>,
    /// The request's own span, or the caller's where traces are off: the parent of what follows.
    pub(crate) parent: Parent,
}

impl Context {
    /// Serves with this context.
    pub(crate) async fn scope<F: Future>(self: Arc<Context>, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Does something with this context, at once.
    pub(crate) fn within<T>(self: Arc<Context>, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }

    /// The trace and span that log lines name, if any.
    pub(crate) fn ids(&self) -> Option<(String, String)> {
        let span = self.parent.span();
        let context = span.span_context();
        context.is_valid().then(|| (context.trace_id().to_string(), context.span_id().to_string()))
    }

    /// The trace, if it is one that a collector gets.
    pub(crate) fn sampled(&self) -> Option<String> {
        let span = self.parent.span();
        let context = span.span_context();
        (context.is_valid() && context.is_sampled()).then(|| context.trace_id().to_string())
    }
}

/// The context of the request that this task serves.
pub(crate) fn current() -> Option<Arc<Context>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Names the sample that the request is about.
pub(crate) fn sample(number: Option<i64>) {
    if let Some(number) = number {
        let _ = CURRENT.try_with(|context| context.sample_number.set(number));
    }
}

/// Names the machine that the request is about.
pub(crate) fn about(machine: &MachineId) {
    // The first is the request's; a batch is about its first machine.
    let _ = CURRENT.try_with(|context| context.machine_id.set(machine.clone()));
}

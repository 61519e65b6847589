//! Traces: OTLP over gRPC, W3C `traceparent` in and out.
//!
//! Invariant: a span that does not reach the collector is counted, whether it found no room or its
//! export failed; requests never wait for the collector.
//! Invariant: with tracing off nothing is made or sent, and `traceparent` is passed on as it came.
//! Not here: which spans there are, and which of them are sampled (`sampler`).

mod export;
mod sampler;
#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{
    SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context as Parent, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    IdGenerator as _, RandomIdGenerator, SdkTracer, SdkTracerProvider, Span,
};

use super::collector::Collector;
use super::context;
use super::metrics::Metrics;
use crate::settings::Settings;
use export::Export;

/// What a span stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A request that is served.
    Server,
    /// A call of another service.
    Client,
    /// Work in this process.
    Internal,
}

/// Makes spans, or nothing.
#[derive(Default)]
pub(crate) struct Traces {
    on: Option<On>,
}

struct On {
    tracer: SdkTracer,
    export: Export,
    // Dropped last: it shuts down what the tracer feeds.
    _provider: SdkTracerProvider,
}

impl Traces {
    /// A tracer for these settings. The collector need not be there yet.
    ///
    /// # Errors
    /// When the endpoint cannot be used.
    pub(crate) fn new(settings: &Settings, metrics: Arc<Metrics>) -> Result<Traces, String> {
        if !settings.tracing_enabled {
            return Ok(Traces::default());
        }
        let collector = Collector::new(&settings.tracing_endpoint, settings.tracing_timeout)?;
        let (export, processor) = Export::start(collector, settings, metrics);
        let resource = Resource::builder()
            .with_service_name(settings.tracing_service_name.clone())
            .with_attribute(KeyValue::new("service.version", Settings::APP_VERSION))
            // Replicas share the rest.
            .with_attribute(KeyValue::new("service.instance.id", instance()))
            .with_attribute(KeyValue::new(
                "deployment.environment.name",
                settings.environment.clone(),
            ))
            .build();
        let ratio = settings.tracing_sample.count() as f64 / settings.tracing_sample.block() as f64;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler::of(ratio))
            .with_span_processor(processor)
            .build();
        let tracer = provider.tracer("assay-backend");
        Ok(Traces { on: Some(On { tracer, export, _provider: provider }) })
    }

    /// A span under the request that this task serves; it ends when dropped.
    pub(crate) fn span(&self, name: &'static str, kind: Kind) -> Open {
        let parent = context::current().map(|c| c.parent.clone()).unwrap_or_default();
        self.under(&parent, name, kind)
    }

    /// A span that begins a trace.
    pub(crate) fn root(&self, name: &'static str, kind: Kind) -> Open {
        self.under(&Parent::new(), name, kind)
    }

    /// The span of a request that is served: named by its method, and its route where there is one.
    pub(crate) fn request(
        &self,
        parent: &Parent,
        method: &'static str,
        route: Option<&str>,
    ) -> Open {
        // Without traces it needs no name.
        let name = match route.filter(|_| self.on.is_some()) {
            Some(route) => Cow::Owned(format!("{method} {route}")),
            None => Cow::Borrowed(method),
        };
        self.under(parent, name, Kind::Server)
    }

    /// A span under a given parent.
    fn under(&self, parent: &Parent, name: impl Into<Cow<'static, str>>, kind: Kind) -> Open {
        let Some(on) = &self.on else { return Open { parent: parent.clone(), own: false } };
        let kind = match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Internal => SpanKind::Internal,
        };
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        let span: Span = on.tracer.build_with_context(builder, parent);
        Open { parent: parent.with_span(span), own: true }
    }

    /// Exports what has ended, then stops.
    pub(crate) async fn close(&self) {
        if let Some(on) = &self.on {
            on.export.close().await;
        }
    }
}

/// A name of this process, that no other has.
fn instance() -> String {
    RandomIdGenerator::default().new_trace_id().to_string()
}

/// A span that has begun.
pub(crate) struct Open {
    parent: Parent,
    /// False where traces are off and this is the caller's span.
    own: bool,
}

impl Open {
    /// The parent of what happens within this span.
    pub(crate) fn parent(&self) -> &Parent {
        &self.parent
    }

    pub(crate) fn set(&self, key: &'static str, value: impl Into<Value>) {
        if self.own {
            self.parent.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Marks it as failed: `kind` is one of few words, or a status.
    pub(crate) fn fail(&self, kind: impl Into<Value>, why: &str) {
        if self.own {
            self.set("error.type", kind);
            self.parent.span().set_status(Status::error(why.to_owned()));
        }
    }

    /// Whom an HTTP request goes to.
    pub(crate) fn asks(&self, method: &'static str, url: &str) {
        if !self.own {
            return;
        }
        self.set("http.request.method", method);
        self.set("url.full", url.to_owned());
        if let Ok(url) = reqwest::Url::parse(url) {
            self.set("server.address", url.host_str().unwrap_or_default().to_owned());
            self.set("server.port", i64::from(url.port_or_known_default().unwrap_or_default()));
        }
    }

    /// The headers that carry it to the next service.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        TraceContextPropagator::new().inject_context(&self.parent, &mut Outgoing(&mut headers));
        headers
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.own {
            self.parent.span().end();
        }
    }
}

/// The caller's span, as `traceparent` tells it.
pub(crate) fn caller(headers: &HeaderMap) -> Parent {
    TraceContextPropagator::new().extract_with_context(&Parent::new(), &Incoming(headers))
}

/// A caller's span that was written down as `traceparent`.
pub(crate) fn told(traceparent: Option<&str>) -> Parent {
    let value = traceparent.and_then(|text| HeaderValue::from_str(text).ok());
    let name = HeaderName::from_static("traceparent");
    caller(&HeaderMap::from_iter(value.map(|value| (name, value))))
}

/// A span as `traceparent` tells it; none outside of a trace.
pub(crate) fn traceparent(span: &Parent) -> Option<String> {
    let mut headers = HeaderMap::new();
    TraceContextPropagator::new().inject_context(span, &mut Outgoing(&mut headers));
    headers.get("traceparent")?.to_str().ok().map(str::to_owned)
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        // `tracestate` is set even where there is none.
        if value.is_empty() {
            return;
        }
        let (name, value) = (HeaderName::try_from(key), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            self.0.insert(name, value);
        }
    }
}

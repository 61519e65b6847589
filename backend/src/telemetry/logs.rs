//! Logs: one JSON object a line on standard output, with the platform's field names.
//!
//! `timestamp` (RFC 3339, ms, Z), `severity`, `logger`, `message`, `environment`, `line`,
//! `function`, and whatever fields the event has.
//!
//! Invariant: an event's own fields never replace these.
//! Invariant: a flood of one kind is one line in the log, with the number left out (see [`Flood`]).
//! Not here: what is worth a line.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Write as _};
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use thiserror::Error;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::context::{self, Context};
use crate::sample::now_text;
use crate::settings::{Level, Settings};

/// Another logger was installed in this process before.
#[derive(Debug, Error)]
#[error("this process has a logger already")]
pub struct LogsInUse;

/// Installs the process's logger: JSON lines on standard output.
///
/// # Errors
/// When the process has a logger already; that one stays.
pub fn init_logs(settings: &Settings) -> Result<(), LogsInUse> {
    let level = match settings.log_level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warning => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    };
    let quiet = level.min(LevelFilter::WARN);
    let targets = Targets::new().with_default(quiet).with_target("assay_backend", level);
    let lines = tracing_subscriber::fmt::layer()
        .event_format(JsonLines { environment: settings.environment.clone() })
        .with_writer(io::stdout);
    tracing_subscriber::registry().with(targets).with(lines).try_init().map_err(|_| LogsInUse)
}

/// The platform's line format.
pub(crate) struct JsonLines {
    pub(crate) environment: String,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut own = Fields(Map::new());
        event.record(&mut own);
        let mut own = own.0;
        let target = metadata.target();
        let mut line = Map::new();
        line.insert("timestamp".into(), now_text().into());
        line.insert("severity".into(), severity(*metadata.level()).into());
        line.insert("logger".into(), target.into());
        line.insert("message".into(), own.remove("message").unwrap_or_default());
        line.insert("environment".into(), self.environment.as_str().into());
        line.insert("line".into(), metadata.line().into());
        // A library's events do not name their function: its module is the nearest truth.
        let module = || target.rsplit("::").next().unwrap_or(target).into();
        line.insert("function".into(), own.remove("function").unwrap_or_else(module));
        if let Some(context) = context::current() {
            add_context(&context, &mut own);
        }
        for (name, value) in own {
            line.entry(name).or_insert(value);
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// What is known of the request, where the event does not say otherwise.
fn add_context(context: &Context, own: &mut Map<String, Value>) {
    let (trace, span) = context.ids().unzip();
    let request_id = context.request_id.as_str();
    let known: [(&str, Option<Value>); 6] = [
        ("request_id", (!request_id.is_empty()).then(|| request_id.into())),
        ("user_id", context.user_id.as_deref().map(Value::from)),
        ("machine_id", context.machine_id.get().map(|id| id.as_str().into())),
        ("sample_number", context.sample_number.get().map(|number| (*number).into())),
        ("trace_id", trace.map(Value::from)),
        ("span_id", span.map(Value::from)),
    ];
    for (name, value) in known {
        if let Some(value) = value {
            own.entry(name).or_insert(value);
        }
    }
}

fn severity(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::ERROR => "ERROR",
        tracing::Level::WARN => "WARNING",
        tracing::Level::INFO => "INFO",
        tracing::Level::DEBUG | tracing::Level::TRACE => "DEBUG",
    }
}

/// An event's fields as JSON values.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a String fails only if the value's own formatter does.
        let _ = write!(text, "{value:?}");
        self.put(field, text.into());
    }
}

/// How many lines of one kind a second holds.
const LINES: u64 = 5;

/// Lets a few lines of each kind through every second and counts the rest: under load, an outage
/// must not become a second one on standard output.
#[derive(Debug, Default)]
pub(crate) struct Flood {
    kinds: Mutex<BTreeMap<&'static str, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u64,
    suppressed: u64,
}

impl Flood {
    /// Whether a line of this kind may be written now, and how many were left out before it.
    pub(crate) fn admit(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let window = kinds.entry(kind).or_insert(Window { since: now, lines: 0, suppressed: 0 });
        if now.saturating_duration_since(window.since) >= Duration::from_secs(1) {
            (window.since, window.lines) = (now, 0);
        }
        if window.lines >= LINES {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Where a test's lines go.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .event_format(JsonLines { environment: "ci".to_owned() })
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_platforms_fields() {
        let none: Option<&str> = None;
        let lines = lines(|| {
            tracing::warn!(
                function = "serve",
                machine_id = "TRUCK-21",
                user_id = none,
                status_code = 503,
                "quote \" and\nline"
            );
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["severity"], "WARNING");
        assert_eq!(line["message"], "quote \" and\nline");
        assert_eq!(line["environment"], "ci");
        assert_eq!(line["function"], "serve");
        assert_eq!(line["machine_id"], "TRUCK-21");
        assert_eq!(line["status_code"], 503);
        assert!(line["line"].is_u64() && line.get("user_id").is_none());
        assert!(line["logger"].as_str().unwrap().starts_with("assay_backend::telemetry::logs"));
        let stamp = line["timestamp"].as_str().unwrap();
        assert!(stamp.len() == 24 && stamp.ends_with('Z'), "{stamp}");
    }

    #[test]
    fn a_line_of_a_request_has_its_ids_and_its_own_words_win() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let traceparent = format!("00-{trace}-b7ad6b7169203331-01").parse().unwrap();
        let headers =
            axum::http::HeaderMap::from_iter([("traceparent".parse().unwrap(), traceparent)]);
        let request = Context {
            request_id: "r-1".to_owned(),
            user_id: Some("ada".to_owned()),
            parent: crate::telemetry::traces::caller(&headers),
            ..Context::default()
        };
        let lines = lines(|| {
            Arc::new(request).within(|| {
                tracing::info!("before the machine is known");
                context::about(&crate::machine::MachineId::parse("MILL-3").unwrap());
                tracing::info!("after");
                tracing::info!(machine_id = "OTHER", "own");
            });
            tracing::info!("no request");
        });
        for line in &lines[..3] {
            assert_eq!((&line["request_id"], &line["user_id"]), (&"r-1".into(), &"ada".into()));
            assert_eq!(
                (&line["trace_id"], &line["span_id"]),
                (&trace.into(), &"b7ad6b7169203331".into())
            );
        }
        let machines: Vec<_> = lines.iter().map(|line| line.get("machine_id").cloned()).collect();
        assert_eq!(machines, [None, Some("MILL-3".into()), Some("OTHER".into()), None]);
        assert!(lines[3].get("request_id").is_none() && lines[3].get("trace_id").is_none());
    }

    #[test]
    fn a_failed_attempt_tells_its_cause_whatever_its_call_comes_to() {
        use crate::telemetry::{Telemetry, metrics::Metrics, traces::Traces};
        let registry = Arc::new(prometheus::Registry::new());
        let metrics = Arc::new(Metrics::new(registry, "v", "e").unwrap());
        let telemetry = Telemetry::new(metrics, Traces::default());
        let lines = lines(|| {
            (1..=7).for_each(|n| telemetry.attempt_failed("scorer.predict", n, "refused"));
            telemetry.attempt_failed("db.select", 1, "locked");
        });
        let told = |line: &Value| (line["function"].clone(), line["cause"].clone());
        let all: Vec<_> = lines.iter().map(told).collect();
        assert_eq!(all[0], ("scorer.predict".into(), "refused".into()));
        assert_eq!(lines[0]["attempt"], 1);
        // Five a second and operation.
        assert_eq!((all.len(), &all[5]), (6, &("db.select".into(), "locked".into())));
    }

    #[test]
    fn a_breakers_change_is_logged_and_counted() {
        use crate::telemetry::breakers::Breakers;
        use crate::telemetry::metrics::Metrics;
        let registry = Arc::new(prometheus::Registry::new());
        let metrics = Arc::new(Metrics::new(registry, "v", "e").unwrap());
        let breakers = Breakers::default();
        let settings = Settings::default().breaker().unwrap();
        let breaker = breakers.make("database", settings, &metrics);
        let lines = lines(|| {
            for _ in 0..5 {
                breaker.try_acquire().unwrap().failure();
            }
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["severity"], "WARNING");
        assert_eq!(line["circuit_breaker"], "database");
        assert_eq!((&line["old_state"], &line["new_state"]), (&"closed".into(), &"open".into()));
        assert_eq!(line["fail_counter"], 5);
        let text = metrics.text(crate::telemetry::format::Format::Plain, 0).unwrap();
        assert!(text.contains(r#"{from="closed",name="database",to="open"} 1"#), "{text}");
    }

    #[test]
    fn own_fields_do_not_replace_the_lines() {
        let lines = lines(|| tracing::info!(environment = "lie", severity = "lie", "x"));
        assert_eq!(
            (&lines[0]["environment"], &lines[0]["severity"]),
            (&"ci".into(), &"INFO".into())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_a_few_lines_and_a_number() {
        let flood = Flood::default();
        let admitted = (0..1_000).filter_map(|_| flood.admit("a", Instant::now())).count();
        assert_eq!(admitted as u64, LINES);
        assert_eq!(flood.admit("b", Instant::now()), Some(0));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(flood.admit("a", Instant::now()), Some(1_000 - LINES));
        assert_eq!(flood.admit("a", Instant::now()), Some(0));
    }
}

//! Dependencies that do not work: breakers open, answers are immediate, `/health` says why, and all
//! of it is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{Api, parts, raw};
use crate::machine::MachineId;
use crate::settings::Settings;
use crate::store::{
    self, Answer, Burned, Predicted, Record, SamplePage, Store, StoreError, Written,
};

/// A store whose database can be unplugged.
pub(super) struct Plug {
    inner: Arc<dyn Store>,
    pub(super) out: AtomicBool,
    /// What is written fails, what is read does not.
    locked: AtomicBool,
    asked: AtomicU32,
}

impl Plug {
    fn or<'a, T: 'a>(
        &'a self,
        answer: Answer<'a, Result<T, StoreError>>,
    ) -> Answer<'a, Result<T, StoreError>> {
        self.unless(self.out.load(Ordering::Relaxed), answer)
    }

    fn unless<'a, T: 'a>(
        &'a self,
        out: bool,
        answer: Answer<'a, Result<T, StoreError>>,
    ) -> Answer<'a, Result<T, StoreError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if out {
            return Box::pin(async { Err(StoreError::Database("database is locked".to_owned())) });
        }
        answer
    }
}

impl Store for Plug {
    fn write(&self, records: Arc<[Record]>) -> Answer<'_, Result<Vec<Written>, StoreError>> {
        let out = self.out.load(Ordering::Relaxed) || self.locked.load(Ordering::Relaxed);
        self.unless(out, self.inner.write(records))
    }

    fn note(&self, record: Record) -> bool {
        // Nor is there room in a queue that nobody empties.
        !self.out.load(Ordering::Relaxed) && self.inner.note(record)
    }

    fn samples<'a>(
        &'a self,
        machine: &'a MachineId,
        after: Option<i64>,
        limit: u32,
    ) -> Answer<'a, Result<SamplePage, StoreError>> {
        self.or(self.inner.samples(machine, after, limit))
    }

    fn predictions<'a>(
        &'a self,
        machine: &'a MachineId,
        limit: u32,
    ) -> Answer<'a, Result<Vec<Predicted>, StoreError>> {
        self.or(self.inner.predictions(machine, limit))
    }

    fn burned<'a>(
        &'a self,
        machine: &'a MachineId,
        limit: u32,
    ) -> Answer<'a, Result<Vec<Burned>, StoreError>> {
        self.or(self.inner.burned(machine, limit))
    }

    fn is_open(&self) -> bool {
        self.inner.is_open()
    }

    fn connections_active(&self) -> usize {
        self.inner.connections_active()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.inner.close()
    }
}

/// An API whose database can be unplugged.
pub(super) async fn pluggable(settings: Settings) -> (Api, Arc<Plug>) {
    let (fleet, metrics) = parts();
    let inner = store::open(&settings, Arc::clone(&fleet), Arc::clone(&metrics)).await.unwrap();
    let plug = Arc::new(Plug { inner, out: false.into(), locked: false.into(), asked: 0.into() });
    let store: Arc<dyn Store> = plug.clone();
    (Api::over(settings, fleet, metrics, store), plug)
}

pub(super) fn quick() -> Settings {
    Settings {
        retry_base: Duration::from_millis(1),
        retry_max: Duration::from_millis(2),
        breaker_recovery: Duration::from_millis(300),
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_dead_database_opens_the_breaker_and_is_left_alone() {
    let settings = Settings { breaker_recovery: Duration::from_secs(60), ..quick() };
    let (api, plug) = pluggable(settings).await;
    plug.out.store(true, Ordering::Relaxed);
    let first = api.ingest(raw("TRUCK-21", 1)).await;
    assert_eq!(
        (first.status.as_u16(), &first.json()["error_code"]),
        (500, &json!("database_error"))
    );
    assert_eq!(plug.asked.load(Ordering::Relaxed), 3, "three attempts");
    // The second call's second attempt is the fifth failure; its third is turned away.
    assert_eq!(api.ingest(raw("TRUCK-21", 1)).await.status, 503);
    assert_eq!(plug.asked.load(Ordering::Relaxed), 5);

    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        let started = tokio::time::Instant::now();
        let got = api.ingest(raw("TRUCK-21", 1)).await;
        fastest = fastest.min(started.elapsed());
        assert_eq!(
            (got.status.as_u16(), &got.json()["error_code"]),
            (503, &json!("service_unavailable"))
        );
        let wait: u64 = got.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
    }
    // The fastest of twenty: the machine may be busy with other tests.
    assert!(fastest < Duration::from_millis(5), "{fastest:?}");
    assert_eq!(plug.asked.load(Ordering::Relaxed), 5, "an open breaker asks nobody");
    // Reading has a breaker of its own: it finds out for itself, five times.
    assert_eq!(api.get("/samples/TRUCK-21").await.status, 500);
    for path in ["/samples/TRUCK-21", "/esg/current?machine_id=MILL-3", "/predict/history/MILL-3"] {
        assert_eq!(api.get(path).await.status, 503, "{path}");
    }
    assert_eq!(plug.asked.load(Ordering::Relaxed), 10);
    // What needs no database goes on.
    assert_eq!(api.get("/predict?machine_id=TRUCK-21").await.status, 200);
    assert_eq!(api.get("/machines/").await.status, 200);
    let health = api.get("/health").await;
    assert_eq!((health.status.as_u16(), &health.json()["status"]), (200, &json!("degraded")));
    assert_eq!(
        health.json()["reasons"],
        json!(["circuit breaker `database` is open", "circuit breaker `database-read` is open"])
    );
    let text = api.get("/metrics").await.text;
    for line in [
        r#"circuit_breaker_state{name="database"} 1"#,
        r#"circuit_breaker_state{name="database-read"} 1"#,
        r#"circuit_breaker_state{name="scorer"} 0"#,
        r#"circuit_breaker_failures_total{name="database"} 5"#,
        r#"circuit_breaker_transitions_total{from="closed",name="database",to="open"} 1"#,
        r#"retry_attempts_total{attempt_number="2",function="db.insert_samples"} 2"#,
        r#"retry_attempts_total{attempt_number="3",function="db.insert_samples"} 2"#,
        r#"retry_failures_total{function="db.insert_samples"} 1"#,
        // None yet, and known.
        r#"retry_failures_total{function="scorer.predict"} 0"#,
        r#"retry_attempts_total{attempt_number="2",function="scorer.predict"} 0"#,
        r#"circuit_breaker_transitions_total{from="half_open",name="database",to="closed"} 0"#,
        r#"circuit_breaker_transitions_total{from="closed",name="scorer",to="open"} 0"#,
    ] {
        assert!(text.lines().any(|l| l == line), "missing: {line}\n{text}");
    }
}

#[tokio::test]
async fn reads_that_go_well_do_not_keep_the_breaker_for_writing_closed() {
    let settings =
        Settings { retry_attempts: 1, breaker_recovery: Duration::from_secs(60), ..quick() };
    let (api, plug) = pluggable(settings).await;
    plug.locked.store(true, Ordering::Relaxed);
    for n in 1..=5 {
        assert_eq!(api.ingest(raw("TRUCK-21", n)).await.status, 500);
        assert_eq!(api.get("/samples/TRUCK-21").await.status, 200);
    }
    assert_eq!(api.ingest(raw("TRUCK-21", 6)).await.status, 503);
    assert_eq!(plug.asked.load(Ordering::Relaxed), 10, "the sixth was not tried");
    assert_eq!(api.get("/samples/TRUCK-21").await.status, 200);
    let reasons = api.get("/health").await.json()["reasons"].clone();
    assert_eq!(reasons, json!(["circuit breaker `database` is open"]));
    let text = api.get("/metrics").await.text;
    assert!(text.contains("circuit_breaker_state{name=\"database-read\"} 0"), "{text}");
}

#[tokio::test]
async fn a_database_that_comes_back_closes_the_breaker() {
    let (api, plug) = pluggable(quick()).await;
    plug.out.store(true, Ordering::Relaxed);
    while api.ingest(raw("TRUCK-21", 1)).await.status != 503 {}
    plug.out.store(false, Ordering::Relaxed);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while api.ingest(raw("TRUCK-21", 1)).await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(api.get("/health").await.json()["status"], "healthy");
    assert_eq!(api.get("/samples/TRUCK-21").await.json()["sample_numbers"], json!([[1, 1]]));
    let text = api.get("/metrics").await.text;
    for (from, to) in [("open", "half_open"), ("half_open", "closed")] {
        let line = format!(
            r#"circuit_breaker_transitions_total{{from="{from}",name="database",to="{to}"}} 1"#
        );
        assert!(text.contains(&line), "missing: {line}\n{text}");
    }
}

#[tokio::test]
async fn samples_without_a_number_are_not_sent_twice() {
    let (api, plug) = pluggable(quick()).await;
    plug.out.store(true, Ordering::Relaxed);
    let mut body = raw("TRUCK-21", 1);
    body.as_object_mut().unwrap().remove("sample_number");
    assert_eq!(api.ingest(body).await.status, 500);
    assert_eq!(plug.asked.load(Ordering::Relaxed), 1);
}

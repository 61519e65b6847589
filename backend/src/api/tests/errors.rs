//! Refusals: every wrong request gets the one shape, with the code the contract names.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::{Api, Got, keys, parts, raw};
use crate::machine::MachineId;
use crate::settings::Settings;
use crate::store::{Answer, Burned, Predicted, Record, SamplePage, Store, StoreError, Written};

/// Asserts the shape and returns (status, code, field, constraint).
fn refusal(got: &Got) -> (u16, String, Value, Value) {
    let body = got.json();
    let expect = ["details", "error_code", "message", "request_id", "status_code", "timestamp"];
    assert_eq!(keys(&body), expect);
    let details = ["constraint", "expected_format", "field", "provided_value"];
    assert_eq!(keys(&body["details"]), details);
    assert_eq!(body["status_code"], got.status.as_u16());
    assert_eq!(body["request_id"], got.headers["x-request-id"].to_str().unwrap());
    assert_eq!(got.headers["content-type"], "application/json");
    (
        got.status.as_u16(),
        body["error_code"].as_str().unwrap().to_owned(),
        body["details"]["field"].clone(),
        body["details"]["constraint"].clone(),
    )
}

#[tokio::test]
async fn wrong_bodies_name_the_field_and_the_constraint() {
    let api = Api::new().await;
    let with = |field: &str, value: Value| {
        let mut body = raw("TRUCK-21", 1);
        body[field] = value;
        body.to_string()
    };
    let without = |field: &str| {
        let mut body = raw("TRUCK-21", 1);
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    let (invalid, missing) = ("validation_error", "missing_required_field");
    let cases = [
        (String::new(), invalid, "body", "json"),
        ("{\"machine_id\":".to_owned(), invalid, "body", "json"),
        ("{\"metrics\":{\"rpm\":1e999}}".to_owned(), invalid, "body", "json"),
        ("[1]".to_owned(), invalid, "body", "type"),
        (without("machine_id"), missing, "machine_id", "required"),
        (with("machine_id", Value::Null), missing, "machine_id", "required"),
        (with("machine_id", json!(7)), invalid, "machine_id", "type"),
        (with("machine_id", json!("")), "invalid_machine_id", "machine_id", "length"),
        (with("machine_id", json!("a b")), "invalid_machine_id", "machine_id", "pattern"),
        (without("timestamp"), missing, "timestamp", "required"),
        (with("timestamp", json!("noon")), invalid, "timestamp", "iso8601"),
        (with("timestamp", json!(17)), invalid, "timestamp", "iso8601"),
        (without("metrics"), missing, "metrics", "required"),
        (with("metrics", json!({})), invalid, "metrics", "not_empty"),
        (with("metrics", json!([1])), invalid, "metrics", "type"),
        (with("metrics", json!({"rpm": "fast"})), invalid, "metrics.rpm", "number"),
        (with("sample_number", json!(-1)), invalid, "sample_number", "range"),
        (with("sample_number", json!(1.5)), invalid, "sample_number", "range"),
        (with("sample_number", json!(u64::MAX)), invalid, "sample_number", "range"),
        (with("status", json!("")), invalid, "status", "length"),
    ];
    for (body, code, field, constraint) in cases {
        let got = api.post("/ingest/raw", body.clone()).await;
        let expect = (400, code.to_owned(), json!(field), json!(constraint));
        assert_eq!(refusal(&got), expect, "{body}");
    }
    let got = api.post("/ingest/features", without("metrics")).await;
    assert_eq!(refusal(&got), (400, missing.into(), json!("features"), json!("required")));
    let stored = api.get("/samples/TRUCK-21").await.json();
    assert_eq!(stored["sample_numbers"], json!([]), "nothing refused is stored");
    // JSON knows one kind of numbers.
    assert_eq!(api.post("/ingest/raw", with("sample_number", json!(195.0))).await.status, 200);
    let stored = api.get("/samples/TRUCK-21?after=").await.json();
    assert_eq!(stored["sample_numbers"], json!([[195, 195]]));
}

#[tokio::test]
async fn wrong_paths_and_queries_are_refused_the_same_way() {
    let api = Api::new().await;
    let long = "x".repeat(256);
    let cases = [
        ("/predict", 400, "missing_required_field"),
        ("/predict?machine_id=", 400, "invalid_machine_id"),
        ("/predict?machine_id=a%20b", 400, "invalid_machine_id"),
        ("/predict?machine_id=GHOST-1", 404, "machine_not_found"),
        ("/machines/GHOST-1/metrics", 404, "machine_not_found"),
        ("/machines/a%20b/metrics", 400, "invalid_machine_id"),
        ("/machines/%ff/metrics", 400, "invalid_machine_id"),
        (&format!("/machines/{long}/metrics"), 400, "invalid_machine_id"),
        ("/machines/?limit=0", 400, "validation_error"),
        ("/machines/?limit=x", 400, "validation_error"),
        ("/machines/?limit=", 400, "validation_error"),
        ("/machines/?limit=1&limit=1", 400, "validation_error"),
        ("/predict?machine_id=TRUCK-21&machine_id=MILL-3", 400, "validation_error"),
        ("/machines/?after=a%20b", 400, "validation_error"),
        ("/samples/GHOST-1", 404, "machine_not_found"),
        ("/samples/TRUCK-21?limit=10001", 400, "validation_error"),
        ("/samples/TRUCK-21?after=one", 400, "validation_error"),
        ("/nothing/here", 404, "route_not_found"),
    ];
    for (path, status, code) in cases {
        let (got_status, got_code, ..) = refusal(&api.get(path).await);
        assert_eq!((got_status, got_code.as_str()), (status, code), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_says_which_are_right() {
    let api = Api::new().await;
    let got = api.send(Request::delete("/ingest/raw").body(Body::empty()).unwrap()).await;
    assert_eq!(refusal(&got).1, "method_not_allowed");
    assert_eq!(
        (got.status, got.headers["allow"].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "POST")
    );
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let api = Api::with(Settings { body_limit: 1_024, ..Settings::default() }).await;
    let got = api.post("/ingest/raw", " ".repeat(1_025)).await;
    assert_eq!(refusal(&got), (413, "payload_too_large".into(), json!("body"), json!("size")));
}

#[tokio::test]
async fn long_values_are_not_repeated_whole() {
    let api = Api::new().await;
    let got = api.get(&format!("/predict?machine_id={}", "x".repeat(5_000))).await;
    assert!(got.text.len() < 1_000, "{}", got.text.len());
}

#[tokio::test]
async fn sane_request_ids_come_back_and_others_are_replaced() {
    let api = Api::new().await;
    let ask = async |id: &str| {
        let request = Request::get("/health").header("x-request-id", id).body(Body::empty());
        let got = api.send(request.unwrap()).await;
        got.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(ask("r1-dashboards-7-1").await, "r1-dashboards-7-1");
    let made = ask("no spaces please").await;
    assert!(!made.is_empty() && made != "no spaces please");
    assert_ne!(made, ask("no spaces please").await);
}

/// A store that fails as it is told.
struct Broken(StoreError);

impl Store for Broken {
    fn write(&self, _: Arc<[Record]>) -> Answer<'_, Result<Vec<Written>, StoreError>> {
        Box::pin(async { Err(self.0.clone()) })
    }

    fn note(&self, _: Record) -> bool {
        false
    }

    fn predictions<'a>(
        &'a self,
        _: &'a MachineId,
        _: u32,
    ) -> Answer<'a, Result<Vec<Predicted>, StoreError>> {
        Box::pin(async { Err(self.0.clone()) })
    }

    fn burned<'a>(
        &'a self,
        _: &'a MachineId,
        _: u32,
    ) -> Answer<'a, Result<Vec<Burned>, StoreError>> {
        Box::pin(async { Err(self.0.clone()) })
    }

    fn samples<'a>(
        &'a self,
        _: &'a MachineId,
        _: Option<i64>,
        _: u32,
    ) -> Answer<'a, Result<SamplePage, StoreError>> {
        Box::pin(async { Err(self.0.clone()) })
    }

    fn is_open(&self) -> bool {
        self.0 != StoreError::Closed
    }

    fn connections_active(&self) -> usize {
        0
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async {})
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_told_without_its_secrets() {
    let cases = [
        (StoreError::Database("disk /secret/path is full".into()), 500, "database_error"),
        (StoreError::Timeout, 500, "database_error"),
        (StoreError::Lost, 500, "ingest_error"),
        (StoreError::Busy, 503, "service_unavailable"),
        (StoreError::Closed, 503, "service_unavailable"),
    ];
    for (error, status, code) in cases {
        let (fleet, metrics) = parts();
        let settings = Settings { retry_attempts: 1, ..Settings::default() };
        let api = Api::over(settings, fleet, metrics, Arc::new(Broken(error.clone())));
        for got in [api.ingest(raw("TRUCK-21", 1)).await, api.get("/samples/TRUCK-21").await] {
            let (got_status, got_code, ..) = refusal(&got);
            assert_eq!((got_status, got_code.as_str()), (status, code));
            assert_eq!(got.headers.contains_key("retry-after"), status == 503);
            assert!(!got.text.contains("secret"), "{}", got.text);
        }
        let health = api.get("/health").await.status.as_u16();
        assert_eq!(health, if error == StoreError::Closed { 503 } else { 200 });
    }
}

#[tokio::test]
async fn the_errors_mutant_fails_exactly_its_share() {
    let api = Api::mutant("errors=10%").await;
    let mut failed = 0;
    for _ in 0..200 {
        let got = api.get("/machines/").await;
        if got.status != 200 {
            assert_eq!(refusal(&got).1, "internal_error");
            failed += 1;
        }
        assert_eq!(api.get("/health").await.status, 200);
        assert_eq!(api.get("/metrics").await.status, 200);
    }
    assert_eq!(failed, 20);
}

#[tokio::test]
async fn the_drop_writes_mutant_acknowledges_and_forgets_exactly_its_share() {
    let api = Api::mutant("drop-writes=3%").await;
    for number in 0..100 {
        assert_eq!(api.ingest(raw("TRUCK-21", number)).await.status, 200);
    }
    let ranges = api.get("/samples/TRUCK-21").await.json()["sample_numbers"].clone();
    let ranges: Vec<[i64; 2]> = serde_json::from_value(ranges).unwrap();
    let kept: i64 = ranges.iter().map(|[first, last]| last - first + 1).sum();
    assert_eq!(kept, 97);
}

#[tokio::test]
async fn the_no_recovery_mutant_refuses_everything_but_metrics() {
    let api = Api::mutant("no-recovery=1ms").await;
    assert_eq!(api.get("/machines/").await.status, 200);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(1);
    tokio::time::sleep_until(deadline).await;
    for path in ["/machines/", "/health", "/predict?machine_id=TRUCK-21", "/nothing"] {
        let got = api.get(path).await;
        assert_eq!(refusal(&got).1, "service_unavailable", "{path}");
        assert!(got.headers.contains_key("retry-after"));
    }
    assert_eq!(api.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn the_slow_mutant_delays_the_api() {
    let api = Api::mutant("slow=50ms").await;
    for path in ["/machines/", "/predict?machine_id=MILL-3", "/nothing"] {
        let started = tokio::time::Instant::now();
        api.get(path).await;
        assert!(started.elapsed().as_millis() >= 50, "{path}");
    }
    // Health is spared: see `mutant`, where time is not the machine's.
    assert_eq!(api.get("/health").await.status, 200);
}

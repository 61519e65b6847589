//! The API as its clients see it: shapes here, refusals and telemetry in the files beside.

mod contract;
mod degraded;
mod errors;
mod telemetry;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use prometheus::Registry;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::router;
use crate::fleet::Fleet;
use crate::machine::{AT_START, MachineId};
use crate::serve::{Assembled, assemble};
use crate::settings::Settings;
use crate::store::{self, Store};
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Metrics;

/// A backend without a socket.
struct Api {
    router: Router,
    metrics: Arc<Metrics>,
    telemetry: Arc<Telemetry>,
}

/// An answer, read whole.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }
}

impl Api {
    async fn new() -> Api {
        Api::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Api {
        let (fleet, metrics) = parts();
        let store = store::open(&settings, Arc::clone(&fleet), Arc::clone(&metrics)).await;
        Api::over(settings, fleet, metrics, store.unwrap())
    }

    async fn mutant(text: &str) -> Api {
        let mutants = vec![text.parse().unwrap()];
        Api::with(Settings { mutants, ..Settings::default() }).await
    }

    fn over(
        settings: Settings,
        fleet: Arc<Fleet>,
        metrics: Arc<Metrics>,
        store: Arc<dyn Store>,
    ) -> Api {
        let Assembled { app, telemetry, .. } = assemble(&settings, fleet, store, metrics).unwrap();
        Api { router: router(app), metrics: Arc::clone(&telemetry.metrics), telemetry }
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Got { status: head.status, headers: head.headers, text }
    }

    async fn get(&self, path: &str) -> Got {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Got {
        self.send(Request::post(path).body(body.into()).unwrap()).await
    }

    async fn ingest(&self, body: Value) -> Got {
        self.post("/ingest/raw", body.to_string()).await
    }
}

fn parts() -> (Arc<Fleet>, Arc<Metrics>) {
    let fleet = Fleet::default();
    fleet.register(&AT_START.map(|id| MachineId::parse(id).unwrap()));
    let metrics = Metrics::new(Arc::new(Registry::new()), "1.2.3", "ci").unwrap();
    (Arc::new(fleet), Arc::new(metrics))
}

fn raw(machine: &str, number: i64) -> Value {
    json!({
        "machine_id": machine,
        "timestamp": "2024-06-11T10:00:00Z",
        "sample_number": number,
        "status": "drift",
        "metrics": {"vibration": 5.5, "temperature": 96, "rpm": 1500},
    })
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn a_sample_is_acknowledged_in_the_contracts_shape() {
    let api = Api::new().await;
    let got = api.ingest(raw("TRUCK-21", 1)).await;
    assert_eq!(got.status, 200);
    let answer = got.json();
    let expect = ["machine_id", "message", "metrics_count", "status", "timestamp"];
    assert_eq!(keys(&answer), expect);
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["metrics_count"], 3);
    assert_eq!(answer["timestamp"], "2024-06-11T10:00:00Z");
}

#[tokio::test]
async fn a_repeat_is_acknowledged_and_told() {
    let api = Api::new().await;
    assert!(api.ingest(raw("TRUCK-21", 1)).await.json().get("duplicate").is_none());
    let mut changed = raw("TRUCK-21", 1);
    changed["metrics"] = json!({"vibration": 1.0});
    let got = api.ingest(changed).await;
    assert_eq!((got.status, &got.json()["duplicate"]), (StatusCode::OK, &json!(true)));
    let state = api.get("/machines/TRUCK-21/metrics").await.json();
    assert_eq!(state["metrics"]["vibration"], 5.5, "the first content stays");
    let text = api.get("/metrics").await.text;
    assert!(text.contains("data_ingestion_duplicates_total{machine_id=\"TRUCK-21\"} 1"), "{text}");
}

#[tokio::test]
async fn features_are_acknowledged_in_the_contracts_shape() {
    let api = Api::new().await;
    let body = json!({
        "machine_id": "MILL-3",
        "timestamp": "2024-06-11T10:00:00.5",
        "features": {"vibration_sma": 3.5, "rpm_normalized": 0.7},
    });
    let got = api.post("/ingest/features", body.to_string()).await;
    let answer = got.json();
    assert_eq!(got.status, 200);
    assert_eq!(keys(&answer), ["features_count", "machine_id", "message", "status", "timestamp"]);
    assert_eq!(answer["features_count"], 2);
}

#[tokio::test]
async fn predictions_answer_both_methods_and_both_spellings() {
    let api = Api::new().await;
    for (method, path) in
        [("POST", "/predict/"), ("POST", "/predict"), ("GET", "/predict"), ("GET", "/predict/")]
    {
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?machine_id=TRUCK-21"))
            .body(Body::empty());
        let got = api.send(request.unwrap()).await;
        assert_eq!(got.status, 200, "{method} {path}: {}", got.text);
        let answer = got.json();
        let expect = [
            "confidence",
            "failure_probability",
            "machine_id",
            "maintenance_hours",
            "risk_score",
            "timestamp",
        ];
        assert_eq!(keys(&answer), expect);
        let risk = answer["risk_score"].as_f64().unwrap();
        assert!((0.10..=0.25).contains(&risk), "an empty store predicts the base risk: {risk}");
    }
}

#[tokio::test]
async fn predictions_follow_the_latest_sample() {
    let api = Api::new().await;
    let risk = async || {
        let answer = api.get("/predict?machine_id=TRUCK-21").await.json();
        answer["risk_score"].as_f64().unwrap()
    };
    let base = risk().await;
    api.ingest(raw("TRUCK-21", 1)).await;
    let after = risk().await;
    assert!((after - base - 0.35).abs() < 1e-9, "vibration .25 + temperature .10: {base} {after}");
}

#[tokio::test]
async fn the_three_machines_answer_on_an_empty_store() {
    let api = Api::new().await;
    let list = api.get("/machines/").await.json();
    let ids: Vec<&str> =
        list.as_array().unwrap().iter().map(|m| m["machine_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["BOILER-7", "MILL-3", "TRUCK-21"]);
    assert_eq!(keys(&list[0]), ["last_measurement", "machine_id", "machine_type", "status"]);
    for id in ids {
        let state = api.get(&format!("/machines/{id}/metrics")).await.json();
        let expect = [
            "alerts_count",
            "current_status",
            "last_measurement",
            "machine_id",
            "metrics",
            "predictions",
        ];
        assert_eq!(keys(&state), expect);
        assert_eq!(
            (&state["last_measurement"], &state["metrics"], &state["alerts_count"]),
            (&Value::Null, &json!({}), &json!(0))
        );
    }
}

#[tokio::test]
async fn a_machine_shows_its_latest_sample() {
    let api = Api::new().await;
    api.ingest(raw("TRUCK-21", 1)).await;
    let state = api.get("/machines/TRUCK-21/metrics").await.json();
    assert_eq!(state["current_status"], "drift");
    assert_eq!(state["last_measurement"], "2024-06-11T10:00:00Z");
    assert_eq!(state["metrics"]["temperature"], 96.0);
    assert_eq!(state["alerts_count"], 2);
    assert!(state["predictions"]["risk_score"].is_f64());
}

#[tokio::test]
async fn a_new_machine_registers_itself_with_the_type_of_its_prefix() {
    let api = Api::new().await;
    assert_eq!(api.get("/predict?machine_id=TRUCK-21-0001").await.status, 404);
    api.ingest(raw("TRUCK-21-0001", 1)).await;
    api.ingest(raw("pump_9", 1)).await;
    assert_eq!(api.get("/predict?machine_id=TRUCK-21-0001").await.status, 200);
    let list = api.get("/machines").await.json();
    let kind = |id: &str| {
        let found = list.as_array().unwrap().iter().find(|m| m["machine_id"] == id);
        found.unwrap()["machine_type"].clone()
    };
    assert_eq!((kind("TRUCK-21-0001"), kind("pump_9")), (json!("haul_truck"), json!("unknown")));
}

#[tokio::test]
async fn machines_are_paged() {
    let api = Api::new().await;
    let first = api.get("/machines/?limit=2").await.json();
    assert_eq!(first.as_array().unwrap().len(), 2);
    let rest = api.get("/machines/?limit=2&after=MILL-3").await.json();
    assert_eq!(rest.as_array().unwrap().len(), 1);
    assert_eq!(rest[0]["machine_id"], "TRUCK-21");
}

#[tokio::test]
async fn samples_read_back_as_ranges_with_duplicates_and_pages() {
    let api = Api::new().await;
    for number in [1, 2, 3, 5, 6, 9, 2, 2] {
        assert_eq!(api.ingest(raw("TRUCK-21", number)).await.status, 200);
    }
    let all = api.get("/samples/TRUCK-21?after=&limit=100").await.json();
    let expect = json!({
        "machine_id": "TRUCK-21",
        "sample_numbers": [[1, 3], [5, 6], [9, 9]],
        "duplicates": 2,
        "next": null,
    });
    assert_eq!(all, expect);
    let page = api.get("/samples/TRUCK-21?after=1&limit=3").await.json();
    assert_eq!((&page["sample_numbers"], &page["next"]), (&json!([[2, 3], [5, 5]]), &json!(5)));
    let last = api.get("/samples/TRUCK-21?after=5").await.json();
    assert_eq!((&last["sample_numbers"], &last["next"]), (&json!([[6, 6], [9, 9]]), &Value::Null));
    let none = api.get("/samples/MILL-3").await.json();
    assert_eq!((&none["sample_numbers"], &none["duplicates"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn the_service_tells_about_itself() {
    let api = Api::mutant("errors=1%").await;
    let health = api.get("/health").await.json();
    let expect = ["app_name", "app_version", "environment", "features", "observability", "status"];
    assert_eq!(keys(&health), expect);
    assert_eq!(health["features"]["mutants"], json!(["errors=1%"]));
    let root = api.get("/").await.json();
    assert!(root["routes"].as_array().unwrap().len() > 5);
}

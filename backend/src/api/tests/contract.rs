//! Batches, carbon figures, prediction history, limits by client; and the OpenAPI document, held
//! against the routes and their answers.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::super::openapi::DOCUMENT;
use super::super::routes;
use super::{Api, Got, keys, raw};
use crate::settings::Settings;

#[tokio::test]
async fn a_batch_keeps_what_is_good_and_tells_what_is_not() {
    let api = Api::new().await;
    api.ingest(raw("TRUCK-21", 1)).await;
    let mut bad = raw("MILL-3", 7);
    bad["metrics"] = json!({});
    let batch = json!([raw("TRUCK-21", 1), raw("TRUCK-21", 2), bad, raw("T-9", 2), 5]);
    let got = api.post("/ingest/batch", batch.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let answer = got.json();
    assert_eq!(keys(&answer), ["acknowledged", "rejected", "results", "status"]);
    assert_eq!((&answer["acknowledged"], &answer["rejected"]), (&json!(3), &json!(2)));
    assert_eq!(answer["status"], "partial");
    let words: Vec<&str> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["duplicate", "stored", "rejected", "stored", "rejected"]);
    assert_eq!(answer["results"][2]["error_code"], "validation_error");
    assert_eq!(answer["results"][2]["details"]["constraint"], "not_empty");
    assert_eq!(answer["results"][2]["sample_number"], 7);
    assert_eq!(answer["results"][4]["sample_number"], Value::Null);
    let kept = api.get("/samples/TRUCK-21").await.json();
    assert_eq!((&kept["sample_numbers"], &kept["duplicates"]), (&json!([[1, 2]]), &json!(1)));
    assert_eq!(api.get("/samples/MILL-3").await.json()["sample_numbers"], json!([]));
}

#[tokio::test]
async fn batches_have_a_size() {
    let api = Api::with(Settings { body_limit: 1 << 20, ..Settings::default() }).await;
    let many = |n: i64| (0..n).map(|number| raw("T", number)).collect::<Vec<_>>();
    for body in
        [json!([]), json!({"samples": []}), json!(many(501)), json!(7), json!({"samples": 7})]
    {
        assert_eq!(api.post("/ingest/batch", body.to_string()).await.status, 400);
    }
    assert_eq!(
        api.post("/ingest/batch", "{}").await.json()["error_code"],
        "missing_required_field"
    );
    let got = api.post("/ingest/batch", json!({"samples": many(500)}).to_string()).await;
    assert_eq!(got.json()["acknowledged"], 500);
    assert_eq!(api.get("/samples/T").await.json()["sample_numbers"], json!([[0, 499]]));
}

#[tokio::test]
async fn the_drop_writes_mutant_forgets_its_share_of_a_batch_too() {
    let api = Api::mutant("drop-writes=10%").await;
    let batch: Vec<Value> = (0..100).map(|n| raw("T-1", n)).collect();
    let got = api.post("/ingest/batch", json!(batch).to_string()).await;
    assert_eq!(got.json()["acknowledged"], 100);
    let ranges = api.get("/samples/T-1").await.json()["sample_numbers"].clone();
    let ranges: Vec<[i64; 2]> = serde_json::from_value(ranges).unwrap();
    assert_eq!(ranges.iter().map(|[a, b]| b - a + 1).sum::<i64>(), 90);
}

#[tokio::test]
async fn carbon_figures_follow_the_samples() {
    let settings =
        Settings { esg_interval: std::time::Duration::from_secs(3_600), ..Settings::default() };
    let api = Api::with(settings).await;
    let none = api.get("/esg/current?machine_id=TRUCK-21").await;
    assert_eq!(
        (none.status, &none.json()["error_code"]),
        (StatusCode::NOT_FOUND, &json!("esg_data_not_found"))
    );
    let none = api.get("/esg/history/TRUCK-21").await;
    assert_eq!(none.json()["error_code"], "history_not_found");
    for (number, minute, fuel) in [(1, 10, 10.0), (2, 30, 20.0), (3, 20, 5.0)] {
        let mut body = raw("TRUCK-21", number);
        body["timestamp"] = json!(format!("2024-06-11T10:{minute}:00Z"));
        body["metrics"] = json!({"fuel_rate_lh": fuel});
        assert_eq!(api.ingest(body).await.status, 200);
    }
    let now = api.get("/esg/current?machine_id=TRUCK-21").await.json();
    let expect = json!({
        "machine_id": "TRUCK-21", "timestamp": "2024-06-11T10:30:00Z", "fuel_rate_lh": 20.0,
        "instant_co2eq_kg": 53.6, "cumulative_co2eq_kg": 93.8, "kwh": null, "scope": "scope1",
    });
    assert_eq!(now, expect);
    let history = api.get("/esg/history/TRUCK-21?limit=2").await.json();
    assert_eq!(history[0], expect);
    assert_eq!(
        (history.as_array().unwrap().len(), &history[1]["cumulative_co2eq_kg"]),
        (2, &json!(40.2))
    );
    assert_eq!(api.get("/esg/history/TRUCK-21?limit=501").await.status, 400);
    assert_eq!(
        api.get("/esg/current?machine_id=GHOST").await.json()["error_code"],
        "machine_not_found"
    );
}

#[tokio::test]
async fn predictions_have_a_history_newest_first() {
    let api = Api::new().await;
    let none = api.get("/predict/history/MILL-3").await;
    assert_eq!(
        (none.status.as_u16(), &none.json()["error_code"]),
        (404, &json!("prediction_not_found"))
    );
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(api.get("/predict?machine_id=MILL-3").await.json());
    }
    // First come, first served: what waits in the write queue is committed with this sample.
    api.ingest(raw("TRUCK-21", 1)).await;
    let history = api.get("/predict/history/MILL-3?limit=2").await.json();
    made.reverse();
    assert_eq!(history, json!(made[..2]));
    for (path, status) in [("MILL-3?limit=0", 400), ("MILL-3?limit=201", 400), ("GHOST", 404)] {
        assert_eq!(api.get(&format!("/predict/history/{path}")).await.status, status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn limits_by_client_answer_429_with_the_time_to_wait() {
    let settings = Settings { rate_limit_ingest: 2, rate_limit_predict: 1, ..Settings::default() };
    let api = Api::with(settings).await;
    let bad = async || api.post("/ingest/raw", "{}").await;
    assert_eq!(
        [bad().await.status, bad().await.status],
        [400; 2].map(|s| StatusCode::from_u16(s).unwrap())
    );
    let got = api.post("/ingest/batch", "[]").await;
    assert_eq!((got.status.as_u16(), &got.json()["error_code"]), (429, &json!("rate_limited")));
    let wait: u64 = got.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    for expect in [200, 429] {
        assert_eq!(api.get("/predict?machine_id=MILL-3").await.status, expect);
    }
    assert_eq!(api.get("/machines/").await.status, 200, "only what is limited is");
    let text = api.get("/metrics").await.text;
    assert!(text.contains(r#"rate_limited_total{endpoint="/ingest/batch"} 1"#), "{text}");
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    assert_eq!(bad().await.status, 400);
}

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// What a schema of the document refuses of a value: the few words that the document uses.
fn refused(at: &str, value: &Value, schema: &Value, document: &Value) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        return refused(at, value, target.expect(reference), document);
    }
    let mut found = Vec::new();
    let mut check = |good: bool, what: &str| {
        if !good {
            found.push(format!("{at}: {value} breaks {what} of {schema}"));
        }
    };
    if let Some(one_of) = schema["oneOf"].as_array() {
        let fits = one_of.iter().filter(|s| refused(at, value, s, document).is_empty()).count();
        check(fits == 1, "oneOf");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
    };
    let is = |name: &Value| name == kind || (name == "number" && kind == "integer");
    match &schema["type"] {
        Value::Null => {}
        Value::Array(names) => check(names.iter().any(is), "type"),
        name => check(is(name), "type"),
    }
    check(schema["enum"].as_array().is_none_or(|e| e.contains(value)), "enum");
    check(schema.get("const").is_none_or(|c| c == value), "const");
    if let Some(number) = value.as_f64() {
        check(schema["minimum"].as_f64().is_none_or(|m| number >= m), "minimum");
        check(schema["maximum"].as_f64().is_none_or(|m| number <= m), "maximum");
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            check(object.contains_key(name.as_str().unwrap()), "required");
        }
        let known = &schema["properties"];
        for (name, entry) in object {
            let own = known.get(name).or_else(|| schema.get("additionalProperties"));
            match own {
                Some(own) => found.extend(refused(&format!("{at}.{name}"), entry, own, document)),
                None if known.is_object() => {
                    found.push(format!("{at}.{name} is not in the document"))
                }
                None => {}
            }
        }
    }
    for (n, entry) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(refused(&format!("{at}[{n}]"), entry, &schema["items"], document));
    }
    found
}

#[test]
fn the_document_and_the_router_have_the_same_routes() {
    let document = document();
    let documented: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(documented, routes().iter().map(|route| route.path).collect());
}

#[tokio::test]
async fn the_document_and_the_router_have_the_same_methods() {
    let api = Api::new().await;
    for (path, methods) in document()["paths"].as_object().unwrap() {
        let path = path.replace("{machine_id}", "TRUCK-21");
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let request = Request::builder().method(&method).uri(&path).body(Body::empty());
            let there = api.send(request.unwrap()).await.status != StatusCode::METHOD_NOT_ALLOWED;
            let documented = methods.get(method.as_str().to_ascii_lowercase()).is_some();
            assert_eq!(there, documented, "{method} {path}");
        }
    }
}

/// Asserts that the document allows this answer to this request.
fn held(document: &Value, method: &str, template: &str, got: &Got) {
    let responses = &document["paths"][template][method]["responses"];
    let response = &responses[got.status.as_str()];
    assert!(response.is_object(), "{method} {template}: {} is not documented", got.status);
    let given = got.headers["content-type"].to_str().unwrap();
    let mut kinds = response["content"].as_object().unwrap().iter();
    let (kind, content) = kinds.find(|(kind, _)| given.starts_with(kind.as_str())).unwrap();
    for header in response["headers"].as_object().unwrap().keys() {
        assert!(got.headers.contains_key(header.as_str()), "{method} {template}: no {header}");
    }
    let value = if kind == "application/json" { got.json() } else { json!(got.text) };
    let mistakes = refused(template, &value, &content["schema"], document);
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[tokio::test]
async fn every_answer_is_what_the_document_says() {
    let document = document();
    let api = Api::new().await;
    let features =
        json!({"machine_id": "T", "timestamp": "2024-06-11T10:00:00Z", "features": {"a": 1}});
    let mut burning = raw("TRUCK-21", 9);
    burning["metrics"] = json!({"fuel_rate_lh": 9, "kwh": 2.5});
    let posts = [
        ("/ingest/raw", raw("TRUCK-21", 1), 200),
        ("/ingest/raw", burning, 200),
        ("/ingest/raw", raw("TRUCK-21", 1), 200),
        ("/ingest/raw", json!({}), 400),
        ("/ingest/batch", json!([raw("TRUCK-21", 1), raw("TRUCK-21", 2), {}, 7]), 200),
        ("/ingest/batch", json!({"samples": []}), 400),
        ("/ingest/features", features, 200),
        ("/ingest/features", json!([]), 400),
    ];
    for (path, body, status) in posts {
        let got = api.post(path, body.to_string()).await;
        assert_eq!(got.status, status, "{path} {body}: {}", got.text);
        held(&document, "post", path, &got);
    }
    let mut seen = BTreeSet::new();
    for (template, query, status) in [
        ("/", "", 200),
        ("/health", "", 200),
        ("/metrics", "", 200),
        ("/openapi.json", "", 200),
        ("/predict", "machine_id=TRUCK-21", 200),
        ("/predict", "machine_id=GHOST", 404),
        ("/predict", "", 400),
        ("/predict/", "machine_id=TRUCK-21", 200),
        ("/predict/history/{machine_id}", "limit=201", 400),
        ("/machines", "", 200),
        ("/machines/", "limit=0", 400),
        ("/machines/", "", 200),
        ("/machines/{machine_id}/metrics", "", 200),
        ("/esg/current", "machine_id=TRUCK-21", 200),
        ("/esg/current", "machine_id=MILL-3", 404),
        ("/esg/history/{machine_id}", "", 200),
        ("/samples/{machine_id}", "limit=1", 200),
        ("/predict/history/{machine_id}", "", 200),
    ] {
        let path = template.replace("{machine_id}", "TRUCK-21");
        if template == "/predict/history/{machine_id}" {
            api.ingest(raw("TRUCK-21", 20)).await;
        }
        let got = api.get(&format!("{path}?{query}")).await;
        assert_eq!(got.status, status, "{path}?{query}: {}", got.text);
        held(&document, "get", template, &got);
        seen.insert(template);
    }
    let open = Request::get("/metrics").header("accept", "application/openmetrics-text");
    held(&document, "get", "/metrics", &api.send(open.body(Body::empty()).unwrap()).await);
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(
            methods.get("get").is_none() || seen.contains(path.as_str()),
            "{path} was not asked"
        );
    }
}

#[test]
fn the_check_of_schemas_sees_what_is_wrong() {
    let document = document();
    let schema = json!({"$ref": "#/components/schemas/Prediction"});
    let good = json!({"machine_id": "T", "timestamp": "t", "risk_score": 0.5, "confidence": 1,
        "failure_probability": 0, "maintenance_hours": 9.5});
    assert_eq!(refused("p", &good, &schema, &document), Vec::<String>::new());
    for (field, value) in
        [("risk_score", json!(1.5)), ("confidence", Value::Null), ("more", json!(1))]
    {
        let mut bad = good.clone();
        bad[field] = value;
        assert_eq!(refused("p", &bad, &schema, &document).len(), 1, "{field}");
    }
}

//! Metrics are true, and none of them is only declared.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::degraded::{pluggable, quick};
use super::{Api, raw};
use crate::settings::Settings;

/// Uses everything the backend has.
async fn drive(api: &Api) {
    for body in [raw("TRUCK-21", 1), raw("TRUCK-21", 1), json!({"machine_id": "TRUCK-21"})] {
        api.ingest(body).await;
    }
    let features = json!({
        "machine_id": "MILL-3",
        "timestamp": "2024-06-11T10:00:00Z",
        "features": {"a": 1.0},
    });
    api.post("/ingest/features", features.to_string()).await;
    api.get("/predict?machine_id=TRUCK-21").await;
    api.get("/samples/TRUCK-21").await;
}

#[tokio::test]
async fn every_declared_family_is_updated_by_use() {
    let settings = Settings {
        rate_limit_predict: 2,
        tracing_enabled: true,
        // Nobody collects: what is lost is counted.
        tracing_endpoint: "http://127.0.0.1:9".to_owned(),
        ..quick()
    };
    let (api, plug) = pluggable(settings).await;
    drive(&api).await;
    plug.out.store(true, Ordering::Relaxed);
    api.get("/predict?machine_id=TRUCK-21").await;
    api.get("/predict?machine_id=TRUCK-21").await;
    api.ingest(raw("TRUCK-21", 2)).await;
    api.ingest(raw("TRUCK-21", 2)).await;
    api.get("/metrics").await;
    api.telemetry.traces.close().await;
    // A request that is being served while the families are looked at.
    let _open = api.metrics.request("GET", "/machines/");
    let families = api.metrics.registry().gather();
    for name in api.metrics.declared() {
        let family = families.iter().find(|f| f.name() == name);
        let family = family.unwrap_or_else(|| panic!("{name} is declared and nothing updates it"));
        let moved = family.get_metric().iter().any(|m| {
            m.get_counter().get_value() > 0.0
                || m.get_gauge().get_value() > 0.0
                || m.get_histogram().get_sample_count() > 0
        });
        // No connection is in use when nothing is asked of the store.
        assert!(moved || name == "db_connections_active", "{name} stayed at zero");
    }
    assert!(families.iter().any(|f| f.name() == "process_cpu_seconds_total"));
}

#[tokio::test]
async fn names_and_labels_are_the_contracts() {
    let api = Api::new().await;
    drive(&api).await;
    api.get("/predict/?machine_id=TRUCK-21").await;
    api.get("/machines/TRUCK-21/metrics").await;
    api.get("/no/such/route").await;
    let got = api.get("/metrics").await;
    assert!(got.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    for line in [
        r#"http_requests_total{endpoint="/ingest/raw",method="POST",status_code="200"} 2"#,
        r#"http_requests_total{endpoint="/ingest/raw",method="POST",status_code="400"} 1"#,
        r#"http_requests_total{endpoint="/predict/",method="GET",status_code="200"} 2"#,
        r#"http_requests_total{endpoint="/machines/{machine_id}/metrics",method="GET",status_code="200"} 1"#,
        r#"http_requests_total{endpoint="unmatched",method="GET",status_code="404"} 1"#,
        r#"http_request_duration_seconds_bucket{endpoint="/ingest/raw",method="POST",le="2.5"} 3"#,
        r#"http_requests_in_progress{endpoint="/metrics",method="GET"} 1"#,
        r#"http_requests_in_progress{endpoint="/ingest/raw",method="POST"} 0"#,
        r#"db_queries_total{operation="insert",table="samples"} 2"#,
        r#"db_queries_total{operation="select",table="samples"} 1"#,
        r#"ml_predictions_total{machine_type="haul_truck",model_version="rules-1"} 3"#,
        r#"ml_prediction_risk_score_count{machine_type="haul_truck"} 3"#,
        r#"data_ingestion_total{data_type="raw",machine_id="TRUCK-21"} 2"#,
        r#"data_ingestion_total{data_type="features",machine_id="MILL-3"} 1"#,
        r#"data_ingestion_duplicates_total{machine_id="TRUCK-21"} 1"#,
        r#"data_ingestion_errors_total{error_type="missing_required_field",machine_id="TRUCK-21"} 1"#,
        r#"errors_total{error_code="missing_required_field",error_type="validation"} 1"#,
        r#"errors_total{error_code="route_not_found",error_type="not_found"} 1"#,
        r#"validation_errors_total{constraint="required",field="timestamp"} 1"#,
        r#"system_info{environment="ci",version="1.2.3"} 1"#,
    ] {
        assert!(got.text.lines().any(|l| l == line), "missing: {line}\n{}", got.text);
    }
}

/// The page for whoever asks for OpenMetrics.
async fn scraped(api: &Api) -> super::Got {
    let request = Request::get("/metrics").header("accept", "application/openmetrics-text");
    api.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_failed_request_is_the_exemplar_of_its_series() {
    let (api, plug) = pluggable(quick()).await;
    let ingest = async |id: &str, flags: &str, body: String| {
        let parent = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
        let request = Request::post("/ingest/raw").header("x-request-id", id);
        let request = request.header("traceparent", parent).body(Body::from(body));
        api.send(request.unwrap()).await.status.as_u16()
    };
    assert_eq!(ingest("good", "01", raw("TRUCK-21", 1).to_string()).await, 200);
    plug.out.store(true, Ordering::Relaxed);
    assert_eq!(ingest("dead", "01", raw("TRUCK-21", 2).to_string()).await, 500);
    assert_eq!(ingest("bad", "01", "{}".to_owned()).await, 400);
    assert_eq!(ingest("unsampled", "00", "{}".to_owned()).await, 400);
    let got = scraped(&api).await;
    let given = got.headers["content-type"].to_str().unwrap();
    assert_eq!(given, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let of = |series: &str| {
        let mut lines = got.text.lines().filter(|line| line.starts_with(series));
        lines.find_map(|line| line.split_once(" # ")).map(|(_, exemplar)| exemplar)
    };
    for (series, id) in [
        (r#"http_requests_total{endpoint="/ingest/raw",method="POST",status_code="400"} 2"#, "bad"),
        (
            r#"http_requests_total{endpoint="/ingest/raw",method="POST",status_code="500"} 1"#,
            "dead",
        ),
        (r#"errors_total{error_code="database_error",error_type="database"} 1"#, "dead"),
        (r#"data_ingestion_duration_seconds_bucket{data_type="raw""#, "good"),
    ] {
        let expect =
            format!("{{trace_id=\"0af7651916cd43dd8448eb211c80319c\",request_id=\"{id}\"}} ");
        let exemplar = of(series).unwrap_or_else(|| panic!("{series}: none\n{}", got.text));
        assert!(exemplar.starts_with(&expect), "{series}: {exemplar}");
    }
    assert!(of(r#"http_request_duration_seconds_bucket{endpoint="/ingest/raw""#).is_some());
    let good = r#"http_requests_total{endpoint="/ingest/raw",method="POST",status_code="200"}"#;
    assert!(of(good).is_none(), "what went well is in the histogram");
    assert!(!got.text.contains("unsampled"));
    assert!(!api.get("/metrics").await.text.contains("trace_id"), "the older text has none");
}

/// What `rate()` sees as a rise: a series that the scrape before had.
#[tokio::test]
async fn the_first_burst_of_errors_has_a_scrape_before_it() {
    let settings = Settings { rate_limit_predict: 1, ..quick() };
    let (api, plug) = pluggable(settings).await;
    let counters = async || {
        let text = api.get("/metrics").await.text;
        let counter = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            let watched = ["http_requests_total{", "errors_total{", "data_ingestion_errors_total{"];
            let watched = watched.iter().any(|name| series.starts_with(name));
            // A route that is not there, or a machine's own mistake, alarms nobody.
            watched.then(|| (series.to_owned(), value.parse::<f64>().unwrap()))
        };
        text.lines().filter_map(counter).collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = counters().await;
    // Routes are few, and so are their answers: a page that every scrape carries stays small.
    assert!((60..120).contains(&before.len()), "{}", before.len());
    assert!(before.values().all(|value| *value == 0.0), "{before:?}");
    plug.out.store(true, Ordering::Relaxed);
    for number in 1..=6 {
        api.ingest(raw("TRUCK-21", number)).await;
        api.post("/ingest/raw", "{").await;
        api.get("/samples/TRUCK-21").await;
        api.get("/predict/?machine_id=TRUCK-21").await;
        api.get("/machines/?limit=none").await;
    }
    let after = counters().await;
    let risen: Vec<_> = after.iter().filter(|(_, value)| **value > 0.0).collect();
    for code in ["400", "429", "500", "503"] {
        assert!(risen.iter().any(|(series, _)| series.contains(code)), "{code}: {risen:?}");
    }
    for (series, _) in risen {
        assert!(before.contains_key(series), "{series} begins with its first error");
    }
}

#[tokio::test]
async fn a_machines_losses_are_counted_from_its_first_record_on() {
    let (api, plug) = pluggable(quick()).await;
    api.ingest(raw("DRILL-9", 1)).await;
    let lost = r#"data_ingestion_errors_total{error_type="database_error",machine_id="DRILL-9"}"#;
    assert!(api.get("/metrics").await.text.contains(&format!("{lost} 0\n")));
    plug.out.store(true, Ordering::Relaxed);
    api.ingest(raw("DRILL-9", 2)).await;
    assert!(api.get("/metrics").await.text.contains(&format!("{lost} 1\n")));
}

/// Under load few of the failed requests have a line: exemplars are of these.
#[tokio::test]
async fn an_exemplar_of_an_error_has_a_line_in_the_log() {
    let (api, _) = pluggable(quick()).await;
    tokio::time::pause();
    for number in 1..=20 {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let request = Request::post("/ingest/raw").header("x-request-id", format!("r{number}"));
        let request = request.header("traceparent", parent).body(Body::from("{}"));
        api.send(request.unwrap()).await;
    }
    let text = scraped(&api).await.text;
    for series in [
        r#"http_requests_total{endpoint="/ingest/raw",method="POST",status_code="400"} 20 # "#,
        r#"errors_total{error_code="missing_required_field",error_type="validation"} 20 # "#,
    ] {
        let exemplar = text.lines().find_map(|line| line.strip_prefix(series)).unwrap();
        // Five lines a second: the twentieth within the first has none.
        let number =
            exemplar.split_once("request_id=\"r").and_then(|(_, rest)| rest.split_once('"'));
        assert_eq!(number.unwrap().0, "5", "{exemplar}");
    }
}

#[tokio::test]
async fn clients_cannot_make_labels() {
    let api = Api::new().await;
    for n in 0..20 {
        api.get(&format!("/made/up/{n}")).await;
        api.get(&format!("/machines/GHOST-{n}/metrics")).await;
        let odd = Request::builder().method(format!("ODD{n}").as_str()).uri("/machines/");
        api.send(odd.body(Body::empty()).unwrap()).await;
        let mut body = raw(&format!("GHOST-{n}"), 1);
        body["metrics"] = json!({format!("sensor{n}"): "x"});
        api.ingest(body).await;
    }
    let text = api.get("/metrics").await.text;
    for made in ["GHOST", "made/up", "ODD", "sensor"] {
        assert!(!text.contains(made), "{made} became a label");
    }
    assert!(text.contains(r#"validation_errors_total{constraint="number",field="metrics"} 20"#));
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_gauge_and_is_not_counted_as_answered() {
    let api = Api::mutant("slow=1h").await;
    let request = api.get("/machines/");
    let left = tokio::time::timeout(std::time::Duration::from_millis(20), request).await;
    assert!(left.is_err());
    let text = api.get("/metrics").await.text;
    assert!(text.contains(r#"http_requests_in_progress{endpoint="/machines/",method="GET"} 0"#));
    let counted =
        text.lines().filter(|l| l.starts_with(r#"http_requests_total{endpoint="/machines/""#));
    assert!(counted.clone().count() > 0 && counted.clone().all(|l| l.ends_with(" 0")), "{text}");
}

#[test]
fn the_readme_names_every_family_and_route() {
    let readme = include_str!("../../../README.md");
    let registry = std::sync::Arc::new(prometheus::Registry::new());
    let metrics = crate::telemetry::metrics::Metrics::new(registry, "v", "e").unwrap();
    for name in metrics.declared() {
        assert!(readme.contains(name.as_str()), "README.md does not name {name}");
    }
    for route in super::super::meta::ROUTES {
        let path = route.split(['?', ' ']).nth(1).unwrap();
        assert!(readme.contains(path), "README.md does not name {route}");
    }
}

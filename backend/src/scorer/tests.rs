//! A remote scorer that answers, fails, lies and is silent: what callers are told, and that it is left
//! alone once the breaker is open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use prometheus::Registry;
use serde_json::json;

use super::{Scorer, ScorerError};
use crate::fleet::{Fleet, Machine};
use crate::machine::MachineId;
use crate::model;
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use crate::telemetry::breakers::Breakers;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;

/// A scorer that always answers the same, and how often it was asked.
async fn scripted(answer: fn() -> Response) -> (SocketAddr, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let handler = move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        answer()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/score", post(handler));
    tokio::spawn(async { axum::serve(listener, router).await });
    (address, asked)
}

fn asking(address: Option<SocketAddr>) -> Scorer {
    let settings = Settings {
        scorer_url: address.map(|a| format!("http://{a}")),
        retry_base: Duration::from_millis(1),
        ..Settings::default()
    };
    let metrics = Arc::new(Metrics::new(Arc::new(Registry::new()), "v", "e").unwrap());
    let breaker = Breakers::default().make("scorer", settings.breaker().unwrap(), &metrics);
    let telemetry = Arc::new(Telemetry::new(metrics, Traces::default()));
    Scorer::new(&settings, breaker, settings.retry().unwrap(), telemetry).unwrap()
}

fn machine() -> Arc<Machine> {
    let (fleet, id) = (Fleet::default(), MachineId::parse("TRUCK-21").unwrap());
    fleet.register([&id]);
    fleet.get(&id).unwrap()
}

#[tokio::test]
async fn a_remote_scorer_says_what_the_embedded_one_says() {
    let remote = crate::Server::bind_scorer(Settings {
        listen: ([127, 0, 0, 1], 0).into(),
        ..Settings::default()
    });
    let remote = remote.await.unwrap();
    let address = remote.address();
    tokio::spawn(remote.run(std::future::pending()));
    let machine = machine();
    let embedded = asking(None).predict(&machine).await.unwrap();
    assert_eq!(asking(Some(address)).predict(&machine).await, Ok(embedded));
    assert_eq!(embedded, model::predict(machine.base_risk, None));
}

#[tokio::test]
async fn each_kind_of_failure_has_its_name_and_its_attempts() {
    type Case = (fn() -> Response, fn(&ScorerError) -> bool, u32);
    let cases: [Case; 6] = [
        (
            || StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            |e| matches!(e, ScorerError::Failed(_)),
            3,
        ),
        (|| StatusCode::TOO_MANY_REQUESTS.into_response(), |e| *e == ScorerError::Limited, 1),
        (|| StatusCode::BAD_REQUEST.into_response(), |e| *e == ScorerError::Refused(400), 1),
        (|| "no JSON".into_response(), |e| matches!(e, ScorerError::Nonsense(_)), 1),
        (
            || {
                let lie = json!({"risk_score": 7.0, "failure_probability": 0.5, "confidence": 0.5,
                    "maintenance_hours": 1.0});
                axum::Json(lie).into_response()
            },
            |e| matches!(e, ScorerError::Nonsense(_)),
            1,
        ),
        (
            || {
                let past = json!({"risk_score": 0.5, "failure_probability": 0.5, "confidence": 0.5,
                    "maintenance_hours": -1.0});
                axum::Json(past).into_response()
            },
            |e| matches!(e, ScorerError::Nonsense(_)),
            1,
        ),
    ];
    for (n, (answer, expect, attempts)) in cases.into_iter().enumerate() {
        let (address, asked) = scripted(answer).await;
        let error = asking(Some(address)).predict(&machine()).await.unwrap_err();
        assert!(expect(&error), "case {n}: {error:?}");
        assert_eq!(asked.load(Ordering::SeqCst), attempts, "case {n}");
    }
}

#[tokio::test]
async fn an_open_breaker_asks_nobody() {
    let (address, asked) = scripted(|| StatusCode::BAD_GATEWAY.into_response()).await;
    let (scorer, machine) = (asking(Some(address)), machine());
    assert!(matches!(scorer.predict(&machine).await, Err(ScorerError::Failed(_))));
    assert!(matches!(scorer.predict(&machine).await, Err(ScorerError::Open { .. })));
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    for _ in 0..10 {
        assert!(matches!(scorer.predict(&machine).await, Err(ScorerError::Open { .. })));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

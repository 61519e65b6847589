//! What would undo a fault on containers before its time, never let it be undone, or was done before it.
//!
//! Invariant: a fault that somebody else put right is not taken for one that lasted.
//! Not here: doing and undoing it (`broken`).

use super::broken::join;
use crate::plan::{Fault, FaultKind, RestartedBy};
use crate::service::engine::{Engine, Put, Vessel};
use crate::service::undo::Adrift;

/// Containers, and when each had been started.
pub(super) type Since = Vec<(Vessel, String)>;

/// What a fault was seen to have done to its containers.
#[derive(Debug, Default)]
pub(in crate::run) struct Broken {
    /// Those that are broken.
    pub(super) now: Since,
    /// All that it was to end, as they were before.
    pub(super) before: Since,
}

/// Whether a fault makes its containers end.
pub(in crate::run) fn ends(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Kill { .. } | FaultKind::Stop | FaultKind::Restart)
}

/// Refuses a fault that ends containers which their engine then removes, for nobody could start them again;
/// one on containers that stand still already, for its end would undo what somebody else did; and one that
/// takes them out of a network in which they are not.
///
/// # Errors
/// A sentence that says what to do.
pub(in crate::run) async fn can_be_broken(
    engine: &Engine,
    vessels: &[Vessel],
    fault: &Fault,
) -> Result<(), String> {
    for vessel in vessels {
        let Some(now) = engine.condition(&vessel.id).await? else { continue };
        if now.paused {
            let name = &vessel.name;
            return Err(format!(
                "the container {name} stands still, and not by fault `{}`: let it go on before \
                 (`docker unpause {name}`)",
                fault.name
            ));
        }
        if now.passing && ends(fault) {
            return Err(format!(
                "its engine removes the container {} when it ends, so nobody could undo fault `{}`: \
                 start it without `--rm`",
                vessel.name, fault.name
            ));
        }
    }
    if let FaultKind::Disconnect { network } = &fault.kind {
        join(engine, vessels, network.as_deref()).await?;
    }
    Ok(())
}

/// Which of a fault's containers are broken now.
pub(super) async fn broken(engine: &Engine, adrift: &Adrift) -> Since {
    let mut broken = Vec::new();
    for vessel in &adrift.vessels {
        let Ok(Some(now)) = engine.condition(&vessel.id).await else { continue };
        if !adrift.put.is_right(&vessel.id, &now) {
            broken.push((vessel.clone(), now.started));
        }
    }
    broken
}

/// A sentence where somebody else has put right what a fault broke, before its end came.
pub(super) async fn mended_before(
    engine: &Engine,
    (adrift, broken): (&Adrift, &Since),
    kind: &FaultKind,
) -> Option<String> {
    let is_left_to_others =
        matches!(kind, FaultKind::Restart | FaultKind::Kill { by: RestartedBy::Supervisor, .. });
    for (vessel, started) in broken.iter().filter(|_| !is_left_to_others) {
        let Ok(Some(now)) = engine.condition(&vessel.id).await else { continue };
        let was_up = adrift.put == Put::Run && now.started != *started;
        if was_up || adrift.put.is_right(&vessel.id, &now) {
            let name = &vessel.name;
            return Some(format!("somebody else had put container {name} right before its end"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, compile_to_measure};
    use crate::spec::{Overrides, decode};
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper_util::rt::TokioIo;
    use std::future::ready;

    /// An engine all of whose containers are like this.
    async fn engine(container: &'static str) -> Engine {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = hyper::service::service_fn(move |_| {
                    let answer = hyper::Response::new(Full::new(Bytes::from(container)));
                    ready(Ok::<_, std::convert::Infallible>(answer))
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Engine::connect(Some(&host)).await.unwrap()
    }

    fn plan(fault: &str) -> Plan {
        let text = format!(
            "schema: 1\nname: a\nservices: {{s: {{url: \"http://127.0.0.1:1\"}}, shop: \
             {{running-container: {{name: shop}}}}}}\nload: {{l: {{constant-arrival-rate: {{rate: 1/s, \
             duration: 9s, to: s, requests: [{{get: {{path: /}}}}]}}}}}}\nfaults: {{f: {fault}}}\n"
        );
        let loaded = decode("a.yaml", &text, &Overrides::default(), &|_| None);
        compile_to_measure(loaded).unwrap_or_else(|why| panic!("{why:?}\n{text}"))
    }

    #[tokio::test]
    async fn what_somebody_else_has_done_is_not_done_again_nor_undone() {
        let vessel = Vessel { id: "c0ffee".to_owned(), name: "shop-1".to_owned() };
        let all = [vessel];
        let told = async |container, fault: &str| {
            let (engine, plan) = (engine(container).await, plan(fault));
            can_be_broken(&engine, &all, &plan.faults[0]).await
        };
        let pause = "{pause: {service: shop, at: 3s, duration: 2s, recovery: 1s}}";
        let leave =
            "{disconnect: {service: shop, network: back, at: 3s, duration: 2s, recovery: 1s}}";
        let paused = r#"{"ApiVersion":"1.44","State":{"Running":true,"Paused":true}}"#;
        let well = r#"{"ApiVersion":"1.44","State":{"Running":true,"Paused":false}}"#;
        let refused = told(paused, pause).await.unwrap_err();
        assert!(refused.contains("shop-1 stands still, and not by fault `f`"), "{refused}");
        assert_eq!(told(well, pause).await, Ok(()));
        let refused = told(well, leave).await.unwrap_err();
        assert!(refused.contains("not in network back"), "{refused}");
    }
}

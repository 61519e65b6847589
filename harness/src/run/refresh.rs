//! Names of services are looked up again while the run goes on.
//!
//! Invariant: what cannot be looked up, or may not be loaded, changes nothing: the last addresses
//! stay, and that is told once.
//! Not here: looking up and consent (`service`), using the addresses (`client`).

use crate::client::Ends;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Looks again and again, for ever; `look` is given the addresses that are known.
pub(super) async fn refresh<F, L>(
    name: String,
    ends: Arc<Ends>,
    every: Duration,
    look: F,
    tell: mpsc::UnboundedSender<String>,
) where
    F: Fn(Vec<SocketAddr>) -> L,
    L: Future<Output = Result<Vec<SocketAddr>, String>>,
{
    let mut told = BTreeSet::new();
    loop {
        tokio::time::sleep(every).await;
        match look(ends.all()).await {
            Ok(addrs) => ends.set(addrs),
            Err(why) => {
                if told.insert(why.clone()) {
                    // Nobody listens any more only if the run has ended.
                    let _ = tell.send(format!(
                        "service {name} could not be looked up again: {why}; its last addresses \
                         were used"
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test(start_paused = true)]
    async fn addresses_follow_the_name_and_survive_its_loss() {
        let addr = |last| SocketAddr::from(([127, 0, 0, last], 80));
        let ends = Arc::new(Ends::new(vec![addr(1)]));
        let answers = [
            Ok(vec![addr(1), addr(2)]),
            Err("no answer".to_owned()),
            Err("no answer".to_owned()),
            Ok(vec![addr(3)]),
        ];
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        let look = move |_| {
            let next = answers.lock().unwrap().next();
            async move { next.unwrap_or(Err("it is over".to_owned())) }
        };
        let (tell, mut told) = mpsc::unbounded_channel();
        let every = Duration::from_secs(5);
        tokio::spawn(refresh("shop".to_owned(), Arc::clone(&ends), every, look, tell));
        tokio::time::sleep(Duration::from_secs(1)).await;
        for wanted in [vec![addr(1)], vec![addr(1), addr(2)], vec![addr(1), addr(2)]] {
            assert_eq!(ends.all(), wanted);
            tokio::time::sleep(every).await;
        }
        tokio::time::sleep(every).await;
        assert_eq!(ends.all(), [addr(3)]);
        assert!(told.recv().await.unwrap().contains("no answer; its last addresses were used"));
        assert!(told.recv().await.unwrap().contains("it is over"));
    }
}

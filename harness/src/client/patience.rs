//! Deadlines that a generator which stood still does not make a peer miss.
//!
//! Invariant: nothing times out before we have looked for it at or after its deadline.
//! Not here: how long we were away (`load::away`).

use std::future::Future;
use std::pin::pin;
use tokio::time::{Duration, Instant, timeout_at};

/// Who comes so much later than asked, µs, was away: half of it is what makes a generator late for the
/// strictest limit, and no scheduler of an idle machine needs as long.
pub(crate) const AWAY_US: u64 = 10_000;

/// The output of a future that comes by then. Where the deadline itself comes much too late we have been
/// away, and what came meanwhile may still wait to be read: then there is as much time once more.
pub(super) async fn until<T>(deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    if let Ok(output) = timeout_at(deadline, future.as_mut()).await {
        return Some(output);
    }
    timeout_at(extended(deadline)?, future).await.ok()
}

/// Until when a deadline that has come is put off, once; none where it came when it was asked for.
pub(super) fn extended(deadline: Instant) -> Option<Instant> {
    let now = Instant::now();
    let late = now.saturating_duration_since(deadline);
    (late >= Duration::from_micros(AWAY_US)).then(|| now + late)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep, sleep_until};

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_comes_much_too_late_waits_for_what_is_on_its_way() {
        let at = Instant::now();
        let second = Duration::from_secs(1);
        let ready = |after: Duration| async move { sleep_until(at + after).await };
        // In time, and not.
        assert_eq!(until(at + second, ready(second / 2)).await, Some(()));
        let asked = Instant::now();
        assert_eq!(until(asked + second, std::future::pending::<()>()).await, None);
        assert!(asked.elapsed() < second + second / 50);
        // Away for 4 s: what takes another 10 ms to reach us is not late.
        let deadline = Instant::now() + second;
        let waits = tokio::spawn(until(deadline, async move {
            sleep(second * 4).await;
            sleep(second / 100).await;
        }));
        tokio::task::yield_now().await;
        advance(second * 4).await;
        assert_eq!(waits.await.unwrap(), Some(()));
        // Nor does it wait for ever.
        let waits = tokio::spawn(until(Instant::now() + second, std::future::pending::<()>()));
        tokio::task::yield_now().await;
        advance(second * 4).await;
        assert_eq!(waits.await.unwrap(), None);
    }
}

//! A deadline for each exchange of a connection at the cost of one timer for many of them.
//!
//! Deadlines mostly move forward, and hardly any is ever reached: so the timer stays where it was
//! set, and is set anew when it rings too early.
//!
//! Invariant: never early; as late as the runtime's timers are, up to a millisecond.
//! Not here: what a missed deadline means (`attempt`).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// One connection's timer.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready when the deadline has come.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn rings_at_each_deadline_wherever_it_was_set_before() {
        let mut alarm = Alarm::default();
        for ms in [10, 500, 20, 20, 1, 3_000] {
            let began = Instant::now();
            let deadline = began + Duration::from_millis(ms);
            // Set, and left before it rang, as an exchange does that ends in time.
            let pending = poll_fn(|context| Poll::Ready(alarm.poll(context, deadline))).await;
            assert!(pending.is_pending(), "{ms}");
            poll_fn(|context| alarm.poll(context, deadline)).await;
            assert_eq!(began.elapsed(), Duration::from_millis(ms));
            // Set far ahead: the next deadline is before it.
            let far = Instant::now() + Duration::from_secs(60);
            assert!(poll_fn(|context| Poll::Ready(alarm.poll(context, far))).await.is_pending());
        }
    }
}

//! A body's bytes on their way, no faster than faults allow.
//!
//! Invariant: bytes that were put in come out in order, each once, whatever the pace becomes.
//! Not here: whose bytes they are (`body`), which pace holds (`passage`).

use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// The longest piece, and how much may be made up for after a wait, in time.
const STEP: Duration = Duration::from_millis(20);

/// A shorter wait slows nobody down: timers have no finer grain.
const FELT: Duration = Duration::from_millis(1);

/// Bytes that were read and not yet passed on.
#[derive(Default)]
pub(crate) struct Pacer {
    rest: Bytes,
    /// Up to when the pace has been used.
    used: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Pacer {
    /// More bytes. Only once there is nothing left.
    pub(crate) fn put(&mut self, bytes: Bytes) {
        self.rest = bytes;
    }

    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Nothing comes, or nothing may go: time that passes is not made up for.
    pub(crate) fn pause(&mut self) {
        self.used = None;
        self.alarm = None;
    }

    /// The next piece, of at most so many bytes, once this pace allows it; `waits` is called if
    /// that is not for a while.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        pace: Option<u64>,
        most: usize,
        waits: impl FnOnce(),
    ) -> Poll<Bytes> {
        let most = most.min(self.rest.len());
        let Some(pace) = pace else {
            self.pause();
            return Poll::Ready(self.rest.split_to(most));
        };
        let now = Instant::now();
        let used = match self.used {
            // While a piece waits, time that passes is its own.
            Some(used) if self.alarm.is_some() => used,
            Some(used) => used.max(now.checked_sub(STEP).unwrap_or(now)),
            None => now,
        };
        self.used = Some(used);
        let step = STEP.as_secs_f64() * pace as f64;
        let piece = (step as usize).clamp(1, most.max(1)).min(most);
        let lasts = Duration::try_from_secs_f64(piece as f64 / pace as f64);
        let due = lasts.ok().and_then(|lasts| used.checked_add(lasts));
        if due.is_none_or(|due| now < due) {
            if due.is_none_or(|due| due - now >= FELT) {
                waits();
            }
            let Some(due) = due else { return Poll::Pending };
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if alarm.deadline() != due {
                alarm.as_mut().reset(due);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        self.used = due;
        self.alarm = None;
        Poll::Ready(self.rest.split_to(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    async fn piece(pacer: &mut Pacer, pace: Option<u64>, most: usize) -> Bytes {
        poll_fn(|cx| pacer.poll_piece(cx, pace, most, || ())).await
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_take_their_time_and_none_is_lost() {
        let sent: Vec<u8> = (0..10_000_u32).map(|at| at as u8).collect();
        let mut pacer = Pacer::default();
        pacer.put(Bytes::from(sent.clone()));
        let begun = Instant::now();
        let mut came = Vec::new();
        while came.len() < 5_000 {
            came.extend(piece(&mut pacer, Some(10_000), usize::MAX).await);
        }
        // 5000 bytes at 10 000 a second; a timer is up to 1 ms late, which is made up for.
        let took = begun.elapsed().as_millis();
        assert!((499..=502).contains(&took), "{took} ms");
        // Slower in the middle, then without a pace: at once.
        came.extend(piece(&mut pacer, Some(1), usize::MAX).await);
        assert_eq!((came.len(), begun.elapsed().as_millis() / 100), (5_001, 15));
        came.extend(piece(&mut pacer, None, 10).await);
        came.extend(piece(&mut pacer, None, usize::MAX).await);
        assert_eq!((begun.elapsed().as_millis() / 100, pacer.left()), (15, 0));
        assert!(came == sent);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_wait_that_can_be_felt_is_told() {
        for (pace, felt) in [(10_000, true), (10 << 30, false), (0, true)] {
            let (mut pacer, mut told) = (Pacer::default(), false);
            pacer.put(Bytes::from(vec![0; 64 * 1024]));
            let next = poll_fn(|cx| pacer.poll_piece(cx, Some(pace), usize::MAX, || told = true));
            let _in_time = tokio::time::timeout(Duration::from_secs(1), next).await;
            assert_eq!(told, felt, "{pace} bytes a second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_made_up_for() {
        let mut pacer = Pacer::default();
        pacer.put(Bytes::from(vec![0; 1000]));
        piece(&mut pacer, Some(1000), usize::MAX).await;
        tokio::time::advance(Duration::from_secs(5)).await;
        let begun = Instant::now();
        while pacer.left() > 0 {
            piece(&mut pacer, Some(1000), usize::MAX).await;
        }
        // 980 bytes are left, and 20 ms may be made up for.
        assert!(begun.elapsed() >= Duration::from_millis(950), "{:?}", begun.elapsed());
    }
}

//! Looks at services for guards, once a second.
//!
//! A look that gets no answer has failed after 2 s, or as soon as nothing was answered for as long as the guard
//! allows: a service that hangs for so long is found by one look, or by looks that follow each other at once.
//!
//! Invariant: what is told says when it was asked, for a service fails from then on.
//! Not here: what follows (`guard`).

use crate::clock::Clock;
use crate::plan::guard::Guard;
use crate::probe::{self, Probed, WITHIN};
use crate::service::Address;
use assay_slo::{At, Event};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Duration;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks at services for guards, once a second, until it is dropped.
#[derive(Debug)]
pub(in crate::run) struct Lookers {
    told: mpsc::UnboundedReceiver<Event>,
    _tasks: JoinSet<()>,
}

impl Lookers {
    /// Starts looking; `address` knows where services answer.
    pub(in crate::run) fn start(
        guards: &[Guard],
        clock: Clock,
        address: impl Fn(&str) -> Option<Address>,
    ) -> Lookers {
        let (tell, told) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for guard in guards {
            let Guard::Probe { name, look, hold_us } = guard else { continue };
            let Some(at) = address(&look.service) else { continue };
            let (name, look, tell) = (name.clone(), look.clone(), tell.clone());
            let hold = Duration::from_micros(*hold_us);
            tasks.spawn(looking(clock, hold, name.clone(), tell, move |within| {
                let (name, look, at) = (name.clone(), look.clone(), at.clone());
                async move { probe::http(&name, &look, &at, within).await }
            }));
        }
        Lookers { told, _tasks: tasks }
    }

    /// The next look; never ends when there is nothing to look at.
    pub(in crate::run) async fn next(&mut self) -> Event {
        match self.told.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }
}

/// Asks again and again, each time for so long at most, until nobody listens.
async fn looking<F: Future<Output = Probed>>(
    clock: Clock,
    hold: Duration,
    name: String,
    tell: mpsc::UnboundedSender<Event>,
    ask: impl Fn(Duration) -> F,
) {
    // Since when nothing was answered while one look followed the other at once.
    let mut silent: Option<At> = None;
    loop {
        let asked = clock.now();
        let next = asked.plus(LOOK_EVERY.as_micros() as i64);
        let gone = Duration::from_micros(asked.since(silent.unwrap_or(asked)).unsigned_abs());
        let left = hold.saturating_sub(gone);
        let within = if left.is_zero() { WITHIN } else { left.min(WITHIN) };
        let Probed { ok, detail } = ask(within).await;
        let event = Event::Probe { name: name.clone(), ok, detail, asked: Some(asked) };
        if tell.send(event).is_err() {
            return;
        }
        let goes_on = !ok && clock.now() >= next;
        silent = goes_on.then(|| silent.unwrap_or(asked));
        clock.sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Guards, tests::probe};
    use super::*;
    use assay_slo::Entry;
    use tokio::time::{sleep, timeout, timeout_at};

    /// When a run is stopped within 20 s, in ms, by a service that hangs between these instants and else
    /// takes so long to answer.
    async fn stopped(fails_for: u64, takes: u64, hangs: std::ops::Range<u64>) -> Option<u64> {
        let (clock, hold) = (Clock::start(), Duration::from_millis(fails_for));
        let ms = |at: At| at.0 / 1000;
        let ask = move |within| {
            let until = At(hangs.end * 1000);
            let hangs = hangs.clone();
            let answer = async move {
                sleep(Duration::from_millis(takes)).await;
                if hangs.contains(&ms(clock.now())) {
                    clock.sleep_until(until).await;
                }
            };
            async move {
                let ok = timeout(within, answer).await.is_ok();
                Probed { ok, detail: "x".to_owned() }
            }
        };
        let (tell, mut told) = mpsc::unbounded_channel();
        let looking = looking(clock, hold, "x".to_owned(), tell, ask);
        let _aborted_when_dropped = {
            let mut tasks = JoinSet::new();
            tasks.spawn(looking);
            tasks
        };
        let mut guards = Guards::watching(vec![probe("x", fails_for * 1000)]);
        let end = clock.instant(At(20_000_000));
        while let Ok(Some(event)) = timeout_at(end, told.recv()).await {
            guards.event(&Entry { at: clock.now(), event });
            if guards.stop(clock.now()).is_some() {
                return Some(ms(clock.now()));
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_hangs_for_so_long_stops_the_run() {
        // One look, which is asked within a second of the beginning, is enough.
        assert_eq!(stopped(500, 1, 4_900..8_800).await, Some(5_500));
        assert_eq!(stopped(500, 1, 5_100..8_600).await, Some(6_500));
        assert_eq!(stopped(2_000, 1, 4_900..8_800).await, Some(7_000));
        // Two that follow each other at once.
        assert_eq!(stopped(3_000, 1, 5_100..9_200).await, Some(9_000));
        assert_eq!(stopped(5_000, 1, 5_100..30_000).await, Some(11_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_slow_but_answers_does_not() {
        assert_eq!(stopped(500, 450, 0..0).await, None);
        assert_eq!(stopped(3_000, 1_900, 0..0).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hang_that_is_shorter_does_not() {
        assert_eq!(stopped(3_000, 1, 5_000..7_900).await, None, "one look failed");
        assert_eq!(stopped(500, 1, 5_000..5_400).await, None, "one look was late");
    }
}

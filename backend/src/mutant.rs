//! Mutants: twins of the backend that break one promise, so that a scenario can prove it notices.
//!
//! `slow-tail=10%` that share of requests takes 1 s · `errors=1%` that share is answered
//! 500 `internal_error` · `drop-writes=1%` that share of ingests is acknowledged and forgotten ·
//! `no-recovery=12s` 503 `service_unavailable` to everything, from that long after the first
//! request on · `slow=200ms` every request takes at least that long · `in-turn=4ms` requests are
//! served one after another, each for that long: 250 a second and no more · `leak=64KiB` every request
//! keeps so much memory for good · `early-ack` an ingest is acknowledged before it is kept.
//!
//! Invariant: shares are exact: any 100 consecutive requests (1 000 or 10 000 for one or two
//! decimals) hold exactly the share, whatever the load.
//! Invariant: `/metrics` is never touched, and `/health` by `no-recovery` only.
//! Not here: the answers themselves (see `api`).

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::units::{self, PartOf};

/// What `slow-tail` makes of its victims.
const TAIL: Duration = Duration::from_secs(1);

/// One broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// This share of the requests takes 1 s.
    SlowTail(PartOf),
    /// This share of the requests is answered 500 `internal_error`.
    Errors(PartOf),
    /// This share of the ingests is acknowledged and forgotten.
    DropWrites(PartOf),
    /// Everything is answered 503 from this long after the first request on, for good.
    NoRecovery(Duration),
    /// Every request takes at least this long.
    Slow(Duration),
    /// Requests are served one after another, each for this long.
    InTurn(Duration),
    /// Every request keeps so many bytes for good.
    Leak(usize),
    /// An ingest is acknowledged before it is kept, whatever becomes of that.
    EarlyAck,
}

/// A text that names no mutant, and what would.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadMutant(String);

impl FromStr for Mutant {
    type Err = BadMutant;

    fn from_str(text: &str) -> Result<Mutant, BadMutant> {
        let (kind, value) = text.trim().split_once('=').unwrap_or((text.trim(), ""));
        let share = || PartOf::parse(value).map_err(|m| BadMutant(format!("{kind}: {m}")));
        let time = || units::duration(value).map_err(|m| BadMutant(format!("{kind}: {m}")));
        match kind {
            "slow-tail" => Ok(Mutant::SlowTail(share()?)),
            "errors" => Ok(Mutant::Errors(share()?)),
            "drop-writes" => Ok(Mutant::DropWrites(share()?)),
            "no-recovery" => Ok(Mutant::NoRecovery(time()?)),
            "slow" => Ok(Mutant::Slow(time()?)),
            "in-turn" => Ok(Mutant::InTurn(time()?)),
            "early-ack" if value.is_empty() => Ok(Mutant::EarlyAck),
            "leak" => {
                let bytes = value.strip_suffix("KiB").and_then(|kib| kib.parse::<u16>().ok());
                let bytes = bytes.map(|kib| usize::from(kib) * 1024);
                let wrong = || BadMutant("leak: write a size such as 64KiB".to_owned());
                bytes.map(Mutant::Leak).ok_or_else(wrong)
            }
            _ => Err(BadMutant(format!(
                "`{kind}` is no mutant: write slow-tail=10%, errors=1%, drop-writes=1%, \
                 no-recovery=12s, slow=200ms, in-turn=4ms, leak=64KiB or early-ack"
            ))),
        }
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mutant::SlowTail(part) => write!(f, "slow-tail={part}"),
            Mutant::Errors(part) => write!(f, "errors={part}"),
            Mutant::DropWrites(part) => write!(f, "drop-writes={part}"),
            Mutant::NoRecovery(after) => write!(f, "no-recovery={}", units::show(*after)),
            Mutant::Slow(time) => write!(f, "slow={}", units::show(*time)),
            Mutant::InTurn(time) => write!(f, "in-turn={}", units::show(*time)),
            Mutant::Leak(bytes) => write!(f, "leak={}KiB", bytes / 1024),
            Mutant::EarlyAck => f.write_str("early-ack"),
        }
    }
}

/// How far a route is open to mutants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// All of them apply.
    Full,
    /// Only `no-recovery` applies: `/health`.
    OutageOnly,
    /// None: `/metrics`.
    Exempt,
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It is served, not before this long after its arrival.
    Serve(Duration),
    /// It fails with 500 `internal_error`, not before this long after its arrival.
    Fail(Duration),
    /// It is answered 503 `service_unavailable` at once.
    Refuse,
}

/// The mutants of one backend with their counters.
#[derive(Debug)]
pub(crate) struct Mutants {
    mutants: Vec<(Mutant, AtomicU64)>,
    first_request: OnceLock<Instant>,
}

impl Mutants {
    pub(crate) fn new(mutants: &[Mutant]) -> Mutants {
        let mutants = mutants.iter().map(|&m| (m, AtomicU64::new(0))).collect();
        Mutants { mutants, first_request: OnceLock::new() }
    }

    /// Rules on a request that arrived at `now`; an outage outdoes an error, the longest wait
    /// holds.
    pub(crate) fn rule(&self, now: Instant, exposure: Exposure) -> Ruling {
        if self.mutants.is_empty() || exposure == Exposure::Exempt {
            return Ruling::Serve(Duration::ZERO);
        }
        let first = *self.first_request.get_or_init(|| now);
        let (mut wait, mut fail, mut refuse) = (Duration::ZERO, false, false);
        for (mutant, ordinal) in &self.mutants {
            match mutant {
                Mutant::NoRecovery(after) => {
                    refuse |= now.saturating_duration_since(first) >= *after
                }
                // Its ordinals count ingests, not requests: see `forgets`.
                Mutant::DropWrites(_) | Mutant::EarlyAck => {}
                _ if exposure == Exposure::OutageOnly => {}
                Mutant::SlowTail(part) => {
                    if part.takes(ordinal.fetch_add(1, Ordering::Relaxed)) {
                        wait = wait.max(TAIL);
                    }
                }
                Mutant::Errors(part) => fail |= part.takes(ordinal.fetch_add(1, Ordering::Relaxed)),
                Mutant::Slow(time) => wait = wait.max(*time),
                // Written to, so that it is resident.
                Mutant::Leak(bytes) => std::mem::forget(vec![1_u8; *bytes]),
                Mutant::InTurn(time) => {
                    let arrived = micros(now.saturating_duration_since(first));
                    // Its counter is when the last of the queue will have been served.
                    let served = |queue: u64| queue.max(arrived).saturating_add(micros(*time));
                    let before = ordinal
                        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |q| Some(served(q)))
                        .unwrap_or_else(|queue| queue);
                    wait = wait.max(Duration::from_micros(served(before) - arrived));
                }
            }
        }
        match (refuse, fail) {
            (true, _) => Ruling::Refuse,
            (false, true) => Ruling::Fail(wait),
            (false, false) => Ruling::Serve(wait),
        }
    }

    /// Whether the next valid ingest is to be acknowledged and forgotten.
    pub(crate) fn forgets(&self) -> bool {
        self.mutants.iter().fold(false, |forgets, (mutant, ordinal)| match mutant {
            Mutant::DropWrites(part) => {
                part.takes(ordinal.fetch_add(1, Ordering::Relaxed)) | forgets
            }
            _ => forgets,
        })
    }

    /// Whether ingests are acknowledged before they are kept.
    pub(crate) fn acknowledges_early(&self) -> bool {
        self.mutants.iter().any(|(mutant, _)| *mutant == Mutant::EarlyAck)
    }

    /// The mutants as they were asked for.
    pub(crate) fn names(&self) -> Vec<String> {
        self.mutants.iter().map(|(mutant, _)| mutant.to_string()).collect()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutants(texts: &[&str]) -> Mutants {
        Mutants::new(&texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn every_kind_is_read_and_written_back() {
        for text in [
            "slow-tail=10%",
            "early-ack",
            "errors=0.1%",
            "drop-writes=1%",
            "no-recovery=12s",
            "slow=250ms",
            "in-turn=4ms",
            "leak=64KiB",
        ] {
            assert_eq!(text.parse::<Mutant>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_text_says_what_to_write() {
        let says = |text: &str| text.parse::<Mutant>().unwrap_err().to_string();
        assert!(says("slowtail=1%").contains("slow-tail=10%"));
        assert!(says("errors=1").contains("1%"));
        assert!(says("errors").contains("errors: "));
        assert!(says("no-recovery=12").contains("12s"));
        assert!(says("leak=64").contains("64KiB"));
    }

    #[tokio::test(start_paused = true)]
    async fn shares_are_exact_and_independent() {
        let twins = mutants(&["errors=3%", "slow-tail=10%"]);
        let now = Instant::now();
        let rulings: Vec<Ruling> = (0..1_000).map(|_| twins.rule(now, Exposure::Full)).collect();
        for window in rulings.windows(100) {
            let failed = window.iter().filter(|r| matches!(r, Ruling::Fail(_))).count();
            let slow = |r: &&Ruling| matches!(r, Ruling::Serve(w) | Ruling::Fail(w) if *w == TAIL);
            assert_eq!((failed, window.iter().filter(slow).count()), (3, 10));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_recovery_counts_from_the_first_request_and_spares_metrics_only() {
        let twin = mutants(&["no-recovery=12s"]);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(twin.rule(Instant::now(), Exposure::OutageOnly), Ruling::Serve(Duration::ZERO));
        tokio::time::advance(Duration::from_millis(11_999)).await;
        assert_eq!(twin.rule(Instant::now(), Exposure::Full), Ruling::Serve(Duration::ZERO));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(twin.rule(Instant::now(), Exposure::Full), Ruling::Refuse);
        assert_eq!(twin.rule(Instant::now(), Exposure::OutageOnly), Ruling::Refuse);
        assert_eq!(twin.rule(Instant::now(), Exposure::Exempt), Ruling::Serve(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn health_is_spared_by_all_but_the_outage_and_moves_no_ordinal() {
        let twin = mutants(&["errors=100%", "slow=1s"]);
        assert_eq!(twin.rule(Instant::now(), Exposure::OutageOnly), Ruling::Serve(Duration::ZERO));
        assert_eq!(twin.rule(Instant::now(), Exposure::Full), Ruling::Fail(TAIL));
    }

    #[tokio::test(start_paused = true)]
    async fn in_turn_the_queue_grows_with_what_is_too_much_and_drains_with_time() {
        let twin = mutants(&["in-turn=4ms"]);
        let wait = || match twin.rule(Instant::now(), Exposure::Full) {
            Ruling::Serve(wait) => wait.as_millis(),
            other => panic!("{other:?}"),
        };
        assert_eq!([wait(), wait(), wait()], [4, 8, 12]);
        tokio::time::advance(Duration::from_millis(10)).await;
        assert_eq!(wait(), 6);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(wait(), 4);
    }

    #[test]
    fn forgotten_writes_are_exact_too() {
        let twin = mutants(&["drop-writes=2%"]);
        let fates: Vec<bool> = (0..500).map(|_| twin.forgets()).collect();
        for window in fates.windows(100) {
            assert_eq!(window.iter().filter(|f| **f).count(), 2);
        }
        assert!(!mutants(&["errors=100%"]).forgets());
    }
}

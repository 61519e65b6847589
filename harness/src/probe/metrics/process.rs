//! Processes' metrics, from the process table.
//!
//! Processor time is what was taken since the read before, so the first read has no value; what a
//! process took that ended in between is not in it.
//!
//! Invariant: reading blocks no runtime.
//! Not here: which processes belong to a service (`service`).

use super::Value;
use crate::plan::metric::Read;
use crate::service::{self, First, Firsts, Usage};
use assay_slo::{At, Number};
use std::collections::BTreeMap;

/// Processor time of each process.
type Ticks = BTreeMap<(i32, u64), u64>;

/// Reads one number of a service's processes.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) firsts: Firsts,
    pub(super) service: String,
    pub(super) read: Read,
    /// What each process had taken at the read before.
    pub(super) before: Option<(At, Ticks)>,
}

impl Reader {
    /// The number now; none where it needs a second read.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence.
    pub(super) async fn number(&mut self, now: At) -> Result<Option<Value>, String> {
        let first = self.firsts.of(&self.service).ok_or("it was not started")?;
        let plain = |value: u64| Some(Value { number: whole(value), counter: false, anew: None });
        match self.read {
            Read::Restarts => {
                Ok(Some(Value { number: whole(first.restarts), counter: true, anew: None }))
            }
            Read::OpenFiles => off_thread(first, service::open_files).await.map(plain),
            Read::Rss => Ok(plain(off_thread(first, service::usage).await?.rss)),
            Read::Threads => Ok(plain(off_thread(first, service::usage).await?.threads)),
            Read::Cpu => {
                let usage = off_thread(first, service::usage).await?;
                Ok(self.taken(now, usage))
            }
        }
    }

    fn taken(&mut self, now: At, usage: Usage) -> Option<Value> {
        let (at, before) = self.before.replace((now, usage.ticks.clone()))?;
        let since = |(id, ticks): (&(i32, u64), &u64)| {
            ticks.saturating_sub(before.get(id).copied().unwrap_or(0))
        };
        let ticks: u64 = usage.ticks.iter().map(since).sum();
        let seconds = now.since(at) as f64 / 1e6;
        let number = Number::new(ticks as f64 / 100.0 / seconds)?;
        Some(Value { number, counter: false, anew: None })
    }
}

fn whole(value: u64) -> Number {
    Number::new(value as f64).unwrap_or_default()
}

async fn off_thread<T: Send + 'static>(
    first: First,
    look: fn(First) -> Result<T, String>,
) -> Result<T, String> {
    let looked = tokio::task::spawn_blocking(move || look(first)).await;
    looked.unwrap_or_else(|_| Err("the look at its processes died".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_taken_are_those_since_the_read_before() {
        let mut reader = Reader {
            firsts: Firsts::default(),
            service: "api".to_owned(),
            read: Read::Cpu,
            before: None,
        };
        let usage = |ticks: &[(i32, u64)]| Usage {
            ticks: ticks.iter().map(|(pid, ticks)| ((*pid, 1), *ticks)).collect(),
            ..Usage::default()
        };
        assert_eq!(reader.taken(At(1_000_000), usage(&[(5, 700), (6, 50)])), None);
        // 50 of one and 20 of a new one in half a second; the other has ended.
        let value = reader.taken(At(1_500_000), usage(&[(5, 750), (7, 20)])).unwrap();
        assert_eq!(value.number.get(), 1.4);
        // No time has gone by: no value.
        assert_eq!(reader.taken(At(1_500_000), usage(&[(5, 750)])), None);
    }
}

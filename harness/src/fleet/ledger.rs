//! A fleet's account: what became of every sample, and what the far end's store says of it.
//!
//! Invariant: 8 bytes a sample: ten million are 80 MB.
//! Invariant: a store read anew is judged by that reading alone.
//! Not here: reading the store (`read_back`), the judgement (crate slo).

use super::device::Devices;
use assay_slo::event::{Backlog, Ledger, Store};
use assay_slo::{At, Outcome};
use hdrhistogram::{CreationError, Histogram};

/// Ages above a week are counted as a week; the greatest is kept apart.
const GREATEST_AGE_US: u64 = 7 * 24 * 3600 * 1_000_000;
/// Entries of one shelf: no shelf is ever copied to grow.
const SHELF: u64 = 256;

const ACKNOWLEDGED: u8 = 1;
const DISCARDED: u8 = 2;
const FOUND: u8 = 4;
const TWICE: u8 = 8;

/// What is known of one sample.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Its age at the last thing that happened to it, ms.
    age_ms: u32,
    attempts: u16,
    /// Times that the breaker turned it away.
    rejections: u8,
    /// Flags, and above them the last outcome's place in [`Outcome::ALL`].
    bits: u8,
}

impl Entry {
    fn has(self, flag: u8) -> bool {
        self.bits & flag != 0
    }

    fn last(self) -> Option<Outcome> {
        Outcome::ALL.get(usize::from(self.bits >> 4)).copied()
    }
}

/// The samples of one device, from 1.
#[derive(Debug, Clone, Default)]
struct Samples {
    shelves: Vec<Vec<Entry>>,
    count: u64,
}

impl Samples {
    fn push(&mut self) {
        if self.count.is_multiple_of(SHELF) {
            self.shelves.push(Vec::with_capacity(SHELF as usize));
        }
        if let Some(shelf) = self.shelves.last_mut() {
            shelf.push(Entry::default());
            self.count += 1;
        }
    }

    fn entry(&mut self, sample: u64) -> Option<&mut Entry> {
        let place = sample.checked_sub(1)?;
        let shelf = self.shelves.get_mut(usize::try_from(place / SHELF).ok()?)?;
        shelf.get_mut((place % SHELF) as usize)
    }

    fn iter(&self) -> impl Iterator<Item = Entry> {
        self.shelves.iter().flatten().copied()
    }

    /// The first that was not found.
    fn first_lost(&self) -> Option<(u64, Entry)> {
        (1..).zip(self.iter()).find(|(_, entry)| !entry.has(FOUND))
    }
}

/// What one reading of the store showed beside the samples found.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    unexpected: u64,
    /// Repeats that the store itself counts.
    repeats: Option<u64>,
    /// Whether the store was read item by item.
    items: bool,
    out_of_order: u64,
}

/// The account of one fleet.
#[derive(Debug)]
pub(super) struct Account {
    fleet: usize,
    devices: Vec<Samples>,
    generated: u64,
    acknowledged: u64,
    discarded: u64,
    in_outbox: u64,
    ages: Histogram<u64>,
    age_max_us: u64,
    peak: u64,
    least: u64,
    reading: Reading,
    /// The last number of each device found item by item.
    latest: Vec<u64>,
}

impl Account {
    /// Nothing has happened. `fleet` is its index.
    pub(super) fn new(fleet: usize, devices: usize) -> Result<Account, CreationError> {
        Ok(Account {
            fleet,
            devices: vec![Samples::default(); devices],
            generated: 0,
            acknowledged: 0,
            discarded: 0,
            in_outbox: 0,
            ages: Histogram::new_with_bounds(1, GREATEST_AGE_US, 3)?,
            age_max_us: 0,
            peak: 0,
            least: 0,
            reading: Reading::default(),
            latest: Vec::new(),
        })
    }

    /// A device generated its next sample.
    pub(super) fn generated(&mut self, device: usize) {
        if let Some(samples) = self.devices.get_mut(device) {
            samples.push();
            self.generated += 1;
            self.peak = self.peak.max(self.backlog());
        }
    }

    /// An attempt to deliver it ended, or was rejected, when it was so old.
    pub(super) fn tried(&mut self, device: usize, sample: u64, outcome: Outcome, age_us: u64) {
        let Some(entry) = self.entry(device, sample) else { return };
        if outcome == Outcome::FastFail {
            entry.rejections = entry.rejections.saturating_add(1);
        } else {
            entry.attempts = entry.attempts.saturating_add(1);
        }
        let place = Outcome::ALL.iter().position(|known| *known == outcome).unwrap_or(0xf);
        entry.bits = (entry.bits & 0xf) | ((place as u8) << 4);
        entry.age_ms = millis(age_us);
    }

    /// It was acknowledged when it was so old; once.
    pub(super) fn acknowledged(&mut self, device: usize, sample: u64, age_us: u64) {
        let Some(entry) = self.entry(device, sample) else { return };
        if entry.has(ACKNOWLEDGED) {
            return;
        }
        entry.bits |= ACKNOWLEDGED;
        entry.age_ms = millis(age_us);
        self.acknowledged += 1;
        self.ages.saturating_record(age_us);
        self.age_max_us = self.age_max_us.max(age_us);
        self.least = self.least.min(self.backlog());
    }

    /// The outbox had no place for it when it was so old.
    pub(super) fn discarded(&mut self, device: usize, sample: u64, age_us: u64) {
        let Some(entry) = self.entry(device, sample) else { return };
        entry.bits |= DISCARDED;
        entry.age_ms = millis(age_us);
        self.discarded += 1;
    }

    /// So many were left in an outbox at the end.
    pub(super) fn left_in_outbox(&mut self, held: usize) {
        self.in_outbox += held as u64;
    }

    /// How many that were.
    pub(super) fn in_outbox(&self) -> u64 {
        self.in_outbox
    }

    /// Generated and acknowledged so far, and the extremes of the backlog since the last call.
    pub(super) fn take_backlog(&mut self, at: At) -> Backlog {
        let (generated, acknowledged) = (self.generated, self.acknowledged);
        let (peak, least) = (self.peak, self.least);
        (self.peak, self.least) = (self.backlog(), self.backlog());
        Backlog { fleet: self.fleet, at, generated, acknowledged, peak, least }
    }

    /// Forgets what an earlier reading found.
    pub(super) fn start_reading(&mut self) {
        self.reading = Reading::default();
        self.latest = vec![0; self.devices.len()];
        let shelves = self.devices.iter_mut().flat_map(|samples| samples.shelves.iter_mut());
        shelves.flatten().for_each(|entry| entry.bits &= !(FOUND | TWICE));
    }

    /// The store holds these numbers of a device, each at least once.
    pub(super) fn found_range(&mut self, device: usize, first: u64, last: u64) {
        let known = self.devices.get(device).map_or(0, |samples| samples.count);
        if last < first {
            return;
        }
        for sample in first.max(1)..=last.min(known) {
            if let Some(entry) = self.entry(device, sample) {
                entry.bits |= FOUND;
            }
        }
        let ours = last.min(known).saturating_add(1).saturating_sub(first.max(1));
        let all = (last - first).saturating_add(1);
        self.reading.unexpected = self.reading.unexpected.saturating_add(all - ours);
    }

    /// The store holds this sample; called once for each time, in the store's order. False if it
    /// was never generated.
    pub(super) fn found_item(&mut self, device: usize, sample: u64) -> bool {
        self.reading.items = true;
        let Some(entry) = self.entry(device, sample) else { return false };
        entry.bits |= if entry.has(FOUND) { TWICE } else { FOUND };
        if let Some(latest) = self.latest.get_mut(device) {
            self.reading.out_of_order += u64::from(sample < *latest);
            *latest = sample;
        }
        true
    }

    /// The store holds so many keys that are none of ours.
    pub(super) fn found_unexpected(&mut self, keys: u64) {
        self.reading.unexpected = self.reading.unexpected.saturating_add(keys);
    }

    /// The store is read item by item, whether or not there is any.
    pub(super) fn reads_items(&mut self) {
        self.reading.items = true;
    }

    /// The store itself counts so many repeats more.
    pub(super) fn found_repeats(&mut self, repeats: u64) {
        let before = self.reading.repeats.unwrap_or(0);
        self.reading.repeats = Some(before.saturating_add(repeats));
    }

    /// What the last reading showed.
    pub(super) fn store(&self) -> Store {
        let count = |wanted: &dyn Fn(Entry) -> bool| {
            let all = self.devices.iter().flat_map(Samples::iter);
            all.filter(|entry| wanted(*entry)).count() as u64
        };
        let found = count(&|entry| entry.has(FOUND));
        let twice = self.reading.items.then(|| count(&|entry| entry.has(TWICE)));
        Store {
            found,
            lost: self.generated - found,
            lost_acknowledged: count(&|entry| entry.has(ACKNOWLEDGED) && !entry.has(FOUND)),
            duplicated: self.reading.repeats.or(twice),
            unexpected: self.reading.unexpected,
            out_of_order: self.reading.items.then_some(self.reading.out_of_order),
        }
    }

    /// The account's line in the journal: with what the store said, or why it could not be read.
    pub(super) fn ledger(&self, devices: &Devices, read: Result<Store, String>) -> Ledger {
        let (store, problem) = match read {
            Ok(store) => (Some(store), None),
            Err(problem) => (None, Some(problem)),
        };
        Ledger {
            fleet: self.fleet,
            generated: self.generated,
            acknowledged: self.acknowledged,
            discarded: self.discarded,
            in_outbox: self.in_outbox,
            store,
            problem,
            age_max_us: self.age_max_us,
            age_p95_us: self.ages.value_at_quantile(0.95).min(self.age_max_us),
            first_lost: if store.is_some() { self.first_lost(devices) } else { Vec::new() },
        }
    }

    fn backlog(&self) -> u64 {
        self.generated.saturating_sub(self.acknowledged)
    }

    fn entry(&mut self, device: usize, sample: u64) -> Option<&mut Entry> {
        self.devices.get_mut(device)?.entry(sample)
    }

    /// The story of the earliest lost sample; empty if none is lost.
    fn first_lost(&self, devices: &Devices) -> Vec<String> {
        let of = |(device, samples): (usize, &Samples)| {
            let (sample, entry) = samples.first_lost()?;
            Some((devices.due_us(device as u64, sample), device as u64, sample, entry))
        };
        let all = self.devices.iter().enumerate().filter_map(of);
        let earliest = all.min_by_key(|(due, device, ..)| (*due, *device));
        earliest.map_or_else(Vec::new, |(due_us, device, sample, entry)| {
            story(&devices.name(device), sample, due_us, entry)
        })
    }
}

fn story(name: &str, sample: u64, due_us: u64, entry: Entry) -> Vec<String> {
    let seconds = |us: u64| format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1000);
    let then = seconds(due_us.saturating_add(u64::from(entry.age_ms) * 1000));
    let mut lines = vec![format!("{name} generated sample {sample} at {}.", seconds(due_us))];
    let last = entry.last().filter(|_| entry.attempts > 0 || entry.rejections > 0);
    let times = |n: u64, most: u64| match n {
        1 => "once".to_owned(),
        n if n == most => format!("{n} times or more"),
        n => format!("{n} times"),
    };
    lines.push(match entry.attempts {
        0 => "It was never attempted.".to_owned(),
        n => format!("It was attempted {}.", times(u64::from(n), u64::from(u16::MAX))),
    });
    if entry.rejections > 0 {
        let n = times(u64::from(entry.rejections), u64::from(u8::MAX));
        lines.push(format!("The gateway's open breaker turned it away {n}."));
    }
    if entry.has(ACKNOWLEDGED) {
        lines.push(format!("It was acknowledged at {then}."));
    } else if let Some(last) = last
        && !entry.has(DISCARDED)
    {
        lines.push(format!("Its last try ended at {then} as {}.", last.name()));
    }
    if entry.has(DISCARDED) {
        lines.push(format!("The gateway discarded it at {then}: its outbox was full."));
    } else if !entry.has(ACKNOWLEDGED) {
        lines.push("It was never acknowledged.".to_owned());
    }
    lines.push("The store does not have it.".to_owned());
    lines
}

fn millis(us: u64) -> u32 {
    u32::try_from(us / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

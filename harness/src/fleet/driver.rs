//! One gateway's task: generates its devices' samples when they are due, and does what the
//! gateway wants done.
//!
//! Invariant: a sample is generated at its due instant, whatever became of those before it.
//! Invariant: after the last sample nothing new is sent once the drain is over; what is under way
//! then gets its timeout.
//! Not here: which sample is sent (`gateway`), how (`uplink`).

use super::message::Kind;
use super::shared::lock;
use super::uplink::{Job, Landed, Uplink};
use assay_backend::gateway::{Action, Gateway, Input, Rules};
use assay_slo::At;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::pending;
use std::io;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

/// One gateway to drive.
pub(super) struct Post {
    pub(super) uplink: Arc<Uplink>,
    /// Its place among the gateways; device d belongs to gateway d mod their number.
    pub(super) gateway: u64,
    pub(super) gateways: u64,
    pub(super) rules: Rules,
    pub(super) drain_us: u64,
    pub(super) timeout_us: u64,
}

/// A device's next sample: when it is due, the device's place, its number.
type Next = Reverse<(At, usize, u64)>;

struct Drive {
    post: Post,
    gateway: Gateway,
    next: BinaryHeap<Next>,
    /// Devices that have not generated their last sample.
    generating: usize,
    last_due: At,
    jobs: JoinSet<(Job, Landed)>,
    actions: Vec<Action>,
}

/// Runs a gateway to the end of its drain, or until it is told to stop; what is under way then
/// is recorded as cut.
pub(super) async fn run(post: Post, mut stop: watch::Receiver<bool>) -> io::Result<()> {
    let ties = post.uplink.ties().clone();
    let mut drive = Drive::new(post);
    loop {
        if *stop.borrow_and_update() || (drive.generating == 0 && drive.gateway.is_done()) {
            break;
        }
        let drained = At(drive.last_due.0.saturating_add(drive.post.drain_us));
        let drained = (drive.generating == 0).then_some(drained);
        let due = drive.next.peek().map(|Reverse((due, ..))| *due);
        let wake = due.into_iter().chain(drained).min();
        // In no fixed order: a replay must not keep samples from being generated.
        tokio::select! {
            // A dropped owner has lost interest: as if it had said stop.
            changed = stop.changed() => if changed.is_err() { break },
            Some(ended) = drive.jobs.join_next() => drive.landed(ended)?,
            () = sleep_until(&ties.clock, wake) => {
                let now = ties.clock.now();
                if drained.is_some_and(|drained| drained <= now) {
                    drive.let_end(&mut stop).await?;
                    break;
                }
                drive.generate(now);
            }
        }
    }
    drive.jobs.shutdown().await;
    lock(&ties.account).left_in_outbox(drive.gateway.held());
    Ok(())
}

async fn sleep_until(clock: &crate::clock::Clock, wake: Option<At>) {
    match wake {
        Some(at) => clock.sleep_until(at).await,
        None => pending().await,
    }
}

impl Drive {
    fn new(post: Post) -> Drive {
        let messages = Arc::clone(&post.uplink.ties().messages);
        let (places, samples) = (post.rules.devices, messages.devices().samples());
        let places = if samples == 0 { 0 } else { places };
        let due = |place| messages.due(post.device(place), 1);
        let next = (0..places).map(|place| Reverse((due(place), place, 1))).collect();
        Drive {
            gateway: Gateway::new(post.rules),
            next,
            generating: places,
            last_due: At(0),
            jobs: JoinSet::new(),
            actions: Vec::new(),
            post,
        }
    }

    /// Generates all that is due.
    fn generate(&mut self, now: At) {
        let ties = self.post.uplink.ties().clone();
        let samples = ties.messages.devices().samples();
        while let Some(Reverse((due, place, sample))) = self.next.peek().copied()
            && due <= now
        {
            self.next.pop();
            let device = self.post.device(place);
            if sample <= samples {
                lock(&ties.account).generated(usize::try_from(device).unwrap_or(usize::MAX));
                self.step(Input::Sample(place, sample));
                self.generating -= usize::from(sample == samples);
                self.last_due = self.last_due.max(due);
            } else {
                self.step(Input::Nudge(place));
            }
            let next = ties.messages.due(device, sample + 1).max(due);
            self.next.push(Reverse((next, place, sample + 1)));
        }
    }

    fn landed(&mut self, ended: Result<(Job, Landed), JoinError>) -> io::Result<()> {
        let (job, landed) = ended.map_err(|_| io::Error::other("a gateway's task died"))?;
        self.step(match (job.kind, landed) {
            (Kind::Features, _) => Input::FeaturesEnded(job.place),
            (Kind::Sample, Landed::Delivered) => Input::Delivered(job.place),
            (Kind::Sample, Landed::Failed(attempts)) => Input::Failed(job.place, attempts),
        });
        Ok(())
    }

    fn step(&mut self, input: Input) {
        let mut actions = std::mem::take(&mut self.actions);
        self.gateway.step(input, &mut actions);
        for action in actions.drain(..) {
            let (kind, place, sample, before) = match action {
                Action::Send { device, sample, before } => (Kind::Sample, device, sample, before),
                Action::Features { device, sample } => (Kind::Features, device, sample, 0),
                Action::Discard { device, sample } => {
                    self.discarded(self.post.device(device), sample);
                    continue;
                }
            };
            let job = Job { kind, device: self.post.device(place), place, sample, before };
            self.jobs.spawn(Arc::clone(&self.post.uplink).deliver(job));
        }
        self.actions = actions;
    }

    fn discarded(&self, device: u64, sample: u64) {
        let ties = self.post.uplink.ties();
        let age_us = ties.clock.now().0.saturating_sub(ties.messages.due(device, sample).0);
        let device = usize::try_from(device).unwrap_or(usize::MAX);
        lock(&ties.account).discarded(device, sample, age_us);
    }

    /// The drain is over: nothing new is sent, what is under way gets its timeout.
    async fn let_end(&mut self, stop: &mut watch::Receiver<bool>) -> io::Result<()> {
        self.gateway.close();
        let clock = self.post.uplink.ties().clock;
        let end = At(clock.now().0.saturating_add(self.post.timeout_us));
        loop {
            tokio::select! {
                biased;
                _ = stop.changed() => return Ok(()),
                ended = self.jobs.join_next() => match ended {
                    Some(ended) => self.landed(ended)?,
                    None => return Ok(()),
                },
                () = clock.sleep_until(end) => return Ok(()),
            }
        }
    }
}

impl Post {
    /// The number in the fleet of a device of this gateway.
    fn device(&self, place: usize) -> u64 {
        (place as u64).saturating_mul(self.gateways.max(1)).saturating_add(self.gateway)
    }
}

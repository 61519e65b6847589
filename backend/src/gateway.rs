//! A gateway without I/O: its devices' outboxes, and which sample is sent next.
//!
//! One sample of a device is under way at a time, and so many of all. What failed stays the
//! first of its device, which tries again when its next sample comes (a nudge in the drain), and
//! after a success at once as long as there is a backlog. With fire-and-forget a sample has left
//! before it is sent, and how that ends changes nothing.
//!
//! Invariant: every sample leaves exactly once, delivered or discarded, or is still held.
//! Invariant: samples of one device are sent in their order.
//! Both the platform's edge (`edge`) and the gateways of simulated fleets go by it.
//! Not here: sockets, retries, breakers, time, what became of samples.

mod features;
mod queue;

use std::collections::{BTreeSet, VecDeque};

pub use features::{Reading, WINDOW, features};
use queue::Queue;

/// What goes when an outbox is full and a sample comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest that waits.
    DropOldest,
    /// It goes itself.
    DropNewest,
}

/// What a gateway owes its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// A sample stays until it is acknowledged.
    StoreAndForward,
    /// A sample is forgotten before it is sent: loses, on purpose.
    FireAndForget,
}

/// What a gateway goes by.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Devices, numbered from 0 within this gateway.
    pub devices: usize,
    /// Samples under way at once.
    pub in_flight: usize,
    /// Samples held at once; those under way count as long as they may come back.
    pub buffer_max: usize,
    /// What goes when all places are taken.
    pub when_full: WhenFull,
    /// What it owes its samples.
    pub delivery: Delivery,
    /// Whether each full window of a device's samples is followed by its features.
    pub features: bool,
}

/// What happens to a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A device generated its next sample.
    Sample(usize, u64),
    /// A device would generate one, were its samples not all there already.
    Nudge(usize),
    /// The far end acknowledged the sample of this device that was under way.
    Delivered(usize),
    /// Its delivery was given up, or rejected by the breaker, after so many attempts.
    Failed(usize, u64),
    /// The features of this device have been sent, or could not be.
    FeaturesEnded(usize),
}

/// What a gateway wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send this sample of this device, which was attempted so many times before.
    Send {
        /// Whose.
        device: usize,
        /// Its number.
        sample: u64,
        /// Attempts before.
        before: u64,
    },
    /// Send the features of the window that ends with this sample.
    Features {
        /// Whose.
        device: usize,
        /// The window's last.
        sample: u64,
    },
    /// This sample found no place.
    Discard {
        /// Whose.
        device: usize,
        /// Its number.
        sample: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Nothing to send, or it waits for its next sample.
    #[default]
    Resting,
    /// It waits for a place among those under way.
    Ready,
    /// This sample is under way, attempted so many times before.
    Sending(u64, u64),
    /// Its features are.
    SendingFeatures,
}

#[derive(Debug, Default)]
struct Device {
    queue: Queue,
    state: State,
    /// The first sample that was attempted already, and how often.
    tried: (u64, u64),
}

/// One gateway.
#[derive(Debug)]
pub struct Gateway {
    rules: Rules,
    devices: Vec<Device>,
    ready: VecDeque<usize>,
    /// The first waiting sample of each device that has one: the least is the oldest of all.
    oldest: BTreeSet<(u64, usize)>,
    held: usize,
    under_way: usize,
    closed: bool,
}

impl Gateway {
    /// With its devices, and nothing in their outboxes.
    #[must_use]
    pub fn new(rules: Rules) -> Gateway {
        Gateway {
            rules,
            devices: (0..rules.devices).map(|_| Device::default()).collect(),
            ready: VecDeque::new(),
            oldest: BTreeSet::new(),
            held: 0,
            under_way: 0,
            closed: false,
        }
    }

    /// One more device; its number.
    pub fn add_device(&mut self) -> usize {
        self.devices.push(Device::default());
        self.devices.len() - 1
    }

    /// Nothing is sent any more; what is under way may still end.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Samples in its outboxes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.held == 0 && self.under_way == 0
    }

    /// Takes one input in; what is to be done is added to `actions`, in order.
    pub fn step(&mut self, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Sample(device, sample) if device < self.devices.len() => {
                self.put_in(device, sample, actions);
                self.wake(device);
            }
            Input::Nudge(device) if device < self.devices.len() => self.wake(device),
            Input::Delivered(device) => self.delivered(device, actions),
            Input::Failed(device, attempts) => self.failed(device, attempts),
            Input::FeaturesEnded(device) => {
                if self.state(device) == Some(State::SendingFeatures) {
                    self.land(device);
                    self.wake(device);
                }
            }
            Input::Sample(..) | Input::Nudge(_) => {}
        }
        self.send_ready(actions);
    }

    fn state(&self, device: usize) -> Option<State> {
        self.devices.get(device).map(|device| device.state)
    }

    fn put_in(&mut self, device: usize, sample: u64, actions: &mut Vec<Action>) {
        if self.held >= self.rules.buffer_max {
            let oldest = match self.rules.when_full {
                WhenFull::DropOldest => self.oldest.first().copied(),
                WhenFull::DropNewest => None,
            };
            // Those under way are not to be had: the new one goes where nothing else waits.
            let Some((gone, of)) = oldest else {
                actions.push(Action::Discard { device, sample });
                return;
            };
            self.take_first(of);
            self.held -= 1;
            actions.push(Action::Discard { device: of, sample: gone });
        }
        let queue = &mut self.devices[device].queue;
        if queue.is_empty() {
            self.oldest.insert((sample, device));
        }
        queue.push_back(sample);
        self.held += 1;
    }

    fn take_first(&mut self, device: usize) -> Option<u64> {
        let queue = &mut self.devices[device].queue;
        let sample = queue.pop_front()?;
        self.oldest.remove(&(sample, device));
        if let Some(next) = queue.first() {
            self.oldest.insert((next, device));
        }
        Some(sample)
    }

    fn put_back(&mut self, device: usize, sample: u64) {
        let queue = &mut self.devices[device].queue;
        if let Some(next) = queue.first() {
            self.oldest.remove(&(next, device));
        }
        queue.push_front(sample);
        self.oldest.insert((sample, device));
    }

    fn wake(&mut self, device: usize) {
        let asleep = &mut self.devices[device];
        if asleep.state == State::Resting && !asleep.queue.is_empty() {
            asleep.state = State::Ready;
            self.ready.push_back(device);
        }
    }

    fn send_ready(&mut self, actions: &mut Vec<Action>) {
        while !self.closed
            && self.under_way < self.rules.in_flight.max(1)
            && let Some(device) = self.ready.pop_front()
        {
            let Some(sample) = self.take_first(device) else {
                self.devices[device].state = State::Resting;
                continue;
            };
            let (tried, times) = self.devices[device].tried;
            let before = if tried == sample { times } else { 0 };
            self.devices[device].state = State::Sending(sample, before);
            self.under_way += 1;
            if self.rules.delivery == Delivery::FireAndForget {
                self.held -= 1;
            }
            actions.push(Action::Send { device, sample, before });
        }
    }

    fn delivered(&mut self, device: usize, actions: &mut Vec<Action>) {
        let Some(State::Sending(sample, _)) = self.state(device) else { return };
        if self.rules.delivery == Delivery::StoreAndForward {
            self.held -= 1;
        }
        if self.rules.features && !self.closed && sample.is_multiple_of(WINDOW) {
            // In the place of its sample: still one of a device, and no more in all.
            self.devices[device].state = State::SendingFeatures;
            actions.push(Action::Features { device, sample });
        } else {
            self.land(device);
            self.wake(device);
        }
    }

    fn failed(&mut self, device: usize, attempts: u64) {
        let Some(State::Sending(sample, before)) = self.state(device) else { return };
        self.land(device);
        match self.rules.delivery {
            Delivery::StoreAndForward => {
                self.put_back(device, sample);
                self.devices[device].tried = (sample, before.saturating_add(attempts));
            }
            Delivery::FireAndForget => self.wake(device),
        }
    }

    fn land(&mut self, device: usize) {
        self.devices[device].state = State::Resting;
        self.under_way = self.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests;

//! Planned fleets: devices, gateways, and how the far end is read back.
//!
//! Not here: driving them (`fleet`).

use super::{Client, Request, Target, Text};
pub use assay_backend::gateway::{Delivery, WhenFull};
use assay_slo::Share;

/// Devices, and optionally our gateways between them and the far end.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Index into [`assay_slo::Case::loads`] of its attempts: request 0 is a sample, request 1 features.
    pub load: usize,
    /// Its name.
    pub name: String,
    /// Where its samples go.
    pub to: Target,
    /// How many devices: `<profile>-0001` and on.
    pub devices: u64,
    /// The period of one device, µs.
    pub every_us: u64,
    /// Each sample may come this much earlier or later, µs.
    pub jitter_us: u64,
    /// Samples of one device.
    pub samples: u64,
    /// Shapes of values and the prefix of names.
    pub profile: Profile,
    /// The request that carries a sample; `${device}`, `${sample}`, `${now}`, `${random.*}` are
    /// filled for each. None: the profile's own, `POST /ingest/raw`.
    pub send: Option<Request>,
    /// JSON pointers to what makes a sample unique, in the sample's body.
    pub key: Vec<String>,
    /// How samples are sent where there is no gateway, and by the gateway.
    pub client: Client,
    /// Our gateways; none: devices send for themselves.
    pub gateway: Option<Gateway>,
    /// After the last sample the outboxes may drain so long, µs.
    pub drain_us: u64,
    /// How the far end's store is read back; none: the ledger is inconclusive.
    pub read_back: Option<ReadBack>,
}

/// Shapes of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A haul truck: `TRUCK-21`.
    Truck,
    /// A grinding mill: `MILL-3`.
    Mill,
    /// An industrial boiler: `BOILER-7`.
    Boiler,
    /// None: `send` says all; devices are called `device-0001` and on.
    None,
}

/// A gateway that stores and forwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// How many; devices are dealt out in turn.
    pub count: u32,
    /// Samples under way at once, in each gateway.
    pub in_flight: usize,
    /// To the whole answer, µs.
    pub timeout_us: u64,
    /// Samples in one outbox, all devices of a gateway together.
    pub buffer_max: usize,
    /// What happens to a sample that finds it full.
    pub when_full: WhenFull,
    /// Keeps samples until they are acknowledged, or forgets them when they are sent.
    pub delivery: Delivery,
    /// Its breaker.
    pub breaker: Option<assay_slo::case::Policy>,
    /// Its retries.
    pub retry: Option<Retry>,
    /// Misbehaves on purpose, for scenarios that must fail.
    pub mutant: Option<Mutant>,
}

/// How a gateway retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all.
    pub attempts: u32,
    /// First wait, µs.
    pub base_us: u64,
    /// Each wait is so many times the one before, in thousandths.
    pub factor_milli: u64,
    /// Longest wait, µs.
    pub max_us: u64,
    /// Waits vary by this share, seeded.
    pub jitter: Share,
    /// Each attempt asks the breaker, or the whole operation does.
    pub order: Order,
}

/// Where retries stand to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Each attempt asks the breaker and counts.
    OutsideBreaker,
    /// The operation asks once and counts once.
    InsideBreaker,
}

/// A gateway's misbehaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Its breaker never opens.
    NeverOpens,
    /// A success of an attempt begun before the breaker opened closes it.
    StaleSuccessCloses,
}

/// How a far end's store is read back.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadBack {
    /// By HTTP, page after page, for each device.
    Http {
        /// The service asked, directly.
        service: String,
        /// With `${device}` and `${cursor}` (0 at first).
        path: Text,
        /// Where the answer has its samples.
        found: Found,
        /// JSON pointer to the count of duplicates, where there is one.
        duplicates: Option<String>,
        /// JSON pointer to the next cursor; absent or null: the last page.
        next: Option<String>,
    },
    /// By a command that prints one key a line, its parts separated by white space.
    Command(Vec<Text>),
}

/// Where an answer has its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// JSON pointer to a list of `[first, last]`.
    Ranges(String),
    /// JSON pointer to a list of items, and pointers to the key within each.
    Items {
        /// The list.
        list: String,
        /// The key.
        key: Vec<String>,
    },
}

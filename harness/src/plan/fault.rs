//! Faults as a plan has them: what each does, to which requests, and when.
//!
//! Not here: more on those of services and commands (`act`); how faults are written (`spec`),
//! checked (`compile`) and carried out (modules `fault`, `run`).

use super::act::{Errand, Pressure, RestartedBy};
use assay_slo::Share;
use assay_slo::case::Again;
use std::ops::Range;
use std::sync::Arc;

/// One fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its name.
    pub name: String,
    /// The link or service it acts on; of a command its first word.
    pub link: String,
    /// What it does.
    pub kind: FaultKind,
    /// Which of the matching requests.
    pub affects: Affects,
    /// Which requests match.
    pub matches: Match,
    /// Start, µs after time 0.
    pub starts_us: u64,
    /// Length, µs; of one that ends itself the most.
    pub lasts_us: u64,
    /// Length of its recovery, µs.
    pub recovery_us: u64,
    /// How often it comes again.
    pub again: Option<Again>,
    /// How many of the service's containers; none: all.
    pub count: Option<usize>,
}

impl Fault {
    /// The stretches in which it is on, µs after time 0.
    pub fn spans(&self) -> impl Iterator<Item = Range<u64>> {
        Again::spans(self.again, self.starts_us, self.lasts_us)
    }

    /// When it ends for the last time, µs after time 0.
    #[must_use]
    pub fn ends_us(&self) -> u64 {
        self.starts_us.saturating_add(Again::whole_us(self.again, self.lasts_us))
    }
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// The request, or its answer, is passed on later.
    Latency(Latency),
    /// Answers in the service's place.
    Error {
        /// The status.
        status: u16,
        /// Headers of the answer.
        headers: Vec<(String, String)>,
        /// Its body.
        text: String,
    },
    /// Nothing gets through.
    Outage(OutageMode),
    /// The request's connection is reset.
    Abort,
    /// The connection is closed within the answer's body.
    Truncate {
        /// How many bytes of it are passed on.
        after: u64,
    },
    /// The request is passed on, but nothing of the answer while the fault is on.
    Stall,
    /// The answer is no HTTP.
    Garbage,
    /// A connection that ends after the answer is not closed while the fault is on.
    SlowClose,
    /// The bodies of the request and of the answer take their time.
    Bandwidth {
        /// Bytes in a second, of each.
        per_s: u64,
    },
    /// Of a `tcp` link: the upstream's connection is reset, and the client learns of it when the
    /// fault is over.
    HalfOpen,
    /// Of a `tcp` link: the connection is reset once so many bytes have come back.
    LimitBytes {
        /// How many.
        after: u64,
    },
    /// The service is killed, and started again after the fault's length; the fault's `link` is the
    /// service's name, as in the next four.
    Kill {
        /// The signal's number.
        signal: i32,
        /// Who starts it again.
        by: RestartedBy,
    },
    /// The service's processes stand still.
    Pause,
    /// The service is ended in good order, and started again after the fault's length.
    Stop,
    /// The service is ended in good order, and started again at once.
    Restart,
    /// The service's containers leave a network, and join it again.
    Disconnect {
        /// Which; none: the only one that they are in.
        network: Option<String>,
    },
    /// The service loses processor time, memory and disk.
    Pressure(Pressure),
    /// A command runs.
    Command(Errand),
    /// A person, or another tool, breaks something, and says when.
    Manual {
        /// What is asked of them.
        prompt: String,
    },
}

/// How much later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    /// Unless ramped.
    pub delay: Delay,
    /// What waits.
    pub side: Side,
    /// How it grows and shrinks.
    pub ramp: Ramp,
}

impl From<Delay> for Latency {
    fn from(delay: Delay) -> Latency {
        Latency { delay, side: Side::Request, ramp: Ramp::default() }
    }
}

impl Latency {
    /// What no delay falls below, µs.
    #[must_use]
    pub fn least_us(&self) -> u64 {
        if self.ramp == Ramp::default() { self.delay.least_us() } else { 0 }
    }

    /// What at least 95 % of the delays reach, µs.
    #[must_use]
    pub fn lower_end_us(&self) -> u64 {
        if self.ramp == Ramp::default() { self.delay.lower_end_us() } else { 0 }
    }
}

/// What of a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It, before it is passed on.
    Request,
    /// Its answer, before it is passed back.
    Response,
}

/// How a fault grows from nothing and shrinks to nothing, in a straight line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ramp {
    /// From its start on, µs.
    pub up_us: u64,
    /// Until its end, µs.
    pub down_us: u64,
}

impl Ramp {
    /// How much of a delay is left `on_us` after the start of a fault that lasts so long.
    #[must_use]
    pub fn scale(&self, us: u64, on_us: u64, lasts_us: u64) -> u64 {
        let part = |of: u64, whole: u64| match u128::from(whole) {
            0 => us,
            whole => {
                let part = u128::from(us) * u128::from(of).min(whole) / whole;
                u64::try_from(part).unwrap_or(us)
            }
        };
        part(on_us, self.up_us).min(part(lasts_us.saturating_sub(on_us), self.down_us))
    }
}

/// A distribution of delays, µs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delay {
    /// Always this.
    Fixed {
        /// The delay.
        us: u64,
    },
    /// Any length between, alike.
    Uniform {
        /// The least.
        min_us: u64,
        /// The greatest.
        max_us: u64,
    },
    /// Bell curve, cut off below 0.
    Normal {
        /// Its middle.
        mean_us: u64,
        /// Its standard deviation.
        sd_us: u64,
    },
    /// Bell curve of the delay's logarithm: many near the median, few far above it.
    Lognormal {
        /// Its median.
        p50_us: u64,
        /// What 99 of 100 stay below; above the median.
        p99_us: u64,
    },
    /// Power law: few delays are very long.
    Pareto {
        /// The least.
        min_us: u64,
        /// What 99 of 100 stay below; above the least.
        p99_us: u64,
    },
    /// As often as they were recorded.
    Recorded(Arc<Recorded>),
}

/// How an outage looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutageMode {
    /// Stops listening and resets what is open: connects are refused.
    Refuse,
    /// Accepts and reads, never answers.
    BlackHole,
    /// Accepts and resets.
    Reset,
}

/// Which of the matching requests a fault takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affects {
    /// Every one.
    All,
    /// Each by itself, with this probability, by hash of its key.
    Share(Share),
    /// Exactly this share of each block of 100 matching arrivals, the ordinals drawn by the seed.
    Quota(Share),
    /// Each matching arrival whose number, from 1, this divides.
    EveryNth(u64),
    /// So many matching arrivals, the first.
    Next(u64),
}

/// Which requests a fault is about; empty lists match all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// Upper-case methods.
    pub methods: Vec<String>,
    /// Path glob: `*` within a segment, `**` across; none: all.
    pub path: Option<String>,
    /// Headers that must have exactly this value; names lower-case.
    pub headers: Vec<(String, String)>,
}

/// Delays that were recorded, and how often each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Where they were read from, as the scenario has it.
    pub file: String,
    /// Each delay, µs, ascending, with how many were at most as long: ascending too, never empty.
    steps: Vec<(u64, u64)>,
}

impl Recorded {
    /// These delays, µs, each with how often it was recorded; none if there are none at all.
    #[must_use]
    pub fn new(file: &str, counted: &std::collections::BTreeMap<u64, u64>) -> Option<Recorded> {
        let mut total: u64 = 0;
        let mut steps = Vec::new();
        for (us, n) in counted.iter().filter(|(_, n)| **n > 0) {
            total = total.saturating_add(*n);
            steps.push((*us, total));
        }
        (total > 0).then(|| Recorded { file: file.to_owned(), steps })
    }

    /// How many were recorded.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.steps.last().map_or(0, |(_, total)| *total)
    }

    /// The delay with this number, from 0, in ascending order; the longest beyond the last.
    #[must_use]
    pub fn nth(&self, nth: u64) -> u64 {
        let at = self.steps.partition_point(|(_, upto)| *upto <= nth);
        self.steps.get(at).or(self.steps.last()).map_or(0, |(us, _)| *us)
    }

    /// What this share of them stays at or below, µs.
    #[must_use]
    pub fn quantile(&self, share: Share) -> u64 {
        let whole = u128::from(Share::ONE.0);
        let nth = u128::from(self.total()) * u128::from(share.0) / whole;
        self.nth(u64::try_from(nth).unwrap_or(u64::MAX))
    }
}

/// The standard normal distribution's 99th percentile.
const Z99: f64 = 2.326_347_874_040_841;

impl Delay {
    /// What no delay falls below, µs.
    #[must_use]
    pub fn least_us(&self) -> u64 {
        match self {
            Delay::Fixed { us } => *us,
            Delay::Uniform { min_us, .. } | Delay::Pareto { min_us, .. } => *min_us,
            Delay::Normal { .. } | Delay::Lognormal { .. } => 0,
            Delay::Recorded(recorded) => recorded.nth(0),
        }
    }

    /// What at least 95 % of the delays reach, µs: the normal distribution's 5th percentile is
    /// 1.645 standard deviations below its mean.
    #[must_use]
    pub fn lower_end_us(&self) -> u64 {
        match self {
            Delay::Normal { mean_us, sd_us } => {
                let below = u128::from(*sd_us) * 1645 / 1000;
                mean_us.saturating_sub(u64::try_from(below).unwrap_or(u64::MAX))
            }
            Delay::Lognormal { p50_us, p99_us } => {
                let sigma = Delay::lognormal_sigma(*p50_us, *p99_us);
                (*p50_us as f64 * libm::exp(-1.645 * sigma)) as u64
            }
            Delay::Recorded(recorded) => recorded.quantile(Share(Share::ONE.0 / 20)),
            Delay::Fixed { .. } | Delay::Uniform { .. } | Delay::Pareto { .. } => self.least_us(),
        }
    }

    /// The standard deviation of a lognormal delay's logarithm.
    #[must_use]
    pub fn lognormal_sigma(p50_us: u64, p99_us: u64) -> f64 {
        libm::log(p99_us as f64 / p50_us.max(1) as f64) / Z99
    }

    /// The exponent of a Pareto delay: of those above any length, 2 to the minus this are above
    /// twice that length.
    #[must_use]
    pub fn pareto_shape(min_us: u64, p99_us: u64) -> f64 {
        libm::log(100.0) / libm::log(p99_us as f64 / min_us.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn delays_show_from_their_lower_end() {
        let ends = |delay: Delay| (delay.least_us(), delay.lower_end_us());
        assert_eq!(ends(Delay::Fixed { us: 200_000 }), (200_000, 200_000));
        assert_eq!(ends(Delay::Uniform { min_us: 7, max_us: 9_000 }), (7, 7));
        assert_eq!(ends(Delay::Normal { mean_us: 200_000, sd_us: 50_000 }), (0, 117_750));
        assert_eq!(ends(Delay::Normal { mean_us: 10_000, sd_us: 50_000 }), (0, 0));
        // ln 5 / 2.3263 = 0.6918; 40 ms * exp(-1.645 * 0.6918) = 12.8 ms.
        let (least, lower) = ends(Delay::Lognormal { p50_us: 40_000, p99_us: 200_000 });
        assert!(least == 0 && (12_780..12_840).contains(&lower), "{lower}");
        assert_eq!(ends(Delay::Pareto { min_us: 10_000, p99_us: 90_000 }), (10_000, 10_000));
        let recorded = Recorded::new("x", &BTreeMap::from([(5, 4), (9, 0), (20, 96)])).unwrap();
        assert_eq!(ends(Delay::Recorded(Arc::new(recorded))), (5, 20));
    }

    #[test]
    fn a_ramp_grows_and_shrinks_in_a_straight_line() {
        let ramp = Ramp { up_us: 100, down_us: 50 };
        let scaled = [0, 25, 100, 500, 950, 975, 1000, 2000].map(|on| ramp.scale(80, on, 1000));
        assert_eq!(scaled, [0, 20, 80, 80, 80, 40, 0, 0]);
        assert_eq!(Ramp::default().scale(80, 0, 1000), 80);
        assert_eq!(
            Ramp { up_us: u64::MAX, down_us: 1 }.scale(u64::MAX, u64::MAX - 1, u64::MAX),
            u64::MAX - 1
        );
    }

    #[test]
    fn recorded_delays_are_found_by_their_number() {
        let recorded = Recorded::new("x", &BTreeMap::from([(5, 2), (7, 1)])).unwrap();
        assert_eq!(recorded.total(), 3);
        assert_eq!([0, 1, 2, 3].map(|nth| recorded.nth(nth)), [5, 5, 7, 7]);
        assert_eq!(Recorded::new("x", &BTreeMap::from([(5, 0)])), None);
    }
}

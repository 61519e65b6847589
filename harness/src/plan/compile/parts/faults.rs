//! What the faults of a scenario have in common, whatever their type.
//!
//! Not here: what is wrong with them.

use crate::plan::compile::services;
use crate::spec::Trail;
use crate::spec::scalar::{Count, Duration, Moment, Name};
use crate::spec::types::{Affects, Again, Fault, Match, Scenario};
use assay_slo::case;

/// What a fault acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan::compile) enum On<'s> {
    Link(&'s Name),
    Service(&'s Name),
    /// Whatever a command reaches.
    Outside,
}

/// Of any fault.
pub(in crate::plan::compile) struct FaultParts<'s> {
    pub(in crate::plan::compile) trail: Trail,
    /// The link that it acts on, or the service.
    pub(in crate::plan::compile) on: On<'s>,
    pub(in crate::plan::compile) affects: Option<&'s Affects>,
    pub(in crate::plan::compile) matches: Option<&'s Match>,
    pub(in crate::plan::compile) at: &'s Moment,
    /// Of one that ends itself the most.
    pub(in crate::plan::compile) duration: Duration,
    pub(in crate::plan::compile) ends_itself: bool,
    pub(in crate::plan::compile) recovery: Option<Duration>,
    pub(in crate::plan::compile) again: Option<&'s Again>,
    /// How many of its service's containers.
    pub(in crate::plan::compile) count: Option<Count>,
    /// How many headers its answer has.
    pub(in crate::plan::compile) headers: usize,
}

impl FaultParts<'_> {
    /// From its first start to its last end, µs.
    pub(in crate::plan::compile) fn whole_us(&self) -> u64 {
        let again =
            self.again.map(|again| case::Again { times: again.times.0, every_us: again.every.us });
        case::Again::whole_us(again, self.duration.us)
    }
}

pub(in crate::plan::compile) fn fault<'s>(
    name: &Name,
    fault: &'s Fault,
    scenario: &Scenario,
) -> FaultParts<'s> {
    let trail = Trail::root().key("faults").key(name.as_str());
    macro_rules! parts {
        ($kind:literal, $fault:expr, $headers:expr) => {
            FaultParts {
                trail: trail.key($kind),
                on: On::Link(&$fault.link),
                affects: Some(&$fault.affects),
                matches: Some(&$fault.matches),
                at: &$fault.at,
                duration: $fault.duration,
                ends_itself: false,
                recovery: $fault.recovery,
                again: $fault.again.as_ref(),
                count: None,
                headers: $headers,
            }
        };
    }
    macro_rules! act {
        ($kind:literal, $fault:expr, $on:expr, $most:expr, $again:expr, $count:expr) => {
            FaultParts {
                trail: trail.key($kind),
                on: $on,
                affects: None,
                matches: None,
                at: &$fault.at,
                duration: $most,
                ends_itself: matches!($kind, "restart" | "command" | "manual"),
                recovery: $fault.recovery,
                again: $again,
                count: $count,
                headers: 0,
            }
        };
    }
    macro_rules! of_service {
        ($kind:literal, $fault:expr) => {{
            let (on, again) = (On::Service(&$fault.service), $fault.again.as_ref());
            act!($kind, $fault, on, $fault.duration, again, $fault.count)
        }};
    }
    match fault {
        Fault::Latency(fault) => parts!("latency", fault, 0),
        Fault::Error(fault) => parts!("error", fault, fault.headers.len()),
        Fault::Outage(fault) => parts!("outage", fault, 0),
        Fault::Abort(fault) => parts!("abort", fault, 0),
        Fault::Truncate(fault) => parts!("truncate", fault, 0),
        Fault::Stall(fault) => parts!("stall", fault, 0),
        Fault::Garbage(fault) => parts!("garbage", fault, 0),
        Fault::SlowClose(fault) => parts!("slow-close", fault, 0),
        Fault::HalfOpen(fault) => parts!("half-open", fault, 0),
        Fault::LimitBytes(fault) => parts!("limit-bytes", fault, 0),
        Fault::Bandwidth(fault) => parts!("bandwidth", fault, 0),
        Fault::Kill(fault) => of_service!("kill", fault),
        Fault::Pause(fault) => of_service!("pause", fault),
        Fault::Stop(fault) => of_service!("stop", fault),
        Fault::Disconnect(fault) => of_service!("disconnect", fault),
        Fault::Pressure(fault) => of_service!("pressure", fault),
        Fault::Restart(fault) => {
            let most = Duration { us: services::most_to_end_us(scenario, &fault.service) };
            act!("restart", fault, On::Service(&fault.service), most, None, None)
        }
        Fault::Manual(fault) => act!("manual", fault, On::Outside, fault.timeout, None, None),
        Fault::Command(fault) => act!("command", fault, On::Outside, fault.timeout, None, None),
    }
}

/// The faults of a scenario, in order.
pub(in crate::plan::compile) fn faults(
    scenario: &Scenario,
) -> impl Iterator<Item = (&str, FaultParts<'_>)> {
    let faults = scenario.faults.iter();
    faults.map(|(name, entry)| (name.as_str(), fault(name, entry, scenario)))
}

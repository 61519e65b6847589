//! The faults of a scenario, as rules that a link obeys.
//!
//! Invariant: building a fault needs the plan and the seed, nothing else: no clock, no socket.
//! Not here: when faults come and go (`run`), what happens to connections (`link`).

mod chance;
mod flows;
mod planned;
mod stub;
#[cfg(test)]
mod tests;

use crate::link::{Action, Answer};
use crate::plan::{Affects, Fault, FaultKind, Match, OutageMode};
use assay_slo::Share;
pub use stub::stub;

use flows::Flowing;
use planned::{Harm, Planned, Victims};
use std::sync::Arc;

/// Why a planned fault cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// A quota must leave whole requests in each block of 100.
    #[error(
        "fault `{name}` asks for a quota of {share}: write a whole percentage, or `share` instead"
    )]
    Quota {
        /// The fault.
        name: String,
        /// What it asks for.
        share: Share,
    },
    /// HTTP does not allow the answer.
    #[error("fault `{name}` cannot answer so: {why}")]
    Answer {
        /// The fault.
        name: String,
        /// The reason.
        why: String,
    },
    /// Refusing happens before there is a request.
    #[error(
        "fault `{name}` cannot refuse only some requests: a refused connection has none yet; \
         leave out `match` and `affects`, or write `mode: reset`"
    )]
    Refuse {
        /// The fault.
        name: String,
    },
    /// Its link speaks another protocol.
    #[error("fault `{name}` does nothing to a link of this protocol")]
    Protocol {
        /// The fault.
        name: String,
    },
    /// It is done to a service, or by a command.
    #[error("fault `{name}` acts on no link")]
    NoLink {
        /// The fault.
        name: String,
    },
}

/// What a planned fault does to its link, with the chance of this seed.
///
/// # Errors
/// [`FaultError`], for what the plan should have refused.
pub fn action(fault: &Fault, seed: u64) -> Result<Action, FaultError> {
    let name = || fault.name.clone();
    let harm = match &fault.kind {
        FaultKind::Latency(latency) => {
            Harm::Delay { latency: latency.clone(), lasts_us: fault.lasts_us }
        }
        FaultKind::Error { status, headers, text } => {
            let answer = Answer::new(*status, headers.clone(), text)
                .map_err(|why| FaultError::Answer { name: name(), why })?;
            Harm::Answer(Arc::new(answer))
        }
        FaultKind::Kill { .. }
        | FaultKind::Pause
        | FaultKind::Stop
        | FaultKind::Restart
        | FaultKind::Disconnect { .. }
        | FaultKind::Pressure(_)
        | FaultKind::Manual { .. }
        | FaultKind::Command(_) => return Err(FaultError::NoLink { name: name() }),
        FaultKind::HalfOpen | FaultKind::LimitBytes { .. } => {
            return Err(FaultError::Protocol { name: name() });
        }
        FaultKind::Outage(OutageMode::BlackHole) => Harm::BlackHole,
        FaultKind::Outage(OutageMode::Reset) => Harm::Reset,
        FaultKind::Abort => Harm::Abort,
        FaultKind::Truncate { after } => Harm::Cut(*after),
        FaultKind::Stall => Harm::Stall,
        FaultKind::Garbage => Harm::Garbage,
        FaultKind::SlowClose => Harm::Linger,
        FaultKind::Bandwidth { per_s } => Harm::Pace(*per_s),
        FaultKind::Outage(OutageMode::Refuse) => {
            let is_about_all = fault.affects == Affects::All && fault.matches == Match::default();
            return if is_about_all {
                Ok(Action::Refuse)
            } else {
                Err(FaultError::Refuse { name: name() })
            };
        }
    };
    Planned::new(seed, &fault.name, harm, fault.affects, &fault.matches)
        .map(|planned| Action::Requests(Arc::new(planned)))
        .map_err(|share| FaultError::Quota { name: name(), share })
}

/// The same for a link of a protocol that nobody looks into: what it does to connections.
///
/// # Errors
/// As [`action`].
pub fn action_on_connections(fault: &Fault, seed: u64) -> Result<Action, FaultError> {
    let name = || fault.name.clone();
    if fault.kind == FaultKind::Outage(OutageMode::Refuse) {
        return action(fault, seed);
    }
    let victims =
        Victims::of(fault.affects).map_err(|share| FaultError::Quota { name: name(), share })?;
    let flowing = Flowing::new(fault, victims, seed);
    let flowing = flowing.ok_or_else(|| FaultError::Protocol { name: name() })?;
    Ok(Action::Flows(Arc::new(flowing)))
}

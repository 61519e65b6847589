//! Faults beside links, as a plan has them: what is done to a service, or by a command.
//!
//! Not here: how they are written (`spec`), checked (`compile`) and done (`run`, `service`).

use super::{FaultKind, Text};
use assay_slo::Share;

impl FaultKind {
    /// What it acts on.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            FaultKind::Kill { .. }
            | FaultKind::Pause
            | FaultKind::Stop
            | FaultKind::Restart
            | FaultKind::Disconnect { .. }
            | FaultKind::Pressure(_) => Place::Service,
            FaultKind::Command(_) | FaultKind::Manual { .. } => Place::Outside,
            _ => Place::Link,
        }
    }

    /// Whether its end is not known beforehand; its length is then the most that it may take.
    #[must_use]
    pub fn ends_itself(&self) -> bool {
        matches!(self, FaultKind::Restart | FaultKind::Command(_) | FaultKind::Manual { .. })
    }
}

/// What a fault acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A link.
    Link,
    /// A service.
    Service,
    /// Whatever a command reaches.
    Outside,
}

/// Who starts a killed service again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartedBy {
    /// We do, when the fault ends.
    Assay,
    /// Its first process, which is spared; the fault's length is how long that may take.
    Supervisor,
    /// Whoever started it before we came; the fault's length is how long that may take.
    Others,
}

/// What takes something from processes ends by itself so long after its fault should have, µs.
pub const PRESSED_LATE_US: u64 = 30_000_000;

/// What a service loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pressure {
    /// Of its processor time; none is zero.
    pub cpu: Share,
    /// Of processes: a busy neighbour takes it, on cores where they may run and we may not.
    pub by_burners: bool,
    /// Bytes of memory; 0: none.
    pub memory: u64,
    /// Bytes of disk; 0: none.
    pub disk: u64,
}

/// A command of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Program and arguments; a program `assay` is this very program.
    pub command: Vec<Text>,
    /// The same of what puts it right; empty: nothing does.
    pub undo: Vec<Text>,
    /// How long each may take, µs.
    pub timeout_us: u64,
}

//! Faults of services, and those that commands or people make.
//!
//! Not here: faults on links (`fault`), what needs two values at once (`plan`).

use super::Again;
use crate::spec::scalar::{Count, Duration, Moment, Name, Ratio, Size, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A service is killed, and started again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KillFault {
    /// The service.
    pub service: Name,
    /// How many of its containers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// The signal's name: KILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Words>,
    /// Who starts it again, after the duration: assay; of a `running-process` its supervisor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_by: Option<RestartedBy>,
    /// When it is killed.
    pub at: Moment,
    /// How long until it is started again.
    pub duration: Duration,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// Who starts a killed process again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartedBy {
    /// We do, after the duration.
    Assay,
    /// Somebody else: of a `process` its first one, which is spared; of a `running-process`, all of which is
    /// killed, whoever started it. Within the duration.
    Supervisor,
}

/// Something is done to a service for a time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceFault {
    /// The service.
    pub service: Name,
    /// How many of its containers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// When it starts.
    pub at: Moment,
    /// How long it lasts.
    pub duration: Duration,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// A service gets less for a time; at least one of `cpu`, `memory` and `disk` says of what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PressureFault {
    /// The service.
    pub service: Name,
    /// How many of its containers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// The share of its processor time that it loses: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Ratio>,
    /// How processes lose it: duty-cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_by: Option<CpuBy>,
    /// The memory that it loses: of a container's limit, or of the machine: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// The space that it loses on the disk of its working directory; of a `process` or `running-process`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Size>,
    /// When it starts.
    pub at: Moment,
    /// How long it lasts.
    pub duration: Duration,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// How processor time is taken from processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CpuBy {
    /// They stand still for the share of each tenth of a second.
    DutyCycle,
    /// A busy neighbour wants the share of each core where they may run and Assay may not.
    Burners,
}

/// The containers of a service leave a network for a time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DisconnectFault {
    /// The service: a container.
    pub service: Name,
    /// The network, by the engine's name for it: the only one that they are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Words>,
    /// How many of its containers: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// When they leave it.
    pub at: Moment,
    /// How long until they join it again.
    pub duration: Duration,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
    /// Whether it comes again: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

/// A service is ended in good order, and started again at once: its end is its start.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RestartFault {
    /// The service.
    pub service: Name,
    /// When it is told to end.
    pub at: Moment,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
}

/// A command of yours; the fault ends when it does.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandFault {
    /// Program and arguments.
    #[serde(default)]
    pub run: Vec<Words>,
    /// A line for the shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Words>,
    /// Program and arguments of what puts it right; run once when the run ends, whatever ends it.
    #[serde(default)]
    pub undo: Vec<Words>,
    /// How long it may take, and how long its undo: longer stops the run.
    pub timeout: Duration,
    /// When it starts.
    pub at: Moment,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
}

/// Somebody else breaks something; `assay mark RUN NAME start` and `end` say when.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ManualFault {
    /// What is asked of them, shown when it is due.
    pub prompt: Words,
    /// How long it may take from then to its end: longer stops the run.
    pub timeout: Duration,
    /// When it is asked for.
    pub at: Moment,
    /// How long after its end is called its recovery: 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Duration>,
}

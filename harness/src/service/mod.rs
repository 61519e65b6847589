//! Processes of the system under test: their addresses, their life, and the guardian that
//! outlives us, and the keeper of time limits that outlives both.
//!
//! Invariant: whatever was started here is ended: by [`Running::stop`], or, when this process
//! dies first, by the [`Guardian`].
//! Invariant: whoever they leave behind is adopted, see [`Orphans`], and ended too.
//! Invariant: what faults did to them is written down before it is done, see [`undo`].
//! Invariant: every process carries [`RUN_ID`] in its environment, so that even one that left
//! its process group is found.
//! Not here: which services a scenario has (`plan`), when they start and stop (`run`).

mod acts;
mod attached;
mod bridge;
mod burner;
mod capture;
mod claim;
mod command;
mod consent;
mod container;
mod cores;
mod descriptors;
mod duty;
mod ending;
pub mod engine;
mod error;
mod family;
mod felt;
mod guardian;
mod http;
mod hurry;
mod kill;
mod kin;
mod life;
mod orphans;
mod ports;
mod process;
mod program;
mod ready;
mod resolve;
mod sockets;
mod spin;
mod still;
mod stopped;
mod table;
mod tap;
pub mod undo;
mod usage;

pub use acts::Workers;
pub use attached::Attached;
pub use bridge::is_bridged;
pub use burner::{BURNS, Burden, HELD, burner_main, fill};
pub use capture::Written;
pub use claim::Claims;
pub use consent::{Deny, Refused, consent};
pub use container::{Held, container_main, stays};
pub use cores::{Cores, Room, room_at_all, room_beside};
pub use duty::{Duty, Stood};
pub use error::ServiceError;
pub use family::{Family, Felled, signals};
pub use felt::{Burnt, Waits, Watch};
pub use guardian::{Guardian, guardian_main, keeper_main};
pub use http::{Address, get, innermost};
pub use hurry::Hurry;
pub use kill::{KillEffect, Killed, Next};
pub use orphans::{Orphans, Remnant, Swept, spawn};
pub use ports::{Ports, Reservation, ephemeral_overlap};
pub use process::{Exit, Launch, Running, errand, start};
pub use program::{command, run_program, spawn_group};
pub use resolve::{accepting, choose, consented, resolve, target, targets};
pub use still::Processes;
pub use stopped::{How, Log, Stopped};
pub use table::is_our_own;
pub use tap::Tap;
pub use usage::{First, Firsts, Usage, open_files, usage};

/// Environment variable that marks every process of a run with the run's id.
pub const RUN_ID: &str = "ASSAY_RUN_ID";

/// Environment variable that says which service of the run a process belongs to.
pub const SERVICE: &str = "ASSAY_SERVICE";

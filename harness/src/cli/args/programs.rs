//! Arguments of the programs that a run starts for itself.
//!
//! Not here: what they do (`platform`).

use clap::Args as ClapArgs;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A container to hold.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ContainerArgs {
    /// `name:tag`.
    #[arg(long)]
    pub(in crate::cli) image: String,
    /// The port inside,
    #[arg(long)]
    pub(in crate::cli) port: u16,
    /// and where it is published.
    #[arg(long)]
    pub(in crate::cli) publish: SocketAddr,
    /// Bytes.
    #[arg(long)]
    pub(in crate::cli) memory: Option<u64>,
    /// Names of variables that it gets.
    #[arg(long)]
    pub(in crate::cli) env: Vec<String>,
    /// How long it may take to end.
    #[arg(long)]
    pub(in crate::cli) stop_within_s: u64,
    /// How long pulling and starting may take.
    #[arg(long)]
    pub(in crate::cli) start_within_s: u64,
    /// Arguments instead of the image's own.
    #[arg(last = true)]
    pub(in crate::cli) command: Vec<String>,
}

/// The guardian.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct GuardianArgs {
    /// The run whose processes it ends.
    #[arg(long)]
    pub(in crate::cli) run_id: String,
    /// Where it writes its log.
    #[arg(long)]
    pub(in crate::cli) run_dir: PathBuf,
    /// The run's process,
    #[arg(long)]
    pub(in crate::cli) run_pid: i32,
    /// and when it started, in clock ticks since boot.
    #[arg(long)]
    pub(in crate::cli) run_start: u64,
}

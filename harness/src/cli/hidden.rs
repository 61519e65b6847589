//! What only this program types: the arguments of its own children.
//!
//! Not here: what people type (`args`), doing it (`platform`).

use crate::service::Cores;
use clap::Args as ClapArgs;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A container to hold.
#[derive(Debug, ClapArgs)]
pub(super) struct ContainerArgs {
    /// `name:tag`.
    #[arg(long)]
    pub(super) image: String,
    /// The port inside,
    #[arg(long)]
    pub(super) port: u16,
    /// and where it is published.
    #[arg(long)]
    pub(super) publish: SocketAddr,
    /// The network that it is in,
    #[arg(long)]
    pub(super) network: String,
    /// and its name there.
    #[arg(long)]
    pub(super) name: String,
    /// Bytes.
    #[arg(long)]
    pub(super) memory: Option<u64>,
    /// Names of variables that it gets.
    #[arg(long)]
    pub(super) env: Vec<String>,
    /// How long it may take to end.
    #[arg(long)]
    pub(super) stop_within_s: u64,
    /// How long pulling and starting may take.
    #[arg(long)]
    pub(super) start_within_s: u64,
    /// Arguments instead of the image's own.
    #[arg(last = true)]
    pub(super) command: Vec<String>,
}

/// What to take from a service.
#[derive(Debug, ClapArgs)]
pub(super) struct BurnerArgs {
    /// Bytes of memory.
    #[arg(long, default_value_t = 0)]
    pub(super) memory: u64,
    /// Processor time of each tenth of a second, µs,
    #[arg(long, default_value_t = 0)]
    pub(super) cpu_us: u64,
    /// on each of these cores: `0-3,8`.
    #[arg(long, default_value = "", value_parser = cores)]
    pub(super) cores: Cores,
    /// The process that has started this one, and whose end is its own.
    #[arg(long)]
    pub(super) parent: i32,
    /// At most this long.
    #[arg(long)]
    pub(super) for_s: u64,
}

/// The guardian.
#[derive(Debug, ClapArgs)]
pub(super) struct GuardianArgs {
    /// The run whose processes it ends.
    #[arg(long)]
    pub(super) run_id: String,
    /// Where it writes its log.
    #[arg(long)]
    pub(super) run_dir: PathBuf,
    /// The run's process,
    #[arg(long)]
    pub(super) run_pid: i32,
    /// and when it started, in clock ticks since boot.
    #[arg(long)]
    pub(super) run_start: u64,
}

/// The lease keeper.
#[derive(Debug, ClapArgs)]
pub(super) struct KeeperArgs {
    /// The run whose undos it keeps.
    #[arg(long)]
    pub(super) run_id: String,
    /// Where it writes its log.
    #[arg(long)]
    pub(super) run_dir: PathBuf,
    /// The run's process,
    #[arg(long)]
    pub(super) pid: i32,
    /// and when it started, in clock ticks since boot.
    #[arg(long)]
    pub(super) start: u64,
    /// The log of undos, as the run holds it open.
    #[arg(long)]
    pub(super) log: PathBuf,
}

fn cores(text: &str) -> Result<Cores, String> {
    Cores::read(text).ok_or_else(|| "write cores such as 0-3,8".to_owned())
}

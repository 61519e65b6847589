//! Real processes: killed, restarted at the same address, told apart from the dead.
//!
//! Not here: our own death between two lives (`tests/guardian.rs`).

use super::*;
use crate::plan::Ready;
use crate::service::process::{How, Launch, start};
use crate::service::ready::tests::free_port;
use crate::service::table;
use futures_util::FutureExt;
use std::path::Path;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);
const KILL: i32 = 9;
const TERM: i32 = 15;

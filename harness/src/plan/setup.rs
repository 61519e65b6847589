//! What is done before the warm-up (`setup`) and after the run (`teardown`).
//!
//! Not here: doing it (`load::errand`, `run`).

use super::rows::Rows;
use super::{Client, Request, Target, Text};
use std::sync::Arc;

/// Steps, in order.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The steps.
    pub steps: Vec<Step>,
    /// What its requests are, if it has any.
    pub requests: Option<Requests>,
}

/// The requests of all steps outside of `for-each`.
#[derive(Debug, Clone)]
pub struct Requests {
    /// Where they go.
    pub to: Target,
    /// How they are sent.
    pub client: Client,
    /// Each, in the order of [`Step::Send`] or of a row's steps.
    pub requests: Vec<Request>,
    /// How many values they capture.
    pub captures: usize,
}

/// A step.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends a request of [`Setup::requests`].
    Send(usize),
    /// Runs a program to its end.
    Command {
        /// Program and arguments; a program `assay` is this very program.
        words: Vec<Text>,
        /// How long it may take, µs.
        timeout_us: u64,
    },
    /// Sends these for each row.
    ForEach(Box<ForEach>),
}

/// Requests for each row of a set.
#[derive(Debug, Clone)]
pub struct ForEach {
    /// The set.
    pub rows: Arc<Rows>,
    /// How often it is done again while the run goes on, µs.
    pub every_us: Option<u64>,
    /// What is sent, in order.
    pub sent: Requests,
    /// Which captured values land in which columns of the row.
    pub lands: Vec<(usize, usize)>,
}

/// So many rows are worked on at once.
pub const AT_ONCE: usize = 16;

impl Setup {
    /// The longest that it can take, µs.
    #[must_use]
    pub fn most_us(&self) -> u64 {
        let all = |sent: &Requests| {
            sent.requests.iter().fold(0_u64, |sum, one| sum.saturating_add(one.timeout_us))
        };
        let step = |step: &Step| match step {
            Step::Send(at) => {
                let sent = self.requests.as_ref().and_then(|sent| sent.requests.get(*at));
                sent.map_or(0, |request| request.timeout_us)
            }
            Step::Command { timeout_us, .. } => *timeout_us,
            Step::ForEach(each) => {
                let turns = each.rows.values.len().div_ceil(AT_ONCE) as u64;
                all(&each.sent).saturating_mul(turns)
            }
        };
        self.steps.iter().map(step).fold(0, u64::saturating_add)
    }
}

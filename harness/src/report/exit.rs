//! The exit code: what a pipeline gates on.
//!
//! Invariant: 0 only for a run that was met and ended by itself, or when the user asked that
//! what could not be told passes.
//! Not here: the verdict (crate slo); it stays what it is, whatever the code says.

pub use crate::record::journal::OnInconclusive;
use assay_slo::Verdict;
use assay_slo::event::EndReason;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

/// How the program ends.
///
/// | code | meaning |
/// |---:|---|
/// | 0 | met |
/// | 1 | violated |
/// | 2 | usage, or an invalid scenario |
/// | 3 | inconclusive |
/// | 4 | could not run: a service never ready, a failed set-up, a guard |
/// | 5 | an undo failed, something is still broken |
/// | 130 | interrupted (SIGINT), undone |
/// | 143 | terminated (SIGTERM), undone |
///
/// When several apply: 5, 2, 4, 130, 143, 1, 3, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Exit {
    /// All that decides holds.
    Met,
    /// Something does not hold.
    Violated,
    /// Wrong usage, or a scenario that cannot be run as it is written.
    Invalid,
    /// It could not be told.
    Inconclusive,
    /// The run could not begin, could not go on, or was stopped by a guard.
    CouldNotRun,
    /// The run left something broken.
    StillBroken,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// All, the one that wins over the others first.
    pub const BY_PRECEDENCE: [Exit; 8] = [
        Exit::StillBroken,
        Exit::Invalid,
        Exit::CouldNotRun,
        Exit::Interrupted,
        Exit::Terminated,
        Exit::Violated,
        Exit::Inconclusive,
        Exit::Met,
    ];

    /// How a run ends. `end` is the reason on its journal's last line; a run without that line
    /// was killed, and is at best inconclusive even if what was seen of it was met.
    #[must_use]
    pub fn of(
        verdict: Verdict,
        end: Option<EndReason>,
        still_broken: bool,
        on_inconclusive: OnInconclusive,
    ) -> Exit {
        let judged = match (verdict, end) {
            (Verdict::Violated, _) => Exit::Violated,
            // What ended because it was lost is not let through.
            (Verdict::Inconclusive, Some(EndReason::Lost))
                if on_inconclusive == OnInconclusive::Pass =>
            {
                Exit::Inconclusive
            }
            (Verdict::Inconclusive, _) | (Verdict::Met, None) => inconclusive(on_inconclusive),
            (Verdict::Met, Some(_)) => Exit::Met,
        };
        let ended = match end {
            Some(EndReason::CouldNotRun | EndReason::Guard) => Exit::CouldNotRun,
            Some(EndReason::Interrupted) => Exit::Interrupted,
            Some(EndReason::Terminated) => Exit::Terminated,
            Some(EndReason::Complete | EndReason::Lost) | None => Exit::Met,
        };
        let left = if still_broken { Exit::StillBroken } else { Exit::Met };
        judged.or_worse(ended).or_worse(left)
    }

    /// Of two, the one that wins.
    #[must_use]
    pub fn or_worse(self, other: Exit) -> Exit {
        Exit::BY_PRECEDENCE.into_iter().find(|exit| *exit == self || *exit == other).unwrap_or(self)
    }

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Met => 0,
            Exit::Violated => 1,
            Exit::Invalid => 2,
            Exit::Inconclusive => 3,
            Exit::CouldNotRun => 4,
            Exit::StillBroken => 5,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// In a few words, for help texts and reports.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Met => "met",
            Exit::Violated => "violated",
            Exit::Invalid => "usage, or an invalid scenario",
            Exit::Inconclusive => "inconclusive",
            Exit::CouldNotRun => "could not run",
            Exit::StillBroken => "an undo failed, something is still broken",
            Exit::Interrupted => "interrupted",
            Exit::Terminated => "terminated",
        }
    }

    /// Whether the run itself went wrong, beside what it found.
    pub(super) fn is_of_the_run(self) -> bool {
        !matches!(self, Exit::Met | Exit::Violated | Exit::Inconclusive)
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> u8 {
        exit.code()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// A number that is no exit code of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is none of the exit codes 0 to 5, 130 and 143")]
pub struct UnknownExit(pub u8);

impl TryFrom<u8> for Exit {
    type Error = UnknownExit;

    fn try_from(code: u8) -> Result<Exit, UnknownExit> {
        let known = Exit::BY_PRECEDENCE.into_iter().find(|exit| exit.code() == code);
        known.ok_or(UnknownExit(code))
    }
}

/// The code of a run that could not be told.
fn inconclusive(policy: OnInconclusive) -> Exit {
    match policy {
        OnInconclusive::Exit3 => Exit::Inconclusive,
        OnInconclusive::Fail => Exit::Violated,
        OnInconclusive::Pass => Exit::Met,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EndReason::{Complete, Guard, Interrupted, Terminated};
    use OnInconclusive::{Exit3, Fail, Pass};
    use Verdict::{Inconclusive, Met, Violated};

    #[test]
    fn codes() {
        for (verdict, end, broken, policy, code) in [
            (Met, Some(Complete), false, Exit3, 0),
            (Violated, Some(Complete), false, Pass, 1),
            (Inconclusive, Some(Complete), false, Exit3, 3),
            (Inconclusive, Some(Complete), false, Fail, 1),
            (Inconclusive, Some(Complete), false, Pass, 0),
            (Violated, Some(Guard), false, Exit3, 4),
            (Met, Some(EndReason::CouldNotRun), false, Pass, 4),
            (Violated, Some(Interrupted), false, Exit3, 130),
            (Inconclusive, Some(Terminated), false, Pass, 143),
            (Met, Some(Complete), true, Pass, 5),
            (Violated, Some(Interrupted), true, Exit3, 5),
            (Violated, None, false, Exit3, 1),
            (Met, None, false, Exit3, 3),
            (Met, None, false, Fail, 1),
        ] {
            let exit = Exit::of(verdict, end, broken, policy);
            assert_eq!(exit.code(), code, "{verdict:?} {end:?} {broken} {policy:?}");
        }
    }

    #[test]
    fn zero_only_when_met_and_complete_or_asked_to_pass() {
        let ends = [None, Some(Complete), Some(EndReason::CouldNotRun), Some(Guard)];
        let ends = ends.into_iter().chain([Some(Interrupted), Some(Terminated)]);
        for end in ends {
            for verdict in [Met, Inconclusive, Violated] {
                for broken in [false, true] {
                    let zero = Exit::of(verdict, end, broken, Exit3) == Exit::Met;
                    assert_eq!(zero, verdict == Met && end == Some(Complete) && !broken);
                    assert!(
                        verdict != Violated || Exit::of(verdict, end, broken, Pass) != Exit::Met
                    );
                }
            }
        }
    }

    #[test]
    fn precedence_is_total() {
        for (rank, exit) in Exit::BY_PRECEDENCE.into_iter().enumerate() {
            assert_eq!(Exit::try_from(exit.code()), Ok(exit));
            for lesser in &Exit::BY_PRECEDENCE[rank..] {
                assert_eq!(exit.or_worse(*lesser), exit);
                assert_eq!(lesser.or_worse(exit), exit);
            }
        }
        assert_eq!(Exit::try_from(6), Err(UnknownExit(6)));
    }

    #[test]
    fn codes_are_written_as_numbers() {
        assert_eq!(serde_json::from_str::<Exit>("143").unwrap(), Exit::Terminated);
        assert!(serde_json::from_str::<Exit>("99").is_err());
    }
}

//! What came of a pressure on processes, in words: less than was asked, or what the service felt.
//!
//! Invariant: less than asked is no effect, and the sentence says what was seen instead.
//! Not here: measuring it (`service`), what becomes of the fault then (`conduct`).

use crate::plan::{Fault, FaultKind};
use crate::service::{Burnt, Stood};
use assay_slo::Share;

/// How much less than asked a service may stand still, in billionths of the whole, before the fault had no
/// effect.
const LESS: u64 = 50_000_000;
/// A neighbour has its turn with others, and must have been given one of so many parts of what it wanted.
const PART: u64 = 2;

/// What was taken while a fault was on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::run) struct Taken {
    /// By standing still.
    pub(super) stood: Option<Stood>,
    /// By a neighbour.
    pub(super) burnt: Option<Burnt>,
    /// How long the service's threads had waited for a core in each second before it, µs.
    pub(super) before_us: Option<u64>,
}

impl Taken {
    /// A sentence where much less was taken than this fault asks.
    pub(in crate::run) fn short(&self, fault: &Fault) -> Option<String> {
        let FaultKind::Pressure(pressure) = &fault.kind else { return None };
        let (asked, name) = (pressure.cpu, &fault.link);
        if let Some(stood) = self.stood {
            let share = stood.share();
            let is_less = share.0 + LESS < asked.0;
            return is_less
                .then(|| format!("{name} lost {share} of its time, and {asked} was asked"));
        }
        let burnt = self.burnt.as_ref()?;
        if !burnt.is_there {
            return Some("its busy neighbour had ended before its time".to_owned());
        }
        let is_less = |(_, share): &&(usize, Share)| share.0.saturating_mul(PART) < asked.0;
        let (core, share) = burnt.cores.iter().find(is_less)?;
        Some(format!(
            "its busy neighbour was given {share} of core {core}, and {asked} was asked: others want that core \
             as well, and have their turn"
        ))
    }

    /// What a neighbour took and what the service felt of it, to be told where it was not too little.
    pub(in crate::run) fn told(&self, fault: &Fault) -> Option<String> {
        let (FaultKind::Pressure(pressure), Some(burnt)) = (&fault.kind, &self.burnt) else {
            return None;
        };
        if self.short(fault).is_some() {
            return None;
        }
        let cores = burnt.cores.iter().map(|(core, share)| format!("{share} of core {core}"));
        let cores = cores.collect::<Vec<_>>().join(", ");
        let ms = |us: u64| format!("{}.{} ms", us / 1000, us % 1000 / 100);
        let waited = match (self.before_us, burnt.waited_us) {
            (Some(before), Some(waited)) => format!(
                "; in each second the threads of {} waited {} for a core before, and {} then",
                fault.link,
                ms(before),
                ms(waited)
            ),
            _ => String::new(),
        };
        Some(format!("a busy neighbour was given {cores} ({} was asked){waited}", pressure.cpu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::compile_to_measure;
    use crate::spec::{Overrides, decode};

    fn fault(how: &str) -> Fault {
        let text = format!(
            "schema: 1\nname: a\nservices: {{s: {{process: {{command: [sleep]}}}}}}\nload: {{l: \
             {{constant-arrival-rate: {{rate: 1/s, duration: 9s, requests: [{{get: {{path: /}}}}]}}}}}}\n\
             faults: {{f: {{pressure: {{service: s, cpu: 80%, {how}at: 3s, duration: 2s, recovery: 1s}}}}}}\n"
        );
        let loaded = decode("a.yaml", &text, &Overrides::default(), &|_| None);
        let plan = compile_to_measure(loaded).unwrap_or_else(|why| panic!("{why:?}"));
        plan.faults[0].clone()
    }

    fn percent(percent: u64) -> Share {
        Share(Share::ONE.0 / 100 * percent)
    }

    #[test]
    fn a_pressure_that_took_much_less_than_asked_is_short() {
        let fault = fault("");
        let short = |still_us| {
            let stood = Some(Stood { still_us, whole_us: 2_000_000 });
            Taken { stood, ..Taken::default() }.short(&fault)
        };
        assert_eq!(short(1_520_000), None);
        let less = "s lost 40% of its time, and 80% was asked";
        assert_eq!(short(800_000).as_deref(), Some(less));
    }

    #[test]
    fn each_core_must_have_been_half_as_busy_as_asked() {
        let fault = fault("cpu-by: burners, ");
        let taken = |second: u64, waited_us| {
            let cores = vec![(1, percent(79)), (3, percent(second))];
            let burnt = Some(Burnt { is_there: true, cores, waited_us });
            Taken { burnt, before_us: Some(1_250), ..Taken::default() }
        };
        assert_eq!(taken(40, None).short(&fault), None);
        let short = taken(39, None).short(&fault).unwrap();
        assert!(short.contains("given 39% of core 3, and 80% was asked"), "{short}");
        let told = taken(40, Some(402_000)).told(&fault).unwrap();
        let whole = "a busy neighbour was given 79% of core 1, 40% of core 3 (80% was asked); in each second \
                     the threads of s waited 1.2 ms for a core before, and 402.0 ms then";
        assert_eq!(told, whole);
        assert!(taken(40, None).told(&fault).unwrap().ends_with("(80% was asked)"));
        assert_eq!(taken(39, None).told(&fault), None);
        let mut gone = taken(79, None);
        gone.burnt.as_mut().unwrap().is_there = false;
        assert!(gone.short(&fault).unwrap().contains("had ended before its time"));
        assert_eq!(Taken::default().told(&fault), None);
    }
}

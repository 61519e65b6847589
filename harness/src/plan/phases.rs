//! The planned stretches of a run: when it is steady, when a fault is on, when it recovers.
//!
//! Invariant: stretches of one question are disjoint and ascending, within `0..ends`.
//! Not here: the phases of a run that happened, by acknowledged edges (crate slo).

use assay_slo::case::{Again, During, Fault};
use std::ops::Range;

/// The planned stretches that these phases cover together, µs after time 0. When a breaker is open
/// nobody plans: for that phase the whole run is given.
#[must_use]
pub fn planned(during: &[During], faults: &[Fault], ends_us: u64) -> Vec<Range<u64>> {
    let edges = faults.iter().flat_map(|fault| {
        let spans = fault.spans();
        spans.flat_map(|on| [on.start, on.end, on.end.saturating_add(fault.recovery_us)])
    });
    let mut cuts: Vec<u64> = edges.chain([0, ends_us]).filter(|at| *at <= ends_us).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut stretches: Vec<Range<u64>> = Vec::new();
    for (from, to) in cuts.iter().zip(cuts.iter().skip(1)) {
        if !during.iter().any(|phase| covers(*phase, faults, *from)) {
            continue;
        }
        match stretches.last_mut() {
            Some(last) if last.end == *from => last.end = *to,
            _ => stretches.push(*from..*to),
        }
    }
    stretches
}

/// When a fault is planned to end for the last time, µs after time 0.
#[must_use]
pub fn end(fault: &Fault) -> u64 {
    fault.starts_us.saturating_add(Again::whole_us(fault.again, fault.lasts_us))
}

/// When the last fault is planned to end; none without faults.
#[must_use]
pub fn last_end(faults: &[Fault]) -> Option<u64> {
    faults.iter().map(end).max()
}

/// Whether an instant belongs to a phase. A fault wins over another's recovery.
fn covers(phase: During, faults: &[Fault], at: u64) -> bool {
    let on = |fault: &Fault| fault.spans().any(|on| on.contains(&at));
    let recovers = |fault: &Fault| {
        let after = |on: Range<u64>| on.end..on.end.saturating_add(fault.recovery_us);
        fault.spans().any(|on| after(on).contains(&at))
    };
    let broken = faults.iter().any(on);
    let recovering = !broken && faults.iter().any(recovers);
    let over = last_end(faults).is_some_and(|last| at >= last);
    match phase {
        During::All | During::Open(_) => true,
        During::Fault => broken,
        During::Recovery => recovering,
        During::Steady => !broken && !recovering && !over,
        During::After => !broken && !recovering && over,
        During::Named(fault) => faults.get(fault).is_some_and(on),
        During::RecoveryOf(fault) => !broken && faults.get(fault).is_some_and(recovers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_slo::Share;
    use assay_slo::case::Asked;
    use assay_slo::case::Shows;
    use proptest::prelude::*;

    fn fault(starts_us: u64, lasts_us: u64, recovery_us: u64) -> Fault {
        Fault {
            name: String::new(),
            kind: "outage".into(),
            link: String::new(),
            shows: Shows::Refused,
            connections: false,
            spares_some: false,
            asked: Asked::Share(Share::ONE),
            starts_us,
            lasts_us,
            recovery_us,
            again: None,
        }
    }

    fn spans(during: &[During], faults: &[Fault], ends_us: u64) -> Vec<(u64, u64)> {
        planned(during, faults, ends_us).iter().map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn one_fault_cuts_a_run_in_four() {
        let faults = [fault(20, 12, 12)];
        let of = |phase| spans(&[phase], &faults, 50);
        assert_eq!(of(During::Steady), [(0, 20)]);
        assert_eq!(of(During::Fault), [(20, 32)]);
        assert_eq!(of(During::Named(0)), [(20, 32)]);
        assert_eq!(of(During::Recovery), [(32, 44)]);
        assert_eq!(of(During::After), [(44, 50)]);
        assert_eq!(spans(&[During::Steady, During::After], &faults, 50), [(0, 20), (44, 50)]);
        assert_eq!(of(During::All), [(0, 50)]);
    }

    #[test]
    fn a_fault_that_comes_again_is_on_each_time_and_over_after_the_last() {
        let again = Some(Again { times: 2, every_us: 20 });
        let faults = [Fault { again, ..fault(10, 5, 10) }];
        let of = |phase| spans(&[phase], &faults, 80);
        assert_eq!(of(During::Named(0)), [(10, 15), (30, 35), (50, 55)]);
        assert_eq!(of(During::RecoveryOf(0)), [(15, 25), (35, 45), (55, 65)]);
        assert_eq!(of(During::Steady), [(0, 10), (25, 30), (45, 50)]);
        assert_eq!(of(During::After), [(65, 80)]);
    }

    #[test]
    fn without_faults_all_is_steady() {
        assert_eq!(spans(&[During::Steady], &[], 50), [(0, 50)]);
        assert_eq!(spans(&[During::After], &[], 50), []);
    }

    #[test]
    fn a_fault_wins_over_anothers_recovery() {
        let faults = [fault(10, 10, 20), fault(25, 5, 10)];
        let of = |phase| spans(&[phase], &faults, 60);
        assert_eq!(of(During::Recovery), [(20, 25), (30, 40)]);
        assert_eq!(of(During::RecoveryOf(0)), [(20, 25), (30, 40)]);
        assert_eq!(of(During::RecoveryOf(1)), [(30, 40)]);
        assert_eq!(of(During::Steady), [(0, 10)]);
        assert_eq!(of(During::After), [(40, 60)]);
    }

    proptest! {
        #[test]
        fn phases_share_out_the_whole_run(
            faults in prop::collection::vec((0..80_u64, 1..30_u64, 0..30_u64), 0..4),
            ends in 1..120_u64,
        ) {
            let faults: Vec<Fault> = faults.into_iter().map(|(s, l, r)| fault(s, l, r)).collect();
            let phases = [During::Steady, During::Fault, During::Recovery, During::After];
            for at in 0..ends {
                let belongs = |phase: &During| {
                    planned(&[*phase], &faults, ends).iter().any(|part| part.contains(&at))
                };
                prop_assert_eq!(phases.iter().filter(|phase| belongs(phase)).count(), 1);
            }
        }
    }
}

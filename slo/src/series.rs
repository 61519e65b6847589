//! Several runs of one scenario, judged together.
//!
//! Invariant: each run is judged by itself first, by the same judge; together they are never better
//! than what the rule says of them.
//! Not here: which runs (harness `judge`).

use crate::case::Case;
use crate::scorecard::{ExpectationScore, ObjectiveScore, Scorecard, Verdict};
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

mod pooled;
#[cfg(test)]
mod tests;

/// What several runs mean together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decide {
    /// As bad as the worst.
    #[default]
    All,
    /// What more than half of them say; inconclusive if there is no such thing.
    Majority,
    /// Objectives by all their requests together; everything else as the worst.
    Pooled,
}

impl Decide {
    /// In words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Decide::All => "all",
            Decide::Majority => "majority",
            Decide::Pooled => "pooled",
        }
    }

    fn of(self, verdicts: &[Verdict]) -> Verdict {
        let worst = verdicts.iter().max().copied().unwrap_or(Verdict::Inconclusive);
        match self {
            Decide::All | Decide::Pooled => worst,
            Decide::Majority => {
                let says = |wanted: Verdict| {
                    verdicts.iter().filter(|one| **one == wanted).count() * 2 > verdicts.len()
                };
                let sure = [Verdict::Violated, Verdict::Met].into_iter().find(|one| says(*one));
                sure.unwrap_or(Verdict::Inconclusive)
            }
        }
    }
}

/// One run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its question.
    pub case: Case,
    /// What happened in it.
    pub timeline: Timeline,
    /// What it came to by itself.
    pub card: Scorecard,
}

/// All runs together. What is not judged (phases, loads, faults) is the last run's.
#[must_use]
pub fn judge(runs: &[Run], decide: Decide) -> Scorecard {
    let Some(last) = runs.last() else {
        let nothing = Timeline::default();
        return crate::judge(&Case::default(), &nothing);
    };
    let pooled = match decide {
        Decide::Pooled => pooled::objectives(runs),
        Decide::All | Decide::Majority => Vec::new(),
    };
    let cards: Vec<&Scorecard> = runs.iter().map(|run| &run.card).collect();
    let objectives: Vec<ObjectiveScore> =
        names(&cards, |card| card.objectives.iter().map(|one| one.id.clone()).collect())
            .into_iter()
            .filter_map(|id| {
                let pooled = pooled.iter().find(|one| one.id == id);
                pooled.cloned().or_else(|| objective(&cards, &id, decide))
            })
            .collect();
    let expectations: Vec<ExpectationScore> =
        names(&cards, |card| card.expectations.iter().map(|one| one.id.clone()).collect())
            .into_iter()
            .filter_map(|id| expectation(&cards, &id, decide))
            .collect();
    let gating = objectives.iter().filter(|one| !one.advisory).map(|one| one.verdict);
    let worst = gating.chain(expectations.iter().map(|one| one.verdict)).max();
    // A run that was cut short, or asked nothing, leaves the whole open.
    let open = cards.iter().any(|card| card.verdict == Verdict::Inconclusive && all_met(card));
    let least = if open { Verdict::Inconclusive } else { Verdict::Met };
    let verdict = worst.unwrap_or(Verdict::Inconclusive).max(least);
    let findings = cards.iter().enumerate().flat_map(|(at, card)| {
        card.findings.iter().map(move |text| format!("run {}: {text}", at + 1))
    });
    let sentence = sentence(verdict, &cards, decide, &objectives, &expectations);
    let ill = cards.iter().find(|card| !card.health.well);
    let health = ill.map_or(&last.card.health, |card| &card.health);
    Scorecard {
        verdict,
        sentence,
        objectives,
        expectations,
        findings: findings.collect(),
        health: health.clone(),
        ..last.card.clone()
    }
}

fn all_met(card: &Scorecard) -> bool {
    let objectives = card.objectives.iter().filter(|one| !one.advisory);
    objectives
        .map(|one| one.verdict)
        .chain(card.expectations.iter().map(|one| one.verdict))
        .all(|verdict| verdict == Verdict::Met)
}

/// All ids, in the order of their first appearance.
fn names(cards: &[&Scorecard], of: impl Fn(&Scorecard) -> Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for id in cards.iter().flat_map(|card| of(card)) {
        if !names.contains(&id) {
            names.push(id);
        }
    }
    names
}

/// `3 met, 1 inconclusive, 1 violated`.
fn counted(verdicts: &[Verdict]) -> String {
    let all = [Verdict::Met, Verdict::Inconclusive, Verdict::Violated]
        .map(|wanted| (verdicts.iter().filter(|one| **one == wanted).count(), wanted.word()));
    let told = all.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    told.collect::<Vec<_>>().join(", ")
}

fn objective(cards: &[&Scorecard], id: &str, decide: Decide) -> Option<ObjectiveScore> {
    let each = each(cards, |card| card.objectives.iter().find(|one| one.id == id));
    let said = each.iter().map(|(run, one)| Said {
        run: *run,
        verdict: one.verdict,
        reason: &one.reason,
        missing: one.missing.as_ref(),
    });
    let joined = joined(&said.collect::<Vec<_>>(), decide)?;
    // All figures are those of the run that the reason names: sums would stand beside its share.
    Some(ObjectiveScore {
        verdict: joined.verdict,
        reason: joined.reason,
        missing: joined.missing,
        ..each.get(joined.shown)?.1.clone()
    })
}

fn expectation(cards: &[&Scorecard], id: &str, decide: Decide) -> Option<ExpectationScore> {
    let each = each(cards, |card| card.expectations.iter().find(|one| one.id == id));
    let said = each.iter().map(|(run, one)| Said {
        run: *run,
        verdict: one.verdict,
        reason: &one.reason,
        missing: one.missing.as_ref(),
    });
    let Joined { verdict, reason, missing, shown } = joined(&said.collect::<Vec<_>>(), decide)?;
    Some(ExpectationScore { verdict, reason, missing, ..each.get(shown)?.1.clone() })
}

/// One thing in each run that has it, with the run's number.
fn each<'c, T>(
    cards: &[&'c Scorecard],
    find: impl Fn(&'c Scorecard) -> Option<&'c T>,
) -> Vec<(usize, &'c T)> {
    (1..).zip(cards).filter_map(|(run, card)| Some((run, find(card)?))).collect()
}

/// What one run says of one thing.
struct Said<'c> {
    run: usize,
    verdict: Verdict,
    reason: &'c str,
    missing: Option<&'c String>,
}

/// What all runs say of it.
struct Joined {
    verdict: Verdict,
    reason: String,
    missing: Option<String>,
    /// Index of the one that shows the verdict, or else the worst.
    shown: usize,
}

fn joined(said: &[Said<'_>], decide: Decide) -> Option<Joined> {
    let verdicts: Vec<Verdict> = said.iter().map(|one| one.verdict).collect();
    let verdict = decide.of(&verdicts);
    let worst = || (0..said.len()).max_by_key(|at| verdicts.get(*at));
    let shown = verdicts.iter().position(|one| *one == verdict).or_else(worst)?;
    let Said { run, reason, missing, .. } = said.get(shown)?;
    let agree = || "runs that agree with each other".to_owned();
    let open = verdict == Verdict::Inconclusive;
    Some(Joined {
        verdict,
        reason: format!("{} (of {} runs); run {run}: {reason}", counted(&verdicts), said.len()),
        missing: open.then(|| missing.cloned().unwrap_or_else(agree)),
        shown,
    })
}

fn sentence(
    verdict: Verdict,
    cards: &[&Scorecard],
    decide: Decide,
    objectives: &[ObjectiveScore],
    expectations: &[ExpectationScore],
) -> String {
    let runs = match cards {
        [_] => "1 run".to_owned(),
        _ => format!("{} runs, {}", cards.len(), decide.word()),
    };
    let worst = objectives.iter().filter(|one| !one.advisory && one.verdict == verdict);
    let worst = worst.map(|one| format!("{}: {}", one.id, one.reason));
    let expected = expectations.iter().filter(|one| one.verdict == verdict);
    let mut told = worst.chain(expected.map(|one| format!("{}: {}", one.id, one.reason)));
    let what = match verdict {
        Verdict::Met => {
            let asked = objectives.len() + expectations.len();
            match decide {
                Decide::Majority => format!("each of {asked} held in more than half of the runs"),
                Decide::All | Decide::Pooled => format!("each of {asked} held"),
            }
        }
        _ => told.next().unwrap_or_else(|| {
            let open = cards.iter().find(|card| card.verdict == verdict);
            open.map_or_else(String::new, |card| card.sentence.clone())
        }),
    };
    format!("{runs}: {what}")
}

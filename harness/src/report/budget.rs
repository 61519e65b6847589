//! What objectives would have cost in production, in words and rows.
//!
//! Not here: how that is found (crate slo).

use super::units;
use assay_slo::scorecard::{AlertScore, BudgetScore, ObjectiveScore};

/// What the table is of.
pub(super) const TITLE: &str = "Budget: what this run would have cost in production";

/// How to read it.
pub(super) const NOTE: &str = "Spent: the bad requests, of as many as the objective allows among those judged (100 %: all of them). \
     Burn: how fast the whole run, faults included, spends that; at 1 a budget lasts exactly as long as the \
     objective's SLO file says, 30 days without one. An alert fires when the burn over both its windows is \
     above its limit; alerts are those of that file, or the usual ones. Before and after the run the same \
     traffic is taken to have gone well.";

/// Heads of [`rows`].
pub(super) const HEADS: [&str; 4] =
    ["Objective", "Spent of what was judged", "Burn of the whole run", "In production"];

/// Each objective that has a budget.
pub(super) fn rows(objectives: &[ObjectiveScore]) -> Vec<[String; 4]> {
    let with = objectives.iter().filter_map(|one| Some((one, one.budget.as_ref()?)));
    let rows = with.map(|(one, budget)| {
        let told = faults(budget).into_iter().chain(alerts(budget));
        [one.id.clone(), spent(budget), number(budget.burn), told.collect::<Vec<_>>().join("; ")]
    });
    rows.collect()
}

/// `50 % of the budget of what was judged is spent; the burn of the whole run is 8.3 …`, a line each.
pub(super) fn lines(budget: &BudgetScore) -> Vec<String> {
    let first = format!(
        "{} of the budget of what was judged is spent; the burn of the whole run is {} (at 1 it lasts \
         exactly {})",
        spent(budget),
        number(budget.burn),
        span(budget.lasts_s)
    );
    [first].into_iter().chain(faults(budget)).chain(alerts(budget)).collect()
}

fn spent(budget: &BudgetScore) -> String {
    let percent = budget.spent * 100.0;
    if percent >= 1000.0 {
        format!("{} all", times(budget.spent))
    } else {
        format!("{percent:.1} %")
    }
}

fn faults(budget: &BudgetScore) -> Vec<String> {
    let told = budget.faults.iter().map(|cost| {
        format!(
            "`{}` ({} s, {} bad) costs {} of the budget of {}",
            cost.fault,
            number(cost.seconds),
            units::share(cost.bad),
            percent(cost.of_period),
            span(budget.lasts_s)
        )
    });
    told.collect()
}

/// The alerts that would have fired; or that none would, and how near the fastest came.
fn alerts(budget: &BudgetScore) -> Vec<String> {
    let pair = |one: &AlertScore| {
        let beyond = if one.at_least { "at least" } else { "above" };
        let (long, short) = (span(one.long_s), span(one.short_s));
        format!("`{}` (burn over {long} and over {short} {beyond} {})", one.name, one.threshold)
    };
    let Some(alerts) = &budget.alerts else {
        return vec![
            "which alerts would fire is not known: in which seconds bad requests were was not counted"
                .to_owned(),
        ];
    };
    let fired: Vec<String> = alerts
        .iter()
        .filter_map(|one| Some((one, one.fired_s?)))
        .map(|(one, at)| format!("alert {} would fire {at} s after time 0", pair(one)))
        .collect();
    if !fired.is_empty() || budget.burn <= 0.0 {
        return fired;
    }
    let Some(first) = alerts.first() else {
        return vec![
            "no alert would fire: its SLO file has none on a budget that is spent".to_owned(),
        ];
    };
    vec![match first.too_few {
        Some(least) => format!(
            "no alert would fire: {} wants {least} requests in {}",
            pair(first),
            span(first.long_s)
        ),
        None => format!(
            "no alert would fire: {} saw at most {} and {}",
            pair(first),
            number(first.long),
            number(first.short)
        ),
    }]
}

/// `30 days`, `6 h`, `90 min`.
fn span(s: u64) -> String {
    match s {
        s if s % 86_400 == 0 && s > 3 * 86_400 => format!("{} days", s / 86_400),
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3_600 == 0 => format!("{} h", s / 3_600),
        s => format!("{} min", s / 60),
    }
}

fn times(value: f64) -> String {
    format!("{} times", number(value))
}

fn percent(fraction: f64) -> String {
    if fraction >= 10.0 { times(fraction) } else { units::share_beyond(fraction) }
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use assay_slo::Verdict;
    use assay_slo::scorecard::FaultCost;

    fn alert(fired_s: Option<i64>) -> AlertScore {
        AlertScore {
            name: "page-fast".to_owned(),
            long_s: 3600,
            short_s: 300,
            threshold: 14.4,
            at_least: false,
            too_few: None,
            long: 16.7,
            short: 200.0,
            fired_s,
        }
    }

    #[test]
    fn a_budget_in_words() {
        let mut score = sample::objective("errors", Verdict::Met);
        assert!(rows(std::slice::from_ref(&score)).is_empty());
        let cost =
            FaultCost { fault: "down".to_owned(), seconds: 30.0, bad: 1.0, of_period: 0.0115741 };
        let alerts = vec![alert(Some(272))];
        score.budget = Some(BudgetScore {
            spent: 0.5,
            burn: 100.0,
            lasts_s: 30 * 86_400,
            faults: vec![cost],
            alerts: Some(alerts),
        });
        let row = rows(&[score.clone()]).remove(0);
        assert_eq!(row[..3], ["errors", "50.0 %", "100"]);
        assert_eq!(
            row[3],
            "`down` (30 s, 100 % bad) costs 1.16 % of the budget of 30 days; alert `page-fast` (burn over \
             1 h and over 5 min above 14.4) would fire 272 s after time 0"
        );
        let budget = score.budget.as_mut().unwrap();
        budget.alerts = Some(vec![alert(None)]);
        let told = lines(budget);
        assert!(
            told[0].starts_with("50.0 % of the budget of what was judged is spent; the burn"),
            "{told:?}"
        );
        assert_eq!(
            told[2],
            "no alert would fire: `page-fast` (burn over 1 h and over 5 min above 14.4) saw at most 16.7 \
             and 200"
        );
        // An SLO file's own.
        let budget = score.budget.as_mut().unwrap();
        budget.lasts_s = 7 * 86_400;
        let few = AlertScore { at_least: true, too_few: Some(500), ..alert(None) };
        budget.alerts = Some(vec![few]);
        let told = lines(budget);
        assert!(told[0].ends_with("(at 1 it lasts exactly 7 days)"), "{told:?}");
        assert!(told[1].ends_with("costs 1.16 % of the budget of 7 days"), "{told:?}");
        assert_eq!(
            told[2],
            "no alert would fire: `page-fast` (burn over 1 h and over 5 min at least 14.4) wants 500 requests \
             in 1 h"
        );
        budget.alerts = Some(Vec::new());
        assert!(lines(budget)[2].starts_with("no alert would fire: its SLO file has none"));
        budget.alerts = None;
        assert!(lines(budget)[2].starts_with("which alerts would fire is not known"));
    }
}

//! The steps of a capacity as rows of a table: what each report shows below it.
//!
//! Not here: which step held (crate slo).

use super::foreign::line;
use super::order;
use assay_slo::scorecard::{ObjectiveScore, StepScore};

/// The heads of a table of steps.
pub(super) const HEADS: [&str; 5] = ["Step", "Verdict", "Seconds", "n", "Observed"];

/// One row for each step, in the order of their rates; none for what is no capacity.
pub(super) fn rows(score: &ObjectiveScore) -> impl ExactSizeIterator<Item = [String; 5]> {
    score.steps.iter().map(|step| {
        [
            line(&step.name),
            order::mark(step.verdict, false),
            format!("{}-{}", step.from_s, step.to_s),
            step.n.to_string(),
            observed(step),
        ]
    })
}

/// What each criterion saw: `fast P95 312 ms; errors 0 % (0 of 800)`.
fn observed(step: &StepScore) -> String {
    let each = step.criteria.iter().map(|one| format!("{} {}", line(&one.id), line(&one.observed)));
    each.collect::<Vec<_>>().join("; ")
}

/// How many steps were judged: `5 steps, 1 broken, 1 undecided`.
pub(super) fn counted(score: &ObjectiveScore) -> String {
    let steps = if score.n == 1 { "step" } else { "steps" };
    let mut text = format!("{} {steps}", score.n);
    for (count, what) in [(score.k, "broken"), (score.unknown, "undecided")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::look::{Color, Detail};
    use super::super::sample;
    use super::super::{console, junit_xml, summary_md, verdict_json};
    use super::*;
    use assay_slo::{Scorecard, Verdict};

    /// A run with a capacity beside all else.
    fn scorecard() -> Scorecard {
        let mut scorecard = sample::scorecard();
        scorecard.objectives.push(sample::capacity());
        scorecard
    }

    #[test]
    fn every_report_shows_the_steps() {
        let (head, scorecard) = (sample::head(), scorecard());
        let text = console(&head, &scorecard, Detail::Usual, Color::Plain);
        let wanted = "
  ✓ met           room                        capacity with fast          at least 100/s, less than 200/s  2 steps, 1 broken
      100/s  ✓ met       1-5   400  fast P95 312 ms
      200/s  ✗ violated  6-10  800  fast P95 312 ms
";
        assert!(text.contains(wanted), "{text}");
        let summary = summary_md(&head, &scorecard);
        assert!(summary.contains("### Steps of room\n"), "{summary}");
        assert!(
            summary.contains("| 200/s | ✗ violated | 6-10 | 800 | fast P95 312 ms |"),
            "{summary}"
        );
        let junit = String::from_utf8(junit_xml(&head, &scorecard).unwrap()).unwrap();
        assert!(junit.contains("200/s  ✗ violated  6-10     800  fast P95 312 ms"), "{junit}");
        let json: serde_json::Value =
            serde_json::from_slice(&verdict_json(&head, &scorecard).unwrap()).unwrap();
        let step = &json["objectives"][5]["steps"][1];
        assert_eq!((&step["rate"], &step["verdict"]), (&200.0.into(), &"violated".into()));
        assert_eq!(step["criteria"][0]["k"], 12);
        // Nothing else has steps.
        assert_eq!(json["objectives"][0].get("steps"), None);
    }

    #[test]
    fn counts_are_of_steps() {
        let mut score = sample::capacity();
        assert_eq!(counted(&score), "2 steps, 1 broken");
        (score.n, score.k, score.unknown) = (1, 0, 1);
        assert_eq!(counted(&score), "1 step, 1 undecided");
        assert_eq!(rows(&sample::objective("fast", Verdict::Met)).len(), 0);
    }
}

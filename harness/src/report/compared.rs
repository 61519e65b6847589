//! Two runs held against each other, on the terminal.
//!
//! Invariant: pure; every line begins with our own text; the words are those of a comparison: not
//! worse, worse, cannot tell.
//! Not here: comparing (crate slo).

use super::foreign::line;
use super::layout::wrap;
use super::look::Color;
use super::order;
use assay_slo::Verdict;
use assay_slo::baseline::Compared;

/// Lines are broken here.
const WIDTH: usize = 100;

/// The text, the worst first, ending in one line on the whole.
#[must_use]
pub fn compared(all: &[Compared], color: Color) -> String {
    let mut sorted: Vec<&Compared> = all.iter().collect();
    sorted.sort_by_key(|one| std::cmp::Reverse(one.verdict));
    let mut out = String::new();
    for one in sorted {
        let mark = color.verdict(one.verdict, &word(one.verdict));
        out.push_str(&format!("{mark}  {}: {}\n", line(&one.name), line(&one.observed)));
        out.push_str(&wrap("  because: ", &line(&one.reason), WIDTH));
        if let Some(in_all) = &one.in_all {
            out.push_str(&wrap("  in all: ", &line(in_all), WIDTH));
        }
        if let Some(missing) = &one.missing {
            out.push_str(&wrap("  missing: ", &line(missing), WIDTH));
        }
    }
    let worst = all.iter().map(|one| one.verdict).max();
    match worst {
        None => out.push_str("nothing could be compared: the later run has no requests\n"),
        Some(worst) => {
            let count = all.iter().filter(|one| one.verdict == worst).count();
            let mark = color.verdict(worst, &word(worst));
            out.push_str(&format!("\n{mark} ({count} of {})\n", all.len()));
        }
    }
    out
}

fn word(verdict: Verdict) -> String {
    let word = match verdict {
        Verdict::Met => "not worse",
        Verdict::Inconclusive => "cannot tell",
        Verdict::Violated => "worse",
    };
    format!("{} {word}", order::sign(verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_first_and_last() {
        let one = |name: &str, verdict, missing: Option<&str>| Compared {
            name: name.to_owned(),
            verdict,
            observed: "P95 10 ms → 20 ms (+100 %)".to_owned(),
            reason: "so it is".to_owned(),
            in_all: Some("half of them are slower".to_owned()),
            missing: missing.map(str::to_owned),
        };
        let all = [one("a", Verdict::Met, None), one("b", Verdict::Violated, None)];
        let text = compared(&all, Color::Plain);
        assert!(text.starts_with("✗ worse  b: P95 10 ms"), "{text}");
        assert!(text.contains("because: so it is\n  in all: half of them are slower\n"), "{text}");
        assert!(text.ends_with("\n\n✗ worse (1 of 2)\n"), "{text}");
        let open = [one("a", Verdict::Inconclusive, Some("more"))];
        assert!(compared(&open, Color::Plain).contains("? cannot tell  a"));
        assert!(compared(&open, Color::Plain).contains("missing: more"));
        assert!(compared(&[], Color::Plain).contains("nothing could be compared"));
    }
}

//! A breaker's state on a page: 0 closed, 1 open, 2 half-open.
//!
//! A gauge of any name and values; resilience4j, where one of a breaker's states is 1; Envoy, where a
//! cluster has ejected hosts; Polly, which counts changes, so that the state follows from what was
//! added since the read before, and so does a state that came and went between two reads.
//!
//! Invariant: what names no state, such as NaN, is no value; nor is what several breakers show together.
//! Not here: fetching (`page`), what follows from states (crate slo).

use super::exposition::{One, Series};
use crate::plan::metric::States;
use assay_slo::{At, Number};
use std::collections::BTreeSet;

const CLOSED: f64 = 0.0;
const OPEN: f64 = 1.0;
const HALF_OPEN: f64 = 2.0;

/// Of resilience4j: its states, and what each means. Those that let all through are closed.
const RESILIENCE4J: [(&str, f64); 6] = [
    ("closed", CLOSED),
    ("open", OPEN),
    ("half_open", HALF_OPEN),
    ("forced_open", OPEN),
    ("disabled", CLOSED),
    ("metrics_only", CLOSED),
];

/// Polly's counter, as exporters write it.
const POLLY: [&str; 2] =
    ["resilience_polly_strategy_events_total", "resilience_polly_strategy_events"];

/// Of its events: openings, trials and closings.
const POLLY_EVENTS: [&str; 3] = ["OnCircuitOpened", "OnCircuitHalfOpened", "OnCircuitClosed"];

/// What tells breakers of one pipeline's name apart.
const POLLY_BREAKER: [&str; 2] = ["pipeline_instance", "strategy_name"];

/// What a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) now: Number,
    /// A state that came and went since the read that was asked for then.
    pub(super) between: Option<(At, Number)>,
}

/// Reads one breaker's state from page after page.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    states: States,
    /// Of Polly: what was counted before.
    before: Option<Before>,
}

/// What a read of Polly's counters showed.
#[derive(Debug, Clone, Copy)]
struct Before {
    /// Openings, trials and closings.
    counts: [f64; 3],
    state: f64,
    asked: At,
}

impl Reader {
    pub(super) fn new(states: States) -> Reader {
        Reader { states, before: None }
    }

    /// The state that a page shows which was asked for then; none where it needs a second page.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence.
    pub(super) fn state(&mut self, text: &str, asked: At) -> Result<Option<Seen>, String> {
        let mut between = None;
        let state = match &self.states {
            States::Gauge { metric, labels, closed, open, half_open } => {
                let labels: Vec<(&str, &str)> =
                    labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let read = one(&Series::with(metric, &labels), text)?;
                let states =
                    [(Some(*closed), CLOSED), (Some(*open), OPEN), (*half_open, HALF_OPEN)];
                let found = states
                    .into_iter()
                    .find(|(value, _)| value.is_some_and(|value| value.get() == read));
                let (_, state) =
                    found.ok_or_else(|| format!("{metric} is {read}, which is no state of it"))?;
                Some(state)
            }
            States::Resilience4j { name } => Some(resilience4j(name, text)?),
            States::Envoy { cluster } => {
                let labels = [("envoy_cluster_name", cluster.as_str())];
                let name = "envoy_cluster_outlier_detection_ejections_active";
                let ejected = one(&Series::with(name, &labels), text)?;
                Some(if ejected > 0.0 { OPEN } else { CLOSED })
            }
            States::Polly { pipeline } => {
                let counts = polly(pipeline, text)?;
                let state = followed(self.before, counts);
                between = self.before.zip(state).and_then(|(before, state)| {
                    Some((before.asked, Number::new(passed(before, counts, state)?)?))
                });
                self.before = state.map(|state| Before { counts, state, asked });
                state
            }
        };
        Ok(state.and_then(Number::new).map(|now| Seen { now, between }))
    }
}

/// The value of the series of one breaker.
fn one(series: &Series, text: &str) -> Result<f64, String> {
    series.only(text)?.ok_or_else(|| series.absent())
}

fn resilience4j(name: &str, text: &str) -> Result<f64, String> {
    let series = |state: &str| {
        Series::with("resilience4j_circuitbreaker_state", &[("name", name), ("state", state)])
    };
    // Without its closed state the page has no such breaker.
    one(&series("closed"), text)?;
    let mut found = None;
    for (state, meaning) in RESILIENCE4J {
        if series(state).only(text)? != Some(1.0) {
            continue;
        }
        if found.replace(meaning).is_some() {
            return Err(format!("several states of `{name}` are 1"));
        }
    }
    found.ok_or_else(|| format!("no state of `{name}` is 1"))
}

/// Openings, trials and closings of a pipeline; those that never were are not on the page.
fn polly(pipeline: &str, text: &str) -> Result<[f64; 3], String> {
    let own = format!("pipeline_name=\"{pipeline}\"");
    let mut lines = text.lines().filter(|line| line.starts_with("resilience_polly_"));
    if !lines.any(|line| line.contains(&own)) {
        return Err(format!("the page has nothing of Polly's pipeline `{pipeline}`"));
    }
    let mut counts = [0.0; 3];
    let mut breakers = BTreeSet::new();
    for (count, event) in counts.iter_mut().zip(POLLY_EVENTS) {
        let labels = [("event_name", event), ("pipeline_name", pipeline)];
        for name in POLLY {
            let found = Series::with(name, &labels).each(text)?.series;
            // Other labels tell events of one breaker apart.
            let of = |one: &One| POLLY_BREAKER.map(|label| one.label(label).to_owned());
            breakers.extend(found.iter().map(of));
            *count += found.iter().map(|one| one.value).sum::<f64>();
            if !found.is_empty() {
                break;
            }
        }
    }
    match breakers.len() {
        0 | 1 => Ok(counts),
        n => Err(format!("{n} breakers of Polly's pipeline `{pipeline}` are counted")),
    }
}

/// The state after these counts: open with fewer trials than openings; with as many the last
/// change decides, which only the counts before can tell. Closings without a trial are by hand, and end an opening
/// each.
fn followed(before: Option<Before>, counts: [f64; 3]) -> Option<f64> {
    let [opened, tried, closed] = counts;
    let Some(before) = before.filter(|before| !before.anew(counts)) else {
        // Nothing ever happened, or nobody knows what did last.
        let is_open = tried < opened && closed <= tried;
        return if is_open { Some(OPEN) } else { (opened == 0.0).then_some(CLOSED) };
    };
    let Before { counts: [opened_before, tried_before, closed_before], state, .. } = before;
    let one_if = |held: bool| if held { 1.0 } else { 0.0 };
    let (tried, closed) = (tried - tried_before, closed - closed_before);
    let by_hand = (closed - tried - one_if(state == HALF_OPEN)).max(0.0);
    let open = opened - opened_before + one_if(state == OPEN) - tried - by_hand;
    Some(if open > 0.0 {
        OPEN
    } else if closed > 0.0 {
        CLOSED
    } else if tried > 0.0 {
        HALF_OPEN
    } else {
        state
    })
}

/// The state that came and went between two reads: closed where it is open now and closed since,
/// half-open where only a trial failed, open where it opened and closed.
fn passed(before: Before, counts: [f64; 3], state: f64) -> Option<f64> {
    if before.anew(counts) {
        return None;
    }
    let [opened, tried, closed] = counts;
    let [opened_before, tried_before, closed_before] = before.counts;
    let (opened, tried) = (opened > opened_before, tried > tried_before);
    match (state == OPEN, closed > closed_before) {
        (true, true) => Some(CLOSED),
        (true, false) if before.state == OPEN && tried => Some(HALF_OPEN),
        (false, true) if before.state == CLOSED && opened => Some(OPEN),
        _ => None,
    }
}

impl Before {
    /// Whether its process began anew since.
    fn anew(&self, counts: [f64; 3]) -> bool {
        self.counts.iter().zip(counts).any(|(before, now)| now < *before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut Reader, text: &str) -> Result<Option<f64>, String> {
        reader.state(text, At(0)).map(|seen| seen.map(|seen| seen.now.get()))
    }

    #[test]
    fn any_gauge_by_its_values() {
        let number = |value: f64| Number::new(value).unwrap();
        let mut reader = Reader::new(States::Gauge {
            metric: "circuit_breaker_state".into(),
            labels: vec![("name".into(), "db".into())],
            closed: number(0.0),
            open: number(1.0),
            half_open: Some(number(2.0)),
        });
        let page = |value: &str| format!("circuit_breaker_state{{name=\"db\"}} {value}\n");
        assert_eq!(read(&mut reader, &page("0")), Ok(Some(CLOSED)));
        assert_eq!(read(&mut reader, &page("1")), Ok(Some(OPEN)));
        assert_eq!(read(&mut reader, &page("2.0")), Ok(Some(HALF_OPEN)));
        assert!(read(&mut reader, &page("NaN")).is_err());
        let other = read(&mut reader, &page("7")).unwrap_err();
        assert_eq!(other, "circuit_breaker_state is 7, which is no state of it");
        // Two that are open are not one that is half-open, nor is one of each an open one.
        for [a, b] in [["1", "1"], ["0", "1"]] {
            let name = "circuit_breaker_state{name=\"db\",worker=";
            let both = format!("{name}\"1\"}} {a}\n{name}\"2\"}} {b}\n");
            let several = "2 series of circuit_breaker_state fit: name a label, such as worker";
            assert_eq!(read(&mut reader, &both), Err(several.to_owned()));
        }
    }

    #[test]
    fn resilience4j_has_one_state_that_is_1() {
        let mut reader = Reader::new(States::Resilience4j { name: "pay".into() });
        let page = |is: &str| -> String {
            let line = |(state, _): &(&str, f64)| {
                let value = if *state == is { "1.0" } else { "0.0" };
                format!(
                    "resilience4j_circuitbreaker_state{{group=\"none\",name=\"pay\",state=\"{state}\",}} {value}\n"
                )
            };
            let other = "resilience4j_circuitbreaker_state{name=\"x\",state=\"open\"} 1.0\n";
            RESILIENCE4J.iter().map(line).collect::<String>() + other
        };
        for (state, meaning) in RESILIENCE4J {
            assert_eq!(read(&mut reader, &page(state)), Ok(Some(meaning)), "{state}");
        }
        assert_eq!(read(&mut reader, &page("none")), Err("no state of `pay` is 1".to_owned()));
        assert!(read(&mut reader, "up 1\n").unwrap_err().contains("has no series"));
        let [closed, open] = ["closed", "open"].map(&page);
        assert!(read(&mut reader, &(closed.clone() + &open)).unwrap_err().contains("2 series"));
        let odd = closed.replacen("state=\"open\",} 0.0", "state=\"open\",} NaN", 1);
        assert!(read(&mut reader, &odd).unwrap_err().contains("is NaN"));
    }

    #[test]
    fn envoy_has_ejected_hosts_or_none() {
        let mut reader = Reader::new(States::Envoy { cluster: "pay".into() });
        let page = |value: &str| {
            format!(
                "envoy_cluster_outlier_detection_ejections_active{{envoy_cluster_name=\"pay\"}} {value}\n"
            )
        };
        assert_eq!(read(&mut reader, &page("0")), Ok(Some(CLOSED)));
        assert_eq!(read(&mut reader, &page("2")), Ok(Some(OPEN)));
        let other = page("2").replace("envoy_cluster_name", "pod=\"b\",envoy_cluster_name");
        assert!(read(&mut reader, &(page("0") + &other)).unwrap_err().contains("2 series"));
    }

    #[test]
    fn pollys_counts_are_of_one_breaker_and_numbers() {
        let mut reader = Reader::new(States::Polly { pipeline: "pay".into() });
        let line = |more: &str, value: &str| {
            format!(
                "resilience_polly_strategy_events_total{{event_name=\"OnCircuitOpened\",pipeline_name=\"pay\",{more}}} {value}\n"
            )
        };
        let nan = read(&mut reader, &line("", "NaN")).unwrap_err();
        assert!(nan.contains("is NaN"), "{nan}");
        // Told apart by their causes, they are one breaker's.
        let causes = line("exception_type=\"a\"", "0") + &line("exception_type=\"b\"", "1");
        assert_eq!(read(&mut reader, &causes), Ok(Some(OPEN)));
        let two = line("pipeline_instance=\"a\"", "1") + &line("pipeline_instance=\"b\"", "0");
        let two = read(&mut reader, &two).unwrap_err();
        assert_eq!(two, "2 breakers of Polly's pipeline `pay` are counted");
    }

    #[test]
    fn pollys_state_follows_from_what_was_counted() {
        let mut reader = Reader::new(States::Polly { pipeline: "pay".into() });
        let page = |opened: u64, tried: u64, closed: u64| {
            let line = |event: &str, n: u64| match n {
                0 => String::new(),
                n => format!(
                    "resilience_polly_strategy_events_total{{event_name=\"{event}\",pipeline_name=\"pay\"}} {n}\n"
                ),
            };
            "resilience_polly_pipeline_duration_count{pipeline_name=\"pay\"} 9\n".to_owned()
                + &line("OnCircuitOpened", opened)
                + &line("OnCircuitHalfOpened", tried)
                + &line("OnCircuitClosed", closed)
        };
        let seen = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (2, 1, 0), (2, 2, 0), (2, 2, 1), (2, 2, 1)];
        let states = [CLOSED, OPEN, HALF_OPEN, OPEN, HALF_OPEN, CLOSED, CLOSED];
        for ((opened, tried, closed), state) in seen.into_iter().zip(states) {
            assert_eq!(read(&mut reader, &page(opened, tried, closed)), Ok(Some(state)));
        }
        // Trial and closing between two reads; and begun anew.
        assert_eq!(read(&mut reader, &page(3, 2, 1)), Ok(Some(OPEN)));
        assert_eq!(read(&mut reader, &page(3, 3, 2)), Ok(Some(CLOSED)));
        assert_eq!(read(&mut reader, &page(0, 0, 0)), Ok(Some(CLOSED)));
        // What came and went between two reads, since the read before.
        let mut between = |counts: (u64, u64, u64), asked: u64| {
            let seen = reader.state(&page(counts.0, counts.1, counts.2), At(asked)).unwrap();
            seen.and_then(|seen| seen.between).map(|(at, state)| (at.0, state.get()))
        };
        assert_eq!(between((1, 0, 0), 10), None);
        assert_eq!(between((2, 1, 0), 20), Some((10, HALF_OPEN)));
        assert_eq!(between((3, 2, 1), 30), Some((20, CLOSED)));
        assert_eq!(between((3, 3, 2), 40), None);
        assert_eq!(between((4, 4, 3), 50), Some((40, OPEN)));
        assert_eq!(between((1, 0, 0), 60), None);
        // Opened and closed by hand, without a trial; then by itself.
        let mut by_hand = Reader::new(States::Polly { pipeline: "pay".into() });
        let seen = [(0, 0, 0), (1, 0, 0), (1, 0, 1), (2, 0, 1), (2, 1, 1), (2, 1, 2), (3, 1, 3)];
        let states = [CLOSED, OPEN, CLOSED, OPEN, HALF_OPEN, CLOSED, CLOSED];
        for ((opened, tried, closed), state) in seen.into_iter().zip(states) {
            assert_eq!(read(&mut by_hand, &page(opened, tried, closed)), Ok(Some(state)));
        }
        // What happened last before the first read nobody knows.
        let mut late = Reader::new(States::Polly { pipeline: "pay".into() });
        assert_eq!(read(&mut late, &page(2, 2, 1)), Ok(None));
        assert_eq!(read(&mut late, &page(2, 1, 2)), Ok(None));
        assert!(read(&mut late, "up 1\n").unwrap_err().contains("nothing of Polly's pipeline"));
    }
}

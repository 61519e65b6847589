//! OpenMetrics 1.0: the series of Prometheus' older text, with exemplars.
//!
//! Invariant: a series has the same name and labels in both texts, also `le="1"`, so that what asks for one
//! finds it whatever a scraper was given.
//! Not here: which exemplars there are (see `exemplars`).

use std::fmt::Write;

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::exemplars::{Exemplar, Exemplars};

/// All families.
pub(crate) fn text(families: &[MetricFamily], exemplars: &Exemplars) -> String {
    let mut page = Page(String::new());
    for family in families {
        page.family(family, exemplars);
    }
    page.0 += "# EOF\n";
    page.0
}

struct Page(String);

impl Page {
    fn family(&mut self, family: &MetricFamily, exemplars: &Exemplars) {
        let name = family.name();
        // A counter's family is called without the suffix of its series; one without it is none.
        let (called, kind) = match family.get_field_type() {
            MetricType::COUNTER => match name.strip_suffix("_total") {
                Some(called) => (called, "counter"),
                None => (name, "unknown"),
            },
            MetricType::GAUGE => (name, "gauge"),
            MetricType::HISTOGRAM => (name, "histogram"),
            MetricType::SUMMARY => (name, "summary"),
            MetricType::UNTYPED => (name, "unknown"),
        };
        let help = escaped(family.help());
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {called} {help}\n# TYPE {called} {kind}\n");
        for metric in family.get_metric() {
            let labels = metric.get_label();
            match family.get_field_type() {
                MetricType::COUNTER => {
                    let kept = exemplars.of(name, labels.iter().map(LabelPair::value));
                    // Only a counter may have one.
                    let kept = kept.get(&0).filter(|_| kind == "counter");
                    self.sample(name, labels, None, metric.get_counter().get_value(), kept);
                }
                MetricType::GAUGE => {
                    self.sample(name, labels, None, metric.get_gauge().get_value(), None);
                }
                MetricType::HISTOGRAM => self.histogram(name, metric, exemplars),
                // Nothing here makes these.
                MetricType::SUMMARY | MetricType::UNTYPED => {}
            }
        }
    }

    fn histogram(&mut self, name: &str, metric: &Metric, exemplars: &Exemplars) {
        let (labels, all) = (metric.get_label(), metric.get_histogram());
        let kept = exemplars.of(name, labels.iter().map(LabelPair::value));
        let bucket = format!("{name}_bucket");
        let bounds = all.get_bucket().iter().filter(|b| b.upper_bound().is_finite());
        let mut place = 0;
        for one in bounds {
            let le = number(one.upper_bound());
            let count = one.cumulative_count() as f64;
            self.sample(&bucket, labels, Some(&le), count, kept.get(&place));
            place += 1;
        }
        let count = all.get_sample_count() as f64;
        self.sample(&bucket, labels, Some("+Inf"), count, kept.get(&place));
        self.sample(&format!("{name}_sum"), labels, None, all.get_sample_sum(), None);
        self.sample(&format!("{name}_count"), labels, None, count, None);
    }

    fn sample(
        &mut self,
        name: &str,
        labels: &[LabelPair],
        le: Option<&str>,
        value: f64,
        exemplar: Option<&Exemplar>,
    ) {
        self.0 += name;
        let pairs = labels.iter().map(|label| (label.name(), label.value()));
        let mut open = '{';
        for (label, value) in pairs.chain(le.map(|le| ("le", le))) {
            let _ = write!(self.0, "{open}{label}=\"{}\"", escaped(value));
            open = ',';
        }
        let close = if open == ',' { "}" } else { "" };
        let _ = write!(self.0, "{close} {}", number(value));
        if let Some(exemplar) = exemplar {
            exemplar.write(&mut self.0);
        }
        self.0.push('\n');
    }
}

fn number(value: f64) -> String {
    if value.is_finite() || value.is_nan() {
        value.to_string()
    } else if value > 0.0 {
        "+Inf".to_owned()
    } else {
        "-Inf".to_owned()
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;

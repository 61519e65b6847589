//! The page: Prometheus' text format, version 0.0.4.
//!
//! Invariant: every family is documented on the page itself; values of labels are escaped.
//! Not here: what is counted (`board`).

use super::board::{BUCKETS_US, Board};
use assay_slo::event::BreakerState;
use std::fmt::Write;

/// The page's type.
pub(super) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes one family after the other.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0 += name;
        for (place, (label, text)) in labels.iter().enumerate() {
            self.0.push(if place == 0 { '{' } else { ',' });
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{label}=\"{text}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }
}

/// µs as seconds, exactly.
fn seconds(us: u128) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn state(state: BreakerState) -> (&'static str, u8) {
    match state {
        BreakerState::Closed => ("closed", 0),
        BreakerState::Open => ("open", 1),
        BreakerState::HalfOpen => ("half_open", 2),
    }
}

impl Board {
    /// Everything as it is now.
    pub(super) fn page(&self) -> String {
        let mut page = Page(String::new());
        let info: Vec<_> = self.info.iter().map(|(name, text)| (*name, text.as_str())).collect();
        page.family("assay_run_info", "gauge", "Which run this is. Constant 1.");
        page.value("assay_run_info", &info, 1);
        page.family("assay_run_seconds", "gauge", "Time since time 0; 0 before it.");
        let since = self.zero.map_or(0, |zero| self.now.0.saturating_sub(zero.0));
        page.value("assay_run_seconds", &[], seconds(u128::from(since)));
        self.requests(&mut page);
        self.times(&mut page);
        self.loads(&mut page);
        self.faults(&mut page);
        self.fleets(&mut page);
        let help = "1 while a service that this run started is ready, and no fault has ended it.";
        page.family("assay_service_up", "gauge", help);
        for name in self.services.keys() {
            page.value("assay_service_up", &[("service", name)], u8::from(self.is_up(name)));
        }
        page.family(
            "assay_gate_open",
            "gauge",
            "Whether the steady-state gate was open when it looked.",
        );
        for (when, open) in &self.gates {
            page.value("assay_gate_open", &[("when", when)], u8::from(*open));
        }
        page.family("assay_findings_total", "counter", "Findings so far: each is in the report.");
        page.value("assay_findings_total", &[], self.findings);
        page.0
    }

    fn names(&self, load: usize, request: usize) -> (&str, &str) {
        let load = self.case.loads.get(load);
        let request = load.and_then(|load| load.requests.get(request));
        (load.map_or("", |load| &load.name), request.map_or("", |request| &request.name))
    }

    fn requests(&self, page: &mut Page) {
        let help = "Requests that ended, by outcome, warm-up included; fast_fail and not_sent are no \
                    attempts.";
        page.family("assay_requests_total", "counter", help);
        for ((load, request, outcome), n) in &self.requests {
            let (load, request) = self.names(*load, *request);
            let labels = [("load", load), ("request", request), ("outcome", outcome.name())];
            page.value("assay_requests_total", &labels, n);
        }
    }

    fn times(&self, page: &mut Page) {
        let name = "assay_request_duration_seconds";
        let help = "Times of attempts that ended: from due for open loads, else from begun.";
        page.family(name, "histogram", help);
        for ((load, request), times) in &self.times {
            let (load, request) = self.names(*load, *request);
            let mut below = 0;
            for (most, n) in BUCKETS_US.iter().zip(times.buckets) {
                below += n;
                let le = seconds(u128::from(*most));
                let labels = [("load", load), ("request", request), ("le", &le)];
                page.value(&format!("{name}_bucket"), &labels, below);
            }
            let labels = [("load", load), ("request", request), ("le", "+Inf")];
            page.value(&format!("{name}_bucket"), &labels, times.count);
            let labels = [("load", load), ("request", request)];
            page.value(&format!("{name}_sum"), &labels, seconds(times.sum_us));
            page.value(&format!("{name}_count"), &labels, times.count);
        }
    }

    fn loads(&self, page: &mut Page) {
        let each =
            |place: &usize| self.case.loads.get(*place).map_or("", |load| load.name.as_str());
        page.family("assay_due_total", "counter", "Requests that became due from time 0 on.");
        for (place, load) in &self.loads {
            page.value("assay_due_total", &[("load", each(place))], load.due);
        }
        page.family("assay_in_flight", "gauge", "Requests under way.");
        for (place, load) in &self.loads {
            page.value("assay_in_flight", &[("load", each(place))], load.in_flight);
        }
        let help = "How late requests began in the last second, 99th percentile: the generator's own \
                    lateness.";
        page.family("assay_lag_seconds", "gauge", help);
        for (place, load) in &self.loads {
            let lag = seconds(u128::from(load.lag_p99_us));
            page.value("assay_lag_seconds", &[("load", each(place))], lag);
        }
    }

    fn faults(&self, page: &mut Page) {
        type Value<'a> = &'a dyn Fn(usize) -> u64;
        let families: [(&str, &str, &str, Value<'_>); 3] = [
            ("assay_fault_active", "gauge", "1 while a fault is applied.", &|place| {
                u64::from(self.faults[place])
            }),
            ("assay_fault_applied_total", "counter", "How often it was applied.", &|place| {
                self.applied[place]
            }),
            (
                "assay_fault_injected_total",
                "counter",
                "Requests or connections that it affected, known when it is cleared.",
                &|place| self.injected[place],
            ),
        ];
        for (name, kind, help, value) in families {
            page.family(name, kind, help);
            for (place, fault) in self.case.faults.iter().enumerate() {
                let labels =
                    [("fault", &*fault.name), ("kind", &*fault.kind), ("target", &*fault.link)];
                page.value(name, &labels, value(place));
            }
        }
    }

    fn fleets(&self, page: &mut Page) {
        let name = |place: &usize| self.case.fleets.get(*place).map_or("", |fleet| &*fleet.name);
        let families = [
            ("assay_fleet_generated_total", "counter", "Samples generated."),
            ("assay_fleet_acknowledged_total", "counter", "Samples acknowledged."),
            (
                "assay_fleet_backlog",
                "gauge",
                "Samples not yet acknowledged: the last second's most.",
            ),
        ];
        for (place, (family, kind, help)) in families.into_iter().enumerate() {
            page.family(family, kind, help);
            for (fleet, counts) in &self.fleets {
                let value = [counts.generated, counts.acknowledged, counts.backlog][place];
                page.value(family, &[("fleet", name(fleet))], value);
            }
        }
        let help = "State of a gateway's breaker: 0 closed, 1 open, 2 half-open.";
        page.family("assay_breaker_state", "gauge", help);
        for ((fleet, gateway), now) in &self.breakers {
            let labels = [("fleet", name(fleet)), ("gateway", &gateway.to_string())];
            page.value("assay_breaker_state", &labels, state(*now).1);
        }
        page.family("assay_breaker_transitions_total", "counter", "Its changes.");
        for ((fleet, gateway, from, to), n) in &self.changes {
            let labels = [
                ("fleet", name(fleet)),
                ("gateway", &gateway.to_string()),
                ("from", state(*from).0),
                ("to", state(*to).0),
            ];
            page.value("assay_breaker_transitions_total", &labels, n);
        }
    }
}

#[cfg(test)]
mod tests;

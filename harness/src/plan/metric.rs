//! Metrics: numbers of the system under test, and where each is read.
//!
//! Not here: reading them (`probe`), what is expected of them (crate slo).

use super::Text;
use assay_slo::Number;

/// A number that is read again and again, in the order of [`assay_slo::Case::metrics`]: those of the
/// scenario, then those that breakers' evidence needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// From read to read, µs.
    pub every_us: u64,
    /// Where it is read.
    pub source: Source,
}

/// Where a metric is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the process table.
    Process {
        /// Whose processes.
        service: String,
        /// What of them.
        read: Read,
    },
    /// On a page in Prometheus' text format.
    Prometheus {
        /// The page.
        page: Page,
        /// The name of the series.
        name: String,
        /// What its labels must be.
        labels: Vec<Matcher>,
        /// Written as a query, which counts and begins at 0 where nothing fits yet.
        query: Option<String>,
    },
    /// From a Prometheus server: the page holds the query.
    Promql(Page),
    /// What a command prints.
    Command(Vec<Text>),
    /// The state of a breaker, on a page.
    Breaker {
        /// Which breaker.
        breaker: String,
        /// The page.
        page: Page,
        /// How it shows.
        states: States,
    },
}

/// How a breaker's state shows on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum States {
    /// A gauge of this name with these labels has these values.
    Gauge {
        /// The name of the series.
        metric: String,
        /// Labels that it must have.
        labels: Vec<(String, String)>,
        /// Closed.
        closed: Number,
        /// Open.
        open: Number,
        /// Half-open, where it has such a state.
        half_open: Option<Number>,
    },
    /// As resilience4j shows it through Micrometer.
    Resilience4j {
        /// The breaker's name there.
        name: String,
    },
    /// As Polly's meter counts its changes.
    Polly {
        /// The name of its pipeline.
        pipeline: String,
    },
    /// As Envoy's outlier detection shows it.
    Envoy {
        /// The cluster.
        cluster: String,
    },
}

impl States {
    /// Whose way of showing it is.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            States::Gauge { .. } => "gauge",
            States::Resilience4j { .. } => "resilience4j",
            States::Polly { .. } => "polly",
            States::Envoy { .. } => "envoy",
        }
    }
}

/// What a label must be; one that is not there is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// How it is compared.
    pub how: Compared,
    /// With what.
    pub value: String,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The same: `=`.
    Is,
    /// Not the same: `!=`.
    IsNot,
    /// The whole fits a regular expression: `=~`.
    Fits,
    /// It does not: `!~`.
    FitsNot,
}

/// What is read of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Resident memory, bytes.
    Rss,
    /// Processors taken.
    Cpu,
    /// Threads.
    Threads,
    /// Open descriptors.
    OpenFiles,
    /// Starts after the first.
    Restarts,
}

/// A page that is asked for by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Who has it.
    pub of: PageOf,
    /// Path and query.
    pub path: String,
}

/// Who has a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageOf {
    /// A service of the scenario.
    Service(String),
    /// Whoever a start places there.
    Placed {
        /// Whether it speaks TLS.
        secure: bool,
        /// `host` or `host:port`, with placeholders of services and links.
        authority: Text,
    },
    /// Somebody else.
    Host {
        /// Whether it speaks TLS.
        secure: bool,
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

impl Metric {
    /// The page that it is read on, if it is read on one.
    #[must_use]
    pub fn page(&self) -> Option<&Page> {
        match &self.source {
            Source::Prometheus { page, .. }
            | Source::Promql(page)
            | Source::Breaker { page, .. } => Some(page),
            Source::Process { .. } | Source::Command(_) => None,
        }
    }

    /// The service that it is of, where the scenario says.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        match (&self.source, self.page().map(|page| &page.of)) {
            (Source::Process { service, .. }, _) | (_, Some(PageOf::Service(service))) => {
                Some(service)
            }
            _ => None,
        }
    }
}

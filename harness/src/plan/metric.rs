//! Metrics: numbers of the system under test, and where each is read.
//!
//! Not here: reading them (`probe`), what is expected of them (crate slo).

use super::Text;

/// A number that is read again and again, in the order of [`assay_slo::Case::metrics`].
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
        /// Labels that it must have.
        labels: Vec<(String, String)>,
    },
    /// From a Prometheus server: the page holds the query.
    Promql(Page),
    /// What a command prints.
    Command(Vec<Text>),
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
            Source::Prometheus { page, .. } | Source::Promql(page) => Some(page),
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

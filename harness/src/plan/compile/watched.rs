//! Links whose arrivals are recorded.
//!
//! Invariant: a link that no question needs is not watched.
//! Not here: recording (`link`).

use crate::plan::Watched;
use assay_slo::case::{Case, Evidence, Must};

/// The links that breakers' evidence names, arrival by arrival, and those that expectations
/// count; each once.
pub(super) fn links(case: &Case) -> Vec<Watched> {
    let seen = case.breakers.iter().flat_map(|breaker| &breaker.evidence);
    let seen = seen.filter_map(|evidence| match evidence {
        Evidence::Arrivals(link) => Some((link, true)),
        Evidence::Gateway(_) | Evidence::Polled(_) | Evidence::Logged { .. } => None,
    });
    let counted = case.expectations.iter().filter_map(|expectation| match &expectation.must {
        Must::Amplification { link, .. } | Must::Herd { link, .. } => Some((link, false)),
        _ => None,
    });
    let mut watched: Vec<Watched> = Vec::new();
    for (link, each) in seen.chain(counted) {
        match watched.iter_mut().find(|known| known.link == *link) {
            Some(known) => known.each |= each,
            None => watched.push(Watched { link: link.clone(), each }),
        }
    }
    watched
}

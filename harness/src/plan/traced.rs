//! Trace ids of a run's requests, and which of them are sampled.
//!
//! Invariant: a function of the request's own id and nothing else, so any machine computes the same.
//! Not here: sending spans (`run::traces`).

use std::fmt;
use std::sync::Arc;

/// How much of a run is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracing {
    /// How many of a million requests are sampled: the far end records them, too.
    pub per_million: u64,
}

/// One request's place in its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Its own id, from which the rest follows.
    pub id: Arc<str>,
    /// The trace.
    pub trace: u128,
    /// The request's span.
    pub span: u64,
    /// Whether the far end is asked to record it.
    pub sampled: bool,
}

impl Tracing {
    /// The request with this id.
    #[must_use]
    pub fn of(self, id: &str) -> Traced {
        // FNV-1a, then splitmix64: even enough for ids, and nothing secret.
        let seed = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let word = |n: u64| mixed(seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        // No part may be all zeros.
        let trace = u128::from(word(1)) << 64 | u128::from(word(2) | 1);
        let (span, sampled) = (word(3) | 1, word(4) % 1_000_000 < self.per_million);
        Traced { id: id.into(), trace, span, sampled }
    }
}

fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl fmt::Display for Traced {
    /// As the header `traceparent` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_differ_and_a_share_is_sampled() {
        let tracing = Tracing { per_million: 10_000 };
        let all: Vec<Traced> =
            (0..100_000).map(|k| tracing.of(&format!("ab12-web-{k}-1"))).collect();
        assert_eq!(all.iter().map(|t| t.trace).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|t| t.span).collect::<BTreeSet<_>>().len(), all.len());
        let sampled = all.iter().filter(|t| t.sampled).count();
        assert!((800..1_200).contains(&sampled), "{sampled} of 1 %");
        let none = Tracing { per_million: 0 };
        let every = Tracing { per_million: 1_000_000 };
        assert!(!none.of("x").sampled && every.of("x").sampled);
    }

    #[test]
    fn the_header_is_as_w3c_has_it() {
        let traced = Traced { id: "x".into(), trace: 0xab, span: 0xc, sampled: true };
        let text = "00-000000000000000000000000000000ab-000000000000000c-01";
        assert_eq!(traced.to_string(), text);
    }
}

//! The remote scorer.

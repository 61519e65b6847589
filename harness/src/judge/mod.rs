//! From a run directory to its scorecard.

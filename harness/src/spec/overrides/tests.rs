//! Paths, profiles and options.

//! The scenario file: read, decoded, every mistake with its place.

pub mod scalar;
pub mod types;

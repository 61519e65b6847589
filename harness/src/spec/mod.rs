//! The scenario file: read, decoded, every mistake with its place.

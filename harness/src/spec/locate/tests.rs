//! Places of keys and values.

//! x
pub mod resilience;

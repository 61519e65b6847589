//! Looks at services: readiness, steady state.

//! Console, verdict.json, JUnit, summary.

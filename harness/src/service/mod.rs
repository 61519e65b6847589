//! Processes of the system under test, and the guardian that outlives us.

//! One run, from the plan to the closed journal: a single select loop.

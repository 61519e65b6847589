//! Replacing, and what is refused.

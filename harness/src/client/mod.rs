//! Sends one HTTP request and classifies how it ended.

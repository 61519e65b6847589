//! Named fault proxies between two parties.

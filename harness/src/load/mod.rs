//! Open arrivals: requests are due at computed instants, whether or not earlier ones returned.

//! Laws and vectors of the scalars.

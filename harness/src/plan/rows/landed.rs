//! Values that the setup adds to rows: a token for each user.
//!
//! Invariant: a value is there whole or not at all, and a newer one takes the place of an older.
//! Not here: getting them (`run`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// By row and column.
type Values = BTreeMap<(usize, usize), Arc<str>>;

/// Values by row and column; all clones share them.
#[derive(Clone, Default)]
pub struct Landed(Arc<RwLock<Values>>);

impl Landed {
    /// A row has this value from now on.
    pub fn land(&self, row: usize, column: usize, value: &str) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert((row, column), value.into());
    }

    /// A value, if it has landed.
    #[must_use]
    pub fn value(&self, row: usize, column: usize) -> Option<Arc<str>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&(row, column)).map(Arc::clone)
    }
}

/// Two sets are the same if they share their values.
impl PartialEq for Landed {
    fn eq(&self, other: &Landed) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Landed {}

/// Tokens are not shown.
impl fmt::Debug for Landed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Landed")
    }
}

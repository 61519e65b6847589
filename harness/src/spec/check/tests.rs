//! Every rule with a text that breaks it.

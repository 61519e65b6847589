//! The scenario file: read, decoded, every mistake with its place.
//!
//! Order: the file with what it includes, profiles, `--set` and `--var`, placeholders of `vars` and `env`, checks, types.
//! Invariant: a scenario is decoded as a whole or all its mistakes are reported at once; then the
//! rest of it goes on to `plan`, so that its mistakes can be told as well.
//! Not here: what needs two values at once (`plan`).

mod check;
mod document;
mod elsewhere;
#[cfg(test)]
mod example;
mod include;
mod left_out;
mod load;
mod locate;
pub mod openslo;
mod overrides;
mod placeholder;
mod problem;
pub mod scalar;
mod secret;
mod source;
mod suggest;
mod trail;
mod tree;
pub mod types;

pub use check::json_schema as schema;
pub use document::Document;
pub use left_out::LeftOut;
pub use load::{Loaded, Refused, Rest, decode, load};
pub use overrides::Overrides;
pub use problem::{Look, Place, Problem, Problems};
pub use secret::{MASK, is_secret_header, mask, mask_tree};
pub use trail::{Segment, Trail};
pub use types::Scenario;

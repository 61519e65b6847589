//! Sends one HTTP request and classifies how it ended: all measured traffic goes through here.
//!
//! Invariant: every attempt is counted and none is made behind the caller's back: nothing is
//! sent twice, unless a scenario asks for it (`converse`). Only a kept connection found closed before
//! anything was written is replaced.
//! Invariant: bodies are read to their end, and kept only as far as a check, a capture or a report
//! needs them: memory does not depend on their length.
//! Not here: when to send and on which connection (`load`), what is counted (`record`).

pub mod asks;
pub mod attempt;
pub mod classify;
pub mod connection;
pub mod converse;
pub mod jar;
pub mod kept;
pub(crate) mod lean;
mod multiplex;
mod number;
pub mod partial;
mod patience;
pub mod payload;
mod redirect;
pub mod render;
pub mod shown;
mod socket;
pub mod tls;
mod unasked;
mod ways;

pub use attempt::{Exchange, Limits, attempt, attempt_on_hyper};
pub use connection::Connection;
pub use converse::{Manners, converse};
pub use jar::Jar;
pub use kept::{Claim, Keep, Keeper, Slots};
pub(crate) use lean::Written;
pub use multiplex::Trunk;
pub(crate) use patience::AWAY_US;
pub use render::{RenderError, Rendered};
pub use tls::{Tls, TlsError};
pub use unasked::Unasked;
pub use ways::{Ends, Ways};

//! What a link counts, readable from any thread.
//!
//! Invariant: our own connects are in none of these.
//! Not here: what single faults did (`board`).

use super::seal::Seal;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

/// What a link has counted since it was bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Of these, how many are open now.
    pub open: u64,
    /// Requests whose head came.
    pub requests: u64,
    /// Of these, how many were passed on to the upstream.
    pub forwarded: u64,
    /// Of these, how many the upstream began to answer.
    pub answered: u64,
    /// How often bytes came, either way, on connections whose bytes it does not read.
    pub pieces: u64,
}

/// The counters, and the way to the upstream, whose address may change while the link runs.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    closed: AtomicU64,
    requests: AtomicU64,
    forwarded: AtomicU64,
    answered: AtomicU64,
    pieces: AtomicU64,
    upstream: RwLock<Option<SocketAddr>>,
    spares: RwLock<Vec<SocketAddr>>,
    seal: OnceLock<Seal>,
    unsealed: OnceLock<String>,
    unread: OnceLock<String>,
    not_read: AtomicU64,
    lost: OnceLock<String>,
    torn: OnceLock<String>,
    tears: AtomicU64,
}

impl Counters {
    /// All of them.
    pub(crate) fn read(&self) -> Counts {
        let closed = self.closed.load(Ordering::Acquire);
        let accepted = self.accepted.load(Ordering::Acquire);
        Counts {
            accepted,
            open: accepted.saturating_sub(closed),
            requests: self.requests.load(Ordering::Acquire),
            answered: self.answered.load(Ordering::Acquire),
            forwarded: self.forwarded.load(Ordering::Acquire),
            pieces: self.pieces.load(Ordering::Acquire),
        }
    }

    pub(crate) fn opened(&self) {
        self.accepted.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn closed(&self) {
        self.closed.fetch_add(1, Ordering::Release);
    }

    /// One more request; its number from 0.
    pub(crate) fn seen(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Release)
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Acquire)
    }

    pub(crate) fn passed_on(&self) {
        self.forwarded.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Release);
    }

    /// Bytes have come.
    pub(crate) fn came(&self) {
        self.pieces.fetch_add(1, Ordering::Release);
    }

    /// Where the link leads; none before it is known.
    pub(crate) fn upstream(&self) -> Option<SocketAddr> {
        *self.upstream.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_upstream(&self, addr: SocketAddr) {
        *self.upstream.write().unwrap_or_else(PoisonError::into_inner) = Some(addr);
    }

    /// Where it may lead as well.
    pub(crate) fn spares(&self) -> Vec<SocketAddr> {
        self.spares.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_spares(&self, addrs: Vec<SocketAddr>) {
        *self.spares.write().unwrap_or_else(PoisonError::into_inner) = addrs;
    }

    /// How TLS is spoken to the upstream; none: in the clear.
    pub(crate) fn seal(&self) -> Option<&Seal> {
        self.seal.get()
    }

    pub(crate) fn set_seal(&self, seal: Seal) {
        // A link's far end is one service for good: the first word counts.
        let _known = self.seal.set(seal);
    }

    /// Why the first handshake with the upstream failed that did.
    pub(crate) fn unsealed(&self) -> Option<&str> {
        self.unsealed.get().map(String::as_str)
    }

    /// A handshake failed: the first says why, others say the same.
    pub(crate) fn not_sealed(&self, why: String) {
        let _known = self.unsealed.set(why);
    }

    /// What came first that could not be read, and on how many connections that was so.
    pub(crate) fn unread(&self) -> Option<(String, u64)> {
        self.unread.get().map(|what| (what.clone(), self.not_read.load(Ordering::Acquire)))
    }

    /// To what an answer was first broken off unsaid, and how many were.
    pub(crate) fn torn(&self) -> Option<(String, u64)> {
        self.torn.get().map(|what| (what.clone(), self.tears.load(Ordering::Acquire)))
    }

    /// An answer was broken off unsaid: the first is kept, others are counted.
    pub(crate) fn is_torn(&self, what: String) {
        let _known = self.torn.set(what);
        self.tears.fetch_add(1, Ordering::Release);
    }

    /// The first trailer that could not be passed on.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// A trailer could not be passed on: the first is kept.
    pub(crate) fn has_lost(&self, what: String) {
        let _known = self.lost.set(what);
    }

    /// Something could not be read: the first is kept, others are counted.
    pub(crate) fn not_read(&self, what: String) {
        let _known = self.unread.set(what);
        self.not_read.fetch_add(1, Ordering::Release);
    }
}

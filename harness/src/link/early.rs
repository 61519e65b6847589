//! Interim answers (`103 Early Hints`, `100 Continue`), which come before the one that a request gets.
//!
//! hyper reads them and keeps them to itself, so they are written past it: in their order, before the answer,
//! as late as the faults make any answer, and not at all where these keep it.
//!
//! Invariant: a client of HTTP/1.0 gets none, and nobody gets one before all that was said earlier is sent.
//! Not here: `100 Continue` to a client that waits for it with its body (`body`).

use super::conn::Conn;
use super::passage::Turn;
use super::proxy::Proxy;
use hyper::{HeaderMap, StatusCode, Version};
use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// Where hyper leaves them.
#[derive(Clone)]
pub(crate) struct Heard(UnboundedSender<Vec<u8>>);

impl Heard {
    /// Takes one that has come.
    pub(crate) fn take(&self, status: StatusCode, headers: &HeaderMap) {
        // Without a listener the request is over.
        let _ = self.0.send(written(status, headers));
    }
}

/// Those of one request.
pub(crate) struct Early {
    coming: UnboundedReceiver<Vec<u8>>,
    /// With the instants at which they came.
    waiting: VecDeque<(Instant, Vec<u8>)>,
    is_wanted: bool,
}

impl Early {
    /// Of a request of this version.
    pub(crate) fn new(version: Version) -> (Heard, Early) {
        let (sender, coming) = unbounded_channel();
        let is_wanted = version >= Version::HTTP_11;
        (Heard(sender), Early { coming, waiting: VecDeque::new(), is_wanted })
    }

    /// Passes on what comes until the answer is there.
    pub(crate) async fn until<T>(
        &mut self,
        proxy: &Proxy,
        conn: &Rc<Conn>,
        answer: impl Future<Output = T>,
    ) -> T {
        let mut answer = std::pin::pin!(answer);
        loop {
            let due = self.pass(proxy, conn).await;
            tokio::select! {
                biased;
                Some(interim) = self.coming.recv() => {
                    self.waiting.push_back((Instant::now(), interim));
                }
                answer = &mut answer => {
                    self.collect();
                    return answer;
                }
                () = wait(due), if !self.waiting.is_empty() => {}
                () = conn.changed.notified(), if !self.waiting.is_empty() => {}
            }
        }
    }

    /// Passes on those that are due; gives when the next one is, if that is known.
    pub(crate) async fn pass(&mut self, proxy: &Proxy, conn: &Rc<Conn>) -> Option<Instant> {
        while let Some((came, _)) = self.waiting.front() {
            match proxy.early(conn, *came) {
                Turn::Wait(due) => return due,
                Turn::Pass => {}
                // It is a part of the answer that nobody gets.
                Turn::Garbage(_) => return None,
            }
            self.say(conn).await;
        }
        None
    }

    /// Passes on all that are left, because the answer follows.
    pub(crate) async fn pass_all(&mut self, conn: &Rc<Conn>) {
        while !self.waiting.is_empty() {
            self.say(conn).await;
        }
    }

    async fn say(&mut self, conn: &Rc<Conn>) {
        let Some((_, interim)) = self.waiting.pop_front() else { return };
        if self.is_wanted && conn.is_sent() {
            // Who has left does not read it either.
            let _unsaid = conn.say(&interim).await;
        }
    }

    fn collect(&mut self) {
        while let Ok(interim) = self.coming.try_recv() {
            self.waiting.push_back((Instant::now(), interim));
        }
    }
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// One as it is sent; hyper tells no words of its own.
fn written(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = write!(bytes, "HTTP/1.1 {} {reason}\r\n", status.as_u16());
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

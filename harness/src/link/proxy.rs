//! One link: its listening socket, its open connections, and the faults on both.
//!
//! Invariant: everything here runs on the links' own thread. What happens inside
//! [`Proxy::apply`] and [`Proxy::clear`] happens between two steps of every connection, under
//! the lock of [`Edges`].
//! Not here: a request's way over it (`way`), relaying (`relay`), the other runtime's side
//! (`control`).

mod pipes;
mod way;

use super::LinkEvent;
use super::board::{Action, Board, Tally};
use super::conn::{Conn, Stream};
use super::counts::Counters;
use super::listener::Listener;
use super::passage::{Passage, Step};
use super::relay;
use super::seen::Reach;
use super::stream::{self, Pipe};
use super::watch::{Room, Watch};
use crate::clock::Clock;
use crate::record::Edges;
use assay_slo::{At, Outcome};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;

/// How long one of our own connects may take.
const PROBE_WITHIN: Duration = Duration::from_secs(1);

/// How long accepting pauses after it failed, as it does without free descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What all links of a run share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The run's clock.
    pub(crate) clock: Clock,
    /// The run's edges.
    pub(crate) edges: Arc<Edges>,
    /// The run's id and a hyphen.
    pub(crate) run_prefix: Arc<str>,
    /// Where first effects are told.
    pub(crate) events: UnboundedSender<LinkEvent>,
}

/// One link.
pub(crate) struct Proxy {
    shared: Shared,
    counters: Arc<Counters>,
    listener: Option<Listener>,
    acceptor: RefCell<Option<AbortHandle>>,
    own: RefCell<BTreeSet<SocketAddr>>,
    board: RefCell<Board>,
    watch: RefCell<Option<Watch>>,
    conns: RefCell<BTreeMap<u64, Rc<Conn>>>,
    pipes: RefCell<BTreeMap<u64, Rc<Pipe>>>,
    /// Whether it looks into what passes.
    reads: bool,
    conns_made: Cell<u64>,
}

impl Proxy {
    /// An HTTP link on this listener; without one, for connections that are handed to it.
    #[cfg(test)]
    pub(crate) fn new(
        shared: Shared,
        counters: Arc<Counters>,
        listener: Option<Listener>,
    ) -> Rc<Proxy> {
        Proxy::of(shared, counters, listener, true)
    }

    /// The same; one that does not read what passes serves any protocol.
    pub(crate) fn of(
        shared: Shared,
        counters: Arc<Counters>,
        listener: Option<Listener>,
        reads: bool,
    ) -> Rc<Proxy> {
        Rc::new(Proxy {
            pipes: RefCell::default(),
            reads,
            shared,
            counters,
            listener,
            acceptor: RefCell::default(),
            own: RefCell::default(),
            board: RefCell::default(),
            watch: RefCell::default(),
            conns: RefCell::default(),
            conns_made: Cell::new(0),
        })
    }

    /// Starts to accept. On the links' thread only.
    pub(crate) fn accept(self: &Rc<Self>) -> io::Result<()> {
        if let Some(listener) = &self.listener {
            let acceptor = listener.acceptor()?;
            let task = tokio::task::spawn_local(accept_all(Rc::clone(self), acceptor));
            if let Some(before) = self.acceptor.replace(Some(task.abort_handle())) {
                before.abort();
            }
        }
        Ok(())
    }

    /// What it has counted, and where it leads.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A new connection.
    pub(crate) fn open(&self, stream: Box<dyn Stream>) -> Rc<Conn> {
        let id = self.conns_made.get();
        self.conns_made.set(id + 1);
        let conn = Rc::new(Conn::new(id, stream));
        conn.hold(self.board.borrow().stalls_all());
        self.conns.borrow_mut().insert(id, Rc::clone(&conn));
        self.counters.opened();
        conn
    }

    /// A connection's end.
    pub(crate) fn forget(&self, conn: &Conn) {
        if self.conns.borrow_mut().remove(&conn.id).is_some() {
            self.counters.closed();
        }
    }

    /// Records what arrives from now on, seconds from `zero`, single arrivals if there is `room`
    /// for them. False if it does already.
    pub(crate) fn watch(&self, name: &str, zero: At, room: Option<Room>) -> bool {
        let mut watch = self.watch.borrow_mut();
        let is_new = watch.is_none();
        let from = self.counters.requests();
        watch.get_or_insert_with(|| Watch::new(name, zero, self.shared.clock.now(), from, room));
        is_new
    }

    /// Tells what was recorded, as far as it is certain.
    pub(crate) fn hand_over(&self) {
        if let Some(watch) = self.watch.borrow_mut().as_mut() {
            watch.told(self.shared.clock.now()).into_iter().for_each(|event| self.tell(event));
        }
    }

    /// Ends the record, and tells all of it; requests that are open are cut.
    pub(crate) fn unwatch(&self) {
        let Some(mut watch) = self.watch.take() else { return };
        let now = self.shared.clock.now();
        for conn in self.conns.borrow().values() {
            if let Some(open) = conn.passage.borrow().as_ref() {
                let begun = self.shared.clock.stamp(open.arrived);
                watch.ended(open.number, begun, now, Outcome::Cut);
            }
        }
        watch.last_words(now).into_iter().for_each(|event| self.tell(event));
    }

    /// Whether this fault is on.
    pub(crate) fn has(&self, fault: usize) -> bool {
        self.board.borrow().has(fault)
    }

    /// The faults that are on.
    pub(crate) fn active(&self) -> Vec<usize> {
        self.board.borrow().active()
    }

    /// Whether connects are refused.
    pub(crate) fn refuses(&self) -> bool {
        self.board.borrow().refuses()
    }

    /// Puts a fault on the link.
    ///
    /// # Errors
    /// If the socket would not stop listening.
    pub(crate) fn apply(&self, fault: usize, action: Action) -> io::Result<At> {
        let mut done = Ok(());
        let at = self.shared.edges.apply(fault, || done = self.take_effect(fault, action));
        if self.board.borrow_mut().refused_at(fault, at) {
            self.tell(LinkEvent::FirstAffected { fault, at });
        }
        done.map(|()| at)
    }

    fn take_effect(&self, fault: usize, action: Action) -> io::Result<()> {
        let refuse = matches!(action, Action::Refuse);
        let refused = self.refuses();
        self.board.borrow_mut().add(fault, action);
        let conns: Vec<Rc<Conn>> = self.conns.borrow().values().cloned().collect();
        if refuse {
            if let Some(task) = self.acceptor.take() {
                task.abort();
            }
            let open = conns.iter().filter(|conn| !conn.is_closed()).count() as u64;
            let (piped, used) = self.cut_all();
            self.board.borrow_mut().refused(fault, (open + piped, open + used));
            let listening = self.listener.as_ref().filter(|_| !refused);
            let refuses = listening.map_or(Ok(()), Listener::refuse);
            for conn in conns {
                conn.cut();
            }
            return refuses;
        }
        self.ask_all(fault);
        let reach = self.board.borrow().reach(fault);
        for conn in conns {
            // One without a request meets the fault with its next: so no call fails unseen.
            if let Some(passage) = conn.passage.borrow_mut().as_mut()
                && !(passage.passed && reach == Reach::Arriving)
            {
                self.board.borrow_mut().ask(fault, passage);
            }
            self.settle(&conn);
        }
        Ok(())
    }

    /// Takes a fault off the link; none if it was not on.
    ///
    /// # Errors
    /// If the socket would not listen again.
    pub(crate) fn clear(
        self: &Rc<Self>,
        fault: usize,
        recovery_us: u64,
    ) -> Option<io::Result<(At, Tally)>> {
        if !self.has(fault) {
            return None;
        }
        let mut lost = Ok(None);
        let edges = &self.shared.edges;
        let at = edges.clear(recovery_us, || lost = self.lose_effect(fault));
        lost.map(|tally| tally.map(|tally| (at, tally))).transpose()
    }

    fn lose_effect(self: &Rc<Self>, fault: usize) -> io::Result<Option<Tally>> {
        let refused = self.refuses();
        let tally = self.board.borrow_mut().remove(fault, self.counters.requests());
        self.free_all(fault);
        for conn in self.conns.borrow().values() {
            if let Some(passage) = conn.passage.borrow_mut().as_mut() {
                passage.remove(fault);
            }
            conn.unlinger(fault);
            self.settle(conn);
        }
        if refused && !self.refuses() {
            if let Some(listener) = &self.listener {
                listener.resume()?;
            }
            self.accept()?;
        }
        Ok(tally)
    }

    /// Lets a connection feel the faults as they are now.
    fn settle(&self, conn: &Conn) {
        let passed = conn.passage.borrow().as_ref().is_some_and(|passage| passage.passed);
        // What still waits takes its next step itself.
        if passed && self.step(conn) == Step::Reset {
            conn.cut();
            return;
        }
        if conn.passage.borrow().as_ref().is_some_and(|passage| passage.answered.is_some()) {
            self.turn(conn);
        }
        let stalled = conn.passage.borrow().as_ref().is_some_and(Passage::is_stalled);
        conn.hold(stalled || self.board.borrow().stalls_all());
        conn.nudge();
    }

    /// Connects to the link as a client would, and takes nothing else from it. Never counted.
    ///
    /// # Errors
    /// As connecting; `TimedOut` after a second.
    pub(crate) async fn connect(&self) -> io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        let mut addr = listener.addr()?;
        match addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(SocketAddr::new(addr.ip(), 0))?;
        socket.set_zero_linger()?;
        let from = socket.local_addr()?;
        self.own.borrow_mut().insert(from);
        let connected = tokio::time::timeout(PROBE_WITHIN, socket.connect(addr)).await;
        match connected {
            // The accepting side forgets it.
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                self.own.borrow_mut().remove(&from);
                Err(error)
            }
            Err(_) => {
                self.own.borrow_mut().remove(&from);
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    fn tell(&self, event: LinkEvent) {
        // The run may have stopped listening: then nobody wants to know.
        let _unheard = self.shared.events.send(event);
    }
}

async fn accept_all(proxy: Rc<Proxy>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if proxy.own.borrow_mut().remove(&peer) {
                    continue;
                }
                // Without it small answers wait for acknowledgements; nothing is lost if it fails.
                let _slower = stream.set_nodelay(true);
                let dial = relay::dial(Rc::clone(&proxy), peer.ip());
                if proxy.reads {
                    let conn = proxy.open(Box::new(stream));
                    tokio::task::spawn_local(relay::serve(Rc::clone(&proxy), conn, dial));
                } else {
                    let client = Box::new(stream);
                    tokio::task::spawn_local(stream::serve(Rc::clone(&proxy), client, dial));
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

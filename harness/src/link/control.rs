//! The links of a run as the run sees them: a handle whose orders are carried out on the links'
//! own thread, and acknowledged.
//!
//! Invariant: an order's acknowledgement is the truth: refusing is proved by a connect that was
//! refused, its end by one that was accepted; all else is on or off when it is said.
//! Not here: which port a link gets (`service`), when a fault comes and goes (`run`).

use super::board::{Action, Tally};
use super::counts::{Counters, Counts};
use super::listener::Listener;
use super::proxy::{Proxy, Shared};
use super::seal::Seal;
use super::watch::{MOST, Room};
use super::{LinkError, LinkEvent};
use crate::clock::Clock;
use crate::plan::Tls;
use crate::record::Edges;
use assay_slo::At;
use assay_slo::event::Effect;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How often what was recorded is handed over.
const HAND_OVER_EVERY: Duration = Duration::from_secs(1);

/// A fault is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Its applied edge.
    pub at: At,
}

/// A fault is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleared {
    /// Its cleared edge.
    pub at: At,
    /// What it did.
    pub effect: Effect,
    /// When it first did something.
    pub first_affected: Option<At>,
    /// How many of its choices were drawn from the number of an arrival, because the request
    /// was not ours and had no key. Those do not repeat from run to run.
    pub by_ordinal: u64,
}

type Reply<T> = oneshot::Sender<Result<T, LinkError>>;

enum Order {
    Bind { asked: Asked, counters: Arc<Counters>, reply: Reply<SocketAddr> },
    Inject { fault: usize, name: String, action: Action, reply: Reply<Applied> },
    Clear { fault: usize, recovery_us: u64, reply: Reply<Cleared> },
    Verify { reply: Reply<Vec<String>> },
    Watch { name: String, zero: At, each: bool, reply: Reply<()> },
    Flush { reply: Reply<()> },
}

/// A link that is to be.
struct Asked {
    name: String,
    addr: SocketAddr,
    reads: bool,
}

/// All links of a run.
#[derive(Debug)]
pub struct Links {
    orders: mpsc::UnboundedSender<Order>,
    counters: Mutex<BTreeMap<String, Arc<Counters>>>,
    thread: JoinHandle<()>,
}

impl Links {
    /// Starts the links' thread, without links yet. First effects of faults are told through the
    /// receiver. `run_id` is how the request ids of our own clients start.
    ///
    /// # Errors
    /// If there can be no thread or no runtime.
    pub fn start(
        clock: Clock,
        edges: Arc<Edges>,
        run_id: &str,
    ) -> io::Result<(Links, mpsc::UnboundedReceiver<LinkEvent>)> {
        let (orders, taken) = mpsc::unbounded_channel();
        let (events, told) = mpsc::unbounded_channel();
        let run_prefix = format!("{run_id}-").into();
        let shared = Shared { clock, edges, run_prefix, events };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("links".to_owned()).spawn(move || {
            let local = tokio::task::LocalSet::new();
            runtime.block_on(local.run_until(obey(shared, taken)));
        })?;
        Ok((Links { orders, counters: Mutex::default(), thread }, told))
    }

    /// Binds a new link, which listens at once; returns its address. The port must not be 0: the
    /// kernel would take back a port that it chose itself when the link refuses. Before its
    /// upstream is set the link resets requests.
    ///
    /// # Errors
    /// [`LinkError::PortTaken`], [`LinkError::Bind`], [`LinkError::AlreadyBound`].
    pub async fn bind(&self, name: &str, addr: SocketAddr) -> Result<SocketAddr, LinkError> {
        self.bind_one(Asked { name: name.to_owned(), addr, reads: true }).await
    }

    /// The same for a link that passes on whatever comes, and reads none of it.
    ///
    /// # Errors
    /// As [`Links::bind`].
    pub async fn bind_tcp(&self, name: &str, addr: SocketAddr) -> Result<SocketAddr, LinkError> {
        self.bind_one(Asked { name: name.to_owned(), addr, reads: false }).await
    }

    async fn bind_one(&self, asked: Asked) -> Result<SocketAddr, LinkError> {
        let (name, counters) = (asked.name.clone(), Arc::new(Counters::default()));
        let bound =
            self.order(|reply| Order::Bind { asked, counters: counters.clone(), reply }).await?;
        self.known().insert(name, counters);
        Ok(bound)
    }

    /// Where a link leads from now on; open connections stay with the upstream that they have.
    ///
    /// # Errors
    /// [`LinkError::NoSuchLink`].
    pub fn set_upstream(&self, name: &str, addr: SocketAddr) -> Result<(), LinkError> {
        self.of(name)?.set_upstream(addr);
        Ok(())
    }

    /// Lets a link that reads speak TLS to its upstream, which is asked for by this authority.
    ///
    /// # Errors
    /// [`LinkError::NoSuchLink`], [`LinkError::NoSeal`].
    pub fn seal_upstream(&self, name: &str, tls: &Tls, authority: &str) -> Result<(), LinkError> {
        let seal = Seal::new(tls, authority)
            .map_err(|source| LinkError::NoSeal { name: name.to_owned(), source })?;
        self.of(name)?.set_seal(seal);
        Ok(())
    }

    /// Why a link could not speak TLS to its upstream, the first time that it could not.
    #[must_use]
    pub fn unsealed(&self, name: &str) -> Option<String> {
        self.of(name).ok()?.unsealed().map(str::to_owned)
    }

    /// What came first to a link that it could not read, and on how many connections that was so.
    #[must_use]
    pub fn unread(&self, name: &str) -> Option<(String, u64)> {
        self.of(name).ok()?.unread()
    }

    /// What a link has counted.
    ///
    /// # Errors
    /// [`LinkError::NoSuchLink`].
    pub fn counts(&self, name: &str) -> Result<Counts, LinkError> {
        Ok(self.of(name)?.read())
    }

    /// Puts a fault on a link. When this returns it is on.
    ///
    /// # Errors
    /// [`LinkError::NoSuchLink`], [`LinkError::AlreadyOn`]; [`LinkError::StillAccepts`] if it
    /// should refuse connects but does not: the fault then is on and must be cleared.
    pub async fn inject(
        &self,
        fault: usize,
        name: &str,
        action: Action,
    ) -> Result<Applied, LinkError> {
        let order = |reply| Order::Inject { fault, name: name.to_owned(), action, reply };
        self.order(order).await
    }

    /// Takes a fault off its link. When this returns it is off, whatever is returned; requests
    /// that it kept waiting are passed on. Its recovery lasts `recovery_us`.
    ///
    /// # Errors
    /// [`LinkError::NotOn`]; [`LinkError::StillRefuses`] if the link should accept again but
    /// does not.
    pub async fn clear(&self, fault: usize, recovery_us: u64) -> Result<Cleared, LinkError> {
        self.order(|reply| Order::Clear { fault, recovery_us, reply }).await
    }

    /// What is still broken, each in a sentence: faults that are on, links that do not accept.
    /// Empty is clean.
    pub async fn verify_clean(&self) -> Vec<String> {
        match self.order(|reply| Order::Verify { reply }).await {
            Ok(problems) => problems,
            Err(error) => vec![error.to_string()],
        }
    }

    /// Records what arrives at a link from now on, and tells it about once a second through the
    /// receiver: [`LinkEvent::Arrivals`] with seconds counted from `zero`, and with `each` also
    /// [`LinkEvent::Attempts`]. Connects that are refused arrive nowhere; our own are not counted.
    ///
    /// # Errors
    /// [`LinkError::NoSuchLink`], [`LinkError::AlreadyWatched`].
    pub async fn watch(&self, name: &str, each: bool, zero: At) -> Result<(), LinkError> {
        self.order(|reply| Order::Watch { name: name.to_owned(), zero, each, reply }).await
    }

    /// Ends the record of every watched link. When this returns all of it is in the receiver,
    /// requests still open as cut; so call it once all that should end has ended.
    ///
    /// # Errors
    /// [`LinkError::Gone`].
    pub async fn flush(&self) -> Result<(), LinkError> {
        self.order(|reply| Order::Flush { reply }).await
    }

    /// Ends all links; what is open is reset. What was recorded and not told is told before.
    pub async fn stop(self) {
        let Links { orders, thread, .. } = self;
        drop(orders);
        // A panic of that thread has been reported by the thread; nothing is left to stop.
        let _panicked = tokio::task::spawn_blocking(move || thread.join()).await;
    }

    async fn order<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, LinkError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).map_err(|_| LinkError::Gone)?;
        answer.await.map_err(|_| LinkError::Gone)?
    }

    pub(super) fn of(&self, name: &str) -> Result<Arc<Counters>, LinkError> {
        let no_such = || LinkError::NoSuchLink { name: name.to_owned() };
        self.known().get(name).cloned().ok_or_else(no_such)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Counters>>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The links' thread: carries out orders until there can be none.
async fn obey(shared: Shared, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut links: BTreeMap<String, Rc<Proxy>> = BTreeMap::new();
    let room: Room = Rc::new(Cell::new(MOST));
    let mut ticks = tokio::time::interval(HAND_OVER_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Whoever gave an order may be gone when it is done: a reply unheard is no loss.
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            _ = ticks.tick() => {
                links.values().for_each(|link| link.hand_over());
                continue;
            }
        };
        let Some(order) = order else { break };
        match order {
            Order::Bind { asked, counters, reply } => {
                let _unheard = reply.send(bind(&shared, &mut links, asked, counters));
            }
            Order::Inject { fault, name, action, reply } => match links.get(&name).cloned() {
                None => {
                    let _unheard = reply.send(Err(LinkError::NoSuchLink { name }));
                }
                Some(_) if links.values().any(|link| link.has(fault)) => {
                    let _unheard = reply.send(Err(LinkError::AlreadyOn { fault }));
                }
                Some(link) => {
                    let applied = link.apply(fault, action);
                    tokio::task::spawn_local(async move {
                        let _unheard = reply.send(prove_applied(name, &link, applied).await);
                    });
                }
            },
            Order::Clear { fault, recovery_us, reply } => {
                let found = links.iter().find(|(_, link)| link.has(fault));
                let Some((name, link)) = found.map(|(name, link)| (name.clone(), link.clone()))
                else {
                    let _unheard = reply.send(Err(LinkError::NotOn { fault }));
                    continue;
                };
                let refused = link.refuses();
                let Some(cleared) = link.clear(fault, recovery_us) else {
                    let _unheard = reply.send(Err(LinkError::NotOn { fault }));
                    continue;
                };
                let cleared = off(&name, cleared);
                if !refused || cleared.is_err() || link.refuses() {
                    let _unheard = reply.send(cleared);
                    continue;
                }
                tokio::task::spawn_local(async move {
                    let accepts = link.connect().await.map_err(|why| still_refuses(&name, &why));
                    let _unheard = reply.send(accepts.and(cleared));
                });
            }
            Order::Verify { reply } => {
                let links = links.clone();
                tokio::task::spawn_local(async move {
                    let _unheard = reply.send(Ok(verify(&links).await));
                });
            }
            Order::Watch { name, zero, each, reply } => {
                let watched = match links.get(&name) {
                    None => Err(LinkError::NoSuchLink { name }),
                    Some(link) if link.watch(&name, zero, each.then(|| Rc::clone(&room))) => Ok(()),
                    Some(_) => Err(LinkError::AlreadyWatched { name }),
                };
                let _unheard = reply.send(watched);
            }
            Order::Flush { reply } => {
                links.values().for_each(|link| link.unwatch());
                let _unheard = reply.send(Ok(()));
            }
        }
    }
    links.values().for_each(|link| link.unwatch());
}

fn bind(
    shared: &Shared,
    links: &mut BTreeMap<String, Rc<Proxy>>,
    Asked { name, addr, reads }: Asked,
    counters: Arc<Counters>,
) -> Result<SocketAddr, LinkError> {
    if links.contains_key(&name) {
        return Err(LinkError::AlreadyBound { name });
    }
    let bound = Listener::bind(addr).and_then(|listener| {
        let bound = listener.addr()?;
        let link = Proxy::of(shared.clone(), counters, Some(listener), reads);
        link.accept()?;
        links.insert(name.clone(), link);
        Ok(bound)
    });
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => LinkError::PortTaken { name, addr },
        _ => LinkError::Bind { name, addr, source },
    })
}

async fn prove_applied(
    name: String,
    link: &Proxy,
    applied: io::Result<At>,
) -> Result<Applied, LinkError> {
    let at = applied.map_err(|source| LinkError::StillAccepts {
        name: name.clone(),
        why: source.to_string(),
    })?;
    if link.refuses() {
        match link.connect().await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(LinkError::StillAccepts { name, why: error.to_string() }),
            // Cleared by somebody in the meantime: then it rightly accepts.
            Ok(()) if !link.refuses() => {}
            Ok(()) => {
                let why = "a connect succeeded".to_owned();
                return Err(LinkError::StillAccepts { name, why });
            }
        }
    }
    Ok(Applied { at })
}

fn off(name: &str, cleared: io::Result<(At, Tally)>) -> Result<Cleared, LinkError> {
    let (at, tally) = cleared.map_err(|why| still_refuses(name, &why))?;
    Ok(Cleared {
        at,
        effect: tally.effect,
        first_affected: tally.first,
        by_ordinal: tally.by_arrival,
    })
}

fn still_refuses(name: &str, why: &io::Error) -> LinkError {
    LinkError::StillRefuses { name: name.to_owned(), why: why.to_string() }
}

async fn verify(links: &BTreeMap<String, Rc<Proxy>>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, link) in links {
        let on = link.active().len();
        if on > 0 {
            problems.push(format!("link `{name}` still has {on} fault(s) on it"));
        }
        if let Err(error) = link.connect().await {
            problems.push(format!("link `{name}` does not accept connections: {error}"));
        }
    }
    problems
}

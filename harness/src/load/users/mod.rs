//! Closed users: each waits for its answer before it sends again. goose drives them, our client
//! sends, our recorder counts.
//!
//! One OS thread with a multi-thread runtime for the users of all loads; one batch of counts a
//! second. Only `attack` and `interrupt` know of goose.
//!
//! Invariant: every request that a user began is recorded exactly once; memory depends on the
//! number of users, not of requests.
//! Invariant: after [`Crowds::cut`] nothing is sent, and within a second all have ended.
//! Not here: open arrivals (`load`), when the run stops and why (`run`).

mod attack;
mod crowd;
mod desk;
mod interrupt;
mod life;
mod member;
mod roster;

pub use interrupt::keep_interrupt;

use super::{
    Aim, Drive, Kind, Order, StartError, apart, raise_descriptor_limit, render, shard, tell,
};
use crate::client::{Ends, Jar};
use crate::load::talk::Talk;
use crate::load::tally::Tally;
use crate::plan;
use crate::plan::users::Step;
use assay_slo::At;
use assay_slo::time::SECOND_US;
use attack::Seats;
use crowd::Journeys;
use desk::Desk;
use life::{Life, Script};
use member::{Member, Wire};
use roster::Roster;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How long goose may take to let all users go; then its runtime is ended under it.
const FAREWELL_US: u64 = 800_000;

/// goose's kill switch belongs to the process, so only one run at a time may have users.
static AT_WORK: AtomicBool = AtomicBool::new(false);

/// A closed load, ready to be sent.
#[derive(Debug, Clone)]
pub struct Aimed {
    /// The load; placeholders filled.
    pub users: plan::Users,
    /// Where it connects to.
    pub addr: SocketAddr,
    /// `host:port` for the `Host` header.
    pub authority: String,
    /// Where else it connects to, and when that changes; none: only there.
    pub ends: Option<Arc<Ends>>,
}

/// The running users of all loads.
#[derive(Debug)]
pub struct Crowds {
    orders: watch::Sender<Order>,
    thread: Option<oneshot::Receiver<io::Result<()>>>,
}

impl Crowds {
    /// No new requests from now on; what is under way ends or times out.
    pub fn stop(&self) {
        tell(&self.orders, Order::Stop);
    }

    /// Ends now: what is under way is recorded as [`assay_slo::Outcome::Cut`] and handed over.
    pub fn cut(&self) {
        tell(&self.orders, Order::Cut);
    }

    /// Waits until all users have ended, the last batch handed over. May be dropped and called
    /// anew.
    ///
    /// # Errors
    /// Users ended early or never started: what they had to send is missing, the run decides
    /// nothing.
    pub async fn finished(&mut self) -> io::Result<()> {
        let Some(thread) = &mut self.thread else { return Ok(()) };
        let ended = thread.await;
        self.thread = None;
        ended.map_err(|_| io::Error::other("the thread of the users died"))?
    }
}

/// Starts the users of all closed loads; nothing is sent before time 0. Launching a thousand takes
/// some tens of milliseconds: call it that much earlier. Pauses are drawn from `seed`.
///
/// # Errors
/// See [`StartError`]; then nothing was started. [`keep_interrupt`] must have been called, and
/// only one run of a process may have users at a time.
pub fn start(users: Vec<Aimed>, drive: &Drive, seed: u64) -> Result<Crowds, StartError> {
    let (orders, order) = watch::channel(Order::Go);
    let users: Vec<Aimed> =
        users.into_iter().filter(|aimed| crowd::peak(&aimed.users.crowd) > 0).collect();
    if users.is_empty() {
        return Ok(Crowds { orders, thread: None });
    }
    raise_descriptor_limit()?;
    let desk = Arc::new(Desk::new(drive)?);
    let total = users.iter().map(|aimed| crowd::peak(&aimed.users.crowd)).sum();
    let roster = Arc::new(Roster::new(total));
    let mut crews = Vec::new();
    for aimed in &users {
        let kinds = kinds(aimed, drive)?;
        desk.watch(aimed.users.load, &kinds);
        crews.push(Arc::new(crew(aimed, &kinds, seed, &desk, &roster, &order)));
    }
    if !interrupt::is_kept() {
        return Err(StartError::Interrupt);
    }
    let duty = Duty::begin().ok_or(StartError::Busy)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(drive.threads.max(1))
        .thread_name("users")
        .enable_all()
        .build()?;
    let (end, ended) = oneshot::channel();
    std::thread::Builder::new().name("users".to_owned()).spawn(move || {
        let watched = Arc::clone(&desk);
        runtime.spawn(async move { watched.pulse.beat().await });
        let driven = runtime.block_on(conduct(&crews, &desk, &roster, order));
        // Whoever is still there is dropped, and what it had under way is recorded as cut.
        runtime.shutdown_timeout(Duration::from_millis(100));
        let result = driven.and(desk.hand_over());
        drop(duty);
        // Nobody waits any more only if the run itself has ended.
        let _ = end.send(result);
    })?;
    Ok(Crowds { orders, thread: Some(ended) })
}

/// A load's requests as they are sent.
fn kinds(aimed: &Aimed, drive: &Drive) -> Result<Arc<[Kind]>, StartError> {
    let users = &aimed.users;
    let sends = |step: &Step| match step {
        Step::Send(request) => Some(*request),
        Step::Pause { .. } => None,
    };
    let mut sent = users.journey().iter().filter_map(sends).peekable();
    if sent.peek().is_none() || !sent.all(|request| request < users.requests.len()) {
        return Err(StartError::Journey(users.name.clone()));
    }
    let Aimed { addr, authority, ends, .. } = aimed;
    let aim = Aim { load: &users.name, addr: *addr, authority, ends, tracing: drive.tracing };
    Ok(render(aim, &users.client, &users.requests, &drive.run_id)?.into())
}

/// A load's users.
fn crew(
    aimed: &Aimed,
    kinds: &Arc<[Kind]>,
    seed: u64,
    desk: &Arc<Desk>,
    roster: &Arc<Roster>,
    orders: &watch::Receiver<Order>,
) -> Seats {
    let users = &aimed.users;
    let script = Arc::new(Script {
        clock: *desk.clock(),
        zero: desk.zero(),
        journey: users.journey().to_vec(),
        pace_us: users.pace_us,
        journeys: Journeys::of(&users.crowd, users.rows()),
        tally: Tally::new(crowd::peak(&users.crowd)),
    });
    let name: Arc<str> = users.name.as_str().into();
    let dynamics: Arc<[_]> = kinds.iter().map(|kind| kind.dynamic.clone()).collect();
    let member = |user| {
        let shifts = crowd::shifts(&users.crowd, user);
        let random = life::stream(seed, &name, user);
        let life = Life::new(Arc::clone(&script), shifts, random, orders.clone());
        let wire = Wire {
            desk: Arc::clone(desk),
            load: users.load,
            name: Arc::clone(&name),
            ends_us: users.crowd.ends_us(),
            // Nobody else uses a user's connection.
            kinds: match users.client.transport.http2 {
                true => apart(kinds, &users.client, 1, 1).into(),
                false => Arc::clone(kinds),
            },
            user,
            sent: 0,
            talk: Talk::new(seed, Arc::clone(&name), Arc::clone(&dynamics), users.captures),
            kept: None,
            jar: Jar::default(),
            orders: orders.clone(),
        };
        Member::new(life, wire, Arc::clone(roster))
    };
    let members = (0..crowd::peak(&users.crowd)).map(member).collect();
    Seats { load: users.name.clone(), members: Mutex::new(members) }
}

/// Runs goose until the last user is done, or to the order to cut; hands over once a second.
async fn conduct(
    crews: &[Arc<Seats>],
    desk: &Desk,
    roster: &Roster,
    mut orders: watch::Receiver<Order>,
) -> io::Result<()> {
    let (clock, zero) = (*desk.clock(), desk.zero());
    let mut attack = pin!(attack::attack(crews));
    let mut tick = pin!(clock.sleep_until(shard::next_tick(clock.now(), zero)));
    loop {
        tokio::select! {
            biased;
            ended = &mut attack => {
                ended?;
                return Err(io::Error::other("goose ended before the users were done"));
            }
            () = life::ordered(&mut orders, Order::Cut) => break,
            () = roster.idle() => break,
            () = &mut tick => {
                desk.hand_over()?;
                report_absent(crews, desk);
                tick.set(clock.sleep_until(shard::next_tick(clock.now(), zero)));
            }
        }
    }
    roster.dismiss();
    let latest = At(clock.now().0.saturating_add(FAREWELL_US));
    while clock.now() < latest {
        attack::call_off();
        tokio::select! {
            biased;
            ended = &mut attack => {
                ended?;
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    }
    if roster.has_lost() && *orders.borrow() != Order::Cut {
        return Err(io::Error::other("a user died"));
    }
    Ok(())
}

/// Tells of users that are missing a second after time 0.
fn report_absent(crews: &[Arc<Seats>], desk: &Desk) {
    if desk.clock().now() < At(desk.zero().0.saturating_add(SECOND_US)) {
        return;
    }
    for seats in crews {
        if seats.empty() > 0 {
            desk.finding(format!(
                "load {}: not all of its users had started a second after time 0",
                seats.load
            ));
        }
    }
}

/// The right to be the one run of this process that has users.
struct Duty;

impl Duty {
    fn begin() -> Option<Duty> {
        let taken = AT_WORK.swap(true, Ordering::AcqRel);
        if taken { None } else { Some(Duty) }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        AT_WORK.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;

//! The only file that knows goose: it starts the users and calls for one journey after another.
//!
//! goose gets no address, sends nothing, measures nothing and prints nothing. It is told to stop
//! by its kill switch, which belongs to the whole process.
//!
//! Invariant: each user that was ours to start is given to exactly one user of goose.
//! Not here: what a journey is (`life`), Ctrl-C (`interrupt`).

use super::life::Turn;
use super::member::Member;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// goose lets a user go only between two journeys: so often one whose journeys are over looks.
const LOOKS: Duration = Duration::from_millis(10);

/// Users of one load that nobody plays yet.
pub(super) struct Seats {
    /// The load's name.
    pub(super) load: String,
    /// Its users.
    pub(super) members: Mutex<Vec<Member>>,
}

impl Seats {
    /// How many nobody plays yet.
    pub(super) fn empty(&self) -> usize {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Option<Member> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// What goose keeps for each of its users. It wants copies; it never makes any.
#[derive(Clone)]
struct Session(Arc<tokio::sync::Mutex<Member>>);

/// Starts all users, as fast as it can, and calls for their journeys until [`call_off`]. Dropping
/// it stops nobody.
///
/// # Errors
/// goose would not start.
pub(super) async fn attack(crews: &[Arc<Seats>]) -> io::Result<()> {
    silence();
    let users = crews.iter().map(|seats| seats.empty()).sum();
    let attack = prepared(crews, users).map_err(refused)?;
    // Its metrics are empty.
    attack.execute().await.map(|_| ()).map_err(refused)
}

/// Tells goose to let its users go. Forgotten if the attack is only just starting: say it again
/// until the attack has ended.
pub(super) fn call_off() {
    goose::trigger_killswitch("the users are done");
}

fn prepared(crews: &[Arc<Seats>], users: usize) -> Result<GooseAttack, GooseError> {
    let mut configuration = GooseConfiguration::default();
    // Wanted, and never connected to.
    configuration.host = Some("http://127.0.0.1:9/".to_owned());
    configuration.users = Some(users);
    // At once: who is not wanted yet waits for its time with us.
    configuration.increase_rate = Some("1000000".to_owned());
    configuration.quiet = 1;
    configuration.no_metrics = true;
    configuration.no_print_metrics = true;
    configuration.no_telnet = true;
    let mut attack = GooseAttack::initialize_with_config(configuration)?;
    // One client for all, instead of 135 KiB for each user, and without certificates to load.
    let client = GooseClientBuilder::new().without_cookies().accept_invalid_certs(true);
    attack = attack.set_client_builder_without_cookies(client)?;
    for seats in crews {
        attack = attack.register_scenario(scenario(seats)?);
    }
    Ok(attack)
}

/// A load. The weights are the numbers of users, and there are as many as all weights: goose gives
/// each scenario exactly its own.
fn scenario(seats: &Arc<Seats>) -> Result<Scenario, GooseError> {
    let crew = Arc::clone(seats);
    let sit: TransactionFunction = Arc::new(move |user| {
        if let Some(member) = crew.take() {
            user.set_session_data(Session(Arc::new(tokio::sync::Mutex::new(member))));
        }
        Box::pin(std::future::ready(Ok(())))
    });
    let journey: TransactionFunction = Arc::new(|user| {
        let session = user.get_session_data::<Session>().cloned();
        Box::pin(async move {
            let turn = match session {
                Some(Session(member)) => member.lock().await.turn().await,
                None => Turn::Over,
            };
            if turn == Turn::Over {
                tokio::time::sleep(LOOKS).await;
            }
            Ok(())
        })
    });
    Scenario::new(&seats.load)
        .register_transaction(Transaction::new(sit).set_on_start())
        .register_transaction(Transaction::new(journey))
        .set_weight(seats.empty())
}

/// goose writes its log to stdout unless the process has a log already: ours drops everything.
fn silence() {
    struct Silence;
    impl log::Log for Silence {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            false
        }
        fn log(&self, _: &log::Record<'_>) {}
        fn flush(&self) {}
    }
    // There is one already: then goose does not write either.
    let _ = log::set_logger(&Silence);
}

fn refused(error: GooseError) -> io::Error {
    io::Error::other(format!("goose could not drive the users: {error}"))
}

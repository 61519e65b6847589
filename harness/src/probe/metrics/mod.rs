//! Metrics, read again and again beside the run.
//!
//! Each has its own beat, a grid through time 0, and its own task: one that hangs holds up nobody,
//! and beats that are over when a read ends are left out.
//!
//! Invariant: a read that fails is told as one that failed, and never ends the run.
//! Invariant: [`Readers::finish`] reads every metric once more before it ends.
//! Not here: what is read (`plan`), what follows (crate slo).

mod command;
mod counted;
mod exposition;
mod page;
mod process;
mod states;

pub(super) use command::Line;

use crate::clock::Clock;
use crate::plan::metric::Source;
use crate::service::{Address, Firsts};
use assay_slo::event::{Missed, Sample};
use assay_slo::{At, Event, Number};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long a read may take, at least and at most; else as long as from read to read.
const WITHIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));
/// Most of a reason that is written down.
const MOST_REASON: usize = 200;

/// A number that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Value {
    number: Number,
    /// It only grows, and begins anew when whoever counts does.
    counter: bool,
    /// What its series added since the value before, where their sum does not tell it.
    anew: Option<Number>,
}

/// Something to read again and again.
#[derive(Debug)]
pub struct Reader {
    every_us: u64,
    from: From,
}

/// What a read saw.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Value(Value),
    /// A breaker's state.
    State(states::Seen),
    /// It needs another read first.
    Nothing,
    /// The page has no such series, as a sentence says.
    Absent(String),
}

impl Look {
    fn of(value: Option<Value>) -> Look {
        value.map_or(Look::Nothing, Look::Value)
    }
}

#[derive(Debug)]
enum From {
    Process(process::Reader),
    Page(page::Page, exposition::Series, counted::Counted),
    Server(page::Page),
    States(page::Page, states::Reader),
    Command(command::Line),
}

/// What a start knows of the source of a metric.
#[derive(Debug, Clone)]
pub struct Known {
    /// Where its page is, if it has one.
    pub page: Option<Address>,
    /// The words of its command, placeholders filled.
    pub words: Vec<String>,
    /// Where commands run.
    pub folder: PathBuf,
    /// The run's id.
    pub run_id: String,
    /// First processes of services.
    pub firsts: Firsts,
}

impl Reader {
    /// Of this source.
    ///
    /// # Errors
    /// A sentence: what is not known of it, or why it cannot be asked.
    pub fn new(every_us: u64, source: &Source, known: Known) -> Result<Reader, String> {
        let page = |path: &str| {
            let at = known.page.as_ref().ok_or("its page has no address")?;
            page::Page::new(at, path)
        };
        let from = match source {
            Source::Process { service, read } => From::Process(process::Reader {
                firsts: known.firsts,
                service: service.clone(),
                read: *read,
                before: None,
            }),
            Source::Prometheus { page: of, name, labels, .. } => {
                let series = exposition::Series::new(name, labels)?;
                From::Page(page(&of.path)?, series, counted::Counted::default())
            }
            Source::Promql(of) => From::Server(page(&of.path)?),
            Source::Breaker { page: of, states, .. } => {
                From::States(page(&of.path)?, states::Reader::new(states.clone()))
            }
            Source::Command(_) => From::Command(command::Line {
                words: known.words,
                folder: known.folder,
                run_id: known.run_id,
            }),
        };
        Ok(Reader { every_us, from })
    }

    /// What a read tells of the metric of this index; nothing where there is no value yet. What came
    /// and went since the read before is a value of the time from that one on.
    pub async fn look(&mut self, metric: usize, clock: Clock) -> Vec<Event> {
        let asked = clock.now();
        let read = self.read(asked).await;
        let answered = clock.now();
        let missed = |why: String, absent| {
            let why = why.chars().take(MOST_REASON).collect();
            vec![Event::Missed(Missed { metric, asked, why, absent })]
        };
        let sample = |asked: At, value: Value| {
            let Value { number: value, counter, anew } = value;
            Event::Sample(Sample { metric, asked, answered, value, counter, anew })
        };
        let state = |number: Number| Value { number, counter: false, anew: None };
        match read {
            Ok(Look::Nothing) => Vec::new(),
            Ok(Look::Absent(why)) => missed(why, Some(answered)),
            Ok(Look::Value(value)) => vec![sample(asked, value)],
            Ok(Look::State(states::Seen { now, between })) => {
                let between = between.map(|(since, was)| sample(since, state(was)));
                between.into_iter().chain([sample(asked, state(now))]).collect()
            }
            Err(why) => missed(why, None),
        }
    }

    async fn read(&mut self, now: At) -> Result<Look, String> {
        let every = Duration::from_micros(self.every_us);
        let within = every.clamp(WITHIN.0, WITHIN.1);
        match &mut self.from {
            From::Process(reader) => reader.number(now).await.map(Look::of),
            From::Page(page, series, before) => {
                let found = series.sum(&page.text(within).await?, before)?;
                Ok(found.map_or_else(|| Look::Absent(series.absent()), Look::Value))
            }
            From::States(page, reader) => {
                let seen = reader.state(&page.text(within).await?, now)?;
                Ok(seen.map_or(Look::Nothing, Look::State))
            }
            From::Server(page) => {
                let found = page::answered(&page.text(within).await?)?;
                let none = || Look::Absent("the query gives no series".to_owned());
                Ok(found.map_or_else(none, Look::Value))
            }
            From::Command(line) => line.number(within).await.map(Look::Value),
        }
    }
}

/// All metrics of a run.
#[derive(Debug)]
pub struct Readers {
    told: mpsc::UnboundedReceiver<Event>,
    tasks: JoinSet<()>,
    ending: watch::Sender<bool>,
}

impl Readers {
    /// Reads each from now on, on the beats of its grid through `zero`. Call within a runtime.
    #[must_use]
    pub fn start(readers: Vec<Reader>, clock: Clock, zero: At) -> Readers {
        let (tell, told) = mpsc::unbounded_channel();
        let (ending, ended) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for (metric, reader) in readers.into_iter().enumerate() {
            let task = Task { metric, reader, clock, zero, tell: tell.clone() };
            tasks.spawn(task.go(ended.clone()));
        }
        Readers { told, tasks, ending }
    }

    /// The next thing that was read, or not; never ends when there is nothing to read.
    pub async fn next(&mut self) -> Event {
        match self.told.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    /// What was read and not yet taken.
    pub fn left(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }

    /// Reads each once more, and ends.
    pub async fn finish(&mut self) -> Vec<Event> {
        self.ending.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        self.left()
    }
}

struct Task {
    metric: usize,
    reader: Reader,
    clock: Clock,
    zero: At,
    tell: mpsc::UnboundedSender<Event>,
}

impl Task {
    async fn go(mut self, mut ended: watch::Receiver<bool>) {
        loop {
            let due = next_beat(self.clock.now(), self.zero, self.reader.every_us);
            let last = tokio::select! {
                () = self.clock.sleep_until(due) => false,
                over = ended.wait_for(|over| *over) => {
                    if over.is_err() { return }
                    true
                }
            };
            self.read().await;
            if last {
                return;
            }
        }
    }

    async fn read(&mut self) {
        for event in self.reader.look(self.metric, self.clock).await {
            // Nobody listens any more when the run is over.
            let _ = self.tell.send(event);
        }
    }
}

/// The first beat after now.
fn next_beat(now: At, zero: At, every_us: u64) -> At {
    let every = i64::try_from(every_us.max(1)).unwrap_or(i64::MAX);
    let since = now.since(zero).div_euclid(every).saturating_add(1);
    zero.plus(since.saturating_mul(every))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn beats_lie_on_a_grid_through_time_0() {
        let beat = |now: u64| next_beat(At(now), At(1_000), 300).0;
        assert_eq!([beat(999), beat(1_000), beat(1_299), beat(50)], [1_000, 1_300, 1_300, 100]);
    }

    /// Answers every question with the next of these; then closes.
    async fn server(pages: &'static [&'static str]) -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for page in pages {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{page}",
                    page.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Address::plain(addr)
    }

    #[tokio::test]
    async fn reads_until_the_end_and_once_more_whatever_fails() {
        let at = server(&["queued 5\n", "queued NaN\n", "queued 7\n"]).await;
        let page = crate::plan::metric::Page {
            of: crate::plan::metric::PageOf::Service("api".to_owned()),
            path: "/metrics".to_owned(),
        };
        let source =
            Source::Prometheus { page, name: "queued".to_owned(), labels: vec![], query: None };
        let known = Known {
            page: Some(at),
            words: vec![],
            folder: ".".into(),
            run_id: String::new(),
            firsts: Firsts::default(),
        };
        let clock = Clock::start();
        let reader = Reader::new(20_000, &source, known).unwrap();
        let mut readers = Readers::start(vec![reader], clock, clock.now());
        let value = |event: &Event| match event {
            Event::Sample(sample) => {
                assert!(sample.asked <= sample.answered);
                Some(sample.value.get())
            }
            _ => None,
        };
        assert_eq!(value(&readers.next().await), Some(5.0));
        let Event::Missed(missed) = readers.next().await else { panic!() };
        assert_eq!(missed.why, "queued is NaN");
        assert_eq!(value(&readers.next().await), Some(7.0));
        // Nobody answers any more.
        let last = readers.finish().await;
        assert!(!last.is_empty());
        assert!(last.iter().all(|event| matches!(event, Event::Missed(_))), "{last:?}");
    }
}

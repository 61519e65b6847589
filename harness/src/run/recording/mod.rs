//! `assay record`: stands where a link would, passes everything on, and keeps what was answered and how fast.
//!
//! Invariant: nothing is answered that the far end has not answered: what fails there is a closed
//! connection here.
//! Invariant: bounded by time, by the number of answers and by bytes.
//! Not here: faults and counts (`link`); which answers become which routes (`routes`), the files (`written`).

mod home;
mod routes;
mod veil;
mod written;

use super::consented::{all_consented, may_listen};
use super::names::authority;
use crate::clock::Clock;
use crate::link::answer_each;
use crate::plan::{Link, OF_CONNECTION, Plan, ServiceKind, Upstream};
use crate::service::engine::{Engine, Query};
use crate::service::{Address, Attached, innermost};
use bytes::Bytes;
use home::at_home;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, header};
use routes::{Heard, Taken};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The most bytes of a request or an answer that are passed on.
const MOST_PASSED: usize = 16 << 20;
/// How long an answer may take.
const WITHIN: Duration = Duration::from_secs(600);

/// What is to be recorded.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The name of the link in what is written.
    pub link: String,
    /// Where it leads.
    pub to: Address,
    /// A path that goes before every request's.
    pub prefix: String,
    /// Where it listens; none: at a free port of loopback.
    pub listen: Option<SocketAddr>,
    /// Values that must not be written.
    pub secrets: Vec<String>,
    /// How long at most.
    pub within: Duration,
    /// How many answers at most.
    pub most: u64,
    /// The folder that is written, and how a scenario names it.
    pub out: (PathBuf, String),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Answers.
    pub answers: u64,
    /// Routes.
    pub routes: usize,
    /// Requests that were not answered.
    pub failed: u64,
    /// What the stub does not do, in sentences.
    pub notes: Vec<String>,
}

/// Where a link of a plan leads, as it answers now.
///
/// # Errors
/// A sentence: the link has no far end that HTTP could be recorded of, or that is not there.
pub async fn far_end(plan: &Plan, link: &Link) -> Result<(Address, String), String> {
    let name = &link.name;
    if link.tcp {
        return Err(format!("link {name}: nothing is read on a link of `protocol: tcp`"));
    }
    may_listen(link)?;
    let plain = |addr| Ok((Address::plain(addr), String::new()));
    let of = match &link.to {
        Upstream::Stub(_) => {
            return Err(format!("link {name}: it is a stub already: give it `to:`"));
        }
        Upstream::Address { host, port } => {
            return typed(host, *port, false, &plan.allow).await.map(|at| (at, String::new()));
        }
        Upstream::Service(of) => of,
    };
    let kind = plan.services.iter().find(|service| service.name == *of).map(|of| &of.kind);
    match kind {
        Some(ServiceKind::Url { secure, host, port, prefix }) => {
            typed(host, *port, *secure, &plan.allow).await.map(|at| (at, prefix.clone()))
        }
        Some(ServiceKind::Attached { port, pid_file }) => {
            let found = Attached::find(*port, pid_file.as_deref());
            plain(found.map_err(|why| format!("service {of}: {why}"))?.addr)
        }
        Some(ServiceKind::Containers { which, port }) => {
            let engine = Engine::connect(None).await?;
            let found = engine.find(&Query::of(which), false).await?;
            let first =
                found.first().ok_or_else(|| format!("there is no such container: {which}"))?;
            let condition = engine.condition(&first.id).await?.unwrap_or_default();
            plain(condition.address(*port)?)
        }
        _ => Err(format!(
            "link {name}: {of} is started by a run: start it, and record http://HOST:PORT"
        )),
    }
}

/// Where a host answers that may be asked.
///
/// # Errors
/// A sentence: it has no address, or may not.
pub async fn typed(
    host: &str,
    port: u16,
    secure: bool,
    allow: &[String],
) -> Result<Address, String> {
    let addrs = all_consented(host, port, allow, &[]).await?;
    let addr = *addrs.first().ok_or_else(|| format!("`{host}` has no address"))?;
    let tls = secure.then(Default::default);
    Ok(Address { addr, authority: authority(host, port, secure), tls, ends: None })
}

/// Records until its time or number is over, or `end` comes; `told` gets where it listens.
///
/// # Errors
/// A sentence: it cannot listen, or not write.
pub async fn record(
    recording: &Recording,
    end: impl Future<Output = ()>,
    told: impl FnOnce(SocketAddr),
) -> Result<Recorded, String> {
    let listen = recording.listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
    let cannot = |error: io::Error| format!("cannot listen on {listen}: {error}");
    let listener = TcpListener::bind(listen).await.map_err(cannot)?;
    told(listener.local_addr().map_err(cannot)?);
    let ear = Arc::new(Ear {
        client: recording.to.client()?.build().map_err(|error| error.to_string())?,
        recording: recording.clone(),
        clock: Clock::start(),
        heard: Mutex::default(),
        full: Notify::new(),
    });
    let hears = Arc::clone(&ear);
    let accepting = answer_each(listener, move |request| pass(request, Arc::clone(&hears)));
    tokio::select! {
        () = end => {}
        () = accepting => {}
        () = ear.full.notified() => {}
        () = tokio::time::sleep(recording.within) => {}
    }
    ear.written()
}

struct Ear {
    client: reqwest::Client,
    recording: Recording,
    clock: Clock,
    /// Answers, and requests that had none with the last reason.
    heard: Mutex<(Taken, u64, Option<String>)>,
    full: Notify,
}

/// Passes one request on, and its answer back.
async fn pass(request: Request<Incoming>, ear: Arc<Ear>) -> Result<Response<Full<Bytes>>, String> {
    let passed = ear.passed(request).await;
    if let Err(why) = &passed {
        let mut heard = ear.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.1 += 1;
        heard.2 = Some(why.clone());
    }
    passed
}

impl Ear {
    async fn passed(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, String> {
        let (head, body) = request.into_parts();
        let body = Limited::new(body, MOST_PASSED).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let to = &self.recording.to;
        let url = format!("{}{}{target}", to.base(), self.recording.prefix);
        let mut asked = self.client.request(head.method.clone(), url).timeout(WITHIN);
        for (name, value) in &head.headers {
            // What is packed cannot be kept as text.
            if name != header::ACCEPT_ENCODING && !OF_CONNECTION.contains(&name.as_str()) {
                asked = asked.header(name, value);
            }
        }
        asked = asked.header(header::HOST, &to.authority);
        if !body.is_empty() {
            asked = asked.body(body);
        }
        let begun = self.clock.now();
        let mut answer = asked.send().await.map_err(|error| innermost(&error))?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| innermost(&error))? {
            if bytes.len() + piece.len() > MOST_PASSED {
                return Err("an answer of more than 16 MiB".to_owned());
            }
            bytes.extend_from_slice(&piece);
        }
        let took_us = u64::try_from(self.clock.now().since(begun)).unwrap_or(0);
        let led = |location: &header::HeaderValue| {
            let led = at_home(location.to_str().ok()?, &to.authority, &self.recording.prefix);
            header::HeaderValue::from_str(&led).ok()
        };
        if let Some(location) = answer.headers().get(header::LOCATION).and_then(led) {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        let mut back = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            if !OF_CONNECTION.contains(&name.as_str()) {
                back = back.header(name, value);
            }
        }
        let pairs = answer.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        self.keep(&Heard {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            status: answer.status().as_u16(),
            headers: pairs.collect(),
            body: bytes.clone(),
            took_us,
        });
        back.body(Full::new(bytes.into())).map_err(|error| error.to_string())
    }

    fn keep(&self, heard: &Heard) {
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if all.0.n < self.recording.most {
            all.0.add(heard, &self.recording.secrets);
        }
        if all.0.n >= self.recording.most {
            self.full.notify_one();
        }
    }

    fn written(&self) -> Result<Recorded, String> {
        let all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let (taken, failed, why) = &*all;
        let mut recorded = Recorded {
            answers: taken.n,
            routes: taken.routes.len(),
            failed: *failed,
            notes: Vec::new(),
        };
        if let Some(why) = why {
            recorded.notes.push(format!("{failed} requests had no answer, the last: {why}"));
        }
        if recorded.routes == 0 {
            return Ok(recorded);
        }
        let (folder, shown) = &self.recording.out;
        let notes = written::write(taken, &self.recording.link, (folder, shown));
        let notes = notes.map_err(|error| format!("{}: {error}", folder.display()))?;
        recorded.notes.extend(notes);
        let left = [
            (taken.beyond, "answers beyond 200 routes"),
            (taken.others, "answers to methods that no stub answers"),
        ];
        let left = left.iter().filter(|(n, _)| *n > 0);
        recorded.notes.extend(left.map(|(n, what)| format!("left out: {n} {what}")));
        Ok(recorded)
    }
}

#[cfg(test)]
mod tests;

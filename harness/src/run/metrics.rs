//! Metrics of a run: their readers, with what the start decided, and looks at services after faults.
//!
//! Not here: reading (`probe`), readiness at the start (`stage`).

use super::conduct::{Conduct, Ending, State};
use super::consented::all_consented;
use super::names::authority;
use super::signals::{self, Stop};
use super::stage::{Answering, Stage, is_contained};
use crate::clock::Clock;
use crate::plan::metric::{PageOf, Source};
use crate::plan::{Metric, Plan, Process, Ready, ServiceKind};
use crate::probe::metrics::{Known, Reader};
use crate::service::{self, Address};
use assay_slo::case::{Anchor, Must};
use assay_slo::event::{EndReason, Looks};
use assay_slo::{At, Event, awaited};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

/// Between two looks at a service.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

/// Who reads each metric of the plan, and what those that counts are held against are before anything
/// is sent.
///
/// # Errors
/// A sentence that says which one cannot be read at all, or which service cannot be looked at.
pub(super) async fn readers(
    plan: &Plan,
    stage: &Stage,
    clock: Clock,
) -> Result<(Vec<Reader>, Vec<Event>), String> {
    for expectation in &plan.case.expectations {
        if let Must::Ready { service, .. } = &expectation.must {
            let nowhere = |why| format!("nobody can look whether `{service}` is ready: {why}");
            stage.service(service).map_err(nowhere)?;
        }
    }
    let mut readers = Vec::new();
    for metric in &plan.metrics {
        let reader = reader(metric, plan, stage).await;
        readers.push(reader.map_err(|why| format!("metric `{}`: {why}", metric.name))?);
    }
    let counts = |index: usize| {
        plan.case.expectations.iter().any(|one| match &one.must {
            Must::Reconciles(must) => must.metric == index,
            _ => false,
        })
    };
    let mut before = Vec::new();
    for (index, reader) in readers.iter_mut().enumerate().filter(|(index, _)| counts(*index)) {
        before.extend(reader.look(index, clock).await);
    }
    Ok((readers, before))
}

async fn reader(metric: &Metric, plan: &Plan, stage: &Stage) -> Result<Reader, String> {
    let page = match metric.page().map(|page| &page.of) {
        None => None,
        Some(PageOf::Service(name)) => Some(stage.service(name)?.clone()),
        Some(PageOf::Host { secure, host, port }) => {
            Some(at(host, *port, *secure, &plan.allow).await?)
        }
        Some(PageOf::Placed { secure, authority }) => {
            let filled = stage.fill(authority)?;
            let (host, port) = parted(&filled, *secure);
            let port = port.ok_or_else(|| format!("`{filled}` has no port"))?;
            // Its service or link has been consented to.
            let allow: Vec<String> = plan.allow.iter().cloned().chain([host.to_owned()]).collect();
            Some(at(host, port, *secure, &allow).await?)
        }
    };
    let words = match &metric.source {
        Source::Command(words) => {
            words.iter().map(|word| stage.fill(word)).collect::<Result<_, _>>()?
        }
        _ => Vec::new(),
    };
    let known = Known {
        page,
        words,
        folder: plan.folder.clone(),
        run_id: stage.names.run_id.clone(),
        firsts: stage.firsts.clone(),
    };
    Reader::new(metric.every_us, &metric.source, known)
}

/// Where a host answers, if it may be asked.
async fn at(host: &str, port: u16, secure: bool, allow: &[String]) -> Result<Address, String> {
    let addrs = all_consented(host, port, allow, &[]).await?;
    let addr = *addrs.first().ok_or_else(|| format!("`{host}` has no address"))?;
    let authority = authority(host, port, secure);
    Ok(Address { addr, authority, tls: secure.then(Default::default), ends: None })
}

/// `host`, `host:port` or `[::1]:port` in its parts; without a port the scheme's.
fn parted(authority: &str, secure: bool) -> (&str, Option<u16>) {
    let usual = Some(if secure { 443 } else { 80 });
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, usual),
    };
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

impl Conduct<'_> {
    /// Waits until counts agree that must at the end of load, or until their time is over.
    pub(super) async fn reconcile(&mut self, state: &mut State, stop: &mut Stop) -> Ending {
        let clock = self.stream.clock;
        while let Some(until) = awaited(self.stream.case(), self.stream.timeline()) {
            // A read that begins in time may still be under way.
            if clock.now() > until.plus(1) {
                break;
            }
            tokio::select! {
                event = state.metrics.next() => self.stream.note(event),
                () = clock.sleep_until(until.plus(2)) => {}
                reason = signals::stopped(stop) => return (reason, "stopped by a signal".into()),
                () = clock.sleep_until(self.deadline) => return self.out_of_time(),
            }
        }
        (EndReason::Complete, String::new())
    }

    /// Reads every metric once more, and no longer.
    pub(super) async fn finish_metrics(&mut self, state: &mut State) {
        if self.plan.metrics.is_empty() {
            return;
        }
        for event in state.metrics.finish().await {
            self.stream.note(event);
        }
        let at = self.stream.clock.now();
        self.stream.note(Event::ReadUntil { at });
    }

    /// Looks at the services that are expected to be ready after this fault, which ended at `at`.
    pub(super) fn look_after(&mut self, state: &mut State, fault: usize, at: At) {
        for expectation in &self.plan.case.expectations {
            let Must::Ready { service, after, within_us } = &expectation.must else { continue };
            if after.anchor != Anchor::FaultEnd(fault) {
                continue;
            }
            let until = at.plus(after.offset_us).plus(i64::try_from(*within_us).unwrap_or(0));
            let (clock, name) = (self.stream.clock, service.clone());
            match self.signs(service) {
                Some(sign) => {
                    state.looks.spawn(look(name, sign, clock, until));
                }
                // Its own readiness shows in its output.
                None => {
                    let ready = self.stage.ready(service);
                    state.looks.spawn(async move {
                        let from = clock.now();
                        let told = tokio::select! {
                            ready = ready => ready.map(|_| ()),
                            () = clock.sleep_until(until.plus(1)) => Err("no line said so".to_owned()),
                        };
                        let now = Some(clock.now());
                        let (ready, detail) = match told {
                            Ok(()) => (now, "a line said so".to_owned()),
                            Err(why) => (None, why),
                        };
                        Looks { service: name, from, not_ready: now, ready, detail }
                    });
                }
            }
        }
    }

    /// How the readiness of a service shows; none if only whoever started it knows.
    fn signs(&self, name: &str) -> Option<Sign> {
        // What a container of ours said when it was ready first says nothing of its next start.
        if is_contained(self.plan, name) {
            return self.stage.answering(self.plan, name).map(Sign::Contained);
        }
        let planned = self.plan.services.iter().find(|service| service.name == name);
        let address = self.stage.service(name).ok()?;
        let plain = |addr: SocketAddr| Sign::At(Address::plain(addr), None);
        Some(match planned.map(|service| &service.kind) {
            Some(ServiceKind::Process(Process { ready, .. })) => match ready {
                Ready::Http(path) => Sign::At(address.clone(), Some(path.clone())),
                Ready::Port(None) => plain(address.addr),
                Ready::Port(Some(port)) => plain((Ipv4Addr::LOCALHOST, *port).into()),
                Ready::Log(_) => return None,
            },
            _ => plain(address.addr),
        })
    }
}

/// How readiness shows.
enum Sign {
    /// This path answers 2xx there; without one it accepts.
    At(Address, Option<String>),
    /// Its containers answer.
    Contained(Answering),
}

impl Sign {
    /// Looks once.
    async fn seen(&self) -> Result<String, String> {
        match self {
            Sign::At(address, path) => seen(address, path.as_deref()).await,
            Sign::Contained(answering) => answering.look().await,
        }
    }
}

/// Looks until the service is ready, or a look that began after `until` found it not to be.
async fn look(service: String, sign: Sign, clock: Clock, until: At) -> Looks {
    let from = clock.now();
    let mut not_ready = None;
    loop {
        let asked = clock.now();
        let detail = match sign.seen().await {
            Ok(detail) => {
                let ready = Some(clock.now());
                return Looks { service, from, not_ready, ready, detail };
            }
            Err(detail) => detail,
        };
        not_ready = Some(asked);
        if asked > until {
            return Looks { service, from, not_ready, ready: None, detail };
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn seen(address: &Address, path: Option<&str>) -> Result<String, String> {
    let Some(path) = path else {
        return match timeout(LOOK_WITHIN, TcpStream::connect(address.addr)).await {
            Ok(Ok(_)) => Ok("it accepts connections".to_owned()),
            Ok(Err(why)) => Err(format!("connecting to {}: {}", address.addr, why.kind())),
            Err(_) => Err(format!("{} does not accept", address.addr)),
        };
    };
    match service::get(address, path, LOOK_WITHIN).await {
        Ok(status @ 200..300) => Ok(format!("GET {path} answered {status}")),
        Ok(status) => Err(format!("GET {path} answered {status}")),
        Err(why) => Err(format!("GET {path}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_has_its_parts() {
        assert_eq!(parted("127.0.0.1:9", false), ("127.0.0.1", Some(9)));
        assert_eq!(parted("[::1]:9", false), ("::1", Some(9)));
        assert_eq!(parted("[::1]", true), ("::1", Some(443)));
        assert_eq!(parted("shop", false), ("shop", Some(80)));
        assert_eq!(parted("shop:x", false), ("shop", None));
    }

    #[tokio::test]
    async fn a_service_is_looked_at_until_it_is_ready_or_its_time_is_over() {
        let clock = Clock::start();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = Address::plain(socket.local_addr().unwrap());
        let looks = look("api".into(), Sign::At(at.clone(), None), clock, clock.now()).await;
        assert_eq!(looks.ready, None);
        assert!(looks.not_ready.is_some() && looks.detail.contains("connection refused"));
        let _listener = socket.listen(1).unwrap();
        let looks = look("api".into(), Sign::At(at, None), clock, clock.now()).await;
        assert!(looks.ready.is_some_and(|ready| ready >= looks.from));
    }
}

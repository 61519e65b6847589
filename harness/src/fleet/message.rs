//! The requests that carry samples and features.
//!
//! Invariant: all attempts of a sample are alike but for the attempt's number in their id.
//! Invariant: what cannot be a request is refused at the start.
//! Not here: sending them (`uplink`).

use super::StartError;
use super::device::{Calendar, Devices};
use super::template::{Known, Slots, Template, UnknownPlaceholder};
use crate::client::render::{REQUEST_ID, TRACEPARENT};
use crate::client::{Limits, Rendered, Tls};
use crate::plan::traced::{Traced, Tracing};
use crate::plan::{self, Body, Text};
use assay_slo::At;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Uri};
use std::net::SocketAddr;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Sample,
    Features,
}

/// Where the requests of a fleet go.
pub(super) struct Peer<'a> {
    pub(super) run_id: &'a str,
    pub(super) addr: SocketAddr,
    pub(super) authority: &'a str,
    pub(super) tls: Option<Tls>,
    pub(super) prefix: &'a str,
    pub(super) timeout_us: u64,
    pub(super) known: &'a Known,
    pub(super) tracing: Option<Tracing>,
}

/// Both kinds of requests of one fleet.
#[derive(Debug)]
pub(super) struct Messages {
    devices: Devices,
    calendar: Calendar,
    zero: At,
    id_prefix: String,
    tracing: Option<Tracing>,
    sample: Message,
    /// Only with the profile's own payload.
    features: Option<Message>,
}

#[derive(Debug)]
struct Message {
    rendered: Rendered,
    path: Option<Template>,
    headers: Vec<(HeaderName, Template)>,
    body: Content,
    limits: Limits,
}

#[derive(Debug)]
enum Content {
    /// As rendered.
    Fixed,
    Filled(Template),
    Payload,
    Features,
}

impl Messages {
    pub(super) fn new(
        fleet: &plan::Fleet,
        devices: Devices,
        calendar: Calendar,
        zero: At,
        peer: &Peer<'_>,
    ) -> Result<Messages, StartError> {
        let (sample, features) = match &fleet.send {
            Some(request) => {
                let body = match &request.body {
                    Body::Json(text) => Content::filled(Template::parse_json(&text.0, peer.known)),
                    Body::Text(text) => Content::filled(Template::parse(&text.0, peer.known)),
                    Body::Empty | Body::File { .. } => Ok(Content::Fixed),
                };
                let body = body.map_err(|error| unknown(fleet, error))?;
                (Message::new(fleet, &devices, request, body, peer)?, None)
            }
            None if fleet.profile == plan::fleet::Profile::None => {
                return Err(StartError::Nothing(fleet.name.clone()));
            }
            None => {
                let own = |name: &str| own(&format!("{}/ingest/{name}", peer.prefix));
                let sample = Message::new(fleet, &devices, &own("raw"), Content::Payload, peer)?;
                let features =
                    Message::new(fleet, &devices, &own("features"), Content::Features, peer)?;
                (sample, Some(features))
            }
        };
        let id_prefix = format!("{}-{}-", peer.run_id, fleet.name);
        let tracing = peer.tracing;
        Ok(Messages { devices, calendar, zero, id_prefix, tracing, sample, features })
    }

    pub(super) fn devices(&self) -> &Devices {
        &self.devices
    }

    /// Whether windows of samples have features.
    pub(super) fn have_features(&self) -> bool {
        self.features.is_some()
    }

    /// When a sample is due.
    pub(super) fn due(&self, device: u64, sample: u64) -> At {
        At(self.zero.0.saturating_add(self.devices.due_us(device, sample)))
    }

    /// The request of an attempt, the first of a sample being 1, and its limits. Ids are
    /// `<run>-<fleet>-<device>.<sample>-<attempt>`, with an `f` before the sample for features.
    pub(super) fn request(
        &self,
        kind: Kind,
        device: u64,
        sample: u64,
        attempt: u64,
    ) -> (Request<Full<Bytes>>, &Limits) {
        let message = match (kind, &self.features) {
            (Kind::Features, Some(features)) => features,
            _ => &self.sample,
        };
        let mut request = message.rendered.request(sample, false);
        let (name, now) = (self.devices.name(device), self.calendar.date(self.due(device, sample)));
        let slots = Slots { device: &name, sample, now: &now, cursor: "" };
        let mut chance = self.devices.chance(device, sample);
        let mut fill = |template: &Template| template.fill(&slots, &mut chance);
        if let Some(path) = &message.path
            && let Ok(uri) = fill(path).parse::<Uri>()
        {
            *request.uri_mut() = uri;
        }
        for (name, template) in &message.headers {
            if let Ok(value) = HeaderValue::try_from(fill(template)) {
                request.headers_mut().insert(name.clone(), value);
            }
        }
        let body = match &message.body {
            Content::Fixed => None,
            Content::Filled(template) => Some(fill(template)),
            Content::Payload => Some(self.devices.payload(device, sample, &now)),
            Content::Features => Some(self.devices.features(device, sample, &now)),
        };
        if let Some(body) = body {
            *request.body_mut() = Full::new(Bytes::from(body));
        }
        let id = self.id(kind, device, sample, attempt);
        let traced = self.tracing.map(|tracing| tracing.of(&id).to_string());
        if let Some(value) = traced.and_then(|text| HeaderValue::try_from(text).ok()) {
            request.headers_mut().insert(TRACEPARENT, value);
        }
        // The prefix was tried at the start, and the rest is always allowed.
        if let Ok(id) = HeaderValue::try_from(id) {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        (request, &message.limits)
    }

    fn id(&self, kind: Kind, device: u64, sample: u64, attempt: u64) -> String {
        let mark = if kind == Kind::Features { "f" } else { "" };
        format!("{}{device}.{mark}{sample}-{attempt}", self.id_prefix)
    }

    /// The trace of an attempt, if it carries one on.
    pub(super) fn traced(
        &self,
        kind: Kind,
        device: u64,
        sample: u64,
        attempt: u64,
    ) -> Option<Traced> {
        let tracing = self.tracing?;
        Some(tracing.of(&self.id(kind, device, sample, attempt)))
    }
}

impl Content {
    fn filled(
        template: Result<Template, UnknownPlaceholder>,
    ) -> Result<Content, UnknownPlaceholder> {
        template.map(Content::Filled)
    }
}

impl Message {
    /// Renders the first sample of the first device: what all are alike in, and a try of the rest.
    fn new(
        fleet: &plan::Fleet,
        devices: &Devices,
        request: &plan::Request,
        body: Content,
        peer: &Peer<'_>,
    ) -> Result<Message, StartError> {
        let parse = |text: &Text| {
            Template::parse(&text.0, peer.known).map_err(|error| unknown(fleet, error))
        };
        let name = devices.name(0);
        let slots = Slots { device: &name, sample: 1, now: "2000-01-01T00:00:00.000Z", cursor: "" };
        let mut chance = devices.chance(0, 1);
        let mut first = |template: &Template| Text(template.fill(&slots, &mut chance));
        let path = parse(&request.path)?;
        let mut headers = Vec::new();
        let mut filled = |pairs: &[(String, Text)]| {
            let mut all = Vec::new();
            for (name, text) in pairs {
                let template = parse(text)?;
                all.push((name.clone(), first(&template)));
                if !template.is_fixed()
                    && let Ok(name) = HeaderName::from_bytes(name.as_bytes())
                {
                    headers.push((name, template));
                }
            }
            Ok::<_, StartError>(all)
        };
        let client =
            plan::Client { headers: filled(&fleet.client.headers)?, ..fleet.client.clone() };
        let own_headers = filled(&request.headers)?;
        let sample = plan::Request {
            path: first(&path),
            headers: own_headers,
            // Something, so that its type is named; the sample's own comes in its place.
            body: match &request.body {
                Body::Json(_) => Body::Json(Text("{}".to_owned())),
                Body::Text(_) => Body::Text(Text("-".to_owned())),
                fixed => fixed.clone(),
            },
            ..request.clone()
        };
        let rendered = Rendered::new(peer.run_id, &fleet.name, peer.authority, &client, &sample);
        let limits = Limits {
            addr: peer.addr,
            connect_timeout_us: fleet.client.connect_timeout_us,
            timeout_us: peer.timeout_us,
            check_status: request.check_status.clone(),
            tls: peer.tls.clone(),
            trunk: None,
            ways: crate::client::Ways::default(),
            keep: crate::client::Keep::default(),
        };
        let rendered =
            rendered.map_err(|error| StartError::Request { fleet: fleet.name.clone(), error })?;
        let path = (!path.is_fixed()).then_some(path);
        Ok(Message { rendered, path, headers, body, limits })
    }
}

fn unknown(fleet: &plan::Fleet, error: UnknownPlaceholder) -> StartError {
    StartError::Placeholder { fleet: fleet.name.clone(), error }
}

fn own(path: &str) -> plan::Request {
    plan::Request {
        name: String::new(),
        method: "POST".to_owned(),
        path: Text(path.to_owned()),
        headers: Vec::new(),
        body: Body::Json(Text(String::new())),
        check_status: Vec::new(),
        timeout_us: 0,
        dynamic: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::fleet::tests::fleet;
    use http_body_util::BodyExt;

    fn messages(fleet: &plan::Fleet) -> Result<Messages, StartError> {
        let clock = Clock::start();
        let peer = Peer {
            run_id: "r",
            addr: SocketAddr::from(([127, 0, 0, 1], 1)),
            authority: "h:1",
            tls: None,
            prefix: "/base",
            timeout_us: 5,
            known: &|name| (name == "run.id").then(|| "r".to_owned()),
            tracing: None,
        };
        Messages::new(fleet, Devices::new(fleet, 1), Calendar::now(&clock), At(0), &peer)
    }

    async fn body(request: Request<Full<Bytes>>) -> String {
        let bytes = request.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_profiles_own_payload_goes_to_ingest() {
        let messages = messages(&fleet()).unwrap();
        let (first, limits) = messages.request(Kind::Sample, 2, 17, 1);
        let (second, _) = messages.request(Kind::Sample, 2, 17, 2);
        assert_eq!((first.uri().path(), limits.timeout_us), ("/base/ingest/raw", 5));
        assert_eq!(first.headers()[REQUEST_ID], "r-trucks-2.17-1");
        assert_eq!(second.headers()[REQUEST_ID], "r-trucks-2.17-2");
        assert_eq!(first.headers()["content-type"], "application/json");
        let text = body(first).await;
        assert!(text.starts_with(r#"{"machine_id":"TRUCK-21-0003","sample_number":17,"#), "{text}");
        assert_eq!(text, body(second).await);
        let (features, _) = messages.request(Kind::Features, 2, 20, 1);
        assert_eq!(features.uri().path(), "/base/ingest/features");
        assert_eq!(features.headers()[REQUEST_ID], "r-trucks-2.f20-1");
    }

    #[tokio::test]
    async fn own_texts_are_filled_for_each_sample() {
        let text = |text: &str| Text(text.to_owned());
        let mut plan = fleet();
        plan.client.headers = vec![("X-Who".to_owned(), text("${device} of ${run.id}"))];
        plan.send = Some(plan::Request {
            method: "PUT".to_owned(),
            path: text("/d/${device}/${sample}?r=${random.int(1,9)}"),
            body: Body::Json(text(r#"{"d":"${device}","n":"${sample}","id":"${random.uuid}"}"#)),
            ..own("/")
        });
        let messages = messages(&plan).unwrap();
        assert!(!messages.have_features());
        let (first, _) = messages.request(Kind::Sample, 0, 3, 1);
        let (again, _) = messages.request(Kind::Sample, 0, 3, 9);
        assert!(first.uri().path() == "/d/TRUCK-21-0001/3" && first.uri() == again.uri());
        assert_eq!(first.headers()["x-who"], "TRUCK-21-0001 of r");
        let text = body(first).await;
        assert!(text.starts_with(r#"{"d":"TRUCK-21-0001","n":3,"id":""#), "{text}");
        assert_eq!(text, body(again).await);
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_refused_at_the_start() {
        let with = |path: &str| {
            let request = plan::Request { path: Text(path.to_owned()), ..own("/") };
            messages(&plan::Fleet { send: Some(request), ..fleet() }).unwrap_err().to_string()
        };
        assert_eq!(with("/${nope}"), "fleet trucks: `${nope}` is not known here");
        assert!(with("no/slash").starts_with("fleet trucks: `no/slash` is not a request path"));
        let plan = plan::Fleet { profile: plan::fleet::Profile::None, ..fleet() };
        let said = messages(&plan).unwrap_err().to_string();
        assert_eq!(said, "fleet trucks has neither a profile nor `send`: it has nothing to send");
    }
}

//! One client's connection, served: hyper on both sides, bodies streamed, one upstream
//! connection for it alone, opened at its first request.
//!
//! Invariant: no answer is invented. An upstream that refuses, breaks or answers nonsense is a
//! reset of the client's connection; one that closes an idle connection closes the client's.
//! Invariant: generic over byte streams; sockets only in [`dial`].
//! Not here: what happens to a request (`passage`), holding and cutting (`conn`, `proxy`).

use super::body::{AnswerBody, Consent, Promised, RequestBody, Source};
use super::conn::{Conn, Stream, Wire};
use super::early::Early;
use super::last_words::HeardOut;
use super::passage::{Step, Turn};
use super::proxy::Proxy;
use super::seen::Seen;
use super::spares;
use super::tunnel::{self, Side};
use super::unread::{self, MOST_HEADERS};
use super::watch::Delivery;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// Opens the upstream connection.
pub(crate) type Dial = Box<dyn Fn() -> Local<io::Result<Box<dyn Stream>>>>;

/// The connection is over: it was reset, or will be.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset")]
struct Over;

/// The upstream side of one connection.
#[derive(Default)]
struct Upstream {
    /// Sends requests; absent before the first, and while one waits for its answer.
    sender: RefCell<Option<SendRequest<RequestBody>>>,
    /// Moves its bytes until it ends. Put here by the first request, taken by the connection's task.
    driver: RefCell<Option<Local<Driven>>>,
    /// It answered without the body that it was offered, so nothing can follow the answer.
    declined: Cell<bool>,
}

/// An upstream connection that hyper is done with.
struct Driven {
    /// Whether it ended in peace.
    in_peace: bool,
    /// Its bytes from here on, if it became a tunnel.
    side: Side<Box<dyn Stream>>,
}

/// Forgets a connection, whatever ends its task; what is still open then is reset.
struct Registered(Rc<Proxy>, Rc<Conn>);

impl Drop for Registered {
    fn drop(&mut self) {
        self.0.give_up(&self.1);
        self.1.cut();
        self.0.forget(&self.1);
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(proxy: Rc<Proxy>, conn: Rc<Conn>, dial: Dial) {
    let registered = Registered(Rc::clone(&proxy), Rc::clone(&conn));
    let upstream = Upstream::default();
    let service = service_fn(|request| handle(&proxy, &conn, &upstream, &dial, request));
    let mut server = hyper::server::conn::http1::Builder::new()
        .preserve_header_case(true)
        .auto_date_header(false)
        .header_read_timeout(None)
        .half_close(true)
        .max_headers(MOST_HEADERS)
        .serve_connection(Wire::new(Rc::clone(&conn)), service);
    let mut driver: Option<Local<Driven>> = None;
    let mut far = None;
    let mut ended: Option<bool> = None;
    let in_peace = poll_fn(|cx| {
        conn.watch(cx);
        loop {
            if conn.is_closed() {
                return Poll::Ready(false);
            }
            if let Poll::Ready(result) = Pin::new(&mut server).poll(cx) {
                let is_parse =
                    |error: &hyper::Error| error.is_parse().then(|| error.is_parse_too_large());
                let refused = conn.refused().or_else(|| result.as_ref().err().and_then(is_parse));
                if let Some(too_long) = refused {
                    proxy.counters().not_read(unread::request(&conn.heard(), too_long));
                }
                return Poll::Ready(result.is_ok());
            }
            if conn.has_left(cx) {
                return Poll::Ready(false);
            }
            if let Some(new) = upstream.driver.take() {
                driver = Some(new);
            }
            if let Some(moving) = &mut driver
                && let Poll::Ready(driven) = moving.as_mut().poll(cx)
            {
                driver = None;
                ended = Some(driven.in_peace);
                far = Some(driven.side);
            }
            proxy.withholds(&conn);
            if upstream.declined.get() && conn.is_idle() && !conn.is_held() && !conn.waits_to_end()
            {
                return Poll::Ready(true);
            }
            match ended {
                Some(in_peace) if conn.is_idle() && !conn.is_held() => {
                    if !in_peace {
                        return Poll::Ready(false);
                    }
                    ended = None;
                    Pin::new(&mut server).graceful_shutdown();
                }
                _ => return Poll::Pending,
            }
        }
    })
    .await;
    if in_peace && conn.tunnels() {
        if let Some(driver) = driver {
            far = Some(driver.await.side);
        }
        let parts = server.into_parts();
        let near = Side { stream: parts.io.into_inner(), ahead: parts.read_buf };
        let ended = match far {
            Some(far) => tunnel::run(&conn, near, far).await,
            None => false,
        };
        proxy.finish(&conn, if conn.is_closed() { Delivery::Broken } else { Delivery::Whole });
        if ended {
            conn.close();
        }
    } else if in_peace {
        conn.close();
    }
    drop(registered);
}

/// Takes one request through the faults to the upstream, and its answer's head back.
async fn handle(
    proxy: &Rc<Proxy>,
    conn: &Rc<Conn>,
    upstream: &Upstream,
    dial: &Dial,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Over> {
    let (mut parts, body) = request.into_parts();
    let consent = expects_continue(&parts.headers, &body)
        .then(|| Arc::new(watch::Sender::new(Consent::Awaited)));
    let body = RequestBody::new(body, consent.as_ref(), Rc::clone(proxy), Rc::clone(conn));
    proxy.begin(conn, |run_prefix| {
        Seen::new(parts.method.clone(), parts.uri.clone(), parts.headers.clone(), run_prefix)
    });
    let mut waited = false;
    loop {
        match proxy.step(conn) {
            Step::Forward => break,
            Step::Reset => return Err(over(conn)),
            Step::Answer(answer) => {
                body.skip().await.map_err(|_| Over)?;
                let answer = answer.response().map_err(|_| over(conn))?;
                let (_, mut none) = Early::new(parts.version);
                back(proxy, conn, answer.status(), &mut none).await?;
                let whole =
                    |body| AnswerBody::new(Source::Fault(body), Rc::clone(proxy), Rc::clone(conn));
                return Ok(answer.map(whole));
            }
            Step::Wait(until) => {
                waited = true;
                tokio::select! {
                    () = conn.changed.notified() => {}
                    () = sleep_until(until) => {}
                }
            }
        }
    }
    // hyper notices a client that gave up only when it has read the whole request. Not even this
    // sees the end of one whose body is larger than the socket's window: nobody read it.
    if waited && conn.peer_closed() {
        return Err(Over);
    }
    proxy.counters().passed_on();
    let sender = upstream.sender.take();
    let mut sender = match sender {
        Some(sender) => sender,
        None => match open(dial, upstream).await {
            Ok(sender) => sender,
            Err(_) => return Err(broken(conn).await),
        },
    };
    if sender.ready().await.is_err() {
        return Err(broken(conn).await);
    }
    // Tunnels are ours (`tunnel`), not hyper's.
    parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let mut request = Request::from_parts(parts, body);
    let version = request.version();
    let (heard, mut early) = Early::new(version);
    let asked = consent.clone();
    hyper::ext::on_informational(&mut request, move |interim| match &asked {
        Some(consent) if interim.status() == StatusCode::CONTINUE => {
            consent.send_replace(Consent::Given);
        }
        _ => heard.take(interim.status(), interim.headers()),
    });
    let mut response = match early.until(proxy, conn, sender.send_request(request)).await {
        Ok(response) => response,
        Err(error) => {
            let unread = unread::answer(&method, &path, &error);
            unread.into_iter().for_each(|what| proxy.counters().not_read(what));
            return Err(broken(conn).await);
        }
    };
    if consent.is_some_and(|consent| declines(&consent)) {
        let close = header::HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
        upstream.declined.set(true);
    }
    upstream.sender.replace(Some(sender));
    proxy.answered(conn);
    back(proxy, conn, response.status(), &mut early).await?;
    if tunnel::begins(&method, response.status()) {
        conn.become_tunnel();
        // A tunnel has no body, and hyper refuses to say that it has.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::TRANSFER_ENCODING);
        let nothing = Source::Fault(http_body_util::Full::default());
        return Ok(response.map(|_| AnswerBody::new(nothing, Rc::clone(proxy), Rc::clone(conn))));
    }
    let promised = Promised::of(&response, version);
    let body = |body| Source::Upstream(body, promised);
    Ok(response.map(|its| AnswerBody::new(body(its), Rc::clone(proxy), Rc::clone(conn))))
}

/// Takes an answer that is there through the faults, after what came before it.
async fn back(
    proxy: &Rc<Proxy>,
    conn: &Rc<Conn>,
    status: StatusCode,
    early: &mut Early,
) -> Result<(), Over> {
    loop {
        let due = early.pass(proxy, conn).await;
        match proxy.turn(conn) {
            Turn::Pass => {
                early.pass_all(conn).await;
                proxy.answers(conn, status);
                return Ok(());
            }
            Turn::Wait(until) => tokio::select! {
                () = conn.changed.notified() => {}
                () = sleep_until(until) => {}
                () = sleep_until(due) => {}
            },
            Turn::Garbage(bytes) => {
                // Who has left does not read it either.
                let _unsaid = conn.say(&bytes).await;
                proxy.finish(conn, Delivery::Broken);
                conn.close();
                return Err(Over);
            }
        }
    }
}

/// Whether the upstream has answered before it asked for the body; it then never gets it.
fn declines(consent: &watch::Sender<Consent>) -> bool {
    consent.send_if_modified(|word| {
        let unasked = *word == Consent::Awaited;
        if unasked {
            *word = Consent::Withheld;
        }
        unasked
    })
}

fn expects_continue(headers: &hyper::HeaderMap, body: &Incoming) -> bool {
    let expects = headers
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    expects && !body.is_end_stream()
}

async fn sleep_until(until: Option<tokio::time::Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// The client's connection is reset at once.
fn over(conn: &Conn) -> Over {
    conn.cut();
    Over
}

/// The upstream failed: the client's connection is reset, as soon as no fault hides that.
async fn broken(conn: &Conn) -> Over {
    while conn.is_held() {
        conn.changed.notified().await;
    }
    // Who has left needs no reset, and did not leave because of one.
    if conn.peer_closed() { Over } else { over(conn) }
}

async fn open(dial: &Dial, upstream: &Upstream) -> Result<SendRequest<RequestBody>, io::Error> {
    let stream = TokioIo::new(HeardOut::new(dial().await?));
    let (sender, driver) = client::Builder::new()
        .preserve_header_case(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_headers(MOST_HEADERS)
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    upstream.driver.replace(Some(Box::pin(async move {
        let mut driver = driver;
        // Over TLS some close without saying so. Where nothing is open that took nothing away: what was
        // under way is judged by its own length (`body`).
        let in_peace = (&mut driver).await.err().is_none_or(|error| unread::is_unsaid(&error));
        let parts = driver.into_parts();
        let stream = parts.io.into_inner().into_inner();
        Driven { in_peace, side: Side { stream, ahead: parts.read_buf } }
    })));
    Ok(sender)
}

/// Dials the link's upstream over TCP, from the client's own address if both are loopback: a
/// service that tells clients apart by address still can.
pub(crate) fn dial(proxy: Rc<Proxy>, client: IpAddr) -> Dial {
    Box::new(move || {
        let seal = proxy.counters().seal().cloned();
        let proxy = Rc::clone(&proxy);
        Box::pin(async move {
            let stream = spares::reach(proxy.counters(), client).await?;
            let stream: Box<dyn Stream> = match seal {
                Some(seal) => {
                    let failed = |why| {
                        proxy.counters().not_sealed(why);
                        io::Error::from(io::ErrorKind::ConnectionAborted)
                    };
                    Box::new(seal.over(stream).await.map_err(failed)?)
                }
                None => Box::new(stream),
            };
            Ok(stream)
        })
    })
}

pub(super) async fn connect(upstream: SocketAddr, client: IpAddr) -> io::Result<TcpStream> {
    let socket = if upstream.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let same_family = upstream.is_ipv4() == client.is_ipv4();
    let both_loopback = upstream.ip().is_loopback() && client.is_loopback();
    // From 127.0.0.1 is what the kernel chooses anyway, without reserving a port for it.
    if same_family && both_loopback && client != IpAddr::V4(Ipv4Addr::LOCALHOST) {
        socket.bind(SocketAddr::new(client, 0))?;
    }
    let stream = socket.connect(upstream).await?;
    stream.set_nodelay(true)?;
    // On loopback a connect to a port that nobody has can meet itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

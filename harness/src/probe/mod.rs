//! Probes: looks at services for the steady-state gate, and metrics that are read again and again.
//!
//! Invariant: a probe never fails the run; it says what it saw, and the gate decides.
//! Not here: readiness at the start (`service`), the gate (`run`), measured requests (`load`).

pub mod metrics;

use crate::plan::guard::HttpLook;
use crate::service::{self, Address};
use std::path::PathBuf;
use std::time::Duration;

/// How long a probe may take.
pub const WITHIN: Duration = Duration::from_secs(2);

/// What a probe saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// True if it saw what it was to see.
    pub ok: bool,
    /// A sentence without end: `GET /health of backend answered 503, not 200`.
    pub detail: String,
}

/// Asks once, and waits for so long: no redirects, no proxy. A look without accepted statuses accepts 2xx.
pub async fn http(name: &str, look: &HttpLook, at: &Address, within: Duration) -> Probed {
    let wanted: &[(u16, u16)] = if look.status.is_empty() { &[(200, 299)] } else { &look.status };
    match service::get(at, &look.path, within).await {
        Ok(status) if wanted.iter().any(|(low, high)| (*low..=*high).contains(&status)) => {
            Probed { ok: true, detail: format!("{name} answered {status}") }
        }
        Ok(status) => {
            let detail = format!("{name} answered {status}, not {}", statuses(wanted));
            Probed { ok: false, detail }
        }
        Err(why) => Probed { ok: false, detail: format!("{name}: {why}") },
    }
}

/// Runs a command once, at most 2 s: it passes with status 0. An error of the words is one.
pub async fn command(
    name: &str,
    words: Result<Vec<String>, String>,
    folder: PathBuf,
    run_id: String,
) -> Probed {
    let ended = match words {
        Ok(words) => metrics::Line { words, folder, run_id }.output(WITHIN).await.map(|_| ()),
        Err(why) => Err(why),
    };
    match ended {
        Ok(()) => Probed { ok: true, detail: format!("{name} ended well") },
        Err(why) => Probed { ok: false, detail: format!("{name}: {why}") },
    }
}

/// `200`, `2xx`, `200-204`, joined by `or`.
fn statuses(ranges: &[(u16, u16)]) -> String {
    let one = |(low, high): &(u16, u16)| match (low, high) {
        (low, high) if low == high => low.to_string(),
        (low, high) if low % 100 == 0 && *high == low + 99 => format!("{}xx", low / 100),
        (low, high) => format!("{low}-{high}"),
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    async fn probed(status: u16, wanted: &[(u16, u16)]) -> Probed {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let answer = format!("HTTP/1.1 {status} Some\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let probed = http(NAME, &look(wanted), &Address::plain(addr), WITHIN).await;
        server.await.unwrap();
        probed
    }

    const NAME: &str = "GET /health of backend";

    fn look(wanted: &[(u16, u16)]) -> HttpLook {
        HttpLook { service: "backend".into(), path: "/health".into(), status: wanted.to_vec() }
    }

    #[tokio::test]
    async fn accepts_what_is_wanted_and_nothing_else() {
        for (status, wanted, ok) in [
            (200, &[][..], true),
            (302, &[], false),
            (404, &[(404, 404)], true),
            (200, &[(404, 404)], false),
            (299, &[(500, 599), (200, 299)], true),
            (300, &[(200, 299)], false),
        ] {
            assert_eq!(probed(status, wanted).await.ok, ok, "{status} {wanted:?}");
        }
    }

    #[tokio::test]
    async fn says_what_it_saw() {
        let said = probed(503, &[(200, 200), (300, 399), (410, 412)]).await.detail;
        assert_eq!(said, "GET /health of backend answered 503, not 200 or 3xx or 410-412");
        // Bound and not listening: refused, and nobody else can take it.
        let free = tokio::net::TcpSocket::new_v4().unwrap();
        free.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let free = Address::plain(free.local_addr().unwrap());
        let nobody = http(NAME, &look(&[]), &free, WITHIN).await;
        assert_eq!(nobody.detail, "GET /health of backend: connection refused");
        assert!(!nobody.ok);
    }
}

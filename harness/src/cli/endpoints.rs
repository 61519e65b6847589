//! Addresses that flags take: where figures are shown, and where spans go.
//!
//! Invariant: what is refused says what to write instead.
//! Not here: who listens or connects (`run`).

use std::net::SocketAddr;

/// `--metrics-addr`.
pub(super) fn shown(text: &str) -> Result<SocketAddr, String> {
    let hint = || match text.rsplit_once(':') {
        Some(("localhost", port)) => format!("names are not looked up: write 127.0.0.1:{port}"),
        _ => "write an address and a port, such as 127.0.0.1:9464".to_owned(),
    };
    text.parse().map_err(|_| hint())
}

/// `--otlp`.
pub(super) fn collector(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).ok().filter(reqwest::Url::has_host);
    match url {
        Some(url) if url.scheme() == "https" => Err(
            "TLS is not spoken to a collector: write http://HOST:4317, to one on this machine or in its network"
                .to_owned(),
        ),
        Some(url) if url.scheme() == "http" && (url.path() != "/" || url.query().is_some()) => Err(format!(
            "OTLP over gRPC has no path: write http://{}:4317 (4318 is that of OTLP over HTTP)",
            url.host_str().unwrap_or_default()
        )),
        Some(url) if url.scheme() == "http" => {
            let host = url.host_str().unwrap_or_default();
            // 80 is a URL's port where it names none, and hardly a collector's.
            let named = url.port().is_some() || text.trim_end_matches('/').ends_with(":80");
            let usual = || format!("it names no port: OTLP over gRPC is usually at http://{host}:4317");
            named.then(|| text.to_owned()).ok_or_else(usual)
        }
        _ => Err("write something like http://127.0.0.1:4317".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_says_what_to_write() {
        assert_eq!(shown("127.0.0.1:9464"), Ok(([127, 0, 0, 1], 9464).into()));
        assert!(shown("localhost:9464").unwrap_err().ends_with("write 127.0.0.1:9464"));
        assert!(shown("127.0.0.1").unwrap_err().contains("a port"));
    }

    #[test]
    fn a_collector_has_a_port_and_no_tls() {
        for good in
            ["http://127.0.0.1:4317", "http://jaeger:4317", "http://h:80", "http://[::1]:1/"]
        {
            assert_eq!(collector(good), Ok(good.to_owned()));
        }
        assert!(collector("https://h:4317").unwrap_err().contains("TLS is not spoken"));
        assert!(collector("http://jaeger").unwrap_err().ends_with("http://jaeger:4317"));
        let path = collector("http://h:4318/v1/traces").unwrap_err();
        assert!(path.contains("no path: write http://h:4317"), "{path}");
        for bad in ["127.0.0.1:4317", "grpc://h:4317", "http://"] {
            assert!(collector(bad).unwrap_err().starts_with("write something like"), "{bad}");
        }
    }
}

//! Lengths and trailers: what passes a link as it came, and what is told because it does not.

use super::peers::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The answer to such a request, up to this, and what the link could not pass on.
async fn told(answer: &'static str, request: &str, end: &str) -> (String, Option<String>) {
    let upstream = answering(answer).await;
    let api = Api::to(upstream).await;
    let mut client = api.raw().await;
    send(&mut client, request).await;
    let mut heard = String::new();
    while !heard.ends_with(end) {
        heard.push_str(&one_more(&mut client).await);
    }
    // The connection goes on.
    send(&mut client, "GET /again HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n").await;
    assert!(read_head(&mut client).await.unwrap().starts_with("HTTP/1.1 "));
    (heard, api.links.lost_trailer("api"))
}

async fn one_more(client: &mut TcpStream) -> String {
    char::from(within(client.read_u8()).await.unwrap()).to_string()
}

/// A backend that answers every head alike.
async fn answering(answer: &'static str) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while let Ok(head) = read_head(&mut stream).await {
                    // Its body, `0` and trailers, is read like one more head.
                    if head.starts_with("POST") {
                        continue;
                    }
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    addr
}

const SUM: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n\
                   0\r\nX-Sum: 9\r\n\r\n";

#[tokio::test]
async fn trailers_that_hyper_does_not_write_are_told() {
    let plain = "GET /t HTTP/1.1\r\nHost: x\r\n\r\n";
    let (_, lost) = told(SUM, plain, "0\r\n\r\n").await;
    assert_eq!(lost.as_deref(), Some("`x-sum` of the answer to GET `/t`"));
    let wants = "GET /t HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n";
    let (_, lost) = told(SUM, wants, "0\r\nx-sum: 9\r\n\r\n").await;
    assert_eq!(lost, None);
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let asks = |named: &str| {
        format!(
            "POST /p HTTP/1.1\r\nHost: x\r\n{named}Transfer-Encoding: chunked\r\n\r\n0\r\nX-T: 1\r\n\r\n"
        )
    };
    let (_, lost) = told(ok, &asks(""), "\r\n\r\n").await;
    assert_eq!(lost.as_deref(), Some("`x-t` of POST `/p`"));
}

#[tokio::test]
async fn an_answer_without_a_body_keeps_its_length() {
    let unchanged = "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: W/\"1\"\r\n\r\n";
    for method in ["GET", "HEAD"] {
        let request = format!("{method} /h HTTP/1.1\r\nHost: x\r\n\r\n");
        let (heard, _) = told(unchanged, &request, "\r\n\r\n").await;
        assert_eq!(heard, unchanged);
    }
}

/// As old servers fold them; proxies make it one line.
#[tokio::test]
async fn a_header_of_an_answer_on_several_lines_passes_as_one() {
    let folded = "HTTP/1.1 200 OK\r\nX-Fold: a\r\n b\r\nContent-Length: 2\r\n\r\nok";
    let (heard, told) = told(folded, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "ok").await;
    let line = heard.lines().find(|line| line.starts_with("X-Fold: ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!((words.as_slice(), told), (["X-Fold:", "a", "b"].as_slice(), None));
}

//! A link without faults is HTTP that nobody notices, and never an answer of its own.

use super::peers::*;
use crate::link::{Ending, Fate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn client_link_and_upstream_count_the_same() {
    let backend = Backend::start().await;
    let api = Api::to(backend.addr).await;
    let clients = (0..4).map(|_| async {
        let mut client = api.raw().await;
        for _ in 0..50 {
            assert!(get(&mut client, "/").await.unwrap().contains("200 OK"));
        }
    });
    for client in clients.collect::<Vec<_>>() {
        client.await;
    }
    let counts = api.links.counts("api").unwrap();
    assert_eq!((counts.requests, counts.forwarded, backend.seen()), (200, 200, 200));
    assert_eq!(counts.accepted, 4);
}

#[tokio::test]
async fn heads_pass_as_they_were_written() {
    let upstream = scripted(|mut stream| async move {
        stream
            .write_all(b"HTTP/1.1 299 Quite Fine\r\nX-OddCase: 1\r\nContent-Length: 0\r\n\r\n")
            .await
            .unwrap();
        let next = read_head(&mut stream).await.unwrap();
        let echo = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{next}", next.len());
        stream.write_all(echo.as_bytes()).await.unwrap();
        stream.read_u8().await.unwrap_err();
    })
    .await;
    let api = Api::to(upstream).await;
    let mut client = api.raw().await;
    let first = get(&mut client, "/").await.unwrap();
    assert_eq!(first, "HTTP/1.1 299 Quite Fine\r\nX-OddCase: 1\r\nContent-Length: 0\r\n\r\n");
    let head = "GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nX-TraceID: 7\r\nACCEPT: */*\r\n\r\n";
    send(&mut client, head).await;
    assert!(read_answer(&mut client).await.unwrap().ends_with(head));
}

#[tokio::test]
async fn connections_end_as_the_parties_say() {
    let backend = Backend::start().await;
    let api = Api::to(backend.addr).await;
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /close HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let mut client = api.raw().await;
        send(&mut client, request).await;
        let mut all = String::new();
        within(client.read_to_string(&mut all)).await.unwrap();
        assert!(all.contains(" 200 OK\r\n") && all.ends_with("hello 127.0.0.1"), "{all}");
    }
    let mut client = api.raw().await;
    send(&mut client, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let head = read_head(&mut client).await.unwrap().to_lowercase();
    assert!(head.contains("content-length: 15"), "{head}");
    let chunked =
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    send(&mut client, chunked).await;
    assert!(read_head(&mut client).await.unwrap().contains("200 OK"));
    let mut body = [0; 13];
    within(client.read_exact(&mut body)).await.unwrap();
    assert_eq!(&body, b"3\r\nabc\r\n0\r\n\r\n");
}

#[tokio::test]
async fn expect_continue_is_the_upstreams_to_decide() {
    let head = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let willing = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream.read_u8().await.unwrap_err();
    })
    .await;
    let api = Api::to(willing).await;
    let mut client = api.raw().await;
    send(&mut client, head).await;
    assert!(read_head(&mut client).await.unwrap().starts_with("HTTP/1.1 100 "));
    send(&mut client, "body").await;
    assert!(read_head(&mut client).await.unwrap().starts_with("HTTP/1.1 200 "));
    let unwilling = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 417 No\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        assert!(stream.read_u8().await.is_err(), "the body was sent all the same");
    })
    .await;
    api.links.set_upstream("api", unwilling).unwrap();
    let mut client = api.raw().await;
    send(&mut client, head).await;
    assert!(read_head(&mut client).await.unwrap().starts_with("HTTP/1.1 417 "));
    // Nobody can tell whether a body follows: the connection ends, without an interim answer.
    assert_eq!(within(client.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_reset() {
    let api = Api::to("127.0.0.1:1".parse().unwrap()).await;
    let mut client = api.raw().await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    is_reset(&mut client).await;
    let counts = api.links.counts("api").unwrap();
    assert_eq!((counts.requests, counts.forwarded), (1, 1));
}

#[tokio::test]
async fn an_upstream_that_breaks_is_a_reset() {
    let silent = scripted(|stream| async move { drop(stream) }).await;
    let nonsense = scripted(|mut stream| async move {
        stream.write_all(b"SMTP ready\r\n\r\n").await.unwrap();
        stream.read_u8().await.unwrap_err();
    })
    .await;
    let api = Api::to(silent).await;
    for upstream in [silent, nonsense] {
        api.links.set_upstream("api", upstream).unwrap();
        let mut client = api.raw().await;
        send(&mut client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        is_reset(&mut client).await;
    }
    let unread = api.links.unread("api").unwrap();
    assert!(unread.0.contains("answer to GET `/`, which is no HTTP/1.1"), "{unread:?}");
    assert_eq!(unread.1, 1);
}

#[tokio::test]
async fn of_an_answer_cut_short_what_came_is_passed_on() {
    let halfway = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let api = Api::to(halfway).await;
    let mut client = api.raw().await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut all = String::new();
    within(client.read_to_string(&mut all)).await.unwrap();
    assert_eq!(all, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf");
    let reset = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    api.links.set_upstream("api", reset).unwrap();
    let mut client = api.raw().await;
    let broken = get(&mut client, "/").await.unwrap_err();
    assert_eq!(broken.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_client_that_closes_its_side_with_its_request_gets_the_answer() {
    let slow = scripted(|mut stream| async move {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    })
    .await;
    let api = Api::to(slow).await;
    for version in ["1.0", "1.1"] {
        let mut client = api.raw().await;
        send(&mut client, &format!("GET / HTTP/{version}\r\nhost: x\r\n\r\n")).await;
        client.shutdown().await.unwrap();
        let mut all = String::new();
        within(client.read_to_string(&mut all)).await.unwrap();
        assert!(all.ends_with("ok"), "{all}");
    }
}

#[tokio::test]
async fn a_client_that_closes_later_has_left() {
    let slow = scripted(|mut stream| async move {
        // Learns of it, long before it would answer.
        let left = within(stream.read(&mut [0])).await;
        assert!(matches!(left, Ok(0) | Err(_)), "{left:?}");
    })
    .await;
    let api = Api::to(slow).await;
    let mut client = api.raw().await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    client.shutdown().await.unwrap();
    let ended = within(client.read(&mut [0])).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn another_protocol_that_both_agree_on_passes_and_stalls_with_its_exchange() {
    let echo = scripted(|mut stream| async move {
        let agreed = b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nfirst";
        stream.write_all(agreed).await.unwrap();
        let (mut read, mut write) = stream.split();
        let _reset = tokio::io::copy(&mut read, &mut write).await;
    })
    .await;
    let api = Api::to(echo).await;
    let ask = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nahead";
    let mut client = api.raw().await;
    send(&mut client, ask).await;
    let head = read_head(&mut client).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("Upgrade: x"), "{head}");
    let mut all = [0; 10];
    within(client.read_exact(&mut all)).await.unwrap();
    assert_eq!(&all, b"firstahead");
    api.inject(0, says(Fate::end(Ending::Stall))).await;
    send(&mut client, "kept").await;
    let stalled = tokio::time::timeout(std::time::Duration::from_millis(100), client.read_u8());
    assert!(stalled.await.is_err());
    api.links.clear(0, 0).await.unwrap();
    let mut kept = [0; 4];
    within(client.read_exact(&mut kept)).await.unwrap();
    assert_eq!(&kept, b"kept");
    let mut other = api.raw().await;
    send(&mut other, ask).await;
    within(other.read_exact(&mut [0; 10])).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(within(client.read(&mut all)).await.unwrap(), 0);
    api.inject(1, says(Fate::end(Ending::Reset))).await;
    let mut rest = Vec::new();
    let ended = within(other.read_to_end(&mut rest)).await.map_err(|error| error.kind());
    assert_eq!(ended, Err(std::io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_tunnel_that_was_asked_for_passes() {
    let echo = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        let (mut read, mut write) = stream.split();
        let _reset = tokio::io::copy(&mut read, &mut write).await;
    })
    .await;
    let api = Api::to(echo).await;
    let mut client = api.raw().await;
    send(&mut client, "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n").await;
    assert!(read_head(&mut client).await.unwrap().starts_with("HTTP/1.1 200 "));
    send(&mut client, "ahead").await;
    let mut all = [0; 7];
    within(client.read_exact(&mut all)).await.unwrap();
    assert_eq!(&all, b"okahead");
}

#[tokio::test]
async fn many_headers_pass_both_ways() {
    let many = scripted(|mut stream| async move {
        let headers: String = (0..300).map(|n| format!("x-{n}: 1\r\n")).collect();
        let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.read_u8().await.unwrap_err();
    })
    .await;
    let api = Api::to(many).await;
    let mut client = api.raw().await;
    let headers: String = (0..300).map(|n| format!("x-{n}: 1\r\n")).collect();
    send(&mut client, &format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n")).await;
    assert!(read_head(&mut client).await.unwrap().contains("x-299: 1"));
}

#[tokio::test]
async fn an_idle_connection_ends_with_its_upstream() {
    let upstream = scripted(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    })
    .await;
    let api = Api::to(upstream).await;
    let mut client = api.raw().await;
    get(&mut client, "/").await.unwrap();
    // End of file, no reset: as the upstream did it.
    assert_eq!(within(client.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn the_upstream_sees_the_clients_loopback_address() {
    let api = Api::to(Backend::start().await.addr).await;
    for ip in ["127.0.0.1", "127.0.0.7", "127.1.2.3"] {
        let mut client = api.raw_from(ip).await;
        assert!(get(&mut client, "/").await.unwrap().ends_with(&format!("hello {ip}")));
    }
}

#[tokio::test]
async fn nonsense_is_reset_not_answered() {
    let backend = Backend::start().await;
    let api = Api::to(backend.addr).await;
    for nonsense in
        ["\x16\x03\x01\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\u{7f} HTTP/1.1\r\n\r\n"]
    {
        let mut client = api.raw().await;
        send(&mut client, nonsense).await;
        is_reset(&mut client).await;
        let mut client = api.raw().await;
        get(&mut client, "/").await.unwrap();
        send(&mut client, nonsense).await;
        is_reset(&mut client).await;
    }
    assert_eq!(backend.seen(), 3);
    // The first is told, all are counted.
    let (what, n) = api.links.unread("api").unwrap();
    assert_eq!((what.as_str(), n), ("TLS, which it does not read", 6));
}

//! A recording of a server whose truth is known.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers every request alike, after 30 ms.
async fn server(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                while matches!(stream.read(&mut piece).await, Ok(1..)) {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    addr
}

fn recording(to: SocketAddr, folder: &std::path::Path, most: u64) -> Recording {
    Recording {
        link: "fx".to_owned(),
        to: Address::plain(to),
        prefix: "/v1".to_owned(),
        listen: None,
        secrets: vec!["hunter2".to_owned()],
        within: Duration::from_secs(60),
        most,
        out: (folder.join("fx"), "fx".to_owned()),
    }
}

/// Asks once; what came back.
async fn asked(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let text = format!("GET {path} HTTP/1.1\r\nHost: fx\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    _ = stream.read_to_end(&mut heard).await;
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn what_is_passed_on_is_kept_with_its_time() {
    let text = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLocation: /v1/next\r\nContent-Length: 29\r\n\r\n\
                {\"usd\": 1.08, \"s\": \"hunter2\"}";
    let to = server(text).await;
    let dir = tempfile::tempdir().unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let recording = recording(to, dir.path(), 3);
    let callers = async {
        let at = told.await.unwrap();
        for path in ["/rates/1?key=a", "/rates/2", "/rates/3"] {
            let heard = asked(at, path).await;
            assert!(heard.ends_with("hunter2\"}"), "{heard}");
            assert!(heard.contains("location: /next\r\n"), "not past the recorder: {heard}");
        }
    };
    let recorded = record(&recording, std::future::pending(), |at| tell.send(at).unwrap());
    let (recorded, ()) = tokio::join!(recorded, callers);
    let recorded = recorded.unwrap();
    assert_eq!((recorded.answers, recorded.routes, recorded.failed), (3, 1, 0));
    let written = std::fs::read_to_string(dir.path().join("fx/stub.yaml")).unwrap();
    assert!(written.contains("- get: {path: \"/rates/*\", status: 200"), "{written}");
    assert!(!written.contains("hunter2") && !written.contains("key"), "{written}");
    let ms: f64 = written.split("P50 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((30.0..3000.0).contains(&ms), "{written}");
}

#[tokio::test]
async fn what_is_not_answered_there_is_not_answered_here() {
    let to = server("").await;
    let dir = tempfile::tempdir().unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let (finish, finished) = tokio::sync::oneshot::channel();
    let recording = recording(to, dir.path(), 3);
    let caller = async {
        assert_eq!(asked(told.await.unwrap(), "/").await, "");
        finish.send(()).unwrap();
    };
    let end = async { _ = finished.await };
    let recorded = record(&recording, end, |at| tell.send(at).unwrap());
    let (recorded, ()) = tokio::join!(recorded, caller);
    let recorded = recorded.unwrap();
    assert_eq!((recorded.answers, recorded.failed), (0, 1));
    assert!(!dir.path().join("fx").exists());
}

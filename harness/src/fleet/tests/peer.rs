//! A scripted far end on a real socket: keeps samples, or misbehaves in a known way.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Keeps what it acknowledges.
    Keeps,
    /// Answers 503 and keeps nothing.
    Down,
    /// Acknowledges all and forgets one of so many.
    Forgets(u64),
    /// Keeps what it acknowledges, and answers this when it is read back.
    Says(&'static str),
    /// Keeps the sample and resets the connection without an answer, of the first attempts.
    KeepsAndResetsFirst,
}

#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Device to number to times.
    pub(crate) samples: BTreeMap<String, BTreeMap<u64, u64>>,
    /// Request ids in the order of arrival.
    pub(crate) ids: Vec<String>,
    pub(crate) features: u64,
    arrivals: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    pub(crate) state: Arc<Mutex<Kept>>,
}

impl Peer {
    pub(crate) async fn start(manner: Manner) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let peer = Peer { addr, manner: Arc::new(Mutex::new(manner)), state: Arc::default() };
        let serving = peer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        peer
    }

    pub(crate) fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Samples kept, each once.
    pub(crate) fn kept(&self) -> usize {
        self.state.lock().unwrap().samples.values().map(BTreeMap::len).sum()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        loop {
            let Some((head, body)) = read(&mut stream, &mut bytes).await else { return };
            let Some((status, answer)) = self.answer(&head, &body) else { return };
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", answer.len());
            if stream.write_all(format!("{head}{answer}").as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// None: the connection ends.
    fn answer(&self, head: &str, body: &str) -> Option<(u16, String)> {
        let manner = *self.manner.lock().unwrap();
        let mut state = self.state.lock().unwrap();
        let target = head.split(' ').nth(1).unwrap();
        if head.starts_with("GET") {
            if let Manner::Says(text) = manner {
                return Some((200, text.to_owned()));
            }
            return Some(self.pages(&state, target));
        }
        let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
        state.ids.push(id.to_owned());
        if manner == Manner::Down {
            return Some((503, String::new()));
        }
        if target.ends_with("/features") {
            state.features += 1;
            return Some((200, String::new()));
        }
        let sample: Value = serde_json::from_str(body).unwrap();
        let number = sample["sample_number"].as_u64().unwrap();
        state.arrivals += 1;
        if let Manner::Forgets(of) = manner
            && state.arrivals.is_multiple_of(of)
        {
            return Some((200, String::new()));
        }
        let device = sample["machine_id"].as_str().unwrap().to_owned();
        *state.samples.entry(device).or_default().entry(number).or_default() += 1;
        if manner == Manner::KeepsAndResetsFirst && id.ends_with("-1") {
            return None;
        }
        Some((200, String::new()))
    }

    /// `/samples/DEVICE?after=N`: pages of at most three ranges; `/items`: all, item by item.
    fn pages(&self, state: &Kept, target: &str) -> (u16, String) {
        if target == "/items" {
            let mut items = Vec::new();
            for (device, samples) in &state.samples {
                for (number, times) in samples {
                    let item = json!({"who": {"id": device}, "n": number});
                    items.extend((0..*times).map(|_| item.clone()));
                }
            }
            return (200, json!({ "items": items }).to_string());
        }
        let (device, after) =
            target.strip_prefix("/samples/").unwrap().split_once("?after=").unwrap();
        let after: u64 = after.parse().unwrap();
        let Some(samples) = state.samples.get(device) else { return (404, String::new()) };
        let mut ranges: Vec<[u64; 2]> = Vec::new();
        let mut repeats = 0;
        let mut next = Value::Null;
        for (number, times) in samples.range(after + 1..) {
            let full = ranges.len() == 3;
            match ranges.last_mut() {
                Some([_, last]) if *last + 1 == *number => *last = *number,
                Some([_, last]) if full => {
                    next = (*last).into();
                    break;
                }
                _ => ranges.push([*number, *number]),
            }
            repeats += times - 1;
        }
        (200, json!({"sample_numbers": ranges, "duplicates": repeats, "next": next}).to_string())
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
            });
            let length: usize = length.unwrap_or(0);
            if rest.len() >= length {
                let found = (head.to_owned(), rest[..length].to_owned());
                bytes.drain(..head.len() + 4 + length);
                return Some(found);
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
}

//! A browser, spoken to over two pipes in its own protocol: no port, no driver, no crate.
//!
//! Invariant: an answer that does not come within a minute fails the test; the browser ends with
//! its pipes.
//! Not here: what is looked at.

use base64::Engine as _;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// So long may an answer take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running browser with one page.
pub(crate) struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    session: Option<String>,
    number: u64,
    events: Vec<Value>,
}

impl Browser {
    /// Starts `chromium` with its files in this directory; none if there is none.
    pub(crate) fn start(dir: &Path) -> Option<Browser> {
        let paths = std::env::var_os("PATH")?;
        std::env::split_paths(&paths)
            .map(|path| path.join("chromium"))
            .find(|path| path.exists())?;
        // The protocol's pipes are descriptors 3 and 4: a shell puts ours there.
        let line = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", line, "chromium"])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--hide-scrollbars"])
            .args(["--disable-component-update", "--disable-sync", "--disable-extensions"])
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .args(["--remote-debugging-pipe", "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (send, answers) = channel();
        std::thread::spawn(move || {
            loop {
                let mut message = Vec::new();
                match out.read_until(0, &mut message) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => message.pop(),
                };
                let Ok(value) = serde_json::from_slice(&message) else { return };
                if send.send(value).is_err() {
                    return;
                }
            }
        });
        let events = Vec::new();
        let mut browser = Browser { child, commands, answers, session: None, number: 0, events };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = target["targetId"].clone();
        let attached =
            browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log", "DOM"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// One command, and its answer.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.commands.write_all(&bytes).unwrap();
        self.commands.flush().unwrap();
        loop {
            let answer = self.next(method);
            if answer["id"] == json!(self.number) {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// Opens a page and waits until it is loaded.
    pub(crate) fn open(&mut self, address: &str) {
        let before = self.events.len();
        self.call("Page.navigate", json!({"url": address}));
        let loaded = |event: &Value| event["method"] == json!("Page.loadEventFired");
        while !self.events[before..].iter().any(loaded) {
            self.next("the page's load");
        }
    }

    /// The value of an expression.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{result}");
        result["result"]["value"].clone()
    }

    /// The document as the browser holds it, asked for without running a script in it.
    pub(crate) fn text_of_page(&mut self) -> String {
        let document = self.call("DOM.getDocument", json!({"depth": 0}));
        let node = document["root"]["nodeId"].clone();
        let html = self.call("DOM.getOuterHTML", json!({"nodeId": node}));
        html["outerHTML"].as_str().unwrap().to_owned()
    }

    /// The whole page as PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        bytes(&self.call("Page.captureScreenshot", params)["data"])
    }

    /// What the browser's console said, and what threw.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let kinds = ["Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"];
        let of = |event: &&Value| kinds.iter().any(|kind| event["method"] == json!(kind));
        self.events.iter().filter(of).map(Value::to_string).collect()
    }

    /// Everything that was asked for, wherever.
    pub(crate) fn requests(&self) -> Vec<String> {
        let sent = |event: &&Value| event["method"] == json!("Network.requestWillBeSent");
        let address = |event: &Value| event["params"]["request"]["url"].as_str().map(str::to_owned);
        self.events.iter().filter(sent).filter_map(address).collect()
    }

    fn next(&mut self, awaited: &str) -> Value {
        let answer = self.answers.recv_timeout(PATIENCE);
        let answer = answer.unwrap_or_else(|error| panic!("{awaited}: {error}"));
        if answer["method"].is_string() {
            self.events.push(answer.clone());
        }
        answer
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself when asked; killed if it cannot be.
        let close = b"{\"id\":0,\"method\":\"Browser.close\"}\0";
        if self.commands.write_all(close).and_then(|()| self.commands.flush()).is_err() {
            _ = self.child.kill();
        }
        while self.answers.recv_timeout(Duration::from_secs(10)).is_ok() {}
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Decoded base64.
pub(crate) fn bytes(text: &Value) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
}

/// Past the test harness's capture: a skipped test must be seen.
pub(crate) fn say(line: &str) {
    _ = writeln!(std::io::stderr(), "{line}");
}

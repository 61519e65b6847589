//! The curl line that repeats a request.
//!
//! Invariant: it does what the request did, as far as a line can: same body, same files, same
//! redirects; what a [`Veil`] hides is not in it.
//! Not here: the exchange itself (`shown`).

use super::{Asked, Veil, text_of};

/// Headers that whoever repeats a request must not repeat.
const NOT_REPEATED: [&str; 4] = ["host", "content-length", "user-agent", "x-request-id"];

/// How the service is reached.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reached<'r> {
    /// `host:port`, or the host alone.
    pub authority: &'r str,
    /// Over TLS.
    pub secure: bool,
    /// With any certificate.
    pub insecure: bool,
    /// HTTP/2.
    pub http2: bool,
}

impl Reached<'_> {
    /// The version as a request line has it.
    #[must_use]
    pub fn version(&self) -> &'static str {
        if self.http2 { "HTTP/2" } else { "HTTP/1.1" }
    }
}

/// The line that sends the request again.
#[must_use]
pub fn curl(asked: &Asked, reached: Reached<'_>, veil: &Veil) -> String {
    let mut words = vec!["curl".to_owned(), "-sS".into()];
    match asked.method.as_str() {
        "HEAD" => words.push("-I".into()),
        method => {
            words.push("-i".into());
            if method != "GET" || asked.body.length > 0 {
                words.push(format!("-X {}", quoted(method)));
            }
        }
    }
    words.extend(reached.insecure.then(|| "-k".to_owned()));
    words.extend(match (reached.http2, reached.secure) {
        (false, _) => None,
        (true, true) => Some("--http2".to_owned()),
        (true, false) => Some("--http2-prior-knowledge".to_owned()),
    });
    for (name, value) in &asked.headers {
        if !NOT_REPEATED.contains(&name.as_str()) {
            words.push(format!("-H {}", quoted(&format!("{name}: {}", veil.header(name, value)))));
        }
    }
    let mut note = "";
    if asked.body.length > 0 {
        let whole = asked.body.kept.len() as u64 == asked.body.length;
        match text_of(&asked.body).filter(|_| whole) {
            Some(text) => words.push(format!("--data-binary {}", quoted(&veil.text(text)))),
            None => {
                words.push("--data-binary @BODY".to_owned());
                note = "   # its body is too long, or no text: give curl the file";
            }
        }
    }
    let scheme = if reached.secure { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", reached.authority, asked.target);
    words.push(quoted(&veil.text(&url)));
    format!("{}{note}", words.join(" "))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

//! Pages that hold a metric: fetched by HTTP, and what a Prometheus server answers.
//!
//! Invariant: the question goes to the address given; a page has a greatest length.
//! Not here: the text format (`exposition`).

use super::{Value, exposition};
use crate::service::{self, Address};
use assay_slo::Number;
use std::time::Duration;

/// Longest page.
const MOST_BYTES: usize = 32 << 20;
/// What is asked for; a server may still answer what it likes.
const ACCEPT: &str = "text/plain;version=0.0.4, application/json;q=0.9, */*;q=0.1";

/// A page to ask for again and again.
#[derive(Debug, Clone)]
pub(super) struct Page {
    client: reqwest::Client,
    url: String,
    authority: String,
}

impl Page {
    /// # Errors
    /// Why no client can be made.
    pub(super) fn new(at: &Address, path: &str) -> Result<Page, String> {
        let client = at.client()?.build().map_err(|error| error.to_string())?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        let url = format!("{}{slash}{path}", at.base());
        Ok(Page { client, url, authority: at.authority.clone() })
    }

    /// The whole page.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence.
    pub(super) async fn text(&self, within: Duration) -> Result<String, String> {
        let request = self
            .client
            .get(&self.url)
            .timeout(within)
            .header(reqwest::header::HOST, &self.authority)
            .header(reqwest::header::ACCEPT, ACCEPT);
        let mut answer = request.send().await.map_err(|error| reason(&error))?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| reason(&error))? {
            if body.len() + piece.len() > MOST_BYTES {
                return Err(format!("the page has more than {} MiB", MOST_BYTES >> 20));
            }
            body.extend_from_slice(&piece);
        }
        if !(200..300).contains(&status) {
            return Err(format!("the page answered {status}"));
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// The one value in a Prometheus server's answer; none where it has no series.
///
/// # Errors
/// Why there is none, as the end of a sentence.
pub(super) fn answered(text: &str) -> Result<Option<Value>, String> {
    let answer: serde_json::Value =
        serde_json::from_str(text).map_err(|_| "the server answered no JSON".to_owned())?;
    if answer["status"] != "success" {
        let why = answer["error"].as_str().unwrap_or("no reason given");
        return Err(format!("the server refused the query: {why}"));
    }
    let result = &answer["data"]["result"];
    let value = match (answer["data"]["resultType"].as_str(), result.as_array()) {
        (Some("scalar"), _) => &result[1],
        (Some("vector"), Some(series)) => match series.as_slice() {
            [only] => &only["value"][1],
            [] => return Ok(None),
            more => {
                return Err(format!("the query gives {} series: write sum(…)", more.len()));
            }
        },
        _ => return Err("the query gives neither a number nor series".to_owned()),
    };
    let word = value.as_str().unwrap_or_default();
    let number = exposition::number(word).and_then(Number::new);
    let number = number.ok_or_else(|| format!("the query gives {word:?}"))?;
    Ok(Some(Value { number, counter: false, anew: None }))
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    service::innermost(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_answer_is_one_number_or_a_reason() {
        let vector = |series: &str| {
            format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#
            )
        };
        let value = |text: &str| Ok::<_, String>(answered(text)?.map(|one| one.number.get()));
        assert_eq!(value(&vector(r#"{"metric":{},"value":[1.5,"0.25"]}"#)), Ok(Some(0.25)));
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1.5,"7"]}}"#;
        assert_eq!(value(scalar), Ok(Some(7.0)));
        let wrong = |text: &str| value(text).unwrap_err();
        assert_eq!(value(&vector("")), Ok(None));
        assert_eq!(wrong(&vector("{},{}")), "the query gives 2 series: write sum(…)");
        assert_eq!(wrong(&vector(r#"{"value":[1.5,"NaN"]}"#)), "the query gives \"NaN\"");
        assert_eq!(
            wrong(r#"{"status":"error","error":"parse error"}"#),
            "the server refused the query: parse error"
        );
        for text in ["", "[]", "{}", r#"{"status":"success"}"#] {
            assert!(value(text).is_err(), "{text}");
        }
    }
}

//! What the routes of a stub answer: the first that fits, its delay drawn by the seed.
//!
//! Invariant: the nth answer of a route takes as long in every run of a seed.
//! Not here: answering (`link::stub`).

use super::chance::{self, For};
use crate::link::stub::{Answers, Said};
use crate::link::{Answer, Glob};
use crate::plan::Delay;
use crate::plan::stub::Route;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct Ready {
    method: Option<&'static str>,
    path: Glob,
    answer: Arc<Answer>,
    delay: Option<Delay>,
    /// What its delays are drawn by.
    name: String,
    answered: AtomicU64,
}

struct Routes {
    seed: u64,
    all: Vec<Ready>,
    none: Arc<Answer>,
}

/// The answers of a link's stub.
///
/// # Errors
/// A sentence, for what HTTP does not allow.
pub fn stub(link: &str, routes: &[Route], seed: u64) -> Result<Arc<dyn Answers>, String> {
    let ready = |(at, route): (usize, &Route)| {
        let answer = Answer::new(route.status, route.headers.clone(), &route.body);
        let answer = answer.map_err(|why| format!("link `{link}`, route {}: {why}", at + 1))?;
        Ok(Ready {
            method: route.method,
            path: Glob::new(&route.path),
            answer: Arc::new(answer),
            delay: route.delay.clone(),
            name: format!("stub {link} {at}"),
            answered: AtomicU64::new(0),
        })
    };
    let all = routes.iter().enumerate().map(ready).collect::<Result<_, String>>()?;
    let none = Arc::new(Answer::new(404, Vec::new(), "no route of this stub fits\n")?);
    Ok(Arc::new(Routes { seed, all, none }))
}

impl Answers for Routes {
    fn answer(&self, method: &str, path: &str) -> Said {
        // HEAD is GET without the body.
        let method = if method == "HEAD" { "GET" } else { method };
        let fits = |route: &&Ready| {
            route.method.is_none_or(|known| known == method) && route.path.covers(path)
        };
        let Some(route) = self.all.iter().find(fits) else {
            return Said { answer: Arc::clone(&self.none), after: Duration::ZERO };
        };
        let nth = route.answered.fetch_add(1, Ordering::Relaxed);
        let after = route.delay.as_ref().map_or(Duration::ZERO, |delay| {
            chance::delay(&mut chance::stream(self.seed, &route.name, For::Arrival(nth)), delay)
        });
        Said { answer: Arc::clone(&route.answer), after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: Option<&'static str>, path: &str, status: u16) -> Route {
        let (headers, body) = (Vec::new(), String::new());
        Route { method, path: path.to_owned(), status, headers, body, delay: None }
    }

    fn status(stub: &Arc<dyn Answers>, method: &str, path: &str) -> u16 {
        stub.answer(method, path).answer.response().unwrap().status().as_u16()
    }

    #[test]
    fn the_first_that_fits_answers_and_404_else() {
        let routes = [
            route(Some("GET"), "/rates/*", 200),
            route(None, "/rates/usd", 201),
            route(Some("POST"), "/**", 202),
        ];
        let stub = stub("fx", &routes, 1).unwrap();
        assert_eq!(status(&stub, "GET", "/rates/usd"), 200);
        assert_eq!(status(&stub, "HEAD", "/rates/usd"), 200);
        assert_eq!(status(&stub, "PUT", "/rates/usd"), 201);
        assert_eq!(status(&stub, "POST", "/a/b"), 202);
        assert_eq!(status(&stub, "GET", "/rates/usd/x"), 404);
        assert_eq!(status(&stub, "GET", "/"), 404);
    }

    #[test]
    fn delays_are_drawn_by_the_seed() {
        let slow = Route {
            delay: Some(Delay::Lognormal { p50_us: 40_000, p99_us: 200_000 }),
            ..route(None, "/**", 200)
        };
        let drawn = |seed| -> Vec<Duration> {
            let stub = stub("fx", std::slice::from_ref(&slow), seed).unwrap();
            (0..200).map(|_| stub.answer("GET", "/").after).collect()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let mut sorted = drawn(1);
        sorted.sort();
        assert!((30..50).contains(&sorted[100].as_millis()), "{:?}", sorted[100]);
    }

    #[test]
    fn what_http_does_not_allow_is_said() {
        let bad = Route { headers: vec![("a b".into(), "x".into())], ..route(None, "/", 200) };
        assert!(stub("fx", &[bad], 1).is_err_and(|why| why.contains("link `fx`, route 1")));
    }
}

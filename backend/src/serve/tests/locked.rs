//! A database that another process holds: nothing is acknowledged that is not kept, the breaker opens
//! and closes again, and the stop does not wait for it.

use sqlx::{Connection, SqliteConnection};

use super::*;

async fn start_with(settings: Settings) -> Running {
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..settings };
    let server = Server::bind(settings).await.unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    Running { address, stop, ended }
}

/// Takes the database's lock for writing.
async fn lock(url: &str) -> SqliteConnection {
    let mut other = SqliteConnection::connect(url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    other
}

#[tokio::test]
async fn a_locked_database_opens_the_breaker_and_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/b.db", folder.path().display());
    let running = start_with(Settings {
        database_url: url.clone(),
        timeout_pool: Duration::from_millis(50),
        retry_base: Duration::from_millis(10),
        breaker_recovery: Duration::from_millis(200),
        ..Settings::default()
    })
    .await;
    let mut acknowledged = Vec::new();
    let mut number = 0;
    let (mut held, mut refused) = (None, 0);
    let deadline = Instant::now() + PATIENCE;
    // Ten samples, then the lock until ten were refused at once, then ten more.
    while acknowledged.len() < 20 {
        assert!(Instant::now() < deadline, "{acknowledged:?}");
        if acknowledged.len() == 10 && held.is_none() && refused == 0 {
            held = Some(lock(&url).await);
        }
        if refused >= 10 {
            held = None;
        }
        number += 1;
        let answer = running.ask("POST /ingest/raw", &sample(number)).await;
        if answer.starts_with("HTTP/1.1 200") {
            assert!(held.is_none(), "acknowledged while nothing could be written");
            acknowledged.push(number);
        } else if answer.starts_with("HTTP/1.1 503") {
            assert!(answer.contains("retry-after: "), "{answer}");
            refused += 1;
        } else {
            assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        }
    }
    let answer = running.ask("GET /samples/TRUCK-21", "").await;
    let body: serde_json::Value =
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let ranges: Vec<[u32; 2]> = serde_json::from_value(body["sample_numbers"].clone()).unwrap();
    for number in &acknowledged {
        assert!(ranges.iter().any(|[a, b]| a <= number && number <= b), "{number} is lost: {body}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_silent_database_does_not_hold_up_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/b.db", folder.path().display());
    let settings = Settings {
        database_url: url.clone(),
        timeout_pool: 10 * PATIENCE,
        timeout_db: 10 * PATIENCE,
        shutdown_grace: Duration::from_secs(2),
        ..Settings::default()
    };
    let running = start_with(settings).await;
    let held = lock(&url).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    send(&mut stream, "POST /ingest/raw", &sample(1)).await;
    running.until_ingesting().await;
    let asked = Instant::now();
    running.stop().await;
    let took = asked.elapsed();
    // In truth within two seconds, the request having had one and a half; the machine may be busy.
    assert!(took >= Duration::from_millis(1_500) && took < Duration::from_secs(8), "{took:?}");
    drop(held);
}

//! A PostgreSQL server for the tests: from Debian's package, on a free port, as another user.
//!
//! One server serves all tests of the process; each test has a database of its own. A shell waits
//! for the end of its standard input, which comes with the end of this process, however it ends,
//! and then stops the server and removes its folder.
//!
//! Invariant: where there is no PostgreSQL, the tests say so aloud, and go on with SQLite alone.
//! Not here: what is tested.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection, PgConnection};

/// Runs until its standard input ends. `$1` the folder, `$2` the programs, `$3` the port, then how to
/// become another user.
const WATCH: &str = r#"
folder=$1; bin=$2; port=$3; shift 3
"$@" "$bin/postgres" -D "$folder/data" -p "$port" -k "$folder" -c listen_addresses=127.0.0.1 \
    -c fsync=off -c full_page_writes=off >"$folder/log" 2>&1 </dev/null &
cat >/dev/null
kill -QUIT $! 2>/dev/null
pid=$(head -n 1 "$folder/data/postmaster.pid" 2>/dev/null)
[ -n "$pid" ] && kill -QUIT "$pid"
wait
rm -rf "$folder"
"#;

/// The URL of a new, empty database; none where there is no PostgreSQL.
pub(super) async fn database() -> Option<String> {
    static SERVER: OnceLock<Option<u16>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let port = tokio::task::spawn_blocking(|| *SERVER.get_or_init(start)).await.unwrap()?;
    let base = format!("postgres://assay@127.0.0.1:{port}");
    let mut connection = connected(&format!("{base}/postgres")).await;
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
    sqlx::raw_sql(&format!("CREATE DATABASE {name}")).execute(&mut connection).await.unwrap();
    Some(format!("{base}/{name}"))
}

async fn connected(url: &str) -> PgConnection {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        match PgConnection::connect(url).await {
            Ok(connection) => return connection,
            Err(error) => {
                assert!(
                    tokio::time::Instant::now() < deadline,
                    "PostgreSQL does not start: {error}"
                );
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

fn start() -> Option<u16> {
    let Some(bin) = programs() else {
        // Past the test runner's capture: a skip must be seen.
        let text = "SKIPPED on PostgreSQL: no server is installed; the store's tests ran on SQLite \
                    only (apt-get install postgresql)\n";
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        return None;
    };
    let user: &[&str] = if is_root() { &["runuser", "-u", "postgres", "--"] } else { &["env"] };
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(user[0]);
        let done = command.args(&user[1..]).arg(program).args(arguments).output().unwrap();
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    let folder = run("mktemp", &["-d", "/tmp/assay-pg-XXXXXX"]);
    let initdb = bin.join("initdb");
    let data = format!("{folder}/data");
    let options = ["-D", &data, "-U", "assay", "-A", "trust", "--no-sync", "-E", "UTF8"];
    run(&initdb.display().to_string(), &options);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let watch = Command::new("sh")
        .args(["-c", WATCH, "sh", &folder, &bin.display().to_string(), &port.to_string()])
        .args(user)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Never closed or waited for by us: its end comes with this process's.
    std::mem::forget(watch);
    Some(port)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

/// The newest version's programs, where Debian puts them.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.filter_map(|v| Some(v.ok()?.path().join("bin")));
    bins.filter(|bin: &PathBuf| Path::exists(&bin.join("initdb"))).max()
}

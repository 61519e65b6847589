//! `latency.hlog` in another tool's hands: the Python package `hdrhistogram` reads what we wrote.
//! Where `ASSAY_PYTHON`, or else `python3`, has no such package the test says so and is skipped.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use crate::common::{Server, assay, in_turn, said, verdict};
use std::process::Command;

/// Prints `tag count p95` for each tag of a log, the intervals added up.
const READ: &str = r"
import sys
from hdrh.log import HistogramLogReader
from hdrh.histogram import HdrHistogram
sums = {}
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 3600000000, 3))
while (interval := reader.get_next_interval_histogram()) is not None:
    sums.setdefault(interval.get_tag(), HdrHistogram(1, 3600000000, 3)).add(interval)
for tag, sum in sums.items():
    print(tag, sum.get_total_count(), sum.get_value_at_percentile(95))
";

fn python() -> Option<String> {
    let python = std::env::var("ASSAY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import hdrh.log"]).output();
    found.is_ok_and(|output| output.status.success()).then_some(python)
}

#[test]
fn another_tool_reads_the_same_counts_and_percentiles() {
    let Some(python) = python() else {
        eprintln!("SKIPPED: no python3 with the package hdrhistogram (set ASSAY_PYTHON)");
        return;
    };
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::ok());
    let url = format!("http://{}/", server.addr);
    let words = ["load", &url, "--rate", "200/s", "--for", "3s", "--out", "out"];
    let output = in_turn(assay(&words).current_dir(folder.path()));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let out = folder.path().join("out");
    let read = Command::new(python).args(["-c", READ]).arg(out.join("latency.hlog")).output();
    let read = said(&read.unwrap());
    let of = |tag: &str| -> (u64, u64) {
        let line = read.lines().find_map(|line| line.strip_prefix(tag)).unwrap_or_else(|| {
            panic!("no {tag} in\n{read}");
        });
        let numbers: Vec<u64> = line.split_whitespace().map(|n| n.parse().unwrap()).collect();
        (numbers[0], numbers[1])
    };
    let score = &verdict(&out)["loads"][0];
    assert_eq!(of("requests/lag ").0, score["begun"].as_u64().unwrap());
    for (place, clock) in ["response", "service", "first-byte"].into_iter().enumerate() {
        let times = &score["times"][place];
        let (n, p95) = of(&format!("requests/request/ok/{clock}/1 "));
        assert_eq!(n, times["n"].as_u64().unwrap());
        // Both show the upper end of the same bucket: three digits.
        let ours = times["p95_us"].as_u64().unwrap();
        assert!(p95.abs_diff(ours) <= ours / 1000 + 1, "{clock}: {p95} and {ours}");
    }
}

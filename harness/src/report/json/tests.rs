//! Tests of verdict.json: its shape is a promise to other programs.

use super::super::sample::{self, HOSTILE};
use super::*;

#[test]
fn the_shape_is_fixed() {
    let mut scorecard = sample::scorecard();
    scorecard.phases.drain(..2);
    scorecard.objectives.drain(..2);
    scorecard.objectives.truncate(1);
    scorecard.expectations.truncate(1);
    scorecard.faults.truncate(1);
    let text = String::from_utf8(verdict_json(&sample::head(), &scorecard).unwrap()).unwrap();
    assert_eq!(text, SHAPE);
}

#[test]
fn what_was_found_can_be_read_back() {
    let (head, scorecard) = (sample::head(), sample::scorecard());
    let bytes = verdict_json(&head, &scorecard).unwrap();
    let read: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(read["scenario"]["labels"]["<b>"], HOSTILE);
    // The scorecard's own keys, under the same names, hold all of it.
    let again: Scorecard = serde_json::from_value(read).unwrap();
    assert_eq!(again, scorecard);
}

#[test]
fn bytes_do_not_depend_on_where_it_is_read() {
    let (mut head, scorecard) = (sample::head(), sample::scorecard());
    let bytes = verdict_json(&head, &scorecard).unwrap();
    head.run_dir = "elsewhere".into();
    head.command = "assay verify elsewhere".into();
    assert_eq!(verdict_json(&head, &scorecard).unwrap(), bytes);
}

const SHAPE: &str = r#"{
  "schema": 1,
  "tool": "assay 0.1.0",
  "scenario": {
    "name": "slow-backend",
    "sha256": "9f86d081884c7d65",
    "file": "scenarios/slow-backend.yaml",
    "hypothesis": "With half of the answers failing, reads stay fast | and\nno page breaks.",
    "labels": {
      "team": "edge",
      "<b>": "<script>]]>|`x`\n::error::\u0007&"
    }
  },
  "seed": 42,
  "verdict": "violated",
  "exit_code": 1,
  "stopped_by": null,
  "sentence": "errors (GET /machines/): 0.31 % failed (21 of 6800), at least 0.21 % with 95 % confidence, where less than 0.1 % is allowed",
  "phases": [
    {
      "name": "fault",
      "faults": [
        "half",
        "<script>]]>|`x`\n::error::\u0007&"
      ],
      "from_ms": 20000,
      "to_ms": 26000,
      "requests": 1200,
      "bad": 3
    },
    {
      "name": "after",
      "faults": [],
      "from_ms": 36000,
      "to_ms": 50000,
      "requests": 2800,
      "bad": 7
    }
  ],
  "objectives": [
    {
      "id": "errors (POST /predict/)",
      "place": {
        "file": "scenarios/slow-backend.yaml",
        "line": 33
      },
      "asks": "P95 < 500 ms",
      "during": "steady, after",
      "verdict": "inconclusive",
      "advisory": false,
      "n": 1834,
      "k": 0,
      "unknown": 4,
      "lower": null,
      "upper": 0.00163212345,
      "limit": 0.001,
      "confidence": 0.95,
      "deff": 1.0,
      "observed": "0 % (0 of 1834)",
      "worst": null,
      "reason": "too few requests to tell",
      "missing": "1161 more clean requests, 39 s at 30/s",
      "coverage": 0.85,
      "seconds": 34.0,
      "moved_to_fault": 3
    }
  ],
  "expectations": [
    {
      "id": "recovers errors after half.end",
      "place": {
        "file": "scenarios/slow-backend.yaml",
        "line": 40
      },
      "asks": "errors holds again within 5 s, for 3 s",
      "verdict": "met",
      "observed": "recovered 2.1 s to 3.1 s after half.end",
      "reason": "it held again from 3.1 s on",
      "missing": null,
      "recovered": {
        "earliest_us": 2100000,
        "latest_us": 3100000
      }
    }
  ],
  "faults": [
    {
      "name": "half",
      "kind": "error",
      "link": "api",
      "edges": {
        "asked": 25000000,
        "applied": 25000100,
        "first_affected": null,
        "cleared": null,
        "first_unaffected": null
      },
      "asked": 600,
      "injected": 598,
      "seen": 598,
      "effect": "took effect"
    }
  ],
  "breakers": [],
  "ledger": [],
  "loads": [
    {
      "name": "dashboards",
      "planned": 10000,
      "begun": 9998,
      "outcomes": [
        [
          "ok",
          9000
        ],
        [
          "http_5xx",
          996
        ],
        [
          "protocol_error",
          2
        ]
      ],
      "idle_resets": 1,
      "idle_resent": 0,
      "times": [
        {
          "clock": "response",
          "n": 9000,
          "p50_us": 3100,
          "p95_us": 312000,
          "p99_us": 900000,
          "p999_us": 1400000,
          "max_us": 1519000
        }
      ]
    }
  ],
  "metrics": [
    {
      "name": "<script>]]>|`x`\n::error::\u0007&",
      "reads": "rss of <script>]]>|`x`\n::error::\u0007&",
      "unit": "bytes",
      "samples": 57,
      "missed": 3,
      "last_missed": "<script>]]>|`x`\n::error::\u0007&",
      "first": 1048576.0,
      "least": 1048576.0,
      "greatest": 12900000.0,
      "last": null
    }
  ],
  "findings": [
    "service backend was restarted by nobody we know",
    "header x-name was <script>]]>|`x`\n::error::\u0007&"
  ],
  "health": {
    "well": false,
    "planned": 10000,
    "begun": 9998,
    "blocked": 7,
    "worst_lag_p50_us": 120,
    "worst_lag_p99_us": 7400,
    "lag_max_us": 11000,
    "sentence": "2 of 10000 requests were not sent; lag P99 up to 7.4 ms"
  }
}
"#;

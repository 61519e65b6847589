//! A scenario without mistakes that uses every part of the grammar there is, and how tests read
//! scenarios.
//!
//! Not here: scenarios that are meant to be run.

use super::{Loaded, Overrides, Problems, decode};

/// Every key and type of `types`.
pub(super) const GOOD: &str = r#"
schema: 1
name: shop-outage
hypothesis: "Orders survive: always."
labels: {team: shop, "rev": "1.10"}
seed: 42
include: []
allow: [shop.example.com]
vars: {tenant: acme, rate: 300/s}
data:
  users: {csv: {file: users.csv, pick: unique, when-exhausted: stop}}
  items: {json: {file: items.json, pick: sequential, when-exhausted: recycle}}
  other: {csv: {file: other.csv, pick: random, when-exhausted: fail}}
services:
  site: {url: "http://127.0.0.1:8080"}
  api:
    process:
      command: [./api, --listen, "${self.addr}"]
      env: {LOG: json, UP: "http://${links.front.addr}", SITE: "${services.site.host}"}
      cwd: .
      ready: {http: /health, within: 30s}
      stop-within: 5s
  worker: {process: {command: [./worker], ready: {log: ready, port: 9000}}}
  old: {running-process: {port: 8080, pid-file: old.pid}}
  cache: {container: {image: "redis:7", port: 6379, memory: 256MiB}}
  shop: {container: {image: "shop:1", port: 8080, command: [serve, "${services.cache.port}"], env: {CACHE: "redis://${services.cache.addr}", UP: "${links.back.addr}"}, ready: {http: /health, within: 60s}, stop-within: 5s}}
  db: {running-container: {compose: {project: shop, service: db}, port: 5432}}
  queue: {running-container: {name: queue}}
  jobs: {running-container: {label: "tier=jobs"}}
links:
  front: {to: api}
  back: {to: "127.0.0.1:9000", listen: "127.0.0.1:19090", protocol: http}
  pg: {to: "127.0.0.1:5432", protocol: tcp}
  fx: {stub: [{get: {path: "/rates/*", status: 200, headers: {ETag: v1}, json: {usd: 1.08}, delay: {lognormal: {p50: 40ms, p99: 200ms}}}}, {post: {path: /x, text: hello}}, {put: {path: /x}}, {patch: {path: /x}}, {delete: {path: /x}}, {any: {path: "/**", status: 404}}]}
flows:
  login:
    - post:
        path: /login
        form: {email: "${data.users.email}", at: "${now}"}
        check: [{json: {at: /token, exists: true}}, {json: {at: /n, equals: 1}}, {json: {at: /id, matches: "^a"}}, {header: {name: ETag, exists: "true", equals: v1}}, {contains: token}, {size: {at-most: 1MiB, at-least: 1B}}]
        capture: {token: {json: /token}, etag: {header: ETag}, sid: {cookie: sid}, id: {regex: "id=(a.*)"}}
setup:
  - command: {shell: "./seed.sh ${services.api.addr}", timeout: 2m}
  - command: {run: [./seed, "${run.dir}"]}
  - use: login
  - get: {path: /a}
  - post: {path: /b, json: {id: "${random.uuid}"}}
  - put: {path: /c}
  - patch: {path: /d}
  - delete: {path: /e}
  - head: {path: /f}
  - options: {path: /g}
  - for-each: {data: other, every: 10m, steps: [{post: {path: "/login/${data.other.email}", capture: {pass: {json: /token}}}}]}
teardown: [{command: {run: [./clean.sh]}}]
warmup: 20s
steady-state:
  require: [fast, errors]
  probes: [{http: {service: api, path: /health, status: [200, "3xx"]}}, {metric: {name: queued, below: 10, at-most: 9, above: -1, at-least: 0}}, {command: {shell: ./check.sh}}, {command: {run: [./check.sh]}}]
  after: 15s
load:
  visitors:
    constant-arrival-rate:
      rate: ${vars.rate}
      duration: 5m
      at: 0s
      arrivals: poisson
      to: front
      client: {redirects: 3, cookies: true, idle-reset: retry-once, reconnect: {every: 30s}, dns-refresh: 5s, source-addresses: [127.0.0.2], protocol: http1, connections: 256, timeout: 10s, connect-timeout: 2s, headers: {X-Run: "${run.id}"}, tls: {ca: ca.pem, cert: me.pem, key: me.key, insecure: false}}
      requests:
        - get: {path: "/products?t=${vars.tenant}", name: list, weight: 3, timeout: 2s, headers: {Accept: text/html}, check: [{status: [2xx]}]}
        - post: {path: /cart, json: {sku: [1, 2.5, null, true], n: "${seed}"}, check: [{status: 201}]}
        - put: {path: /a, text: hello}
        - patch: {path: /b, file: body.json}
        - delete: {path: /c}
        - head: {path: /d}
        - options: {path: /e}
  wave:
    ramping-arrival-rate:
      start-rate: 0/s
      stages: [{duration: 1m, target: 300/s}, {duration: 5m, target: 20/m}]
      until: deploy.end + 3m
      at: visitors.start + 5s
      to: front
      requests: [{get: {path: /}}]
  rest: {constant-arrival-rate: {rate: 1/s, until: deploy.end + 10s, to: front, requests: [{get: {path: /tail}}]}}
  stairs: {stepping-arrival-rate: {start-rate: 100/s, step: 100/s, max-rate: 2000/s, step-duration: 30s, settle: 5s, stop-after: [fast], until: 15m, at: 0s, arrivals: even, to: front, client: {timeout: 2s, idle-reset: error}, requests: [{get: {path: /stairs}}]}}
  replay: {replay-log: {file: access.jsonl, speed: 2x, duration: 10m, at: 0s, to: front, client: {timeout: 2s}}}
  logins: {ramping-arrival-rate: {start-rate: 20/s, stages: [{duration: 5m, target: 20/s}], to: front, journey: [{use: login}, {pause: 1s}, {get: {path: /o, headers: {X-Token: "${token}"}}}]}}
  crowd:
    constant-vus: {vus: 50, duration: 5m, ramp-up: 10s, pace: 5s, to: front, client: {timeout: 2s, protocol: http2}, journey: [{use: login}, {get: {path: "/${random.uuid}", headers: {X-Token: "${token}"}}}, {get: {path: /}}, {pause: 1s..3s}, {post: {path: /x}}, {put: {path: /x}}, {patch: {path: /x}}, {delete: {path: /x}}, {head: {path: /x}}, {options: {path: /x}}, {pause: 500ms}, {pause: {min: 1s, max: 2s}}]}
  tide: {ramping-vus: {start-vus: 1, stages: [{duration: 1m, target: 50}], pace: 1s, to: front, journey: [{get: {path: /}}]}}
  batch: {shared-iterations: {vus: 10, iterations: 1000, max-duration: 5m, to: front, journey: [{get: {path: /}}]}}
fleets:
  trucks:
    devices: 200
    every: 1s
    jitter: 100ms
    duration: 3m
    to: front
    profile: TRUCK-21
    send: {post: {path: "/ingest/${device}", headers: {X-Id: "${random.uuid}"}, json: {machine_id: "${device}", sample_number: "${sample}", at: "${now}", n: "${random.int(1,9)}"}}}
    key: [/machine_id, /sample_number]
    gateway:
      count: 4
      in-flight: 16
      timeout: 2s
      buffer: {max: 20000, durable: false, when-full: drop-oldest}
      batch: 1
      delivery: store-and-forward
      breaker: {failures: 5, recovery: 60s, trials: 1}
      retry: {attempts: 3, base: 1s, factor: 2, max: 30s, jitter: 0%, order: outside-breaker}
      mutant: never-opens
    drain: 30s
    read-back: {http: {service: api, path: "/samples/${device}?after=${cursor}", ranges: /sample_numbers, duplicates: /duplicates, next: /next}}
  mills:
    devices: 1
    every: 1s
    samples: 1000
    to: front
    profile: MILL-3
    gateway: {buffer: {when-full: drop-newest}, delivery: fire-and-forget, breaker: {}, retry: {order: inside-breaker, factor: 1.5}, mutant: stale-success-closes}
    read-back: {http: {service: api, path: "/samples/${device}", items: /samples, key: [/machine_id]}}
  boilers: {devices: 1, every: 1s, samples: 9, to: front, profile: BOILER-7, read-back: {command: {run: [psql, "${services.api.port}"]}}}
  others: {devices: 1, every: 1s, samples: 9, to: front, profile: none, send: {get: {path: "/${device}"}}, read-back: {command: {shell: "cat ${run.dir}/x"}}}
faults:
  slow: {latency: {link: front, add: {normal: {mean: 200ms, sd: 50ms}}, affects: {share: 50%}, match: {method: [GET], path: "/products/**", headers: {X-Tenant: acme}}, at: 30s, duration: 20s, recovery: 10s}}
  wide: {latency: {link: front, add: {uniform: 10ms..50ms}, affects: all, at: slow.end + 20s, duration: 1s}}
  even: {latency: {link: front, add: {fixed: 3s}, side: response, ramp: {up: 200ms, down: 100ms}, again: {times: 2, every: 2s}, at: wide.end, duration: 1s}}
  tail: {latency: {link: front, add: {lognormal: {p50: 40ms, p99: 200ms}}, affects: {every-nth: 100}, at: even.end, duration: 1s}}
  rare: {latency: {link: front, add: {pareto: {min: 10ms, p99: 200ms}}, affects: {next: 5}, at: even.end, duration: 1s}}
  real: {latency: {link: front, add: {recorded: fx.hlog}, at: even.end, duration: 1s}}
  half: {error: {link: front, status: 503, headers: {Retry-After: "1"}, text: busy, affects: {quota: 50%}, match: {path: /charge}, at: even.end + 20s, duration: 20s, recovery: 5s}}
  gone: {outage: {link: back, mode: black-hole, affects: {share: 12.5%}, match: {}, at: 2m, duration: 20s, recovery: 30s}}
  cut: {abort: {link: front, affects: {every-nth: 100}, at: 3m, duration: 20s}}
  thin: {bandwidth: {link: back, rate: 64KiB/s, at: 3m, duration: 20s}}
  short: {truncate: {link: front, after: 1KiB, affects: {next: 5}, at: 3m, duration: 20s}}
  hang: {stall: {link: back, match: {}, at: 3m, duration: 10s, recovery: 5s}}
  noise: {garbage: {link: front, affects: {share: 1%}, at: 3m, duration: 10s}}
  dark: {half-open: {link: pg, affects: {share: 50%}, at: 3m, duration: 10s}}
  cap: {limit-bytes: {link: pg, after: 1KiB, at: 3m, duration: 10s}}
  open: {slow-close: {link: front, at: 3m, duration: 10s}}
  crash: {kill: {service: api, signal: KILL, at: 200s, duration: 5s, restarted-by: assay, recovery: 5s, again: {times: 1, every: 20s}}}
  reborn: {kill: {service: worker, at: 200s, duration: 5s, restarted-by: supervisor}}
  theirs: {kill: {service: old, signal: TERM, at: 200s, duration: 5s, restarted-by: supervisor}}
  stand: {pause: {service: old, at: 230s, duration: 5s}}
  press: {pressure: {service: api, count: 1, cpu: 80%, memory: 512MiB, disk: 1GiB, at: 260s, duration: 5s, recovery: 5s, again: {times: 1, every: 7s}}}
  loud: {pressure: {service: worker, cpu: 50%, cpu-by: burners, at: 260s, duration: 5s}}
  held: {pressure: {service: worker, cpu: 50%, cpu-by: duty-cycle, at: 270s, duration: 5s}}
  freeze: {pause: {service: api, at: 230s, duration: 5s, recovery: 5s, again: {times: 1, every: 7s}}}
  halt: {stop: {service: api, at: 245s, duration: 5s}}
  part: {stop: {service: jobs, count: 1, at: 245s, duration: 5s}}
  one: {kill: {service: db, count: 1, at: 255s, duration: 5s, restarted-by: supervisor}}
  island: {disconnect: {service: queue, network: shop_default, count: 1, at: 245s, duration: 5s, recovery: 5s, again: {times: 1, every: 7s}}}
  turn: {restart: {service: worker, at: 245s, recovery: 5s}}
  deploy: {command: {shell: "./deploy.sh ${services.api.addr}", undo: [./rollback.sh, "${run.dir}"], timeout: 5s, at: 255s, recovery: 5s}}
  drill: {manual: {prompt: "Fail the primary over now", timeout: 10s, at: 255s, recovery: 5s}}
  seed: {command: {run: [./seed.sh], timeout: 5s, at: 255s}}
metrics:
  memory: {process: {service: api, read: rss, every: 1s}}
  busy: {process: {service: api, read: cpu}}
  threads: {process: {service: api, read: threads}}
  files: {process: {service: api, read: open-files}}
  starts: {process: {service: api, read: restarts}}
  queued: {prometheus: {service: api, path: /metrics, name: orders_queued, labels: {shard: "1"}, every: 500ms}}
  other: {prometheus: {url: "http://127.0.0.1:9000/metrics", name: up}}
  sli: {prometheus: {service: api, query: 'sum(rate(http_requests_total{job="shop", code!~"5.."}[5m]))'}}
  burn: {promql: {url: "http://127.0.0.1:9090", query: "sum(rate(errors_total[1m]))", every: 15s}}
  rows: {command: {run: [./count-rows.sh, "${services.api.addr}"], every: 10s}}
  lines: {command: {shell: "wc -l < ${run.dir}/x"}}
breakers:
  uplink: {policy: {failures: 5, recovery: 60s, trials: 1}, evidence: [{gateway: {fleet: trucks}}, {arrivals: {link: back}}]}
  pay: {evidence: [{resilience4j: {url: "http://127.0.0.1:8081/actuator/prometheus", name: pay, every: 500ms}}, {polly: {url: "http://127.0.0.1:8082/metrics", name: pay}}, {envoy: {url: "http://127.0.0.1:8083/stats/prometheus", name: pay}}]}
  mine: {evidence: [{gauge: {url: "http://127.0.0.1:8000/metrics", metric: circuit_breaker_state, labels: {name: db}, values: {closed: 0, open: 1, half-open: 2}, every: 500ms}}, {log: {service: api, opened: breaker open, closed: breaker closed}}]}
objectives:
  prod: {openslo: {file: "assay:backend.yaml", name: machines-errors}}
  fast: {latency: {percentile: 99.9, below: 500ms, of: [visitors, list], clock: response, during: [steady, after], per-request: true, advisory: false, confidence: 95%, window: 10s, not-errors: [http-429, http-4xx, http-5xx, timeout, connect-error, protocol-error, check-failed], bursts: 5}}
  errors: {error-rate: {below: 0.1%, of: [visitors], during: [all], per-request: "false", advisory: false, confidence: 99%, window: 1m, not-errors: [http-429], bursts: 1}}
  first: {latency: {percentile: 95, below: 500ms, of: [visitors], clock: first-byte}}
  none: {error-count: {at-most: 0, during: [all], not-errors: [check-failed], confidence: 95%, bursts: 1}}
  pushed: {throughput: {at-least: 99%, of: [visitors], during: [steady], per-request: false, advisory: false}}
  paced: {throughput: {at-least: 10/s, confidence: 95%, bursts: 1}}
  slower: {latency-change: {percentile: 95, at-most: 10%, of: [visitors], during: [steady], clock: response, per-request: true, advisory: false, confidence: 95%, bursts: 1}}
  worse: {error-rate-change: {at-most: 0.05%, of: [visitors], during: [steady], per-request: false, advisory: false, confidence: 95%, bursts: 1}}
  room: {capacity: {of: stairs, at-least: 800/s, while: [fast, errors], advisory: false}}
  up: {availability: {at-least: 99.9%, slice: 1s, slice-target: 95%, slice-least: 5, not-errors: [http-429], confidence: 95%, bursts: 1}}
expect:
  - recovers: {objective: fast, after: gone.end, within: 30s, hold: 10s}
  - unaffected: {of: [list], during: [half], keeps: [fast, errors]}
  - answers: {of: [visitors], during: [gone], only: [200, 503], within: 50ms, header: Retry-After}
  - breaker: {name: uplink, opens: {after: gone.start, within: 1s}, opens-after-failures: 5, closes: {after: gone.end, within: 70s}, trials: {at-most: 1}, calls-while-open: {at-most: 0}, fast-fail: {share: {at-least: 99%}, latency: {percentile: 99, below: 5ms}}, reopens-after-close: {at-most: 0}, never-opens: true}
  - ledger: {fleet: trucks, lost: {at-most: 0}, duplicated: {at-most: 0.1%}, unexpected: {at-most: 0}, out-of-order: {at-most: 0}, age: {at-most: 60s}}
  - backlog: {fleet: trucks, peak: {at-most: 8000}, drained: {after: gone.end, within: 60s}}
  - goodput: {of: [visitors], at-least: 95%, after: gone.end, within: 20s}
  - amplification: {link: back, per: [list], at-most: 1.5x, during: [gone, recovery, uplink.open], window: 1s}
  - herd: {link: back, peak: {at-most: 3x}, after: gone.end, within: 60s}
  - metric: {name: memory, value: {at-most: 512MiB, below: 1GiB, above: 0, at-least: 1B}, growth: {at-most: 1MiB/m}, increase: {at-most: 20MiB}, skip: 10s, during: [steady]}
  - settles: {metric: queued, at-most: 50, after: gone.end, within: 30s, hold: 5s}
  - ready: {service: api, after: crash.end, within: 10s}
  - settles: {metric: queued, at-most: 50, after: pay.open + 5s, within: 30s}
  - reconciles: {of: [list], metric: rows, differ: {at-most: 0}, after: gone.end, within: 30s}
  - log: {service: api, pattern: "circuit_breaker.*open", count: {at-least: 1, at-most: 9}, during: [gone]}
baseline: {from: baselines/main, environment: same, against: {vars: {tenant: other}}}
repeat: {runs: 3, decide: all}
guards:
  max-duration: 15m
  stop-when: [{error-rate: {above: 50%, hold: 10s}}, {lag: {above: 50ms, hold: 5s}}, {metric: {name: memory, above: 2GiB, below: 1B, hold: 5s}}, {probe: {service: api, path: /health, status: [200], fails-for: 10s}}]
profiles:
  ci:
    warmup: 1s
    load.visitors.constant-arrival-rate.rate: 50/s
    faults.gone.outage.duration: 5s
"#;

/// Reads a text with nothing changed and an empty environment.
pub(super) fn read(text: &str) -> Result<Loaded, Problems> {
    let read = decode("shop.yaml", text, &Overrides::default(), &|_| None);
    read.map_err(|refused| refused.problems)
}

/// The messages of a text's mistakes.
pub(super) fn messages(text: &str) -> Vec<String> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.message.clone()).collect(),
    }
}

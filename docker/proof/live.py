#!/usr/bin/env python3
"""The stack started, loaded, broken and mended: live.py ASSAY QUICK OUT [--planted].

QUICK is the folder of quick.py, OUT gets the runs. compose.yaml runs as it is, with compose.yaml of this
folder over it; services without an image here (Jaeger, Grafana, Loki, Alloy, PostgreSQL) are left
out by name. Everything is taken down at the end, whatever ended it.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import yaml

import panels

PROOF = pathlib.Path(__file__).parent
STARTED = ["sink", "rules", "prometheus", "alertmanager", "backend", "scorer"]
# Devices, what they send through, and people: they come and go, so that the proof's own run can be counted alone.
CROWD = ["edge", "trucks", "mills", "boilers", "operators"]
BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
ASKED = 'job="aurumai",endpoint!~"/metrics|/health"'
WINDOW = "10s"
# Of visits.yaml, in seconds. It takes less than ten to begin, so the window that ends so long after its
# start is full of it.
LASTS = 20
# Whoever waits goes on as soon as it sees; a slow machine may need this long for what takes ten seconds.
PATIENCE = 180


class Failed(Exception):
    """A stage did not hold."""


class Stack:
    """The running stack: Compose, Prometheus, and what the webhooks were told."""

    def __init__(self, quick):
        self.env = {**os.environ, "QUICK": str(pathlib.Path(quick).resolve())}
        self.base = ""

    def compose(self, *arguments, **env):
        command = ["docker", "compose", "-p", "aurumai-proof", "-f", PROOF.parent / "compose.yaml", "-f", PROOF / "compose.yaml", *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env={**self.env, **env}, check=False)
        if done.returncode:
            raise Failed(f"docker compose {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def up(self, *services, **env):
        self.compose("up", "-d", "--wait", "--no-deps", *services, **env)

    def url(self, service, port):
        return "http://" + self.compose("port", service, str(port)).strip()

    def ask(self, query, at=None):
        """An instant query, as (labels, number)."""
        self.base = self.base or self.url("prometheus", 9090)
        answer = panels.ask(self.base, "/api/v1/query", query=query, time=at or time.time())
        if answer["status"] != "success":
            raise Failed(f"{query}: {answer['error']}")
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def number(self, query, at=None):
        return sum(value for _, value in self.ask(query, at))

    def told(self):
        """What the receivers were told, oldest first: (receiver, firing or resolved, labels)."""
        told = []
        for receiver in ("on-call", "tickets"):
            lines = self.compose("exec", "-T", "sink", "sh", "-c", f"cat /tmp/{receiver} 2>/tmp/none || :")
            told += [(receiver, alert["status"], alert["labels"]) for line in lines.splitlines() for alert in json.loads(line)["alerts"]]
        return told


def wait(what, look):
    """Looks until it sees something, and gives it."""
    end = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise Failed(f"not within {PATIENCE} s: {what}")
        time.sleep(0.5)


def targets():
    """How many targets each job has: one of each name and address. A job of three names may not lack one."""
    found = {}
    for job in yaml.safe_load((PROOF.parent / "prometheus/prometheus.yml").read_text())["scrape_configs"]:
        found[job["job_name"]] = sum(len(one["names"]) for one in job.get("dns_sd_configs", [])) + sum(len(one["targets"]) for one in job.get("static_configs", []))
    return found


def silent(stack):
    """Targets that do not answer, and machines and people that are not heard."""
    # A run on this machine: there is none.
    wrong = [f"target {labels['job']} does not answer" for labels, value in stack.ask('up{job!="run"}') if value != 1]
    jobs = [labels["job"] for labels, _ in stack.ask("up")]
    wrong += [f"{jobs.count(job)} targets {job}, there should be {wanted}" for job, wanted in targets().items() if jobs.count(job) < wanted]
    if stack.number(f"count(count by (machine_id) (rate(data_ingestion_total{{data_type=\"raw\"}}[{WINDOW}]) > 0))") < 9:
        wrong.append("not all nine machines are heard")
    if stack.number(f"count(rate(ml_predictions_total[{WINDOW}]) > 0)") < 3:
        wrong.append("not all three kinds of machines are predicted")
    return wrong


def paged(told):
    """Whoever was told anything."""
    return [f"{receiver} was told: {labels['alertname']} {labels.get('slo') or labels.get('endpoint') or ''}" for receiver, _, labels in told]


def reached(told, receiver, status, **labels):
    """Whether a receiver was told of an alert."""
    return any((to, how) == (receiver, status) and labels.items() <= has.items() for to, how, has in told)


def followed(told):
    """What was told although it only follows from there being no backend."""
    return [f"{receiver} was told: {labels['alertname']}" for receiver, _, labels in told if labels["alertname"] == "BackendDown"]


def unresolved(told):
    """Alerts of which the last that was told is that they fire. Not those of burns over six hours and three days:
    they last, also thirty times as fast."""
    last = {(receiver, tuple(sorted(labels.items()))): status for receiver, status, labels in told
            if labels.get("policy") not in ("page-slow", "ticket")}
    return [f"{receiver}: {dict(labels)}" for (receiver, labels), status in last.items() if status == "firing"]


def visit(stack, assay, out):
    """A real run against the backend: its figures, and its exit code."""
    url = stack.url("backend", 8000)
    end = time.time() + LASTS
    done = subprocess.run([assay, "run", PROOF / "visits.yaml", "--var", f"url={url}", "--out", out, "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 3):
        raise Failed(f"the run could not run: {done.stdout}{done.stderr}")
    verdict = json.loads((out / "verdict.json").read_text())
    load = verdict["loads"][0]
    outcomes = dict(load["outcomes"])
    service = next(one for one in load["times"] if one["clock"] == "service")
    return {"verdict": verdict["verdict"], "sentence": verdict["sentence"], "requests": load["begun"], "failed": outcomes.get("http_5xx", 0),
            "other": load["begun"] - outcomes.get("ok", 0) - outcomes.get("http_5xx", 0), "rate": load["begun"] / LASTS, "end": end, "p95": service["p95_us"] / 1e6}


def asked(dashboard, title, stack):
    """What a panel asks, as Grafana asks it."""
    board = json.loads((PROOF.parent / f"grafana/dashboards/{dashboard}.json").read_text())
    values, wrong = panels.variables(stack.base, board)
    if wrong:
        raise Failed("; ".join(wrong))
    query = next(panel for panel in board["panels"] if panel["title"] == title)["targets"][0]["expr"]
    return panels.asked(query, values, WINDOW)


def figure(dashboard, title, stack, at):
    """What a panel shows."""
    return stack.number(asked(dashboard, title, stack), at)


def unjoined(exemplars, lines, trace_id):
    """Where a request's exemplars and its log line do not name its trace."""
    wrong = [f"the exemplar {one}" for one in exemplars if one.get("trace_id") != trace_id]
    return wrong + [f"the line {line}" for line in lines if line.get("trace_id") != trace_id] + ([] if len(lines) == 1 else [f"{len(lines)} lines"])


def counted(stack):
    """What the backend counted since its start."""
    return {"requests": stack.number(f"sum(http_requests_total{{{ASKED}}})"), "failed": stack.number(f'sum(http_requests_total{{{ASKED},status_code=~"5.."}})')}


def bucket(time_):
    return sum(time_ > edge for edge in BUCKETS)


def disagreements(run, stack):
    """Where the stack's figures are not the run's. Counts must be equal, the rate within 5 %, the error share within
    a half of a percent of all, and P95 in the same bucket of the histogram: that is all that a bucket tells."""
    wrong = [f"{what}: the run {run[what]}, Prometheus {stack[what]:g}" for what in ("requests", "failed") if run[what] != stack[what]]
    if abs(stack["rate"] / run["rate"] - 1) > 0.05:
        wrong.append(f"requests a second: the run {run['rate']:g}, the panel {stack['rate']:.1f}")
    share = run["failed"] / run["requests"]
    if abs(stack["share"] - share) > 0.005:
        wrong.append(f"error share: the run {share:.4f}, the panel {stack['share']:.4f}")
    if bucket(stack["p95"]) != bucket(run["p95"]):
        wrong.append(f"P95: the run {run['p95']:.3f} s, the panel {stack['p95']:.3f} s")
    return wrong


class Proof:
    """The stages in their order; one that fails ends the proof, since the next would mean nothing."""

    def __init__(self, stack, assay, out, planted):
        self.stack, self.assay, self.out, self.planted, self.begun = stack, assay, out, planted, time.monotonic()

    def held(self, name, wrong=()):
        print(f"{'FAIL' if wrong else 'ok  '} {time.monotonic() - self.begun:4.0f} s  {name}", *wrong, sep="\n     ", flush=True)
        if wrong:
            raise Failed(name)

    def found(self, name, wrong):
        if self.planted:
            self.held(f"{name}, planted error: {wrong[0] if wrong else ''}", [] if wrong else ["was not found"])

    def alert(self, receiver, alertname, **labels):
        labels["alertname"] = alertname
        wait(f"{labels} reaches {receiver}", lambda: reached(self.stack.told(), receiver, "firing", **labels))
        self.held(f"alert {' '.join(labels.values())} reached {receiver}")

    def started(self):
        self.stack.up(*STARTED, *CROWD)
        self.held("up: every container runs, those with a health check are healthy")
        wait("targets, machines and people are heard", lambda: not silent(self.stack))
        self.held("up: every target is scraped, nine machines and three kinds of predictions are heard")

    def control(self):
        run = visit(self.stack, self.assay, self.out / "control")
        self.held(f"control: a run of {run['requests']} requests beside the crowd: {run['sentence']}", [run["sentence"]] if run["verdict"] == "violated" else [])
        # For the annotations: later on, operators are stopped before it is due.
        wait("the fault of the operators' run is scraped", lambda: self.stack.number("sum(max_over_time(assay_fault_active[10m]))"))
        self.held("control: nobody was told anything", paged(self.stack.told()))
        # One scrape that took too long makes a minute of these few seconds bad.
        wait("no minute is down", lambda: not self.down())
        self.held("control: no minute is down")

    def bad_answers(self):
        self.stack.compose("stop", *CROWD)
        self.stack.up("backend", APP_MUTANTS="errors=10%,slow-tail=20%")
        wait("the new backend is scraped", lambda: self.stack.number('sum(up{job="aurumai"})') == 1)
        run = visit(self.stack, self.assay, self.out / "bad-answers")
        wait("all requests are scraped", lambda: counted(self.stack)["requests"] >= run["requests"])
        shown = counted(self.stack)
        shown["share"], shown["p95"], shown["rate"] = (figure("overview", title, self.stack, run["end"]) for title in ("Errors", "P95", "Requests"))
        self.held(f"figures: requests {run['requests']}, {run['rate']:g}/s, failed {run['failed']}, P95 {run['p95']:.3f} s; the stack saw "
                  f"{shown['requests']:g}, {shown['rate']:.1f}/s, {shown['failed']:g}, {shown['p95']:.3f} s", disagreements(run, shown))
        for what in ("requests", "failed", "rate", "share", "p95"):
            self.found(f"figures: {what}", disagreements(run, {**shown, what: shown[what] * 1.5 + 1}))
        self.alert("on-call", "HighErrorRate")
        self.alert("tickets", "HighLatency")
        self.alert("on-call", "ErrorBudgetBurn", policy="page-fast")
        told = self.stack.told()
        self.found("control: nobody was told anything", paged(told))
        if self.planted:
            blind = reached(told, "on-call", "firing", alertname="PlantedBlind")
            self.held("alert, planted error: a rule on `status` instead of `status_code` reached nobody", ["it fired"] if blind else [])

    def scorer_gone(self):
        self.stack.up("backend", *CROWD)
        self.stack.compose("stop", "scorer")
        self.alert("tickets", "CircuitBreakerOpen", name="scorer")
        self.found("up: every target is scraped", silent(self.stack))
        self.stack.up("scorer")

    def down(self):
        """The objectives of which this minute is down."""
        return [f"{labels['slo']} is down" for labels, _ in self.stack.ask("slo:slice_down:bool == 1 and slo:slice_good:bool == 0")]

    def replica_gone(self):
        self.stack.compose("stop", "mills")
        self.alert("tickets", "ReplicaGone", job="devices")
        self.stack.up("mills")

    def backend_silent(self):
        self.stack.compose("pause", "backend")
        self.alert("on-call", "NoBackend")
        told = self.stack.told()
        self.held("what follows from it is kept back", followed(told))
        self.found("alert: what follows is kept back", followed([*told, ("on-call", "firing", {"alertname": "BackendDown"})]))
        # Nobody counts a request, and the budget of availability is spent.
        wait("all three objectives of availability are down", lambda: len(self.down()) == 3)
        self.held("budget: while no backend answers, each minute of availability is bad")
        self.found("control: no minute is down", self.down())
        self.stack.compose("unpause", "backend")

    def invalid(self):
        """What a device with a broken sensor sends, so that the panels of errors have something to show; and its
        way from the panel over the exemplar to the log."""
        trace_id, request_id = "4bf92f3577b34da6a3ce929d0e0e4736", "proof-broken-sensor"
        headers = {"Content-Type": "application/json", "X-Request-ID": request_id, "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
        request = urllib.request.Request(self.stack.url("backend", 8000) + "/ingest/raw", method="POST", headers=headers,
                                         data=json.dumps({"machine_id": "TRUCK-21", "timestamp": "2026-01-01T00:00:00Z", "metrics": {}}).encode())
        try:
            urllib.request.urlopen(request, timeout=5)
            raise Failed("a sample without metrics was taken")
        except urllib.error.HTTPError as error:
            self.held(f"a sample without metrics is answered {error.code}", [] if error.code == 400 else ["not 400"])
        shown = wait("its exemplar is scraped", lambda: [one for one in self.exemplars("infrastructure", "Errors answered, by code")
                                                             if one.get("request_id") == request_id])
        said = self.stack.compose("logs", "--no-color", "--no-log-prefix", "backend").splitlines()
        lines = [json.loads(line[line.index("{"):]) for line in said if request_id in line]      # Compose puts a control sequence before it
        what = "the panel's exemplar and the log line of its request name the same trace"
        self.held(what, unjoined(shown, lines, trace_id))
        self.found(what, unjoined([{**one, "trace_id": "0" * 32} for one in shown], lines, trace_id))

    def exemplars(self, dashboard, title):
        """What a panel shows as exemplars: their labels."""
        return panels.exemplars(self.stack.base, asked(dashboard, title, self.stack), 60, time.time())

    def mended(self):
        wait("all alerts are told as resolved", lambda: not unresolved(self.stack.told()))
        told = self.stack.told()
        self.held(f"mended: whatever fired was told as resolved, {sum(status == 'resolved' for _, status, _ in told)} times in all", unresolved(told))
        self.found("mended: all alerts resolved", unresolved([one for one in told if one[1] == "firing"]))

    def pictures(self):
        seconds = time.monotonic() - self.begun
        boards = PROOF.parent / "grafana/dashboards"
        # What was done last, a broken sample, must have been scraped twice before it has a rate.
        for _ in range(30):
            empty = panels.main(self.stack.base, boards, seconds, WINDOW)
            if not empty:
                break
            time.sleep(2)
        self.held("dashboards: every panel's query had data", ["see above"] if empty else [])
        if self.planted:
            other = self.out / "planted"
            other.mkdir(exist_ok=True)
            (other / "overview.json").write_text((boards / "overview.json").read_text().replace("process_resident_memory_bytes", "process_resident_bytes"))
            self.found("dashboards", ["a panel of a metric that nobody exports"] if panels.main(self.stack.base, other, seconds, WINDOW) else [])
            text = (boards / "overview.json").read_text()
            for what, (right, planted) in {"legends": ("{{status_code}}", "{{status}}"), "annotations": ("assay_fault_", "assay_falt_")}.items():
                (other / "overview.json").write_text(text.replace(right, planted))
                self.found(what, [f"{planted} for {right}"] if panels.main(self.stack.base, other, seconds, WINDOW) else [])
            # Memory has no exemplars: only histograms and counters of errors do.
            text = (boards / "overview.json").read_text()
            (other / "overview.json").write_text(re.sub(r'("expr": "process_resident)', r'"exemplar": true, \1', text))
            self.found("exemplars", ["a panel whose metric has none"] if panels.main(self.stack.base, other, seconds, WINDOW) else [])


def main(assay, quick, out, planted):
    stack = Stack(quick)
    proof = Proof(stack, pathlib.Path(assay).resolve(), pathlib.Path(out).resolve(), planted)
    try:
        stack.compose("down", "--volumes", "--timeout", "5")      # what a killed proof left
        for stage in (proof.started, proof.control, proof.bad_answers, proof.scorer_gone, proof.replica_gone, proof.backend_silent, proof.invalid, proof.mended, proof.pictures):
            stage()
        return 0
    except Failed as failed:
        print(f"FAIL {failed}", file=sys.stderr)
        if not stack.base:
            return 1
        print("the receivers were told:", *stack.told(), "what runs:", stack.compose("ps", "--all"), sep="\n", file=sys.stderr)
        print(stack.compose("logs", "--no-color", "--tail", "10", "prometheus", "alertmanager", "operators", "sink"), file=sys.stderr)
        return 1
    finally:
        stack.compose("down", "--volumes", "--timeout", "5")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4], "--planted" in sys.argv))

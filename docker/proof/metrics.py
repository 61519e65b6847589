#!/usr/bin/env python3
"""What the stack asks of metrics is exported: metrics.py ASSAY [--planted].

Backend, scorer, edge, devices and a run are started as processes, used a little, and their pages read. A family, a label or
a value that a dashboard, a rule, an alert or the SLO file names, and that no page of the job has, is told. With
--planted each family, label and value that is asked for is given another name in what was read, one after the
other, and each must be missed. That a query has data in the running stack is live.py's to tell.
"""
import copy
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import promql_parser as promql
import yaml
from prometheus_client.parser import text_string_to_metric_families

import panels
import quick
from traces import started

DOCKER = pathlib.Path(__file__).parent.parent
# What Prometheus adds by itself; of alerts, those that every rule has.
ADDED = {"job", "instance"}
OWN = {"up": set(), "scrape_duration_seconds": set(), "ALERTS": {"alertname", "alertstate", "severity"}}
SAMPLE = {"machine_id": "TRUCK-21", "timestamp": "2026-01-01T00:00:00Z", "metrics": {"rpm": 1650, "temperature": 91.5}, "sample_number": 1}


def fetched(address, path, body=None):
    request = urllib.request.Request(f"http://{address}{path}", data=body and json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def page(address):
    """Samples by name, each as its labels."""
    samples = {}
    for family in text_string_to_metric_families(fetched(address, "/metrics")):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(dict(sample.labels))
    return samples


def until(what, look):
    for _ in range(300):
        seen = look()
        if seen:
            return seen
        time.sleep(0.2)
    raise RuntimeError(f"not within a minute: {what}")


def pages(assay, folder):
    """What each job exports once it has been used."""
    processes = []

    def runs(name, *arguments, **env):
        process, _, address = started(folder, assay, name, *arguments, **env)
        processes.append(process)
        return address

    try:
        listen = ("--listen", "127.0.0.1:0")
        tracing = {"TRACING_ENABLED": "true", "TRACING_OTLP_ENDPOINT": "http://127.0.0.1:9"}
        jobs = {"scorer": runs("scorer", "scorer", *listen, **tracing)}
        database = {"DATABASE_URL": f"sqlite://{folder}/backend.db", "EDGE_OUTBOX": f"sqlite://{folder}/edge.db"}
        jobs["aurumai"] = runs("backend", "backend", *listen, SCORER_URL=f"http://{jobs['scorer']}", APP_MUTANTS="errors=10%", **tracing, **database)
        jobs["edge"] = runs("edge", "edge", *listen, EDGE_BACKEND_URL=f"http://{jobs['aurumai']}", RATE_LIMIT_INGEST="30", **tracing, **database)
        jobs["devices"] = runs("devices", "devices", *listen, "--to", f"http://{jobs['edge']}", "--gateway", "--profile", "TRUCK-21", "--devices", "1",
                               "--every", "100ms", "--samples", "1000000", **tracing)
        # The same sample twice, one that is refused, and enough that some are answered by the mutant's error.
        for number in range(100):
            fetched(jobs["aurumai"], "/ingest/raw", {**SAMPLE, "sample_number": number // 2})
        fetched(jobs["aurumai"], "/ingest/raw", {**SAMPLE, "metrics": {}})
        for path in ("/predict?machine_id=TRUCK-21", "/machines/") * 2:
            fetched(jobs["aurumai"], path)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            jobs["assay"] = f"127.0.0.1:{free.getsockname()[1]}"
        operators = folder / "operators.yaml"
        operators.write_text(quick.operators().replace("http://backend:8000", f"http://{jobs['aurumai']}"))
        processes.append(subprocess.Popen([assay, "run", operators, "--out", folder / "run", "--quiet", "--metrics-addr", jobs["assay"]], stdout=subprocess.DEVNULL))

        def served():
            try:
                return "assay_run_info" in page(jobs["assay"])
            except urllib.error.URLError:
                return False
        until("the run's page", served)
        until("a sample that the edge's limit turned away", lambda: page(jobs["edge"]).get("rate_limited_total"))
        until("an item that the edge delivered", lambda: page(jobs["edge"]).get("edge_delivery_age_seconds_bucket"))
        return {job: page(address) for job, address in jobs.items()}
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait()


class Asked:
    """Everything that is asked, and what the rules record."""

    def __init__(self, slo):
        self.recorded, self.queries, self.unread = {}, [], []
        self.jobs = {job["job_name"] for job in yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text())["scrape_configs"]}
        for file in (DOCKER / "prometheus/platform/rules.yaml", slo):
            for rule in (rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]):
                where = f"{file.name}: {rule.get('alert') or rule['record']}"
                told = " ".join(rule.get("annotations", {}).values())
                self.queries.append((where, promql.parse(rule["expr"]), re.findall(r"\$labels\.(\w+)", told)))
                if "record" in rule:
                    labels = {*rule.get("labels", {}), *(label for _, by in aggregated(promql.parse(rule["expr"])) for label in by)}
                    self.recorded.setdefault(rule["record"], set()).update(labels)
                else:
                    OWN["ALERTS"] |= set(rule["labels"])
        # Also one as Grafana exports it.
        for file in [*sorted((DOCKER / "grafana/dashboards").glob("*.json")), pathlib.Path(__file__).parent / "exported.json"]:
            self.of_dashboard(file.name, json.loads(file.read_text()))

    def of_dashboard(self, name, board):
        """Ours, or what somebody exported: whose LogQL is not asked here, and whose other variables are as they were saved."""
        values = {one["name"]: panels.saved(one) for one in panels.listed(board, "templating") if not panels.asking(one)}
        queries = [(what, expr, legend) for what, expr, legend, _ in panels.questions(board)]
        for variable in panels.listed(board, "templating"):
            selector, label = panels.asking(variable) or (None, None)
            if selector:
                queries.append((variable["name"], f"count by ({label}) ({selector})", ""))
        for title, query, legend in queries:
            try:
                parsed = promql.parse(panels.asked(query, values, "60s"))
            except ValueError as error:
                self.unread.append(f"{name}: {title}: {error}: {query}")
                continue
            self.queries.append((f"{name}: {title}", parsed, re.findall(r"{{\s*(\w+)\s*}}", legend)))


def inside(expression):
    """The expressions in one."""
    for name in ("lhs", "rhs", "expr", "param"):
        one = getattr(expression, name, None)
        if isinstance(one, promql.Expr):
            yield one
    yield from getattr(expression, "args", [])


def selectors(expression):
    if isinstance(expression, promql.MatrixSelector):
        yield expression.vector_selector
    elif isinstance(expression, promql.VectorSelector):
        yield expression
    for one in inside(expression):
        yield from selectors(one)


def aggregated(expression):
    """Expressions of which only some labels are kept or compared, with these."""
    modifier = getattr(expression, "modifier", None)
    if isinstance(expression, promql.AggregateExpr) and modifier and modifier.type == promql.AggModifierType.By:
        yield expression.expr, modifier.labels
    matching = getattr(modifier, "matching", None)
    if matching and matching.type == promql.LabelModifierType.Include:
        for side in (expression.lhs, expression.rhs):
            yield side, matching.labels
    for one in inside(expression):
        yield from aggregated(one)


def positive(selector):
    """Labels and what they must be, without variables."""
    for one in selector.matchers.matchers:
        if one.op in (promql.MatchOp.Equal, promql.MatchOp.Re) and "$" not in one.value:
            yield one.name, one.value


def missed(read, asked):
    """What is asked and not exported."""
    wrong = [*asked.unread]
    for where, query, legend in asked.queries:
        known = {}
        for selector in selectors(query):
            matchers, name = dict(positive(selector)), selector.name
            wrong += [f"{where}: there is no job {job}" for job in matchers.pop("job", "aurumai").split("|") if not any(re.fullmatch(job, one) for one in asked.jobs)]
            own = {**OWN, **asked.recorded}
            if name in own:
                labels = own[name] | ADDED
            else:
                jobs = [job for job in read if re.fullmatch(dict(positive(selector)).get("job", ".*"), job)]
                series = [one for job in jobs for one in read[job].get(name, [])]
                # By no name, or of a job whose page is not read here: Prometheus itself.
                if name is None or not jobs:
                    continue
                if not series:
                    wrong.append(f"{where}: {'|'.join(jobs)} does not export {name}")
                    continue
                labels = set().union(*series) | ADDED
                wrong += [f"{where}: no {name} has {label}=\"{value}\"" for label, value in matchers.items()
                          if label in labels - ADDED and not any(re.fullmatch(value, one.get(label, "")) for one in series)]
            wrong += [f"{where}: {name} has no label {one.name}" for one in selector.matchers.matchers if one.name not in labels]
            known[name] = labels
        for part, labels in [(query, legend), *aggregated(query)]:
            there = set().union(*(known.get(selector.name, set()) for selector in selectors(part)))
            wrong += [f"{where}: nothing of it has the label {label}" for label in labels if there and label not in there]
    return wrong


def family(name):
    """Of a histogram, what its samples have in common."""
    return re.sub("_(bucket|sum|count)$", "", name)


# Of what these tell a run's page, the proof's run has none: fleets, gateways with breakers, gates and started services.
NOT_HERE = re.compile("assay_(fleet|breaker)_|assay_gate_open|assay_service_up")


def unkept(read):
    """Families that the tables of the READMEs tell of and that no page has, and labels that are not those of the table."""
    wrong, exported = [], {}
    for name, series in ((name, series) for page in read.values() for name, series in page.items()):
        exported.setdefault(family(name), set()).update(label for one in series for label in one if label != "le")
    for file in ("backend/README.md", "docker/README.md"):
        tables = re.findall(r"^\| family \|.*\n(?:\|.*\n)+", (DOCKER.parent / file).read_text(), re.M)
        for names, labels in re.findall(r"^\| (`\w[\w`, ]*`) \| ([^|]*)\|", "".join(tables), re.M):
            for name in re.findall(r"\w+", names):
                told = set(re.findall(r"\w+", labels))
                if name not in exported and not NOT_HERE.match(name):
                    wrong.append(f"{file} tells of {name}, which nobody exports")
                elif name in exported and exported[name] != told:
                    wrong.append(f"{file}: {name} has the labels {', '.join(sorted(exported[name]))}, and not {', '.join(sorted(told))}")
    return wrong


def untold(read):
    """Families that no README names."""
    told = {name for file in ("backend/README.md", "docker/README.md") for name in re.findall(r"`(\w+)`", (DOCKER.parent / file).read_text())}
    families = {family(name) for page in read.values() for name in page if not name.startswith("process_")}
    return [f"no README tells of {name}" for name in sorted(families - told)]


def renamed(read, asked):
    """Each family, label and value that is asked for, and the pages without it."""
    families, labels, values = set(), set(), set()
    exported = {name for page in read.values() for name in page}
    for _, query, legend in asked.queries:
        used = [selector for selector in selectors(query) if selector.name in exported]
        families |= {selector.name for selector in used}
        labels |= {one.name for selector in used for one in selector.matchers.matchers}
        labels |= {label for part, by in [(query, legend), *aggregated(query)] for label in by if any(one.name in exported for one in selectors(part))}
        values |= {pair for selector in used for pair in positive(selector)}
    for family in sorted(families):
        yield family, {job: {name if name != family else f"{name}_": series for name, series in page.items()} for job, page in read.items()}
    for label in sorted(labels - ADDED):
        yield label, {job: {name: [{f"{key}_" if key == label else key: value for key, value in one.items()} for one in series]
                            for name, series in page.items()} for job, page in read.items()}
    for label, value in sorted(values):
        if label not in ADDED:
            yield f"{label}=\"{value}\"", {job: {name: [{key: f"~{has}" if key == label and re.fullmatch(value, has) else has for key, has in one.items()} for one in series]
                                                 for name, series in page.items()} for job, page in read.items()}


def altered(read):
    """Each family that READMEs tell of, and the pages without it, and with a label more."""
    for one in sorted({family(name) for page in read.values() for name in page if not name.startswith("process_")}):
        yield one, {job: {name: series for name, series in page.items() if family(name) != one} for job, page in read.items()}
        yield f"{one}{{planted}}", {job: {name: [{**labels, "planted": "x"} if family(name) == one else labels for labels in series] for name, series in page.items()}
                                    for job, page in read.items()}


def main(assay, planted):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([assay, "slo", "rules", DOCKER.parent / "slo/objectives/backend.yaml", "--out", folder / "slo"], check=True, capture_output=True)
        asked, read = Asked(folder / "slo/rules.yaml"), pages(assay, folder)
    wrong = missed(read, asked)
    print(f"{'FAIL' if wrong else 'ok  '} metrics: what {len(asked.queries)} queries of dashboards, rules and alerts name is exported", *wrong, sep="\n     ")
    secret = untold(read)
    print(f"{'FAIL' if secret else 'ok  '} metrics: READMEs tell of all that is exported", *secret, sep="\n     ")
    empty = unkept(read)
    print(f"{'FAIL' if empty else 'ok  '} metrics: all that READMEs tell of is exported, with those labels", *empty, sep="\n     ")
    if not planted:
        return bool(wrong or secret or empty)
    others = list(renamed(copy.deepcopy(read), asked))
    unseen = [name for name, other in others if missed(other, asked) == wrong]
    print(f"{'FAIL' if unseen else 'ok  '} metrics, planted errors: each of {len(others)} families, labels and values under another name is missed", *unseen, sep="\n     ")
    found = untold({"aurumai": {"db_queries": []}})
    print(f"{'ok  ' if found else 'FAIL'} metrics: READMEs, planted error: {found[0] if found else 'not found'}")
    others = list(altered(read))
    kept = [name for name, other in others if unkept(other) == empty]
    print(f"{'FAIL' if kept else 'ok  '} metrics: READMEs, planted errors: each of {len(others)} families that is gone or has another label is missed", *kept, sep="\n     ")
    return bool(wrong or secret or empty or unseen or kept or not found)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), "--planted" in sys.argv))

#!/usr/bin/env python3
"""One request found again by its id: traces.py ASSAY.

A receiver of OTLP over gRPC, made of the official protocol files and of nothing of ours, takes Jaeger's
place. A backend and its scorer, as processes, send it their spans. A request that succeeds must be one trace
through both; one that fails must have its attempts in its trace, and its log line must lead to that trace by
the expression that Grafana uses. The failed one must be found by its id in log, trace and metrics, and all three
must name the same trace. Exit code 1 if not.
"""
import concurrent.futures
import copy
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import grpc
import yaml
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from prometheus_client.openmetrics import parser

DOCKER = pathlib.Path(__file__).parent.parent
ERROR, SERVER = 2, 2
GOOD, BAD = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps every span as (service, span)."""

    def __init__(self):
        self.spans = []

    def Export(self, request, context):
        for resource in request.resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.spans += [(names.get("service.name"), span) for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def trace(self, trace_id):
        return [(service, span) for service, span in self.spans if span.trace_id.hex() == trace_id]


def started(folder, assay, name, *arguments, **env):
    """A process of ours on a free port, its log, and the address that its first line tells."""
    log = folder / f"{name}.log"
    with log.open("w") as out:
        process = subprocess.Popen([assay, *arguments], stdout=out, env={**os.environ, **env})
    for _ in range(100):
        first = log.read_text().split("\n", 1)
        if len(first) == 2:
            return process, log, json.loads(first[0])["address"]
        time.sleep(0.1)
    raise RuntimeError(f"{name} did not start")


def predict(address, trace_id, request_id, machine="TRUCK-21"):
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01", "X-Request-ID": request_id}
    request = urllib.request.Request(f"http://{address}/predict?machine_id={machine}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def scraped(address):
    """The metrics as a scraper of OpenMetrics gets them."""
    request = urllib.request.Request(f"http://{address}/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def good(receiver, *_):
    """One trace through both services, each span with its parent in it."""
    trace = receiver.trace(GOOD)
    ids = {span.span_id for _, span in trace}
    kinds = sorted((service, span.name) for service, span in trace)
    wrong = [] if [service for service, _ in kinds] == ["backend", "backend", "scorer"] else [f"the spans are {kinds}"]
    inner = [span for service, span in trace if service == "scorer" or span.name == "scorer.predict"]
    wrong += [f"{span.name} has no parent in its trace" for span in inner if span.parent_span_id not in ids]
    return wrong + [f"{span.name} is an error" for _, span in trace if span.status.code == ERROR]


def bad(receiver, *_):
    """The request and each of its three attempts, all errors."""
    trace = receiver.trace(BAD)
    attempts = [span for _, span in trace if span.name == "scorer.predict"]
    whole = [span for _, span in trace if span.name != "scorer.predict"]
    wrong = [] if (len(whole), len(attempts)) == (1, 3) else [f"{len(whole)} requests and {len(attempts)} attempts"]
    return wrong + [f"{span.name} is no error" for _, span in trace if span.status.code != ERROR]


def worded(receiver, *_):
    """Spans speak OpenTelemetry's words: consumers draw services, routes, databases and errors by these."""
    wrong, has = [], lambda span: {one.key: one.value for one in span.attributes}
    for service, span in receiver.trace(GOOD) + receiver.trace(BAD):
        told = has(span)
        needed = {SERVER: {"http.request.method", "http.route", "url.path", "url.scheme", "http.response.status_code"}}.get(
            span.kind, {"http.request.method", "url.full", "server.address", "server.port"}) | ({"error.type"} if span.status.code == ERROR else set())
        wrong += [f"{service} {span.name} has no {key}" for key in sorted(needed - told.keys())]
        words = [told[key].string_value for key in ("http.request.method", "http.route") if key in told]
        if span.kind == SERVER and span.name != " ".join(words):
            wrong.append(f"{service} {span.name} is not called by method and route")
    ids = [has(span)["request_id"].string_value for service, span in receiver.trace(GOOD) if service == "scorer"]
    return wrong + ([] if ids == ["proof-good-s1"] else [f"the scorer was asked as {ids}"])


def logged(_, lines, __):
    """The failed request's line leads to its trace as Grafana's derived field does, and has what Alloy reads."""
    # Its attempts have lines, too; the request's own has the error's code.
    of = [line for line in lines if '"request_id":"proof-bad"' in line and '"error_code"' in line]
    if len(of) != 1:
        return [f"{len(of)} lines have the request's id"]
    sources = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/sources.yaml").read_text())["datasources"]
    field = next(one for one in sources if one["type"] == "loki")["jsonData"]["derivedFields"][0]
    found = re.search(field["matcherRegex"], of[0])
    wrong = [] if found and found[1] == BAD else [f"{field['matcherRegex']} does not find the trace in {of[0]}"]
    read = re.findall(r"(\w+)\s+= \"\"", (DOCKER / "alloy/config.alloy").read_text())
    line = json.loads(of[0])
    return wrong + [f"Alloy reads {name}, which the line does not have" for name in read if name not in line]


def searched(_, lines, __):
    """What the dashboard of logs looks for is in the lines: words and severities; and times that Alloy reads (RFC 3339)."""
    asked = " ".join(target["expr"] for panel in json.loads((DOCKER / "grafana/dashboards/logs.json").read_text())["panels"] for target in panel["targets"])
    said = [json.loads(line) for line in lines]
    severities = {one["severity"] for one in said}
    wrong = [f"no line has the words {words}" for words in re.findall(r'\|= "([^"]+)"', asked) if not any(words in line for line in lines)]
    wrong += [f"no line is of severity {one}" for all_ in re.findall(r'severity=~"([^"]+)"', asked) for one in all_.split("|") if one not in severities]
    return wrong + [f"{one['timestamp']} has no zone" for one in said if datetime.datetime.fromisoformat(one["timestamp"]).tzinfo is None]


def joined(receiver, lines, page):
    """The failed request's id is in one log line, one span and its series' exemplar, and all name one trace."""
    found = {"log": {json.loads(line).get("trace_id") for line in lines if json.loads(line).get("request_id") == "proof-bad"}}
    found["trace"] = {span.trace_id.hex() for service, span in receiver.spans if service == "backend" and any(
        one.key == "request_id" and one.value.string_value == "proof-bad" for one in span.attributes)}
    sources = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/sources.yaml").read_text())["datasources"]
    label = next(one for one in sources if one["type"] == "prometheus")["jsonData"]["exemplarTraceIdDestinations"][0]["name"]
    samples = [sample for family in parser.text_string_to_metric_families(page) for sample in family.samples]
    for name, labels in {"http_requests_total": {"endpoint": "/predict/", "status_code": "503"}, "errors_total": {"error_code": "external_service_error"}}.items():
        found[name] = {sample.exemplar.labels.get(label) for sample in samples if sample.name == name and labels.items() <= sample.labels.items()
                       and sample.exemplar and sample.exemplar.labels.get("request_id") == "proof-bad"}
    return [f"{where} names {traces or 'nothing'}" for where, traces in found.items() if traces != {BAD}]


def lined(_, lines, page):
    """Under a flood of errors few have a line; those that are exemplars of errors are among them."""
    said = {json.loads(line).get("request_id") for line in lines}
    shown = {sample.exemplar.labels.get("request_id") for family in parser.text_string_to_metric_families(page) for sample in family.samples
             if sample.name in ("http_requests_total", "errors_total") and sample.exemplar}
    return [f"the exemplar {one} has no line" for one in sorted(shown - said)] + ([] if any(one.startswith("proof-flood") for one in shown) else ["no exemplar of the flood"])


def main(assay, planted):
    receiver = Receiver()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)
    endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    env = {"TRACING_ENABLED": "true", "TRACING_OTLP_ENDPOINT": endpoint, "TRACING_EXPORT_INTERVAL": "200ms", "RETRY_BASE_DELAY": "50ms",
           "API_PORT": "0", "TRACING_SERVICE_NAME": "backend", "CIRCUIT_BREAKER_FAIL_MAX": "3"}      # the failed request's attempts open it
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        scorer, _, at = started(folder, assay, "scorer", "scorer", "--listen", "127.0.0.1:0", **{**env, "TRACING_SERVICE_NAME": "scorer"})
        backend, log, address = started(folder, assay, "backend", "backend", "--listen", "127.0.0.1:0", **env, SCORER_URL=f"http://{at}")
        try:
            answers = [predict(address, GOOD, "proof-good")]
            scorer.terminate()
            scorer.wait()
            answers.append(predict(address, BAD, "proof-bad"))
            page = scraped(address)
            # More a second than have a line.
            with concurrent.futures.ThreadPoolExecutor(8) as crowd:
                list(crowd.map(lambda number: predict(address, f"{number + 1:032x}", f"proof-flood-{number}", machine="NOBODY"), range(80)))
            flooded = scraped(address)
        finally:
            for process in (scorer, backend):      # both send what they have before they end
                process.terminate()
                process.wait()
        lines = log.read_text().splitlines()
    server.stop(0)
    failed = answers != [200, 503]
    print(f"{'FAIL' if failed else 'ok  '} traces: the requests were answered {answers}")
    other = Receiver()
    other.spans = [one for one in receiver.spans if one[1].name != "scorer.predict"]
    renamed = Receiver()
    renamed.spans = copy.deepcopy(receiver.spans)
    renamed.spans[0][1].name = "/predict/"
    for one in renamed.spans[0][1].attributes:
        one.key = one.key.replace("http.", "http_")
    given = (receiver, lines, page)
    # What is checked, and the same with one error.
    checks = [
        ("one trace through both services", good, (other, lines, page)),
        ("a failed request with its attempts", bad, (other, lines, page)),
        ("spans in OpenTelemetry's words", worded, (renamed, lines, page)),
        ("from a log line to its trace", logged, (receiver, [line.replace('"trace_id"', '"trace"') for line in lines], page)),
        ("what the dashboard of logs looks for is logged", searched, (receiver, [line.replace("circuit breaker changed", "breaker changed") for line in lines], page)),
        ("a failed request found by its id in log, trace and exemplar", joined, (receiver, lines, page.replace('trace_id="', 'trace="'))),
        ("exemplars of errors have lines, also under a flood", lambda receiver, lines, _: lined(receiver, lines, flooded),
         (receiver, [line for line in lines if "proof-flood" not in line], page)),
    ]
    for name, check, error in checks:
        wrong = check(*given)
        failed |= bool(wrong)
        print(f"{'FAIL' if wrong else 'ok  '} traces: {name}", *wrong, sep="\n     ")
        if planted:
            found = check(*error)
            failed |= not found
            print(f"{'ok  ' if found else 'FAIL'} traces: {name}, planted error: {found[0][:120] if found else 'not found'}")
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(pathlib.Path(sys.argv[1]).resolve(), "--planted" in sys.argv)))

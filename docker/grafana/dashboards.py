#!/usr/bin/env python3
"""The dashboards, described shortly: docker/grafana/dashboards.py writes dashboards/*.json beside it.

A panel is a title, a unit, and its queries with their legends; what else Grafana wants is added here.
To add one, add a line and run this; docker/prove.sh says when a query has no data.
"""
import json
import pathlib

OUT = pathlib.Path(__file__).parent / "dashboards"
RATE = "[$__rate_interval]"
GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
# What the SLO file promises (slo/objectives/backend.yaml), drawn as lines.
P95 = [(None, GREEN), (0.5, RED)]
ERRORS = [(None, GREEN), (0.001, RED)]
BREAKER = {"0": ("closed", GREEN), "1": ("open", RED), "2": ("half-open", YELLOW)}


def source(uid="prometheus"):
    return {"type": uid, "uid": uid}


def panel(title, unit, *queries, about="", kind="timeseries", width=12, height=8, limits=None, least=None, words=None, stack=False, traced=False):
    """`queries` are (PromQL, legend). `limits` are (from, colour), the first from None; `words` are
    names of values; `least` is the lowest value of the axis; `traced` shows exemplars, which lead to traces."""
    field = {"unit": unit, "color": {"mode": "thresholds" if kind in ("stat", "state-timeline") else "palette-classic"}}
    field["thresholds"] = {"mode": "absolute", "steps": [{"value": at, "color": colour} for at, colour in limits or [(None, GREEN)]]}
    if least is not None:
        field["min"] = least
    if words:
        options = {value: {"text": text, "color": colour} for value, (text, colour) in words.items()}
        field["mappings"] = [{"type": "value", "options": options}]
    options = {}
    if kind == "timeseries":
        lines = {"mode": "dashed" if limits else "off"}
        field["custom"] = {"fillOpacity": 15 if stack else 0, "showPoints": "never", "thresholdsStyle": lines}
        if stack:
            field["custom"]["stacking"] = {"mode": "normal"}
        options = {"legend": {"displayMode": "table", "placement": "right", "showLegend": True, "calcs": ["lastNotNull", "max"]},
                   "tooltip": {"mode": "multi", "sort": "desc"}}
    elif kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "area", "colorMode": "value"}
    elif kind == "heatmap":
        options = {"calculate": False, "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64}, "yAxis": {"unit": unit}}
    targets = []
    for ref, (query, legend) in zip("ABCDEFGHI", queries):
        target = {"refId": ref, "datasource": source(), "expr": query, "legendFormat": legend}
        if kind == "heatmap":
            target["format"] = "heatmap"
        if traced and not targets:
            target["exemplar"] = True       # the same for each quantile: once is enough
        targets.append(target)
    return {"type": kind, "title": title, "description": about, "datasource": source(), "targets": targets,
            "fieldConfig": {"defaults": field, "overrides": []}, "options": options, "gridPos": {"w": width, "h": height}}


def stat(title, unit, query, **more):
    return panel(title, unit, (query, more.pop("legend", "")), kind="stat", **{"width": 6, "height": 5, **more})


def logs(title, query, about="", kind="logs", legend="", **more):
    """Lines that LogQL finds, or with another kind their number."""
    one = panel(title, "short", (query, legend), about=about, kind=kind, **{"width": 24, "height": 9, **more})
    one["datasource"] = one["targets"][0]["datasource"] = source("loki")
    one["targets"][0]["queryType"] = "range"
    if kind == "logs":
        one["options"] = {"showTime": True, "wrapLogMessage": True, "enableLogDetails": True, "sortOrder": "Descending"}
    return one


def text(name, label):
    return {"type": "textbox", "name": name, "label": label, "query": "", "current": {"text": "", "value": ""}}


def variable(name, label, query):
    return {"type": "query", "name": name, "label": label, "datasource": source(), "query": {"query": query, "refId": name},
            "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "current": {"text": ["All"], "value": ["$__all"]}}


def dashboard(name, title, about, variables, panels):
    x = y = row = 0
    for number, one in enumerate(panels, 1):
        place = one["gridPos"]
        if x + place["w"] > 24:
            x, y, row = 0, y + row, 0
        one["id"] = number
        place.update(x=x, y=y)
        x, row = x + place["w"], max(row, place["h"])
    alerts = {"name": "Alerts", "enable": True, "iconColor": RED, "datasource": source(),
              "expr": 'ALERTS{alertstate="firing"}', "step": "15s",
              "titleFormat": "{{alertname}} {{slo}}", "textFormat": "{{endpoint}} {{instance}}", "tagKeys": "severity"}
    # While a scrape sees it; and one that began and ended between two scrapes, when it has become known.
    faults = {"name": "Faults of Assay", "enable": True, "iconColor": ORANGE, "datasource": source(), "step": "15s",
              "expr": "assay_fault_active == 1 or (increase(assay_fault_applied_total[45s]) > 0 unless max_over_time(assay_fault_active[1m]) == 1)",
              "titleFormat": "{{fault}} ({{kind}} on {{target}})", "textFormat": "", "tagKeys": "kind"}
    links = [{"type": "dashboards", "title": "AurumAI", "tags": ["aurumai"], "asDropdown": True, "includeVars": True, "keepTime": True}]
    made = {"uid": f"aurumai-{name}", "title": title, "description": about, "tags": ["aurumai"], "editable": True,
            "schemaVersion": 39, "timezone": "browser", "refresh": "15s", "time": {"from": "now-30m", "to": "now"}, "graphTooltip": 1,
            "templating": {"list": variables}, "annotations": {"list": [alerts, faults]}, "links": links, "panels": panels}
    (OUT / f"{name}.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")


BACKEND = 'job="aurumai",instance=~"$instance"'
ASKED = f'{BACKEND},endpoint=~"$endpoint"'
INSTANCE = variable("instance", "Instance", 'label_values(up{job="aurumai"}, instance)')
ENDPOINT = variable("endpoint", "Endpoint", 'label_values(http_requests_total{job="aurumai",endpoint!~"/metrics|/health"}, endpoint)')
TYPE = variable("machine_type", "Machine type", "label_values(ml_predictions_total, machine_type)")
DATA = variable("data_type", "Data", "label_values(data_ingestion_total, data_type)")
SLO = variable("slo", "SLO", "label_values(slo:budget:ratio, slo)")


def rate(metric, labels, by=""):
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{labels}}}{RATE}))"


def quantile(q, metric, labels, by=""):
    by = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {rate(metric + '_bucket', labels, by)})"


def share(metric, labels, more, by=""):
    """5xx are errors; where there is none, the share is 0 as long as there are requests."""
    whole = rate(metric, labels, by)
    return f"({rate(metric, f'{labels},{more}', by)} or 0 * {whole}) / {whole}"


LATENCY = "http_request_duration_seconds"
FAILED = share("http_requests_total", ASKED, 'status_code=~"5.."')

dashboard("overview", "AurumAI: Overview", "Is the platform well, and how much is asked of it?", [INSTANCE, ENDPOINT], [
    stat("Backends that answer", "none", f"sum(up{{{BACKEND}}}) or vector(0)", limits=[(None, RED), (1, GREEN)]),
    stat("Requests", "reqps", rate("http_requests_total", ASKED)),
    stat("P95", "s", quantile(0.95, LATENCY, ASKED), limits=P95, about="Promised: below 500 ms."),
    stat("Errors", "percentunit", FAILED, limits=ERRORS, about="Answered 5xx. Promised: fewer than one in a thousand."),
    panel("Requests by endpoint", "reqps", (rate("http_requests_total", ASKED, "endpoint"), "{{endpoint}}"), least=0, stack=True),
    panel("Latency", "s", *[(quantile(q, LATENCY, ASKED), f"P{int(q * 100)}") for q in (0.5, 0.95, 0.99)], limits=P95, least=0, traced=True,
          about="As the backend times it. Dashed: what is promised of P95."),
    panel("Errors by endpoint", "percentunit", (share("http_requests_total", ASKED, 'status_code=~"5.."', "endpoint"), "{{endpoint}}"),
          limits=ERRORS, least=0, traced=True, about="Share answered 5xx. Dashed: one in a thousand."),
    panel("P95 by endpoint", "s", (quantile(0.95, LATENCY, ASKED, "endpoint"), "{{endpoint}}"), limits=P95, least=0, traced=True),
    panel("Answers by status", "reqps", (rate("http_requests_total", ASKED, "status_code"), "{{status_code}}"), least=0, traced=True, stack=True),
    panel("Requests being served", "none", (f"sum by (endpoint) (http_requests_in_progress{{{ASKED}}})", "{{endpoint}}"), least=0),
    panel("CPU", "percentunit", (f"rate(process_cpu_seconds_total{{{BACKEND}}}{RATE})", "{{instance}}"), least=0, about="1 is one core."),
    panel("Memory", "bytes", (f"process_resident_memory_bytes{{{BACKEND}}}", "{{instance}}"), least=0),
    panel("Alerts on", "none", ('count by (alertname, severity) (ALERTS{alertstate="firing"})', "{{alertname}} ({{severity}})"), width=24, least=0, about="Pages and tickets, of the platform and of the SLO file. Empty as long as none has fired."),
])

ML = 'job="aurumai",machine_type=~"$machine_type"'
LOW = f'{ML},le="0.7"'
RISK = "ml_prediction_risk_score"
dashboard("ml", "AurumAI: Predictions", "What the model is asked, how long it takes, and what it sees.", [TYPE], [
    stat("Predictions", "ops", rate("ml_predictions_total", ML)),
    stat("P95 of a prediction", "s", quantile(0.95, "ml_prediction_duration_seconds", ML), limits=P95),
    stat("Mean risk", "percentunit", f"{rate(RISK + '_sum', ML)} / {rate(RISK + '_count', ML)}",
         limits=[(None, GREEN), (0.5, YELLOW), (0.7, RED)]),
    stat("Left out of the history", "ops", rate("ml_predictions_unkept_total", 'job="aurumai"'),
         limits=[(None, GREEN), (0.001, YELLOW)], about="Answered, but not kept: the write queue was half full, or the write failed."),
    panel("Predictions by machine type", "ops", (rate("ml_predictions_total", ML, "machine_type"), "{{machine_type}}"), least=0, stack=True),
    panel("Predictions by model", "ops", (rate("ml_predictions_total", ML, "model_version"), "{{model_version}}"), least=0, stack=True),
    panel("Time of a prediction, P95", "s", (quantile(0.95, "ml_prediction_duration_seconds", ML, "machine_type"), "{{machine_type}}"), least=0, traced=True),
    panel("Mean risk by machine type", "percentunit",
          (f"{rate(RISK + '_sum', ML, 'machine_type')} / {rate(RISK + '_count', ML, 'machine_type')}", "{{machine_type}}"),
          limits=[(None, GREEN), (0.7, RED)], least=0, about="Dashed: above it, maintenance is due within 50 hours."),
    panel("Risk", "percentunit", (f"sum by (le) (increase({RISK}_bucket{{{ML}}}{RATE}))", "{{le}}"), kind="heatmap"),
    panel("Share at high risk", "percentunit",
          (f"1 - {rate(RISK + '_bucket', LOW, 'machine_type')} / {rate(RISK + '_count', ML, 'machine_type')}", "{{machine_type}}"),
          least=0, about="Of the predictions, those with a risk above 0.7."),
])

KEPT = f'{BACKEND},data_type=~"$data_type"'
dashboard("ingestion", "AurumAI: Ingestion", "Do the machines' samples arrive, and are they kept?", [INSTANCE, DATA], [
    stat("Samples", "cps", rate("data_ingestion_total", KEPT)),
    stat("Machines heard", "none", f"count(count by (machine_id) (rate(data_ingestion_total{{{KEPT}}}{RATE}) > 0)) or vector(0)"),
    stat("P95 to the commit", "s", quantile(0.95, "data_ingestion_duration_seconds", KEPT), limits=P95),
    stat("Breakers that are not closed", "none", f"count(circuit_breaker_state{{{BACKEND}}} > 0) or 0 * count(circuit_breaker_state{{{BACKEND}}})",
         limits=[(None, GREEN), (1, RED)]),
    panel("Samples by kind", "cps", (rate("data_ingestion_total", KEPT, "data_type"), "{{data_type}}"), least=0, stack=True),
    panel("Samples of the ten busiest machines", "cps", (f"topk(10, {rate('data_ingestion_total', KEPT, 'machine_id')})", "{{machine_id}}"), least=0),
    panel("Not acknowledged", "cps", (rate("data_ingestion_errors_total", BACKEND, "error_type"), "{{error_type}}"), least=0, stack=True,
          about="0 as long as every sample is acknowledged."),
    panel("Sent again", "cps", (f"topk(10, {rate('data_ingestion_duplicates_total', BACKEND, 'machine_id')})", "{{machine_id}}"), least=0,
          about="Samples that were stored already: an answer was lost, or a machine began anew."),
    panel("Time to the commit", "s", *[(quantile(q, "data_ingestion_duration_seconds", KEPT), f"P{int(q * 100)}") for q in (0.5, 0.95, 0.99)],
          limits=P95, least=0, traced=True),
    panel("Breakers", "none", (f"max by (name, instance) (circuit_breaker_state{{{BACKEND}}})", "{{name}} {{instance}}"), kind="state-timeline", words=BREAKER),
    panel("Changes of breakers", "none", (f"sum by (name, from, to) (increase(circuit_breaker_transitions_total{{{BACKEND}}}{RATE}))",
          "{{name}}: {{from}} → {{to}}"), least=0, about="0 as long as no breaker moves."),
    panel("Calls through breakers that failed", "ops", (rate("circuit_breaker_failures_total", BACKEND, "name"), "{{name}}"), least=0),
    panel("Edge: what waits in the outbox", "none", ('edge_outbox_items{job="edge"}', "{{instance}}"), least=0, about="It grows while the backend is away."),
    panel("Edge: age of the oldest", "s", ('edge_outbox_oldest_seconds{job="edge"}', "{{instance}}"), least=0),
    panel("Edge: delivered", "cps", (rate("edge_delivered_total", 'job="edge"', "data_type"), "{{data_type}}"), least=0, stack=True),
    panel("Edge: from promise to delivery, P95", "s", (quantile(0.95, "edge_delivery_age_seconds", 'job="edge"'), "P95"), least=0, traced=True),
    panel("Edge: lost for good", "none", (f'sum by (reason) (increase(edge_discarded_total{{job="edge"}}{RATE}))', "{{reason}}"), least=0,
          limits=[(None, GREEN), (1, RED)], about="What the backend refuses for its content: dropped, and in the edge's log with machine and number. 0 as long as all is well."),
    panel("Edge: answers by status", "reqps", (rate("http_requests_total", 'job="edge",endpoint=~"/ingest/.+"', "status_code"), "{{status_code}}"), least=0, stack=True,
          about="503: its outbox is full, or cannot be written."),
    panel("Edge: retries", "ops", (rate("retry_attempts_total", 'job="edge"', "function, attempt_number"), "{{function}}, attempt {{attempt_number}}"), least=0, stack=True),
    panel("Devices: samples by outcome", "cps", (rate("device_samples_total", 'job="devices"', "outcome"), "{{outcome}}"), least=0,
          about="`failed`: a delivery that was given up for now; a gateway that keeps its samples tries again."),
    panel("Devices: attempts by outcome", "ops", (rate("device_attempts_total", 'job="devices"', "outcome"), "{{outcome}}"), least=0, stack=True),
    panel("Breakers of edge and devices", "none", ('max by (job, instance) (circuit_breaker_state{job=~"edge|devices"})', "{{job}} {{instance}}"),
          kind="state-timeline", words=BREAKER),
])

QUERY = "db_query_duration_seconds"
dashboard("infrastructure", "AurumAI: Infrastructure", "Database, scorer, retries, errors: what to look at when the overview is red.", [INSTANCE], [
    panel("Statements", "ops", (rate("db_queries_total", BACKEND, "operation, table"), "{{operation}} {{table}}"), least=0, stack=True),
    panel("Time of a statement, P95", "s", (quantile(0.95, QUERY, BACKEND, "operation, table"), "{{operation}} {{table}}"), least=0),
    panel("Connections to the database in use", "none", (f"db_connections_active{{{BACKEND}}}", "{{instance}}"), least=0),
    panel("Retries", "ops", (rate("retry_attempts_total", BACKEND, "function, attempt_number"), "{{function}}, attempt {{attempt_number}}"),
          least=0, stack=True, about="Attempts from the second on: 0 as long as every first one succeeds."),
    panel("Calls that failed for good", "ops", (rate("retry_failures_total", BACKEND, "function"), "{{function}}"), least=0),
    panel("Errors answered, by code", "ops", (rate("errors_total", BACKEND, "error_code"), "{{error_code}}"), least=0, traced=True, stack=True),
    panel("Invalid requests, by field", "ops", (rate("validation_errors_total", BACKEND, "field, constraint"), "{{field}}: {{constraint}}"), least=0, stack=True),
    panel("Scorer: requests", "reqps", (rate("http_requests_total", 'job="scorer",endpoint="/score"', "status_code"), "{{status_code}}"), least=0, stack=True),
    panel("Scorer: P95", "s", (quantile(0.95, LATENCY, 'job="scorer",endpoint="/score"'), "P95"), least=0, traced=True),
    panel("Spans", "ops", (rate("trace_spans_total", BACKEND, "outcome"), "{{outcome}}"), least=0, stack=True,
          about="`failed`: the collector could not be reached; `dropped`: there was no room."),
    panel("Descriptors in use", "percentunit", (f"process_open_fds{{{BACKEND}}} / process_max_fds{{{BACKEND}}}", "{{instance}}"),
          limits=[(None, GREEN), (0.8, RED)], least=0),
    panel("Threads", "none", (f"process_threads{{{BACKEND}}}", "{{instance}}"), least=0),
    panel("Time since the start", "s", (f"time() - process_start_time_seconds{{{BACKEND}}}", "{{instance}}"), least=0, about="A fall to zero is a restart."),
    panel("Time of a scrape", "s", ("scrape_duration_seconds", "{{job}} {{instance}}"), least=0),
])


def burn(window):
    return f'slo:sli_error:ratio_rate{window}{{slo=~"$slo"}} / on (slo) slo:budget:ratio'


# The thresholds of the alert policies in the SLO file.
BURN = [(None, GREEN), (1, YELLOW), (6, ORANGE), (14.4, RED)]
dashboard("slo", "AurumAI: SLO", "How much of the error budget of 30 days is left, and how fast it burns.", [SLO], [
    panel("Budget left", "percentunit", (f"1 - {burn('30d')}", "{{slo}}"), kind="stat", width=24, height=6,
          limits=[(None, RED), (0, ORANGE), (0.25, YELLOW), (0.5, GREEN)], about="Of 30 days; below zero the promise is broken. A minute in which no backend answers costs availability; latency and errors are of requests, which nobody counts then."),
    panel("Burn rate over 1 h", "none", (burn("1h"), "{{slo}}"), limits=BURN, least=0,
          about="1 spends the budget in exactly 30 days. Above 14.4 (and over 5 m) someone is paged."),
    panel("Burn rate over 6 h", "none", (burn("6h"), "{{slo}}"), limits=BURN, least=0, about="Above 6 (and over 30 m) someone is paged."),
    panel("Burn rate over 3 d", "none", (burn("3d"), "{{slo}}"), limits=BURN, least=0, about="Above 1 (and over 6 h) there is a ticket."),
    panel("Burn rate over 5 m", "none", (burn("5m"), "{{slo}}"), limits=BURN, least=0),
    panel("Kept, over 5 m", "percentunit", ('1 - slo:sli_error:ratio_rate5m{slo=~"$slo"}', "{{slo}}"), about="The share that was good."),
    panel("Requests that count", "reqps", ('slo:total:rate5m{slo=~"$slo"}', "{{slo}}"), least=0),
    panel("Alerts on", "none", ('count by (alertname, slo, policy) (ALERTS{alertstate="firing",slo=~"$slo"})', "{{alertname}} {{slo}} {{policy}}"),
          width=24, least=0, about="Empty as long as none has fired."),
])

OURS = '{service=~"backend|scorer|edge|trucks|mills|boilers"}'
dashboard("logs", "AurumAI: Logs", "The common searches. Answers with profile `logs`.", [text("request_id", "Request"), text("machine_id", "Machine")], [
    logs("Lines of errors, by code", f'sum by (error_code) (count_over_time({OURS} | error_code != "" [$__auto]))', kind="timeseries", legend="{{error_code}}", stack=True, least=0,
         about="Lines, not errors: of each code at most five a second have one, whose `suppressed` says how many were left out before it. How many there were is in Infrastructure."),
    logs("One request", f'{OURS} | request_id != "" | request_id =~ "$request_id(-[efs][0-9]+)?"',
         about="By its X-Request-ID, above, with what the edge (-e, -f) and the backend (to the scorer, -s) made of it. The line's trace_id leads to its trace."),
    logs("One machine", f'{OURS} | machine_id != "" | machine_id = "$machine_id"', about="By its name, above."),
    logs("Changes of breakers", f'{OURS} |= "circuit breaker changed" | json', width=12),
    logs("Warnings and errors", '{service=~"backend|scorer|edge|trucks|mills|boilers",severity=~"WARNING|ERROR"}', width=12),
])

"""What titles, legends and descriptions say is what is asked: the checks of our dashboards' words that static.py makes.

A picture that says P95 and asks for the median is drawn without complaint, and believed. So each number and each
thing that words tell of is looked for in the query, and each limit that is drawn in what was promised.
"""
import copy
import json
import re

import yaml

from pictures import all_panels, ours, promql

# Words of titles, and what a query must ask for that is called so.
ABOUT = {
    r"^Alerts": "ALERTS{", r"^Errors": "http_requests_total|errors_total", r"^Requests|: requests|status": "http_requests_|slo:total", r"Latency": "http_request_duration_seconds",
    r"[Pp]rediction": "ml_prediction", r"\brisk": "risk_score", r"Samples|Machines heard": "data_ingestion_total|device_samples_total", r"commit": "data_ingestion_duration_seconds",
    r"[Bb]reakers": "circuit_breaker", r"[Rr]etries": "retry_attempts", r"[Ss]tatement": "db_quer", r"outbox": "outbox_items", r"oldest": "oldest_seconds", r"delivery": "delivery_age", r"lost": "discarded",
    r"^Edge": 'job="edge"', r"^Devices": 'job="devices"', r"^Scorer": 'job="scorer"', r"Budget|Burn|Kept": "slo:sli_error:ratio_rate", r"Spans": "trace_spans", r"scrape": "scrape_duration",
    r"CPU": "cpu_seconds", r"Memory": "resident_memory", r"Descriptors": "open_fds", r"Threads": "threads", r"since the start": "start_time",
}
WORDS = {"ten": "10", "five": "5", "three": "3"}
STATES = {"closed": "green", "half-open": "yellow", "open": "red"}
# Panels of several quantiles draw these.
QUANTILES = {"0.5", "0.95", "0.99"}
# The whole of a share, which is never on the left of its line.
WHOLE = re.compile(r"_count\b|_max_")
# The first that fits; None is pictures.py's to tell.
UNITS = [(r"^(histogram_quantile|1 - )|/ |ratio_rate|increase\(|^count|process_cpu", None), (r"rate\(http_requests_total|:total:rate", {"reqps"}), (r"rate\(", {"ops", "cps"}), (r"", None)]


def asking(boards):
    """Our panels of Prometheus, each query with where it is, title, legend and description."""
    for board in ours(boards):
        for panel in all_panels(board):
            for target in promql(panel):
                yield board, panel, f"{board['uid']}: {panel['title']}", target["expr"], target.get("legendFormat", "")


def meant(boards):
    """What words of titles are about is asked for, the right way round, and in units that are drawn as that."""
    wrong = []
    for _, panel, where, expr, _ in asking(boards):
        wrong += [f"{where} asks {expr}, and nothing of {what}" for word, what in ABOUT.items() if re.search(word, panel["title"]) and not re.search(what, expr)]
        if " / " in expr and WHOLE.search(expr.split(" / ")[0]) or re.search(r" / .*_sum\b", expr):
            wrong.append(f"{where} divides the wrong way round: {expr}")
        if "ALERTS{" in expr and 'alertstate="firing"' not in expr:
            wrong.append(f"{where} shows alerts that do not fire")
        wrong += [f"{where}: {window} may hold fewer than two scrapes" for window in re.findall(r"\[[^\]]*\]", expr) if window != "[$__rate_interval]"]
        unit = panel["fieldConfig"]["defaults"].get("unit")
        units = next(units for found, units in UNITS if re.search(found, expr))
        if units and unit not in units:
            wrong.append(f"{where}: {unit} for {expr}, which is in {' or '.join(sorted(units))}")
    return wrong


def counted(boards):
    """Numbers of titles, legends and descriptions are those of the query."""
    wrong, several = [], {}
    for _, panel, where, expr, legend in asking(boards):
        title, about = panel["title"], panel.get("description", "")
        quantiles = re.findall(r"histogram_quantile\(([\d.]+)", expr)
        several.setdefault(id(panel), (where, []))[1].extend(quantiles)
        # What is said, and what is asked for. The title's windows are the query's; a description may tell of others, too.
        both = {"quantiles": (re.findall(r"\bP(\d+)\b", legend) or re.findall(r"\bP(\d+)\b", title), [f"{float(one) * 100:g}" for one in quantiles])}
        said = next(filter(None, (re.findall(r"(?:over|[Oo]f) (\d+) ?([smhd])", text) for text in (title, about))), [])
        windows = re.findall(r"_rate(\d+[smhd])", expr)
        if said and windows:
            both["windows"] = ([number + unit for number, unit in said], windows)
        few = [number for word, number in WORDS.items() if re.search(rf"\b{word}\b", title)]
        if few:
            both["how many"] = (few, re.findall(r"topk\((\d+)", expr))
        statuses = set(re.findall(r"\b(\d)xx\b", title + about)) or ({"5"} if title.startswith("Errors") and "http_" in expr else set())
        if statuses:
            both["statuses"] = (statuses, set(re.findall(r'status_code=~"(\d)\.\."', expr)))
        above = re.findall(r"above (0\.\d+)", about)
        if above:
            both["buckets"] = (above, re.findall(r'le="([\d.]+)"', expr))
        wrong += [f"{where} says {what} {', '.join(told)}, and asks for {', '.join(has) or 'none'}" for what, (told, has) in both.items() if told != has]
    return wrong + [f"{where} draws {', '.join(found)}" for where, found in several.values() if len(found) > 1 and set(found) != QUANTILES]


def limited(boards, objectives, readme):
    """Limits of times are the SLO file's, of shares within 0 and 1, and of counts begin at one; states are called and coloured as they are told."""
    times = sorted({float(found) / 1000 for found in re.findall(r"assay-faster-than: (\d+)ms", objectives)})
    states = dict(re.findall(r"\b(\d) (closed|open|half-open)\b", re.search(r"`circuit_breaker_state`.*", readme)[0]))
    wrong = []
    for _, panel, where, expr, _ in asking(boards):
        defaults = panel["fieldConfig"]["defaults"]
        drawn = [step["value"] for step in defaults["thresholds"]["steps"]][1:]
        unit = defaults.get("unit")
        if drawn and unit == "s" and drawn != times:
            wrong.append(f"{where} draws {drawn}, the SLO file promises {times}")
        if drawn and unit == "percentunit" and not all(0 <= one < 1 for one in drawn):
            wrong.append(f"{where} draws {drawn}, a share is within 0 and 1")
        if drawn and unit == "none" and "slo:" not in expr and drawn[0] != 1:
            wrong.append(f"{where} draws {drawn}, and one is the first of them")
        if panel["type"] == "state-timeline":
            named = {value: (one["text"], one["color"]) for mapping in defaults.get("mappings", []) for value, one in mapping["options"].items()}
            told = {value: (state, STATES[state]) for value, state in states.items()}
            if named != told:
                wrong.append(f"{where} calls the states {named}, they are {told}")
    return wrong


def chosen(boards):
    """Variables take several values or all, are asked anew, and used, as a pattern; those that are used exist, of the same job."""
    wrong = []
    for board in ours(boards):
        queries = [target["expr"] for panel in all_panels(board) for target in panel.get("targets", [])]
        used = set(re.findall(r"\$(?!__)\{?(\w+)", " ".join(queries)))
        there = {one["name"]: one for one in board["templating"]["list"]}
        wrong += [f"{board['uid']}: there is no variable {name}" for name in sorted(used - there.keys())]
        wrong += [f"{board['uid']}: nobody asks for the variable {name}" for name in sorted(there.keys() - used)]
        for name, one in there.items():
            if one["type"] != "query":
                continue
            if not (one.get("multi") and one.get("includeAll") and one.get("refresh") == 2 and one["current"]["value"] == ["$__all"]):
                wrong.append(f"{board['uid']}: {name} must begin with all, and be asked anew with each time")
            of_it = [query for query in queries if f"${name}" in query]
            wrong += [f"{board['uid']}: {query} takes one {name} only" for query in of_it if re.search(rf'[^~]"\${name}"', query)]
            jobs = set(re.findall(r'job="(\w+)"', one["query"]["query"]))
            wrong += [f"{board['uid']}: {name} is of {job}, {query} is not" for job in jobs for query in of_it if "job=" in query and f'job="{job}"' not in query]
    return wrong


def framed(boards, platform, readme):
    """What Grafana reads of a dashboard as a whole: version, times, tags of links, and labels that annotations name."""
    wrong, tags = [], {tag for board in boards for tag in board.get("tags", [])}
    severities = {label for group in yaml.safe_load(platform)["groups"] for rule in group["rules"] if "alert" in rule for label in rule["labels"]}
    told = {family: set(re.findall(r"\w+", labels)) for names, labels in re.findall(r"^\| (`[\w`, ]+`) \| ([^|]*)\|", readme, re.M) for family in re.findall(r"\w+", names)}
    for board in boards:
        times, refresh = list(board.get("time", {}).values()), board.get("refresh") or ""
        if not all(re.fullmatch(r"now(-\d+[smhdwMy])?(/[smhdwMy])?|\d{4}-\d\d-\d\dT.*", one) for one in times) or not re.fullmatch(r"(\d+[smhd])?", refresh):
            wrong.append(f"{board['uid']}: {' to '.join(times)}, every {refresh}: Grafana knows no such time")
        if not 36 <= board.get("schemaVersion", 0) <= 41:
            wrong.append(f"{board['uid']}: schemaVersion {board.get('schemaVersion')}, Grafana 12.1 reads 36 to 41 as they are")
        wrong += [f"{board['uid']}: a link leads to {tag}, a tag of nobody" for link in board.get("links", []) for tag in link.get("tags", []) if tag not in tags]
        for one in board.get("annotations", {}).get("list", []):
            expr = one.get("expr", "")
            if "ALERTS" in expr and 'alertstate="firing"' not in expr:
                wrong.append(f"{board['uid']}: annotation {one['name']} shows alerts that do not fire")
            labels = severities if "ALERTS" in expr else set().union(*(told.get(family, set()) for family in re.findall(r"assay_\w+", expr)))
            wrong += [f"{board['uid']}: annotation {one['name']}: nothing has {label}" for label in re.findall(r"\w+", one.get("tagKeys", "")) if board in ours([board]) and label not in labels]
    return wrong


def checks(all_, boards, objectives):
    """As static.py has them: what is checked, how, what it is given, and the same with one error."""
    named = {board["uid"].removeprefix("aurumai-"): board for board in boards}
    platform, readme = all_["platform"], all_["backend"]
    own = all_["readme"]

    def board(change, uid="overview"):
        new = copy.deepcopy(named[uid])
        change(new)
        return [new]

    def panel(title, change, uid="overview"):
        return board(lambda b: change(next(one for one in b["panels"] if one["title"] == title)), uid)

    def text(was, now, uid="overview"):
        old = json.dumps(named[uid])
        return [json.loads(old.replace(was, now))]

    def steps(*values):
        return lambda p: p["fieldConfig"]["defaults"]["thresholds"].update(steps=[{"value": at, "color": "green"} for at in (None, *values)])

    def said(name, check, was, now, uid="overview"):
        return (f"titles: {name}", check, [boards], [text(was, now, uid)])

    return [
        said("what they are about", meant, "process_resident_memory_bytes", "process_virtual_memory_bytes"),
        said("numbers", counted, "histogram_quantile(0.95", "histogram_quantile(0.5"),
        said("numbers, quantiles that are drawn", counted, "0.99", "0.9"),
        said("numbers, windows", counted, "ratio_rate1h", "ratio_rate6h", "slo"),
        said("numbers, windows of descriptions", counted, "ratio_rate30d", "ratio_rate3d", "slo"),
        said("numbers, the first few", counted, "topk(10", "topk(1", "ingestion"),
        said("numbers, statuses", counted, '=~\\"5..', '=~\\"4..'),
        said("numbers, buckets", counted, 'le=\\"0.7\\"', 'le=\\"0.1\\"', "ml"),
        said("what they are about, parts of a whole", meant, "score_sum", "score_count", "ml"),
        said("what they are about, alerts that fire", meant, "(ALERTS{alertstate=\\\"firing\\\"", "(ALERTS{alertstate=\\\"pending\\\""),
        said("what they are about, windows of rates", meant, "$__rate_interval", "$__interval"),
        said("what they are about, units of rates", meant, '"reqps"', '"none"'),
        ("titles: limits", limited, [boards, objectives, readme], [panel("Time to the commit", steps(5), "ingestion"), objectives, readme]),
        ("titles: limits, of shares", limited, [boards, objectives, readme], [panel("Descriptors in use", steps(8), "infrastructure"), objectives, readme]),
        ("titles: limits, of counts", limited, [boards, objectives, readme], [panel("Backends that answer", steps(0.01)), objectives, readme]),
        ("titles: limits, and states", limited, [boards, objectives, readme], [text('"text": "closed"', '"text": "open"', "ingestion"), objectives, readme]),
        ("titles: variables", chosen, [boards], [text("~\\\"$instance", "\\\"$instance")]),
        ("titles: variables, that are used", chosen, [boards], [text("$request_id", "$request", "logs")]),
        ("titles: variables, all of one", chosen, [boards], [board(lambda b: b["templating"]["list"][0].update(includeAll=False))]),
        ("titles: dashboards as a whole", framed, [boards, platform, own], [board(lambda b: b["time"].update({"from": "now-30x"})), platform, own]),
        ("titles: dashboards as a whole, links", framed, [boards, platform, own], [board(lambda b: b["links"][0].update(tags=["aurum"])), platform, own]),
        ("titles: dashboards as a whole, labels of annotations", framed, [boards, platform, own], [text('"tagKeys": "severity"', '"tagKeys": "severty"'), platform, own]),
    ]

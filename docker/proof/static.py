#!/usr/bin/env python3
"""What can be told of the stack without starting it: static.py TOOLS ASSAY [--planted].

TOOLS is a folder with promtool and amtool. Each check returns what it found wrong, nothing if all is
well. With --planted each is also given one error, made in a copy, which it must find.
"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

import hardening
import panels
import pictures
import searches
import titles
import values
import wiring

DOCKER = pathlib.Path(__file__).parent.parent
OURS = os.environ.get("ASSAY_IMAGE", "assay:latest")


def ran(*command, **more):
    """What a command said if it failed, else nothing."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)
    return [f"{pathlib.Path(command[0]).name}: {(done.stdout + done.stderr).strip()}"] if done.returncode else []


def composed(*more):
    """compose.yaml with all of its profiles, as Compose understands it."""
    plugin = pathlib.Path(os.environ.get("DOCKER_CONFIG", "")) / "cli-plugins/docker-compose"
    compose = [plugin] if plugin.is_file() else ["docker", "compose"]      # the plugin needs no client of Docker
    command = [*compose, *more, "-f", DOCKER / "compose.yaml", "--profile", "logs", "--profile", "postgres", "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"docker compose config: {done.stderr}")
    return json.loads(done.stdout)


def rules(tools, folder, *only):
    """Valid, and every alert fires and is silent when its test says so."""
    promtool = tools / "promtool"
    return ran(promtool, "check", "rules", "rules.yaml", cwd=folder) + ran(promtool, "test", "rules", *only, "rules.test.yaml", "edges.test.yaml", cwd=folder)


def tested(text, tests):
    """Every alert of a rule file is expected at least once firing and once silent."""
    alerts = {rule["alert"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"] if "alert" in rule}
    expected = [one for test in yaml.safe_load(tests)["tests"] for one in test.get("alert_rule_test", [])]
    fires = {one["alertname"] for one in expected if one["exp_alerts"]}
    silent = {one["alertname"] for one in expected if not one["exp_alerts"]}
    return [f"{alert}: no test in which it fires" for alert in sorted(alerts - fires)] + \
        [f"{alert}: no test in which it is silent" for alert in sorted(alerts - silent)]


# Numbers and names of alerts, and of what is recorded for them, and what they must not become unnoticed.
NUMBERS = [("HighLatency", "p95_1m > 1 ", "p95_1m > 1.1 "), ("HighLatency", "p95_1m > 1 ", "p95_1m > 0.99 "), ("HighLatency", "p95_5m > 1 ", "p95_5m > 1.1 "),
           ("HighLatency", "offset 5m > 1 ", "offset 5m > 1.1 "), ("HighLatency", " offset 5m", ""), ("HighLatency", "< 10)", "< 9)"),
           ("HighLatency", "< 10)", "< 11)"), ("HighLatency", "for: 5m", "for: 6m"), ("HighLatency", "for: 5m", "for: 4m"),
           ("HighErrorRate", "rate1m > 0.01 ", "rate1m > 0.0105 "), ("HighErrorRate", "rate1m > 0.01 ", "rate1m > 0.0095 "),
           ("HighErrorRate", "rate5m > 0.01 ", "rate5m > 0.0105 "), ("HighErrorRate", "offset 5m > 0.01 ", "offset 5m > 0.0105 "),
           ("HighErrorRate", " offset 5m", ""), ("HighErrorRate", "< 10)", "< 9)"), ("HighErrorRate", "< 10)", "< 11)"),
           ("HighErrorRate", "for: 5m", "for: 6m"), ("HighErrorRate", "for: 5m", "for: 4m"),
           ("endpoint:http_errors:ratio_rate1m", "[1m]", "[5m]"), ("endpoint:http_errors:ratio_rate5m", "[5m]", "[1m]"),
           ("endpoint:http_request_duration_seconds:p95_1m", "[1m]", "[5m]"), ("endpoint:http_request_duration_seconds:p95_5m", "[5m]", "[1m]"),
           ("CircuitBreakerOpen", "|devices", ""), ("CircuitBreakerOpen", "for: 5m", "for: 6m"), ("BackendDown", "for: 1m", "for: 2m"),
           ("NoBackend", "for: 1m", "for: 2m"), ("NoBackend", " or vector(0)", ""), ("NoBackend", "sum(", "min("),
           ("NoBackend", "keep_firing_for: 3m", "keep_firing_for: 2m"), ("NoBackend", "keep_firing_for: 3m", "keep_firing_for: 4m"),
           ("ServiceDown", "edge|devices|scorer|assay", "devices|scorer|assay"), ("ServiceDown", "devices|scorer|assay", "devices|assay"),
           ("ServiceDown", "scorer|assay", "scorer"), ("ServiceDown", ' or absent(up{job="scorer"})', ""), ("ServiceDown", "for: 2m", "for: 1m"),
           ("ReplicaGone", "for: 5m", "for: 6m"), ("ReplicaGone", "for: 5m", "for: 4m"), ("ReplicaGone", "[5m]", "[10m]"), ("ReplicaGone", "[5m]", "[2m]"),
           ("ReplicaGone", "[30m:]", "[20m:]"), ("ReplicaGone", ">= 20", ">= 10"),
           ("SamplesLost", "[15m]", "[5m]"), ("DeliveriesFail", "[2m]", "[1m]"), ("DeliveriesFail", "[2m]", "[5m]"),
           ("DeliveriesFail", "for: 11m", "for: 10m"), ("DeliveriesFail", "for: 11m", "for: 12m")]


def altered(text, name, was, other):
    """A rule file with one alert or recording altered."""
    before, named, after = re.split(rf"((?:alert|record): {name}\n)", text, maxsplit=1)
    assert was in re.split(r"\n      - ", after)[0], was
    return before + named + after.replace(was, other, 1)


def budgets(platform, objectives):
    """slo:budget:ratio is what the SLO file leaves."""
    written = {rule["labels"]["slo"]: float(rule["expr"][len("vector("):-1])
               for group in yaml.safe_load(platform)["groups"] for rule in group["rules"] if rule.get("record") == "slo:budget:ratio"}
    promised = {one["metadata"]["name"]: round(1 - one["spec"]["objectives"][0]["target"], 9)
                for one in yaml.safe_load(objectives) if one["kind"] == "SLO"}
    return [] if written == promised else [f"slo:budget:ratio is {written}, the SLO file leaves {promised}"]


def routes(tools, file):
    """Pages go to on-call, tickets to tickets, and an alert of no known severity to on-call."""
    wrong = ran(tools / "amtool", "check-config", file)
    for labels, receiver in {"severity=page": "on-call", "severity=ticket": "tickets", "severity=other": "on-call"}.items():
        wrong += ran(tools / "amtool", "config", "routes", "test", f"--config.file={file}", f"--verify.receivers={receiver}", labels)
    return wrong


# What Grafana reads of annotations and its model leaves out.
ANNOTATION = {"titleFormat", "textFormat", "tagKeys", "step", "builtIn"}
# What Grafana 12.1 writes when it exports, and the newest model that there is, of 11.6, leaves out: of queries that
# were made by clicks, and of variables.
NEWER_TARGET = {"disableTextWrap", "fullMetaSearch", "includeNullMetadata", "useBackend"}
NEWER_VARIABLE = {"definition"}


def lost(told, kept, path=""):
    """What of a dashboard Grafana's own model does not give back: it does not know it."""
    if isinstance(told, dict):
        for key, value in told.items():
            if not isinstance(kept, dict) or key not in kept:
                yield f"{path}.{key}: Grafana does not know it"
            else:
                yield from lost(value, kept[key], f"{path}.{key}")
    elif isinstance(told, list):
        for at, value in enumerate(told):
            yield from lost(value, kept[at] if isinstance(kept, list) and at < len(kept) else None, f"{path}[{at}]")
    elif told != kept:
        yield f"{path}: {told!r} became {kept!r}"


def known(board):
    plugins.register_default_plugins()
    board = copy.deepcopy(board)
    if board.get("id", 0) is None:          # as Grafana exports it
        del board["id"]
    for one in board["annotations"]["list"]:
        for key in ANNOTATION & one.keys():
            del one[key]
    for target in (target for panel in asking(board) for target in panel["targets"]):
        for key in NEWER_TARGET & target.keys():
            del target[key]
    for one in board["templating"]["list"]:
        for key in NEWER_VARIABLE & one.keys():
            del one[key]
    return list(lost(board, json.loads(JSONEncoder().encode(Dashboard.from_json(board))), board["uid"]))


# What is no datasource of ours: the annotations that every exported dashboard has, and variables.
BUILT_IN = {"-- Grafana --", "-- Dashboard --", "-- Mixed --", "grafana"}


def asking(board):
    """The panels that ask: rows and texts do not; those of a folded row lie in it."""
    inner = [one for panel in board["panels"] for one in [panel, *panel.get("panels", [])]]
    return [panel for panel in inner if panel.get("targets")]


def sources(boards, provisioned, files, stack):
    """Datasources that panels and links name exist; dashboards lie where Grafana looks for them."""
    uids = {one["uid"] for one in provisioned["datasources"]}
    named = set(re.findall(r'"(?:uid|datasourceUid)": "([^"]+)"', json.dumps([provisioned, [board["panels"] for board in boards], [
        board["annotations"] for board in boards], [board["templating"] for board in boards]])))
    wrong = [f"no datasource has the uid {uid}" for uid in sorted(named - uids - BUILT_IN)]
    mounts = {mount["target"]: mount["source"] for mount in stack["services"]["grafana"]["volumes"]}
    for provider in files["providers"]:
        source = mounts.get(provider["options"]["path"], "")
        if not source.endswith("docker/grafana/dashboards"):
            wrong.append(f"nothing is mounted at {provider['options']['path']}")
    home = stack["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    if not (DOCKER / "grafana/dashboards" / pathlib.Path(home).name).exists():
        wrong.append(f"there is no {home}")
    for one in provisioned["datasources"]:
        host, port = re.fullmatch(r"http://(\w+):(\d+)", one["url"]).groups()
        if host not in stack["services"]:
            wrong.append(f"{one['name']}: there is no service {host} for {one['url']}")
        to_logs = one["jsonData"].get("tracesToLogsV2")
        # Without either, Grafana asks for tags of its own, which our spans do not have.
        if to_logs and not (to_logs.get("customQuery") and "__trace.traceId" in to_logs.get("query", "")):
            wrong.append(f"{one['name']}: a trace leads to no logs without a query of its own")
    return wrong


def annotated(boards):
    """Annotations say what they are about: Grafana shows only what they format."""
    return [f"{board['uid']}: annotation {one['name']} has no title" for board in boards for one in board["annotations"]["list"]
            if panels.answers(one) == "prometheus" and not one.get("titleFormat")]


def shown(board):
    """Every panel has a unit, a threshold where one is promised, and a name of its own."""
    titles = [panel["title"] for panel in asking(board)]
    wrong = [f"{board['uid']}: two panels are called {title}" for title in set(titles) if titles.count(title) > 1]
    for panel in asking(board):
        if not panel["fieldConfig"]["defaults"].get("unit"):
            wrong.append(f"{board['uid']}: panel {panel['title']} has no unit")
    return wrong


def promised(boards, objectives):
    """Panels of latency and errors draw the limits of the SLO file."""
    times = {float(found) / 1000 for found in re.findall(r"assay-faster-than: (\d+)ms", objectives)}
    errors = {round(1 - one["spec"]["objectives"][0]["target"], 9) for one in yaml.safe_load(objectives)
              if one["kind"] == "SLO" and one["metadata"]["name"].endswith("-errors")}
    wrong = []
    for panel in (panel for board in pictures.ours(boards) for panel in asking(board)):
        defaults = panel["fieldConfig"]["defaults"]
        limits = {step["value"] for step in defaults.get("thresholds", {"steps": []})["steps"]} - {None}
        if defaults.get("unit") == "s" and re.match("P95|Latency", panel["title"]) and limits != times:
            wrong.append(f"panel {panel['title']} draws {limits}, the SLO file promises {times}")
        if defaults.get("unit") == "percentunit" and panel["title"].startswith("Errors") and limits != errors:
            wrong.append(f"panel {panel['title']} draws {limits}, the SLO file promises {errors}")
    return wrong


def searched(boards, alloy, stack):
    """What is asked of Loki is kept by Alloy: few labels, and structured metadata; services are those of the stack."""
    labels = set(re.findall(r'(\w+)\s*=', re.search(r"stage\.labels \{\s*values = \{([^}]*)", alloy)[1])) | {"service"}
    kept = set(re.findall(r'(\w+)\s*=', re.search(r"stage\.structured_metadata \{\s*values = \{([^}]*)", alloy)[1]))
    wrong = []
    for panel, target in ((panel, target) for board in boards for panel in asking(board) for target in panel["targets"]):
        if panels.answers(target, panel) == "loki" and target.get("expr"):
            selected = {name for braces in re.findall(r"\{([^}]*)\}", target["expr"]) for name in re.findall(r"(\w+)\s*=", braces)}
            filtered = set(re.findall(r"\| (\w+)\s*[!=]", target["expr"]))
            wrong += [f"{target['expr']}: Alloy does not keep {name}" for name in sorted(selected - labels | filtered - kept)]
            services = {one for names in re.findall(r'service=~"([^"]+)"', target["expr"]) for one in names.split("|")}
            wrong += [f"{target['expr']}: there is no service {name}" for name in sorted(services - stack["services"].keys())]
    return wrong


def fresh(description):
    """The JSON is what dashboards.py makes; what else lies beside it was exported from Grafana."""
    before = {file.name: file.read_text() for file in (DOCKER / "grafana/dashboards").glob("*.json")}
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder)
        (made / "dashboards").mkdir()
        (made / "dashboards.py").write_text(description)
        subprocess.run([sys.executable, made / "dashboards.py"], check=True)
        after = {file.name: file.read_text() for file in (made / "dashboards").glob("*.json")}
    return [] if after.items() <= before.items() else ["docker/grafana/dashboards/*.json are not what dashboards.py makes: run it"]


def main(tools, assay, planted, work):
    tools, assay = pathlib.Path(tools).resolve(), pathlib.Path(assay).resolve()
    described = (DOCKER / "grafana/dashboards.py").read_text()
    stack = composed()
    read = {name: (DOCKER / name).read_text() for name in ("prometheus/platform/rules.yaml", "prometheus/platform/rules.test.yaml")}
    platform, tests = read.values()
    edges = (DOCKER / "prometheus/platform/edges.test.yaml").read_text()
    outages = (DOCKER / "prometheus/platform/outage.test.yaml").read_text()
    objectives = (DOCKER.parent / "slo/objectives/backend.yaml").read_text()
    boards = [json.loads(file.read_text()) for file in sorted((DOCKER / "grafana/dashboards").glob("*.json"))]
    provisioned = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/sources.yaml").read_text())
    files = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/files.yaml").read_text())
    alertmanager = (DOCKER / "alertmanager/alertmanager.yml").read_text()

    def written(name, text):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
        return work / name

    def platform_rules(text, *only):
        written("platform/rules.test.yaml", tests)
        written("platform/edges.test.yaml", edges)
        return rules(tools, written("platform/rules.yaml", text).parent, *only)

    def noticed(text, name):
        """By the tests that name it, or the two alerts that look at what is recorded. Of the committed file the check before has told."""
        return [] if text == platform else platform_rules(text, f"--run={'High' if name.startswith('endpoint:') else name}")

    def outage(text):
        """With the rules of the SLO file beside them."""
        written("platform/rules.yaml", text)
        return slo_rules(str) or ran(tools / "promtool", "test", "rules", "outage.test.yaml", cwd=written("platform/outage.test.yaml", outages).parent)

    # That their alerts fire and are silent is tested where they are made (harness/tests/production.rs).
    def slo_rules(change):
        made = ran(assay, "slo", "rules", written("slo.yaml", objectives), "--out", work / "slo")
        return made or ran(tools / "promtool", "check", "rules", written("slo/rules.yaml", change((work / "slo/rules.yaml").read_text())))

    def changed(value, change):
        other = copy.deepcopy(value)
        change(other)
        return other

    same = str
    alloy = (DOCKER / "alloy/config.alloy").read_text()
    prometheus = (DOCKER / "prometheus/prometheus.yml").read_text()
    syntax = [tools / "promtool", "check", "config", "--syntax-only"]
    first = boards[0]
    # As Grafana exports one: a row, a text, its own annotations, and no id.
    exported = changed(first, lambda b: (b.update(id=None), b["panels"].extend([{"type": "row", "title": "More", "id": 90, "collapsed": False, "panels": []}]),
                                         b["annotations"]["list"].insert(0, {"name": "Annotations & Alerts", "enable": True, "hide": True, "iconColor": "blue",
                                                                             "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "type": "dashboard", "builtIn": 1})))
    # And one that was made there.
    theirs = json.loads((pathlib.Path(__file__).parent / "exported.json").read_text())
    boards = [*boards, exported, theirs]
    files_of_postgres = composed("--env-file", DOCKER / "postgres.env")
    # What is checked, what it is given, and the same with one error.
    checks = [
        *hardening.checks(stack, files_of_postgres, OURS),
        ("prometheus: configuration", lambda text: ran(*syntax, written("prometheus.yml", text)), [prometheus], [prometheus.replace("dns_sd_configs", "dns_sd_config")]),
        ("rules of the platform", platform_rules, [platform], [platform.replace('status_code=~"5.."', 'status=~"5.."')]),
        *[(f"rules of the platform: {alert}, {was.strip()} and not {other.strip()}", noticed, [platform, alert], [altered(platform, alert, was, other), alert]) for alert, was, other in NUMBERS],
        ("rules of the platform: each tested", tested, [platform, tests], [platform.replace("alert: HighLatency", "alert: Untested"), tests]),
        ("rules of the SLO file", slo_rules, [same], [lambda text: text.replace("rate(", "rates(", 1)]),
        ("rules of both: what follows from an outage is kept back", outage, [platform], [altered(platform, "NoBackend", "keep_firing_for: 3m", "keep_firing_for: 0s")]),
        ("budgets of the SLO file", budgets, [platform, objectives], [platform.replace("vector(0.05)", "vector(0.5)", 1), objectives]),
        ("routes of alerts", lambda text: routes(tools, written("alertmanager.yml", text)), [alertmanager], [alertmanager.replace('severity="ticket"', 'severity="tickets"')]),
        ("dashboards: made of their description", fresh, [described], [described.replace("Memory", "Storage")]),
        ("dashboards: Grafana's model", lambda all_: [w for board in all_ for w in known(board)], [boards],
         [[changed(first, lambda b: b["panels"][0]["targets"][0].update(exprr="up"))]]),
        ("dashboards: units and names", lambda all_: [w for board in all_ for w in shown(board)], [boards],
         [[changed(first, lambda b: b["panels"][0]["fieldConfig"]["defaults"].pop("unit"))]]),
        ("dashboards: annotations", annotated, [boards], [[changed(first, lambda b: b["annotations"]["list"][1].pop("titleFormat"))]]),
        ("dashboards: limits of the SLO file", promised, [boards, objectives], [boards, objectives.replace("500ms", "400ms")]),
        ("dashboards: Loki's labels", searched, [boards, alloy, stack], [boards, alloy.replace("request_id = \"\", ", ""), stack]),
        ("dashboards: Loki's services", searched, [boards, alloy, stack], [boards, alloy, changed(stack, lambda s: s["services"].pop("mills"))]),
        ("dashboards: datasources, paths, mounts", sources, [boards, provisioned, files, stack],
         [[changed(first, lambda b: b["panels"][0]["datasource"].update(uid="prom"))], provisioned, files, stack]),
        ("dashboards: from a trace to its logs", sources, [boards, provisioned, files, stack],
         [boards, changed(provisioned, lambda p: p["datasources"][1]["jsonData"].get("tracesToLogsV2", {}).pop("customQuery", None)), files, stack]),
    ]
    checks += pictures.checks(boards, objectives, tools / "promtool", work)
    slo_rules(same)
    all_ = wiring.given(stack, work / "slo")
    checks += wiring.checks(all_, wiring.given(files_of_postgres, work / "slo"), boards)
    checks += values.checks(all_, boards) + searches.checks(all_, boards) + titles.checks(all_, boards, objectives)
    failed, told = 0, set()
    for name, check, given, error in checks:
        # One that has several planted errors is told once, by the first one's name.
        which = (check, *map(id, given))
        if which not in told:
            told.add(which)
            wrong = check(*given)
            failed += bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '} {name}", *wrong, sep="\n     ")
        if planted:
            found = check(*error)
            failed += not found
            print(f"{'ok  ' if found else 'FAIL'} {name}, planted error: {found[0].splitlines()[0][:120] if found else 'not found'}")
    return failed


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(bool(main(sys.argv[1], sys.argv[2], "--planted" in sys.argv, pathlib.Path(folder))))

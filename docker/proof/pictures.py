"""What panels say of their figures: the checks of dashboards that static.py makes beside its own.

Grafana draws what it does not know as best it can: a share in `percent` is a hundred times too small, a panel of an
unknown type is empty, a threshold that is out of order has no colour. What holds for every dashboard is looked at in
all; what ours promise (limits, colours, exemplars, annotations), in ours.
"""
import copy
import enum
import re
import subprocess
import typing

import yaml
from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

import panels

# Panels that ask nothing.
SILENT = {"row", "text", "news", "dashlist", "alertlist", "annolist", "welcome", "gettingstarted"}
KNOWN = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}
COUNTS = {"none", "short"}
PER_SECOND = {"ops", "reqps", "rps", "wps", "iops", "cps", "eps", "recps", "mps", "Bps", "binBps"} | COUNTS
# What a query comes to, by the first that is found in it, and the units that draw it as that.
FITTING = [
    (r"^1 - .*/ on \(slo\) slo:budget:ratio$|^1 - ", {"percentunit"}),
    (r"/ on \(slo\) slo:budget:ratio$", COUNTS),
    (r"\) / (sum|\()|_fds\{.* / |process_cpu_seconds_total|ratio_rate|ml_prediction_risk_score", {"percentunit"}),
    (r"^time\(\) - |histogram_quantile\([^,]*, *.*_seconds_bucket|^[a-z_]+_seconds\b", {"s"}),
    (r"_bytes\b", {"bytes", "decbytes"}),
    (r"increase\(|^count|^max by|^topk\(\d+, count", COUNTS),
    (r"rate\(|:rate\d+[smhd]", PER_SECOND),
    (r"", COUNTS),
]
# From well to ill.
COLOURS = ["green", "yellow", "orange", "red"]
# More of these is better: what answers, what is left of a budget, what was kept.
BETTER = re.compile(r"\bup\{|^1 - .*slo:")


def all_panels(board):
    return [one for panel in board["panels"] for one in [panel, *panel.get("panels", [])]]


def ours(boards):
    return [board for board in boards if board["uid"].startswith("aurumai-")]


def promql(panel):
    """A panel's queries of Prometheus."""
    return [target for target in panel.get("targets", []) if panels.answers(target, panel) == "prometheus" and target.get("expr")]


def words(value, path):
    """Words of a model that are none of those that it has: Grafana falls back, or draws nothing."""
    if isinstance(value, (list, tuple)):
        for at, one in enumerate(value):
            yield from words(one, f"{path}[{at}]")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from words(one, f"{path}.{key}")
    elif hasattr(type(value), "from_json"):
        hints = typing.get_type_hints(type(value))
        for name, one in vars(value).items():
            hint = hints.get(name)
            for wanted in [hint, *typing.get_args(hint)]:
                if isinstance(wanted, type) and issubclass(wanted, enum.Enum) and one is not None and not isinstance(one, (list, dict)):
                    if one not in {member.value for member in wanted}:
                        yield f"{path}.{name}: {one!r} is none of {', '.join(str(member.value) for member in wanted)}"
            yield from words(one, f"{path}.{name}")


def spelt(boards):
    """Types of panels, units, and every word that Grafana takes from a list are known to it."""
    plugins.register_default_plugins()
    wrong = []
    for board in boards:
        for panel in all_panels(board):
            if panel["type"] != "row" and runtime.Runtime().panelcfg_config(panel["type"]) is None:
                wrong.append(f"{board['uid']}: {panel['title']}: there is no panel of type {panel['type']}")
            unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit")
            if unit and unit not in KNOWN:
                wrong.append(f"{board['uid']}: {panel['title']}: Grafana knows no unit {unit}")
        wrong += words(Dashboard.from_json(copy.deepcopy(board)), board["uid"])
    return wrong


def fits(boards):
    """Units are of what is asked: seconds, shares of 1, bytes, so many a second, or a number."""
    wrong = []
    for board in boards:
        for panel in all_panels(board):
            unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit")
            for target in promql(panel):
                wanted = next(fit for found, fit in FITTING if re.search(found, target["expr"]))
                if unit and unit not in wanted:
                    wrong.append(f"{board['uid']}: {panel['title']}: {unit} for {target['expr']}, which is in {' or '.join(sorted(wanted))}")
    return wrong


def visible(boards):
    """Every panel asks something, and shows all that it asks."""
    wrong = []
    for board in boards:
        for panel in all_panels(board):
            if panel["type"] not in SILENT and not panel.get("targets"):
                wrong.append(f"{board['uid']}: {panel['title']} asks nothing")
            wrong += [f"{board['uid']}: {panel['title']} hides {target.get('expr')}" for target in panel.get("targets", []) if target.get("hide")]
    return wrong


def coloured(boards):
    """Thresholds rise, and their colours go from well to ill; from ill to well where more is better."""
    wrong = []
    for board in boards:
        for panel in all_panels(board):
            steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps", [])
            at = [step["value"] for step in steps[1:]]
            if None in at or at != sorted(set(at)) or (steps and steps[0]["value"] not in (None, 0) and steps[0]["value"] >= min(at, default=float("inf"))):
                wrong.append(f"{board['uid']}: {panel['title']}: thresholds {[step['value'] for step in steps]} do not rise")
            colours = [step["color"] for step in steps]
            if board not in ours(boards) or len(colours) < 2 or not set(colours) <= set(COLOURS):
                continue
            ranks = [COLOURS.index(colour) for colour in colours]
            better = any(BETTER.search(target["expr"]) for target in promql(panel))
            if ranks != sorted(ranks, reverse=better) or len(set(ranks)) < len(ranks):
                wrong.append(f"{board['uid']}: {panel['title']}: {' '.join(colours)}, though {'less' if better else 'more'} of it is worse")
    return wrong


def burning(boards, objectives):
    """Panels of burn rates draw the thresholds at which the SLO file's policies alert."""
    policies = sorted({condition["spec"]["condition"]["threshold"] for one in yaml.safe_load(objectives) if one["kind"] == "AlertPolicy"
                       for condition in one["spec"]["conditions"]})
    wrong, found = [], 0
    for board in ours(boards):
        for panel in all_panels(board):
            if any(re.search(r"^slo:.*slo:budget:ratio$", target["expr"]) for target in promql(panel)):
                found += 1
                drawn = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]][1:]
                if drawn != policies:
                    wrong.append(f"{board['uid']}: {panel['title']} draws {drawn}, the SLO file's policies alert at {policies}")
    return wrong + ([] if found >= len(policies) else [f"{found} panels of burn rates, {len(policies)} policies"])


# What leads from a picture further.
TRACED = {"aurumai-overview": 4, "aurumai-ml": 1, "aurumai-ingestion": 2, "aurumai-infrastructure": 2}


def leading(boards):
    """Panels of times and errors show exemplars, and every dashboard the alerts and the faults."""
    wrong = []
    for board in ours(boards):
        traced = sum(any(target.get("exemplar") for target in promql(panel)) for panel in all_panels(board))
        if traced < TRACED.get(board["uid"], 0):
            wrong.append(f"{board['uid']}: {traced} panels show exemplars, {TRACED[board['uid']]} should")
        asked = " ".join(one.get("expr", "") for one in board["annotations"]["list"] if one.get("enable"))
        wrong += [f"{board['uid']}: no annotation asks for {what}" for what in ("ALERTS{", "assay_fault_active", "assay_fault_applied_total") if what not in asked]
    return wrong


def replaced(boards):
    """Whatever Grafana puts into a query, panels.py puts in, too: the running stack is asked what Grafana would ask."""
    wrong = []
    for board in boards:
        values = {one["name"]: ["a.b:1", "c"] if panels.asking(one) else panels.saved(one) for one in panels.listed(board, "templating")}
        for what, expr, _, _ in panels.questions(board):
            asked = panels.asked(expr, values, "10s")
            if re.search(r"\$|\[\[", asked):
                wrong.append(f"{board['uid']}: {what} asks {asked}")
    return wrong


# A scrape every 15 s. One fault begins and ends between two scrapes, one lasts from the scrape at 2 m to that at 5 m.
FAULTS = """rule_files: []
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - {{series: 'assay_fault_active{{fault="short"}}', values: 0x40}}
      - {{series: 'assay_fault_applied_total{{fault="short"}}', values: 0x7 1x32}}
      - {{series: 'assay_fault_active{{fault="long"}}', values: 0x7 1x11 0x20}}
      - {{series: 'assay_fault_applied_total{{fault="long"}}', values: 0x7 1x32}}
    promql_expr_test:
{tests}
"""


def drawn(boards, promtool, folder):
    """A fault is an annotation, however short it was and whenever Grafana's steps of 15 s fall; and no longer than it lasted."""
    wrong = []
    for expr in sorted({one["expr"] for board in ours(boards) for one in board["annotations"]["list"] if "assay_fault" in one.get("expr", "")}):
        shown = {"1m59s": 0, "2m": 2, "2m7s": 2, "2m14s": 2, "4m": 1, "5m": 0, "5m15s": 0, "8m": 0}
        tests = "\n".join(
            f"      - {{expr: 'count({expr.strip()}) or vector(0)', eval_time: {at}, exp_samples: [{{labels: '{{}}', value: {number}}}]}}" for at, number in shown.items())
        (folder / "faults.test.yaml").write_text(FAULTS.format(tests=tests))
        done = subprocess.run([promtool, "test", "rules", folder / "faults.test.yaml"], capture_output=True, text=True, check=False)
        if done.returncode:
            wrong.append(f"annotation {expr}: {(done.stdout + done.stderr).strip()}")
    return wrong or ([] if any("assay_fault" in one.get("expr", "") for board in boards for one in board["annotations"]["list"]) else ["no annotation of faults"])


def checks(boards, objectives, promtool, work):
    """As static.py has them: what is checked, how, what it is given, and the same with one error."""
    named = {board["uid"]: board for board in boards}

    def changed(title, change, uid="aurumai-overview"):
        board = copy.deepcopy(named[uid])
        change(next(panel for panel in board["panels"] if panel["title"] == title))
        return [board]

    def defaults(title, uid="aurumai-overview", **new):
        return changed(title, lambda panel: panel["fieldConfig"]["defaults"].update(new), uid)

    def steps(*all_):
        return {"mode": "absolute", "steps": [{"value": at, "color": colour} for at, colour in all_]}

    def annotations(change):
        board = copy.deepcopy(named["aurumai-overview"])
        board["annotations"]["list"] = [one for one in board["annotations"]["list"] if change(one)]
        return [board]

    def plain(board):
        board = copy.deepcopy(board)
        for target in (target for panel in all_panels(board) for target in panel.get("targets", [])):
            target.pop("exemplar", None)
        return board

    def old(one):
        if "assay_fault" in one.get("expr", ""):
            one["expr"] = "assay_fault_active == 1"
        return True

    ticks = steps((None, "green"), (1, "yellow"), (6, "orange"), (999, "red"))
    return [
        ("dashboards: types of panels", spelt, [boards], [changed("Memory", lambda panel: panel.update(type="timeserie"))]),
        ("dashboards: words that Grafana knows", spelt, [boards], [changed("Memory", lambda panel: panel["options"]["legend"].update(displayMode="tabel"))]),
        ("dashboards: units that Grafana knows", spelt, [boards], [defaults("Memory", unit="parsecs")]),
        ("dashboards: units of times", fits, [boards], [defaults("Latency", unit="ms")]),
        ("dashboards: units of shares", fits, [boards], [defaults("Errors", unit="percent")]),
        ("dashboards: units of bytes", fits, [boards], [defaults("Memory", unit="s")]),
        ("dashboards: nothing is hidden", visible, [boards], [changed("Memory", lambda panel: panel["targets"][0].update(hide=True))]),
        ("dashboards: every panel asks", visible, [boards], [changed("Memory", lambda panel: panel.update(targets=[]))]),
        ("dashboards: thresholds rise", coloured, [boards], [defaults("P95", thresholds=steps((None, "green"), (0.5, "yellow"), (0.1, "red")))]),
        ("dashboards: colours", coloured, [boards], [defaults("P95", thresholds=steps((None, "red"), (0.5, "green")))]),
        ("dashboards: burn rates at which the SLO file alerts", burning, [boards, objectives],
         [defaults("Burn rate over 1 h", uid="aurumai-slo", thresholds=ticks), objectives]),
        ("dashboards: exemplars", leading, [boards], [[plain(named["aurumai-overview"])]]),
        ("dashboards: alerts and faults", leading, [boards], [annotations(lambda one: False)]),
        ("dashboards: what Grafana puts into a query", replaced, [boards], [changed("Memory", lambda panel: panel["targets"][0].update(expr="up[$__no_macro]"))]),
        ("dashboards: a fault is drawn, however short", lambda all_: drawn(all_, promtool, work), [boards], [annotations(old)]),
    ]

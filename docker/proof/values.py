"""How often, how long and for whom: the checks of Prometheus' and Alertmanager's values that static.py makes.

The running proof puts times of its own into the copies that it starts (quick.py), so a time that nobody could
live with would be seen by none of its stages: it is seen here. What the README says in numbers is compared.
"""
import json
import re

import yaml

import pictures
from quick import UNITS, seconds

TIME = re.compile(r"\d+[smhd]")
# Who waits for an alert: from the first of a group to its message, to the next of the group, and to being told again.
BOUNDS = {"group_wait": ("1s", "1m"), "group_interval": ("10s", "5m"), "repeat_interval": ("1h", "24h")}


def rules_of(all_):
    return [rule for text in (all_["platform"], all_["slo"]) for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def paced(all_, boards):
    """Scrapes, evaluations and what is found of targets come four times within the shortest window and the shortest `for`;
    dashboards and datasource count with the interval that there is."""
    prometheus, rules = yaml.safe_load(all_["prometheus"]), rules_of(all_)
    windows = [seconds(one) for rule in rules for one in re.findall(r"\[(\d+[smhd])\]", rule["expr"])]
    waits = [seconds(rule["for"]) for rule in rules if "for" in rule]
    every = prometheus["global"]["scrape_interval"]
    times = {"evaluation_interval": prometheus["global"]["evaluation_interval"], "scrape_interval": every}
    for job in prometheus["scrape_configs"]:
        times |= {f"{job['job_name']}: scrape_interval": job["scrape_interval"]} if "scrape_interval" in job else {}
        times |= {f"{job['job_name']}: refresh_interval": one.get("refresh_interval", "30s") for one in job.get("dns_sd_configs", [])}
    longest = min(windows + waits) // 4
    wrong = [f"prometheus.yml: {name} is {time}, and {longest} s at most keep up with the rules" for name, time in times.items() if seconds(time) > longest]
    steps = {one["step"] for board in pictures.ours(boards) for one in board["annotations"]["list"] if "step" in one}
    wrong += [f"annotations step by {step}, scrapes come every {every}" for step in sorted(steps - {every})]
    return wrong


def routed(all_):
    """Alertmanager tells soon and not for ever, by alert; and only what follows from an alert is kept back."""
    alertmanager = yaml.safe_load(all_["alertmanager"])
    severities, wrong = {}, []
    for rule in rules_of(all_):
        if "alert" in rule:
            severities[rule["alert"]] = rule["labels"]["severity"]
    route = alertmanager["route"]
    for one in [route, *route.get("routes", [])]:
        for name, (least, most) in BOUNDS.items():
            time = one.get(name, route.get(name, "0s"))
            if not TIME.fullmatch(time) or not seconds(least) <= seconds(time) <= seconds(most):
                wrong.append(f"alertmanager.yml: {one['receiver']}: {name} is {time}, not within {least} and {most}")
        if "alertname" not in one.get("group_by", route["group_by"]):
            wrong.append(f"alertmanager.yml: {one['receiver']}: alerts of all names are one message")
    kept = {}
    for one in alertmanager.get("inhibit_rules", []):
        sides = []
        for matchers in (one["source_matchers"], one["target_matchers"]):
            named = [re.fullmatch(r'alertname(=~?)"(.*)"', matcher.replace(" ", "")) for matcher in matchers]
            sides.append({name for name in severities if all(re.fullmatch(found[2] if found[1] == "=~" else re.escape(found[2]), name) for found in named if found)})
        for source in sides[0]:
            kept.setdefault(source, set()).update(sides[1])
    # As the README's table of alerts has it.
    told = {}
    for name, when in re.findall(r"^\| (\w+) \| ([^|]*)\|", all_["readme"], re.M):
        if "kept back" in when:
            told[name] = {one for one in re.findall(r"\w+", when) if one in severities}
    wrong += [f"{source} keeps back {', '.join(sorted(kept.get(source, [])))}; README says {', '.join(sorted(told.get(source, [])))}"
              for source in sorted(kept.keys() | told.keys()) if kept.get(source) != told.get(source)]
    named = {name for one in alertmanager.get("inhibit_rules", []) for side in ("source_matchers", "target_matchers") for matcher in one[side]
             for name in re.findall(r"[A-Z]\w+", matcher)}
    return wrong + [f"alertmanager.yml: there is no alert {name}" for name in sorted(named - severities.keys())]


def numbers(all_):
    """Numbers that the README tells of the stack."""
    commands = {name: " ".join(one.get("command") or []) for name, one in all_["stack"]["services"].items()}
    set_to = {
        r"every (\d+) s\. Each address": re.search(r"scrape_interval: (\d+)s", all_["prometheus"]),
        r"(\d+) days are kept": re.search(r"retention\.time=(\d+)d", commands["prometheus"]),
        r"sees them within (\d+) s": re.search(r"updateIntervalSeconds: (\d+)", all_["files"]),
        r"the newest (\d+) traces": re.search(r"max_traces=(\d+)", commands["jaeger"]),
    }
    wrong = []
    for says, found in set_to.items():
        said = re.search(says, all_["readme"])
        if not said or not found or said[1] != found[1]:
            wrong.append(f"README says {said and said[0]}, the stack has {found and found[0]}")
    longest = max(seconds(one) for rule in rules_of(all_) for one in re.findall(r"\d+[smhd]", " ".join(re.findall(r"_rate\w+|\[[^\]]+\]", rule.get("record", "") + rule["expr"]))))
    kept = int((set_to[r"(\d+) days are kept"] or [0, 0])[1]) * UNITS["d"]
    return wrong + ([] if kept > longest else [f"Prometheus keeps {kept} s, rules look back {longest} s"])


def checks(all_, boards):
    """As static.py has them: what is checked, how, what it is given, and the same with one error."""
    def other(name, was, now):
        return {**all_, name: all_[name].replace(was, now, 1)}

    def stepping():
        return [json.loads(json.dumps(board).replace('"step": "15s"', '"step": "15m"')) for board in boards]

    return [
        ("values: keeping up", paced, [all_, boards], [other("prometheus", "scrape_interval: 15s", "scrape_interval: 1m"), boards]),
        ("values: keeping up, evaluations", paced, [all_, boards], [other("prometheus", "evaluation_interval: 15s", "evaluation_interval: 5m"), boards]),
        ("values: keeping up, finding targets", paced, [all_, boards], [other("prometheus", "refresh_interval: 15s", "refresh_interval: 15h"), boards]),
        ("values: keeping up, steps of annotations", paced, [all_, boards], [all_, stepping()]),
        ("values: how alerts are told", routed, [all_], [other("alertmanager", "group_wait: 10s", "group_wait: 10h")]),
        ("values: how alerts are told, again", routed, [all_], [other("alertmanager", "repeat_interval: 4h", "repeat_interval: 4000h")]),
        ("values: how alerts are told, in groups", routed, [all_], [other("alertmanager", "[alertname, slo]", "[severity]")]),
        ("values: how alerts are told, what is kept back", routed, [all_], [other("alertmanager", "BackendDown|SLOMetricAbsent", ".+")]),
        ("values: how alerts are told, names", routed, [all_], [other("alertmanager", "BackendDown|", "BackendDown|BackendGone|")]),
        ("values: numbers of the README", numbers, [all_], [other("readme", "newest 20000", "newest 2000")]),
        ("values: numbers of the README, and how far rules look back", numbers, [all_], [other("slo", "_rate30d", "_rate60d")]),
    ]

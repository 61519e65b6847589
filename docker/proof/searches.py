"""What becomes of a log line: the checks of Alloy, Loki and LogQL that static.py makes.

docker/README.md says which names are labels, of which there are few values, and which are structured metadata.
Alloy must make no others, and what is asked of Loki, in dashboards and by links, must be among them.
That lines have these names is traces.py's to tell, since it reads real ones.
"""
import json
import re

import yaml

import pictures

# Stages of LogQL that are used here: a filter of the line, a parser, a filter of a label.
STAGE = re.compile(r'\|[=~] "[^"]*"|\| json|\| (?P<name>\w+) *(?P<op>=~|!~|!=|=) *"(?P<value>[^"]*)"')
WRITTEN = re.compile(r"(?:sum by \((?P<by>[^)]*)\) \()?(?:count_over_time\()?\{(?P<selector>[^}]*)\}(?P<stages>.*?)(?:\s*\[\$__auto\]\)\))?$")
DAYS = {"a week": 7, "a day": 1}


def told(readme):
    """Labels and structured metadata, as the README tells of them."""
    found = re.search(r"Labels are (.*?); (.*?) are structured metadata", readme, re.S)
    return [set(re.findall(r"`(\w+)`", part)) for part in found.groups()]


def kept(all_):
    """Alloy makes the labels and the structured metadata of the README, of what it reads, of this project's containers, and hands every line on."""
    alloy, wrong = all_["alloy"], []
    block = lambda name: set(re.findall(r"(\w+)\s*=", re.search(name + r"\s*\{\s*\w+ = \{([^}]*)", alloy)[1]))
    labels, metadata = told(all_["readme"])
    made = {"labels": block(r"stage\.labels") | set(re.findall(r'target_label\s*=\s*"(\w+)"', alloy)), "structured metadata": block(r"stage\.structured_metadata")}
    for what, wanted in (("labels", labels), ("structured metadata", metadata)):
        if made[what] != wanted:
            wrong.append(f"config.alloy: {what} are {', '.join(sorted(made[what]))}; README says {', '.join(sorted(wanted))}")
    read = block(r"stage\.json") | {"service"}
    wrong += [f"config.alloy: {name} is used and not read" for name in sorted(set().union(*made.values(), re.findall(r'source\s*=\s*"(\w+)"', alloy)) - read)]
    projects = re.findall(r"com\.docker\.compose\.project=(\w+)", alloy)
    if projects != [all_["stack"]["name"]]:
        wrong.append(f"config.alloy: reads the project {projects}, which is called {all_['stack']['name']}")
    components = {".".join(one) for one in re.findall(r'^([\w.]+) "(\w+)" \{', alloy, re.M)}
    used = set(re.findall(r"([\w.]+)\.(?:targets|output|receiver)\b", alloy))
    return wrong + [f"config.alloy: there is no {one}" for one in sorted(used - components)] + \
        [f"config.alloy: nothing goes to {one}" for one in sorted(components - used - {one for one in components if one.startswith("loki.source")})]


def stored(all_):
    """Loki keeps structured metadata, for as long as the README says, and forgets then."""
    loki, wrong = yaml.safe_load(all_["loki"]), []
    limits, compactor, schema = loki["limits_config"], loki["compactor"], loki["schema_config"]["configs"][-1]
    if not limits.get("allow_structured_metadata") or (schema["store"], schema["schema"]) != ("tsdb", "v13"):
        wrong.append("loki.yaml: keeps no structured metadata")
    if not (compactor.get("retention_enabled") and compactor.get("delete_request_store")):
        wrong.append("loki.yaml: nothing is ever deleted")
    days = DAYS[re.search(r"the logs of all containers, for (a \w+)", all_["readme"])[1]]
    if limits["retention_period"] != f"{24 * days}h":
        wrong.append(f"loki.yaml: keeps lines for {limits['retention_period']}; README says {days} days")
    return wrong


def asked(all_, boards):
    """LogQL that Loki can read, of labels and metadata that there are, positive of variables, and of every service that logs."""
    labels, metadata = told(all_["readme"])
    # Whoever serves the platform's figures writes its lines.
    logging = {name for name, service in all_["stack"]["services"].items() if "TRACING_SERVICE_NAME" in service.get("environment", {})}
    questions = [(f"{board['uid']}: {panel['title']}", panel["title"], target["expr"], target.get("legendFormat", "")) for board in pictures.ours(boards) for panel in board["panels"]
                 for target in panel.get("targets", []) if (target.get("datasource") or panel["datasource"])["type"] == "loki"]
    for one in yaml.safe_load(all_["sources"])["datasources"]:
        if "tracesToLogsV2" in one["jsonData"]:
            questions.append((one["name"], "", one["jsonData"]["tracesToLogsV2"].get("query", ""), ""))
    wrong = []
    for where, title, expr, legend in questions:
        found = WRITTEN.match(expr)
        if not found or STAGE.sub("", found["stages"]).strip():
            wrong.append(f"{where}: Loki cannot read {expr}" + (f": {STAGE.sub('', found['stages']).strip()}" if found else ""))
            continue
        filters = [one.group("name", "op", "value") for one in STAGE.finditer(found["stages"]) if one["name"]]
        selected = dict((name, value) for name, _, value in re.findall(r'(\w+)\s*(=~?)\s*"([^"]*)"', found["selector"]))
        by = {one.strip() for one in (found["by"] or "").split(",") if one.strip()}
        wrong += [f"{where}: there is no label {name}" for name in sorted(selected.keys() - labels)]
        wrong += [f"{where}: lines have no {name}" for name in sorted({name for name, _, _ in filters} | by) if name not in labels | metadata]
        wrong += [f"{where}: nothing of it has {name}, which its legend names" for name in re.findall(r"\{\{(\w+)\}\}", legend) if name not in by]
        wrong += [f"{where}: {name} must be what is asked for, not {op} {value}" for name, op, value in filters if "$" in value and op not in ("=", "=~")]
        services = set(selected.get("service", "").split("|"))
        if title and services != logging:
            wrong.append(f"{where}: looks at {'|'.join(sorted(services))}, lines come from {'|'.join(sorted(logging))}")
        severities = set(selected["severity"].split("|")) if "severity" in selected else set()
        if severities and severities != {word.upper().removesuffix("S") for word in re.findall(r"[Ww]arnings?|[Ee]rrors?", title)}:
            wrong.append(f"{where}: asks for {'|'.join(sorted(severities))}")
        for name, op, value in filters:
            if name == "request_id" and op == "=~":
                # What a request's id becomes on its way, as the platform's README says.
                ends = ["", *(f"-{letter}1" for letter in sorted(set(re.findall(r"(?:>|`)-([a-z])(?:<attempt>)?`", all_["backend"]))))]
                wrong += [f"{where}: does not find proof{end}" for end in ends if not re.fullmatch(value.replace("$request_id", "proof"), f"proof{end}")]
    return wrong


def checks(all_, boards):
    """As static.py has them: what is checked, how, what it is given, and the same with one error."""
    def other(name, was, now):
        return {**all_, name: all_[name].replace(was, now, 1)}

    board = json.dumps(next(board for board in boards if board["uid"] == "aurumai-logs"))

    def query(was, now):
        return [all_, [json.loads(board.replace(was, now, 1))]]

    return [
        ("logs: what Alloy makes", kept, [all_], [other("alloy", 'values = { severity = "" }', 'values = { severity = "", machine_id = "" }')]),
        ("logs: what Alloy makes, of what it reads", kept, [all_], [other("alloy", 'trace_id   = "",', "")]),
        ("logs: what Alloy makes, of this project's containers", kept, [all_], [other("alloy", "project=aurumai", "project=aurum")]),
        ("logs: what Alloy makes, handed on", kept, [all_], [other("alloy", "loki.process.json.receiver", "loki.process.jsn.receiver")]),
        ("logs: what Loki keeps", stored, [all_], [other("loki", "allow_structured_metadata: true", "allow_structured_metadata: false")]),
        ("logs: what Loki keeps, and forgets", stored, [all_], [other("loki", "retention_enabled: true", "retention_enabled: false")]),
        ("logs: LogQL", asked, [all_, boards], query("| json", "| jsn")),
        ("logs: LogQL, names", asked, [all_, boards], query("sum by (error_code)", "sum by (error_kode)")),
        ("logs: LogQL, variables", asked, [all_, boards], query('= \\"$machine_id', '!= \\"$machine_id')),
        ("logs: LogQL, services", asked, [all_, boards], query("|boilers", "")),
        ("logs: LogQL, severities", asked, [all_, boards], query("WARNING|ERROR", "WARNING")),
        ("logs: LogQL, a request's id on its way", asked, [all_, boards], query("[efs]", "[ef]")),
        ("logs: LogQL, from a trace to its logs", asked, [all_, boards], [other("sources", '| trace_id="', '| traceid="'), boards]),
    ]

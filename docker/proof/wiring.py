"""Who speaks to whom, and what each reads: the checks of addresses, ports and mounts that static.py makes.

What a service listens on and reads is taken from its command and its configuration and, where neither says it, from
the documentation of its image. Every address that is written anywhere must be one at which somebody listens and
speaks what is wanted of him; every path that somebody reads must lie in a mount of the right thing, and
every mount must be read by somebody.
"""
import copy
import pathlib
import re

import yaml

DOCKER = pathlib.Path(__file__).resolve().parent.parent
# Ports of images and what is spoken there, beside those that a command or a configuration names.
LISTENS = {"backend": {8000: "assay"}, "prometheus": {9090: "prometheus"}, "alertmanager": {9093: "alertmanager"},
           "jaeger": {16686: "jaeger", 4317: "otlp"}, "grafana": {3000: "grafana"}, "postgres": {5432: "postgres"}}
# These listen on 127.0.0.1 unless they are told.
TOLD = {"backend": "API_HOST", "jaeger": "JAEGER_LISTEN_HOST"}
FLAGS = {"--listen": "assay", "--metrics-addr": "assay", "--server.http.listen-addr": "alloy"}
METRICS = {"assay", "prometheus", "alertmanager"}
URL = re.compile(r"(https?|postgres)://(?:[^@/\s]*@)?([\w.-]+)(?::(\d+))?")
# Programs that can fail a health check; `true` and Docker's NONE cannot.
ASKS = {"/assay", "wget", "bash", "pg_isready"}
# Where each answers whether it is well; ours at /health.
HEALTH = {"prometheus": "/-/ready", "alertmanager": "/-/ready", "grafana": "/api/health", "loki": "/ready", "jaeger": "/", "alloy": ""}
# Grafana passes over a setting that it does not know. These are: nobody logs in, nothing is downloaded or reported.
GRAFANA = {"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_ANONYMOUS_ORG_ROLE": "Editor", "GF_AUTH_DISABLE_LOGIN_FORM": "true",
           "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true", "GF_PLUGINS_PREINSTALL_DISABLED": "true", "GF_ANALYTICS_REPORTING_ENABLED": "false",
           "GF_ANALYTICS_CHECK_FOR_UPDATES": "false", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": "/etc/grafana/dashboards/overview.json"}
# What each kind of datasource is told here, and the kinds to which it leads.
TELLS = {"prometheus": {"timeInterval", "exemplarTraceIdDestinations"}, "jaeger": {"tracesToLogsV2"}, "loki": {"derivedFields"}}
LEADS = {"exemplarTraceIdDestinations": {"jaeger", "tempo", "zipkin"}, "derivedFields": {"jaeger", "tempo", "zipkin"}, "tracesToLogsV2": {"loki"}}


def given(stack, slo):
    """What all of these checks look at: texts by name, the stack, and what `assay slo rules` makes."""
    files = {"prometheus": "prometheus/prometheus.yml", "alertmanager": "alertmanager/alertmanager.yml", "alloy": "alloy/config.alloy", "loki": "loki/loki.yaml",
             "sources": "grafana/provisioning/datasources/sources.yaml", "files": "grafana/provisioning/dashboards/files.yaml", "operators": "operators.yaml",
             "readme": "README.md", "backend": "../backend/README.md", "platform": "prometheus/platform/rules.yaml"}
    return {"stack": stack, "made": {file.name for file in slo.iterdir()}, "slo": (slo / "rules.yaml").read_text(), **{name: (DOCKER / file).read_text() for name, file in files.items()}}


def settings(service):
    """Its environment and the flags of its command; what is no flag is under its place."""
    found, flag = dict(service.get("environment", {})), None
    for at, one in enumerate(service.get("command") or []):
        name, equals, value = one.partition("=")
        if one.startswith("-"):
            found[name], flag = value, None if equals else name
        else:
            found[at if flag is None else flag], flag = one, None
    return found


def listens(name, all_, itself=False):
    """Ports and what is spoken there; those of 127.0.0.1 for itself only."""
    service = all_["stack"]["services"][name]
    told = settings(service)
    found = dict(LISTENS.get(name, {})) if itself or name not in TOLD or told.get(TOLD[name]) == "0.0.0.0" else {}
    if name == "loki":
        found[yaml.safe_load(all_["loki"])["server"]["http_listen_port"]] = "loki"
    for flag, spoken in FLAGS.items():
        host, _, port = told.get(flag, "").rpartition(":")
        if port and (itself or host == "0.0.0.0"):
            found[int(port)] = spoken
    return found


def addresses(all_):
    """Every address that is written: who asks, where it is written, what is wanted there, host and port."""
    for name, service in all_["stack"]["services"].items():
        for key, value in settings(service).items():
            for scheme, host, port in URL.findall(value or ""):
                wanted = {"postgres"} if scheme == "postgres" else {"otlp"} if "otlp" in str(key).lower() else {"assay"}
                yield name, f"{name}: {key}", wanted, host, int(port or 5432)
    for _, host, port in URL.findall(all_["operators"]):
        yield "operators", "operators.yaml", {"assay"}, host, int(port)
    prometheus = yaml.safe_load(all_["prometheus"])
    for one in [*prometheus["scrape_configs"], *prometheus["alerting"]["alertmanagers"]]:
        where, wanted = (f"job {one['job_name']}", METRICS) if "job_name" in one else ("alerting", {"alertmanager"})
        for found in one.get("dns_sd_configs", []):
            for host in found["names"]:
                yield "prometheus", where, wanted, host, found["port"]
        for target in (target for static in one.get("static_configs", []) for target in static["targets"]):
            host, _, port = target.rpartition(":")
            yield "prometheus", where, wanted, host, int(port)
    for one in yaml.safe_load(all_["sources"])["datasources"]:
        _, host, port = URL.match(one["url"]).groups()
        yield "grafana", f"datasource {one['name']}", {one["type"]}, host, int(port)
    for _, host, port in URL.findall(all_["alloy"]):
        yield "alloy", "config.alloy", {"loki"}, host, int(port)


def reached(all_):
    """At every address somebody listens who speaks what is wanted."""
    services, wrong = all_["stack"]["services"], []
    for asks, where, wanted, host, port in addresses(all_):
        itself = host in ("127.0.0.1", "localhost")
        if any(one.startswith(f"{host}=") or one.startswith(f"{host}:") for one in services[asks].get("extra_hosts", [])):
            # A run on this machine, as the README begins it.
            spoken = "assay" if f"--metrics-addr 0.0.0.0:{port}`" in all_["readme"] else None
        elif not itself and host not in services:
            wrong.append(f"{where} asks {host}:{port}, and there is no {host}")
            continue
        else:
            spoken = listens(asks if itself else host, all_, itself).get(port)
        if spoken not in wanted:
            wrong.append(f"{where} asks {host}:{port} for {' or '.join(sorted(wanted))}, where there is {spoken or 'nobody'}")
    if "/loki/api/v1/push" not in all_["alloy"]:
        wrong.append("config.alloy: Loki takes lines at /loki/api/v1/push")
    return wrong


def scraped(all_):
    """Whoever serves the platform's figures is scraped, and by one job each."""
    asked = [(asks if host == "127.0.0.1" else host) for asks, where, _, host, _ in addresses(all_) if where.startswith("job ")]
    serving = {name for name in all_["stack"]["services"] if METRICS & set(listens(name, all_).values())}
    return [f"{name} is not scraped" for name in sorted(serving - set(asked))] + [f"{name} is scraped twice" for name in sorted(serving) if asked.count(name) > 1]


def published(all_):
    """Ports that are published are listened on, and those that the README names are published."""
    wrong, there = [], set()
    for name, service in all_["stack"]["services"].items():
        for port in service.get("ports", []):
            there.add(port["published"].partition("-")[0])
            if port["target"] not in listens(name, all_):
                wrong.append(f"{name} publishes {port['target']}, on which it does not listen")
    named = set(re.findall(r"<http://127\.0\.0\.1:(\d+)|--otlp http://127\.0\.0\.1:(\d+)", all_["readme"]))
    return wrong + [f"README names port {port}, which nobody publishes" for port in sorted({one or other for one, other in named} - there)]


def watched(all_):
    """A health check asks the service itself, and can fail."""
    wrong = []
    for name, service in all_["stack"]["services"].items():
        test = service.get("healthcheck", {}).get("test")
        if not test:
            continue
        asked = re.findall(r"127\.0\.0\.1[:/](\d+)(\S*)", " ".join(test))
        if test[0] != "CMD" or test[1] not in ASKS or "|" in " ".join(test):
            wrong.append(f"{name}: {' '.join(test)} is no health check")
        elif test[1] != "pg_isready" and [(int(port) in listens(name, all_, True), path) for port, path in asked] != [(True, HEALTH.get(name, "/health"))]:
            wrong.append(f"{name}: its health check asks {asked}, it answers at {HEALTH.get(name, '/health')} of {sorted(listens(name, all_, True))}")
    return wrong


def set_(all_):
    """Variables that are set are read by whom they are set for, and whoever serves figures sends its traces, under its name."""
    told, wrong = set(re.findall(r"^\| `([A-Z_]+)` \|", all_["backend"], re.M)), []
    for name, service in all_["stack"]["services"].items():
        has, role = settings(service), (service.get("command") or [""])[0]
        if "assay" in listens(name, all_).values() or role == "backend":
            wrong += [f"{name}: {key} is no setting" for key in service.get("environment", {}) if key not in told]
            tracing = (has.get("TRACING_ENABLED"), has.get("TRACING_SERVICE_NAME"), bool(has.get("TRACING_OTLP_ENDPOINT"))) == ("true", role, True)
            if not (tracing or role == "run" and has.get("--otlp")):
                wrong.append(f"{name} sends no traces, or under another name than {role}")
    has = all_["stack"]["services"]["grafana"]["environment"]
    return wrong + [f"grafana: {key} is {has.get(key)}, and not {GRAFANA.get(key)}" for key in sorted(has.keys() | GRAFANA.keys()) if has.get(key) != GRAFANA.get(key)]


def reads(all_):
    """Every path that a service reads or writes, and what must be there: a file or folder of this checkout, or a volume."""
    has = {name: settings(service) for name, service in all_["stack"]["services"].items()}
    yield "prometheus", has["prometheus"].get("--config.file"), DOCKER / "prometheus/prometheus.yml"
    for file in yaml.safe_load(all_["prometheus"])["rule_files"]:
        name = pathlib.Path(file).name
        yield "prometheus", file, "rules" if "/slo/" in file and name in all_["made"] else DOCKER / "prometheus/platform" / name
    yield "prometheus", has["prometheus"].get("--storage.tsdb.path"), "prometheus"
    yield "rules", has["rules"].get("--out"), "rules"
    yield "rules", has["rules"].get(2), DOCKER.parent / "slo/objectives/backend.yaml"
    yield "operators", has["operators"].get(1), DOCKER / "operators.yaml"
    yield "backend", "/data/backend.db" if "postgres:" in has["backend"]["DATABASE_URL"] else has["backend"]["DATABASE_URL"].removeprefix("sqlite://"), "backend"
    yield "edge", has["edge"]["EDGE_OUTBOX"].removeprefix("sqlite://"), "edge"
    yield "postgres", "/var/lib/postgresql/data", "postgres"
    yield "alertmanager", has["alertmanager"].get("--config.file"), DOCKER / "alertmanager/alertmanager.yml"
    yield "alertmanager", has["alertmanager"].get("--storage.path"), "alertmanager"
    for file in ("datasources/sources.yaml", "dashboards/files.yaml"):
        yield "grafana", f"/etc/grafana/provisioning/{file}", DOCKER / "grafana/provisioning" / file
    for provider in yaml.safe_load(all_["files"])["providers"]:
        yield "grafana", provider["options"]["path"], DOCKER / "grafana/dashboards"
    home = has["grafana"].get("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH", "")
    yield "grafana", home, DOCKER / "grafana/dashboards" / pathlib.Path(home).name
    yield "grafana", "/var/lib/grafana", "grafana"
    yield "loki", has["loki"].get("-config.file"), DOCKER / "loki/loki.yaml"
    for path in re.findall(r": (/[\w/]+)", all_["loki"]):
        yield "loki", path, "loki"
    yield "alloy", all_["stack"]["services"]["alloy"]["command"][-1], DOCKER / "alloy/config.alloy"
    yield "alloy", has["alloy"].get("--storage.path"), "alloy"
    for path in re.findall(r'"unix://([^"]+)"', all_["alloy"]):
        yield "alloy", path, pathlib.Path("/var/run/docker.sock")


def mounted(all_):
    """What is read lies in a mount of the right thing, and nothing is mounted that nobody reads."""
    wrong, used = [], set()
    for name, path, wanted in reads(all_):
        mounts = [mount for mount in all_["stack"]["services"][name].get("volumes", []) if path and pathlib.Path(path).is_relative_to(mount["target"])]
        if not mounts:
            wrong.append(f"{name} reads {path}, where nothing is mounted")
            continue
        mount = max(mounts, key=lambda one: len(one["target"]))
        used.add((name, mount["target"]))
        there = mount["source"] if mount["type"] == "volume" else pathlib.Path(mount["source"], pathlib.Path(path).relative_to(mount["target"]))
        if str(there) != str(wanted):
            wrong.append(f"{name} reads {path}, where there is {there} and not {wanted}")
        elif isinstance(wanted, pathlib.Path) and wanted.is_relative_to(DOCKER.parent) and not wanted.exists():
            wrong.append(f"{name} reads {path}, and there is no {wanted}")
        elif mount["type"] == "volume" and mount.get("read_only") and name == there:
            wrong.append(f"{name} cannot write to its own volume")
    return wrong + [f"{name}: nobody reads {mount['target']}" for name, service in all_["stack"]["services"].items()
                    for mount in service.get("volumes", []) if (name, mount["target"]) not in used]


def strings(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [one for inner in value for one in strings(inner)] if isinstance(value, list) else [value] if isinstance(value, str) else []


def provisioned(all_, boards):
    """Datasources and dashboards as Grafana reads them: keys, kinds to which links lead, kinds of panels, dollars written twice."""
    sources, files = yaml.safe_load(all_["sources"]), yaml.safe_load(all_["files"])
    kinds = {one["uid"]: one["type"] for one in sources["datasources"]}
    wrong = [f"apiVersion {one['apiVersion']}" for one in (sources, files) if one["apiVersion"] != 1]
    wrong += [f"provider {one['name']}: type {one['type']}, folder {one.get('folder')}" for one in files["providers"] if one["type"] != "file" or not one.get("folder")]
    wrong += [f"{text}: Grafana would take the dollar for a variable of its environment" for one in (sources, files) for text in strings(one)
              if re.search(r"(?<!\$)\$(?!\$)", text.replace("$$", "")) or text.count("$") % 2]
    if [one["uid"] for one in sources["datasources"] if one.get("isDefault")] != ["prometheus"]:
        wrong.append("Prometheus is not the default")
    for one in sources["datasources"]:
        wrong += [f"{one['name']}: {key} is nothing to {one['type']}" for key in sorted(one["jsonData"].keys() - TELLS.get(one["type"], set()))]
        wrong += [f"{one['name']}: the browser, not Grafana, would ask {one['url']}"] if one["access"] != "proxy" else []
        for key, value in one["jsonData"].items():
            for link in (link for link in (value if isinstance(value, list) else [value]) if isinstance(link, dict)):
                if kinds.get(link.get("datasourceUid")) not in LEADS.get(key, set()):
                    wrong.append(f"{one['name']}: {key} leads to {link.get('datasourceUid')}")
                if key == "derivedFields" and link.get("url") != "$${__value.raw}":
                    wrong.append(f"{one['name']}: {link['name']} asks for {link.get('url')}, and not for what was found")
    every = scraping(all_)
    wrong += [f"{one['name']}: timeInterval is {one['jsonData']['timeInterval']}, scrapes come every {every}" for one in sources["datasources"]
              if one["jsonData"].get("timeInterval", every) != every]
    for board in boards:
        named = re.findall(r"\{'type': '([\w-]+)', 'uid': '(\w+)'\}", str(board))
        wrong += [f"{board['uid']}: {uid} is no {kind}" for kind, uid in sorted(set(named)) if uid in kinds and kinds[uid] != kind]
    return wrong


def scraping(all_):
    return yaml.safe_load(all_["prometheus"])["global"]["scrape_interval"]


def checks(all_, with_postgres, boards):
    """As static.py has them: what is checked, how, what it is given, and the same with one error."""
    def other(name, was, now):
        return {**all_, name: all_[name].replace(was, now, 1)}

    def stack(service, change):
        new = copy.deepcopy(all_["stack"])
        change(new["services"][service])
        return {**all_, "stack": new}

    def moved(service, was, now):
        return stack(service, lambda s: next((mount for mount in s["volumes"] if mount["target"] == was), {}).update(target=now))

    return [
        ("wiring: addresses", reached, [all_], [other("sources", "prometheus:9090", "prometheus:9091")]),
        ("wiring: addresses, of OTLP", reached, [all_], [stack("edge", lambda s: s["environment"].update(TRACING_OTLP_ENDPOINT="http://jaeger:16686"))]),
        ("wiring: addresses, of targets", reached, [all_], [other("prometheus", "host.docker.internal:9464", "host.docker.internal:9465")]),
        ("wiring: addresses, with PostgreSQL", reached, [with_postgres],
         [{**with_postgres, "stack": {"services": {name: one for name, one in with_postgres["stack"]["services"].items() if name != "postgres"}}}]),
        ("wiring: whoever has figures is scraped", scraped, [all_], [other("prometheus", "mills, boilers", "mills")]),
        ("wiring: ports", published, [all_], [stack("jaeger", lambda s: s["ports"][1].update(target=4318))]),
        ("wiring: ports, of the README", published, [all_], [other("readme", "<http://127.0.0.1:3000>", "<http://127.0.0.1:3001>")]),
        ("wiring: health checks", watched, [all_], [stack("grafana", lambda s: s["healthcheck"]["test"].__setitem__(-1, "http://127.0.0.1:3001/api/health"))]),
        ("wiring: health checks, that can fail", watched, [all_], [stack("loki", lambda s: s["healthcheck"].update(test=["NONE"]))]),
        ("wiring: settings", set_, [all_], [stack("grafana", lambda s: s["environment"].update(GF_AUTH_ANONYMUS_ENABLED="true"))]),
        ("wiring: settings, of traces", set_, [all_], [stack("mills", lambda s: s["environment"].pop("TRACING_ENABLED", None))]),
        ("wiring: mounts", mounted, [all_], [moved("grafana", "/etc/grafana/provisioning", "/etc/grafana/provision")]),
        ("wiring: mounts, of volumes", mounted, [all_], [moved("loki", "/loki", "/var/loki")]),
        ("wiring: mounts, of rule files", mounted, [all_], [other("prometheus", "slo/rules.yaml", "slo/rule.yaml")]),
        ("wiring: provisioning", provisioned, [all_, boards], [other("sources", "$${__value", "${__value"), boards]),
        ("wiring: provisioning, where links lead", provisioned, [all_, boards], [other("sources", "{name: trace_id, datasourceUid: jaeger}", "{name: trace_id, datasourceUid: loki}"), boards]),
        ("wiring: provisioning, kinds", provisioned, [all_, boards], [other("files", "type: file", "type: files"), boards]),
    ]

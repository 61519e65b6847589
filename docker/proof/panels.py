#!/usr/bin/env python3
"""Asks a running Prometheus every question that the dashboards ask: panels.py URL FOLDER SECONDS.

Variables take all their values, as Grafana's `All` does; a query that had no number in the last SECONDS is
told, and makes exit code 1, also one of an annotation. Empty variables, queries that do not parse, labels of a legend or a
title that no series has, and panels that shall show exemplars and have none are told, too. What is asked of
Loki is left out.
"""
import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

STEP = 1


def ask(base, path, **query):
    try:
        with urllib.request.urlopen(f"{base}{path}?{urllib.parse.urlencode(query, doseq=True)}", timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def listed(board, what):
    """The annotations or the variables (`templating`) of a dashboard."""
    return board.get(what, {}).get("list", [])


def asking(variable):
    """The selector and the label of which a variable has the values; none if it is of another kind, or asks something else."""
    query = variable.get("query", "") if variable.get("type") == "query" else ""
    found = re.fullmatch(r"\s*label_values\((?:(.+),)?\s*(\w+)\s*\)\s*", query if isinstance(query, str) else query.get("query", ""))
    return found and (found[1], found[2])


def saved(variable):
    """What another variable stood at when its dashboard was saved; all, where that was so."""
    value = variable.get("current", {}).get("value", "")
    value = "|".join(value) if isinstance(value, list) else str(value)
    return "1m" if value.startswith("$__auto") else ".*" if value in ("", "$__all") else value


def variables(base, board):
    """The values of a dashboard's variables; and what is wrong with them."""
    values, wrong = {}, []
    for one in listed(board, "templating"):
        wanted = asking(one)
        if not wanted:
            values[one["name"]] = saved(one)
            continue
        more = {"match[]": wanted[0]} if wanted[0] else {}
        found = ask(base, f"/api/v1/label/{wanted[1]}/values", **more).get("data", [])
        if not found:
            wrong.append(f"variable {one['name']} has no values: {one['query']}")
        values[one["name"]] = found
    return values, wrong


def written(found, how):
    """The values of a variable in a query. A label's value is a quoted string, in which Grafana writes a backslash
    twice, unless a format is asked for."""
    if isinstance(found, str):
        return found
    if how in ("pipe", "raw"):
        return "|".join(found)
    if how in ("csv", "json", "text"):
        return ",".join(found)
    escaped = [re.sub(r"[\\^$*+?.()|{}\[\]/]", r"\\\g<0>", one) for one in found]
    return "(" + "|".join(escaped if how == "regex" else [one.replace("\\", "\\\\") for one in escaped]) + ")"


def asked(query, values, window):
    """A panel's query as Grafana sends it, over a range as long as the window."""
    seconds = int(window[:-1])
    macros = {"__rate_interval": window, "__interval": f"{STEP}s", "__interval_ms": str(STEP * 1000),
              "__range": window, "__range_s": str(seconds), "__range_ms": str(seconds * 1000)}

    def put(found):
        name, how = found[1] or found[3] or found[4], found[2] or found[5]
        if name in macros:
            return macros[name]
        return written(values[name], how) if name in values else found[0]

    return re.sub(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]", put, query)


def numbers(base, query, seconds, now):
    """The labels of the series that had a number, and what Prometheus says against the query."""
    answer = ask(base, "/api/v1/query_range", query=query, start=now - seconds, end=now, step=STEP)
    if answer["status"] != "success":
        return [], answer.get("error", "no answer")
    series = answer["data"]["result"]
    return [one["metric"] for one in series if any(value != "NaN" for _, value in one["values"])], ""


def unnamed(legend, found):
    """The labels that a legend names and no series has."""
    return [name for name in re.findall(r"\{\{\s*(\w+)\s*\}\}", legend) if not any(one.get(name) for one in found)]


def answers(asked, panel=None):
    """The kind of datasource that a query or an annotation asks; without one of its own a query has its panel's."""
    source = asked.get("datasource") or (panel or {}).get("datasource") or {}
    return source.get("type") or source.get("uid") if isinstance(source, dict) else source


def questions(board):
    """Whatever a dashboard asks of Prometheus: what it is called, the query, its legend, and whether exemplars are shown.
    Rows and texts ask nothing, and a query may be empty as yet."""
    for panel in (one for panel in board.get("panels", []) for one in [panel, *panel.get("panels", [])]):
        for target in panel.get("targets", []):
            if answers(target, panel) == "prometheus" and target.get("expr"):
                yield f"panel «{panel.get('title', '')}»", target["expr"], target.get("legendFormat", ""), target.get("exemplar")
    for one in listed(board, "annotations"):
        if answers(one) == "prometheus" and one.get("expr"):
            yield f"annotation «{one['name']}»", one["expr"], one.get("titleFormat", ""), False


def exemplars(base, query, seconds, now):
    """The labels of all exemplars of a query's series, as Grafana asks for them."""
    answer = ask(base, "/api/v1/query_exemplars", query=query, start=now - seconds, end=now)
    return [one["labels"] for series in answer.get("data", []) for one in series["exemplars"]]


def main(base, folder, seconds, window="10s"):
    now, wrong, good = time.time(), [], 0
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        board = json.loads(file.read_text())
        values, empty = variables(base, board)
        wrong += [f"{file.name}: {problem}" for problem in empty]
        for what, expr, legend, traced in questions(board):
            query = asked(expr, values, window)
            found, error = numbers(base, query, float(seconds), now)
            if traced and not any(one.get("trace_id") for one in exemplars(base, query, float(seconds), now)):
                wrong.append(f"{file.name}: {what} has no exemplars\n    {query}")
            if not found:
                wrong.append(f"{file.name}: {what} has no data {error}\n    {query}")
                continue
            good += 1
            wrong += [f"{file.name}: {what} names {name}, which no series has\n    {query}" for name in unnamed(legend, found)]
    print(f"{good} queries of panels and annotations had data, {len(wrong)} problems")
    for problem in wrong:
        print(problem, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

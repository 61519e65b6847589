#!/usr/bin/env python3
"""The stack's configuration, thirty times as fast: quick.py SLO_RULES FOLDER.

Five minutes of `for` and of a window become ten seconds, so that an alert and its end can be waited
for. Scrapes and evaluations come every second, Alertmanager waits a second, and both of its receivers get a
webhook. Thresholds, expressions, labels and routes are the committed ones, but for how many evaluations are in a window.
"""
import pathlib
import re
import sys

DOCKER = pathlib.Path(__file__).parent.parent
FASTER = 30
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Shortest window, so that two scrapes are always in it; and shortest `for`, since Prometheus takes up to five
# seconds to find its targets, however fast the rest is.
WINDOW, FOR = 4, 10
# One that can never fire, as the platform's predecessor had it: the label is called `status_code`.
BLIND = """
      - alert: PlantedBlind
        expr: sum(rate(http_requests_total{job="aurumai",status=~"5.."}[5m])) / sum(rate(http_requests_total{job="aurumai"}[5m])) > 0.01
        for: 5m
        labels: {severity: page}
"""

# A harmless fault of the operators' run, so that the annotations of faults have something to show.
FAULT = """links:
  proof: {to: platform}
faults:
  planted: {latency: {link: proof, add: {fixed: 1ms}, at: 12s, duration: 5s, recovery: 5s}}
"""


def seconds(text):
    return int(text[:-1]) * UNITS[text[-1]]


def quick(text):
    """Windows, `for` and intervals of rules."""
    def at_least(least):
        return lambda found: f"{found[1]}{max(least, seconds(found[2]) // FASTER)}s"
    # An evaluation a second, where there was one in fifteen: in a window as many as it has seconds, and one may be late.
    text = re.sub(r"(\[(\d+[smhd])\]\) >= )\d+", lambda found: f"{found[1]}{max(WINDOW, seconds(found[2]) // FASTER) - 1}", text)
    text = re.sub(r"(\[|interval: |offset )(\d+[smhd])\b", at_least(WINDOW), text)
    return re.sub(r"(for: )(\d+[smhd])$", at_least(FOR), text, flags=re.M)


def operators():
    """The operators' run, with a fault; and with a promise that a slow machine keeps, since there is no fault without."""
    text = (DOCKER / "operators.yaml").read_text()
    return text.replace("duration: 1h", "duration: 1h\n      to: proof").replace("below: 500ms", "below: 4s") + FAULT


def main(slo, out):
    out = pathlib.Path(out)
    for folder in ("platform", "slo"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    prometheus = (DOCKER / "prometheus/prometheus.yml").read_text()
    (out / "prometheus.yml").write_text(re.sub(r"(interval|timeout): \d+s", r"\1: 1s", prometheus))
    platform = (DOCKER / "prometheus/platform/rules.yaml").read_text()
    before, after = platform.split("      - alert: HighLatency", 1)
    platform = before + BLIND.lstrip("\n") + "      - alert: HighLatency" + after
    (out / "platform/rules.yaml").write_text(quick(platform))
    (out / "slo/rules.yaml").write_text(quick(pathlib.Path(slo).read_text()))
    (out / "operators.yaml").write_text(operators())
    alertmanager = (DOCKER / "alertmanager/alertmanager.yml").read_text()
    alertmanager = re.sub(r"(group_\w+): \d+[smh]", r"\1: 1s", alertmanager)
    alertmanager = re.sub(r"(  - name: (\S+))$", r'\1\n    webhook_configs: [{url: "http://sink:9095/cgi-bin/\2"}]', alertmanager, flags=re.M)
    (out / "alertmanager.yml").write_text(alertmanager)
    for file in out.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    out.chmod(0o755)


if __name__ == "__main__":
    main(*sys.argv[1:])

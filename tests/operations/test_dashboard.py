"""deploy/grafana/dashboard.json: it can be imported anywhere, and asks for nothing that the service does not tell."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import create_app

ROOT = Path(__file__).parent.parent.parent
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
SHOWING = [panel for panel in PANELS if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
PROMTOOL = shutil.which("promtool")
PROMETHEUS_OWN = {"up", "ALERTS", "scrape_duration_seconds"}
SUFFIX = re.compile(r"_(total|bucket|sum|count)$")

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: it is in Debian's prometheus")


def expressions() -> Iterator[str]:
    """All that is asked of Prometheus, as it is asked with every variable at All."""
    asked = [target["expr"] for panel in SHOWING for target in panel["targets"]]
    asked += [mark["expr"] for mark in DASHBOARD["annotations"]["list"] if "expr" in mark]
    for expression in asked:
        yield re.sub(r"\$(job|instance|route)\b", ".*", expression).replace("$__rate_interval", "1m")


def test_it_can_be_imported_anywhere():
    """No id and no uid of another Grafana; the data source is chosen by whoever looks."""
    sources = [panel["datasource"] for panel in SHOWING]
    sources += [target["datasource"] for panel in SHOWING for target in panel["targets"]]

    assert DASHBOARD["id"] is None
    assert "uid" not in DASHBOARD
    assert DASHBOARD["schemaVersion"] >= 39  # Grafana 11
    assert VARIABLES["datasource"]["type"] == "datasource"
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_a_panel_says_what_it_shows():
    """A title, a sentence, a unit for each number; queries have names of their own."""
    graphs = [panel for panel in SHOWING if panel["type"] in {"stat", "timeseries"}]

    assert [panel["title"] for panel in SHOWING if not panel["title"] or not panel["description"]] == []
    assert [panel["title"] for panel in graphs if not panel["fieldConfig"]["defaults"].get("unit")] == []
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in SHOWING:
        names = [target["refId"] for target in panel["targets"]]
        assert len(set(names)) == len(names)


def test_no_panel_lies_on_another():
    """Nor beside the 24 columns."""

    def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
        at = panel["gridPos"]
        return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}

    assert max(x for panel in PANELS for x, _ in cells(panel)) < 24
    assert [(one["title"], other["title"]) for one, other in combinations(PANELS, 2) if cells(one) & cells(other)] == []


def test_every_variable_is_used_and_every_one_that_is_used_is_there():
    """`$__rate_interval` is Grafana's own."""
    text = json.dumps(DASHBOARD)
    used = set(re.findall(r"\$\{?([a-z]\w*)", text))

    assert used == VARIABLES.keys()


def test_every_metric_is_one_of_the_services(settings):
    """By /metrics itself."""
    told = create_app(settings).test_client().get("/metrics").text
    families = {name for name in re.findall(r"^# TYPE (\S+)", told, re.MULTILINE) if not name.endswith("_created")}
    asked = [*expressions(), *(variable["definition"] for variable in VARIABLES.values() if "definition" in variable)]
    names = {name for expression in asked for name in re.findall(r"\b(\w+)\{|\b(bff_\w+)", expression) for name in name}
    unknown = {name for name in names - {""} - PROMETHEUS_OWN if name not in families}

    assert {name for name in unknown if SUFFIX.sub("", name) not in families} == set()
    assert {SUFFIX.sub("", family) for family in families} - {SUFFIX.sub("", name) for name in names} == set()


@needs_promtool
def test_every_expression_can_be_read(tmp_path):
    """By promtool, which reads the expressions of rules."""
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    checked = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)

    assert (checked.returncode, f"{len(rules)} rules found" in checked.stdout) == (0, True), checked.stderr

"""deploy/prometheus/: each alert names what there is, is tested by promtool's own tests, and says where to read on."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import create_app
from proxy import errors
from tests.test_security_page import anchors

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy/prometheus"
GROUPS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]
SCENES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.test.yml").read_text("utf-8"))["tests"]
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: it is in Debian's prometheus")


def name_of(alert: dict[str, Any]) -> str:
    return str(alert["alert"])


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(alert):
    """The heading that it names exists."""
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")

    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"]
    assert anchor in anchors(ROOT / page)


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_an_alert_asks_for_what_there_is(settings, alert):
    """Metrics as /metrics has them, the codes of errors, routes of the app."""
    app = create_app(settings)
    told = app.test_client().get("/metrics").text
    families = set(re.findall(r"^# TYPE (\S+)", told, re.MULTILINE))
    names = set(re.findall(r"\bbff_\w+", alert["expr"]))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BffError)]
    asked_codes = {code for text in re.findall(r'code=~?"([^"]+)"', alert["expr"]) for code in text.split("|")}
    rules = {rule.rule for rule in app.url_map.iter_rules()} | {"/api/proxy/.*"}
    routes = {route for text in re.findall(r'route!?[=~]+"([^"]+)"', alert["expr"]) for route in text.split("|")}

    assert {name for name in names if not {name, re.sub("_(bucket|sum|count)$", "", name)} & families} == set()
    assert asked_codes - {kind.code for kind in kinds} == set()
    assert routes - rules == set()


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_an_alert_is_seen_to_fire_in_a_scene(alert):
    """And in the others not: each scene names all that fires."""
    looks = [look for scene in SCENES for look in scene["promql_expr_test"]]
    fired = [sample["labels"] for look in looks for sample in look["exp_samples"]]

    assert f'{{alertname="{name_of(alert)}"}}' in fired
    assert all('ALERTS{alertstate="firing"}' in look["expr"] for look in looks)


def test_a_healthy_scene_has_no_alert():
    """Nor a night with hardly a request."""
    quiet = [scene["name"] for scene in SCENES if not any(look["exp_samples"] for look in scene["promql_expr_test"])]

    assert len(quiet) >= 2


@needs_promtool
@pytest.mark.parametrize("command", ["check rules alerts.yml", "test rules alerts.test.yml"])
def test_promtool_agrees_with_the_alerts(command):
    """Prometheus's own tool reads them, and runs their tests."""
    done = subprocess.run(
        [str(PROMTOOL), *command.split()], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_agrees_with_the_configuration(tmp_path):
    """With a token in the file that it names."""
    for file in FOLDER.glob("*.yml"):
        (tmp_path / file.name).write_text(file.read_text("utf-8"))
    (tmp_path / "metrics-token").write_text("for-the-scraper")

    done = subprocess.run(
        [str(PROMTOOL), "check", "config", "prometheus.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr

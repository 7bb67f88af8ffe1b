"""docs/OPERATIONS.md: every metric, event, field and alert is on it, and nothing that is not there."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from tests.operations.test_alerts import ALERTS, name_of
from tests.test_security_page import anchors, functions_of

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/OPERATIONS.md"
TEXT = PAGE.read_text("utf-8")
WITH_EVENTS = sorted([*ROOT.glob("proxy/**/*.py"), *ROOT.glob("*.py")])
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", TEXT)))
SHOWN: list[dict[str, Any]] = [json.loads(line) for line in TEXT.splitlines() if line.startswith("{")]

# What gunicorn says is a sentence.
_NAME = re.compile(r"[a-z]+(_[a-z]+)*")

needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, up to the next one, less their own heads."""
    below = re.split(r"^#", TEXT.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in below.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def events_of(path: Path) -> Iterator[str]:
    """The names of the events that a file logs: `log.info("name", …)`, or by a name that such a method was given."""
    tree = ast.parse(path.read_text("utf-8"))
    methods = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(_is_log(part) for part in ast.walk(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            is_one = _is_log(node.func) or (isinstance(node.func, ast.Name) and node.func.id in methods)
            is_told = ast.unparse(node.func) == "tell" and len(node.args) == len(("level", "event", "fields"))
            names = _texts(node.args[1 if is_told else 0]) if is_one or is_told else []
            yield from filter(_NAME.fullmatch, names)


def _texts(node: ast.AST) -> list[str]:
    """What an argument may be: a text, or one of two."""
    either = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    return [str(text.value) for text in either if isinstance(text, ast.Constant)]


def _is_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "log"


EVENTS = sorted({event for path in WITH_EVENTS for event in events_of(path)})
IN_TABLE = {name: named(row[2]) for row in rows("Other events") if len(row) == 4 for name in named(row[0])}


def test_the_events_are_found():
    """Or the next test would show nothing."""
    assert {"request", "refused", "defect", "started", "signed_in", "breaker_closed"} <= set(EVENTS)


def test_every_event_has_a_row():
    """And no row is of an event that nobody logs; `request` has a table of its own."""
    assert {*IN_TABLE, "request"} == set(EVENTS)


def test_every_field_of_a_request_has_a_row(client, backend, events):
    """Those that come with one, and one for each that comes always."""
    backend.answer("GET /api/vehicles", json=[])

    client.get("/api/vehicles")

    [event] = [entry for entry in events if entry["event"] == "request"]
    listed = [name for row in rows("`request`") for name in named(row[0])]
    assert set(listed) == event.keys() - {"event", "log_level"}


def test_every_metric_has_a_row(settings):
    """With its type and its labels, as /metrics has them."""
    told = create_app(settings).test_client().get("/metrics").text
    types = {name: kind for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", told, re.M) if "_created" not in name}
    listed = {named(row[0])[0]: row[1].partition(",")[0] for row in rows("The metrics")[1:] if named(row[0])}

    assert listed == types


def test_every_label_is_listed(client, backend):
    """Of each metric that has one."""
    backend.answer("GET /api/vehicles", json=[])
    client.get("/api/vehicles")
    client.get("/api/nope")
    told = client.get("/metrics").text
    listed = {named(row[0])[0]: set(named(row[2])) for row in rows("The metrics")[1:] if named(row[0])}

    labels: dict[str, set[str]] = {name: set() for name in listed}
    for name, text in re.findall(r"^(\w+?)(?:_bucket|_sum|_count)?\{(.*)\} ", told, re.MULTILINE):
        if name in labels:
            labels[name] |= set(re.findall(r'(\w+)="', text)) - {"le"}
    assert labels == listed


@pytest.mark.parametrize("alert", ALERTS, ids=name_of)
def test_every_alert_has_a_row(alert):
    """With its severity, and the part of this page that it names."""
    [row] = [row for row in rows("The alerts") if named(row[0]) == [name_of(alert)]]

    assert row[1] == alert["labels"]["severity"]
    assert alert["annotations"]["runbook_url"].partition("#")[2] in row[3]


def test_no_row_is_of_an_alert_that_is_not_there():
    """After a change of the rules."""
    assert {name for row in rows("The alerts") for name in named(row[0])} == {name_of(alert) for alert in ALERTS}


@pytest.mark.parametrize("name", TESTS)
def test_a_test_that_is_named_exists(name):
    """What has not been provoked is not known."""
    path, function = name.split("::")

    assert function in functions_of(ROOT / path)


def test_twenty_failures_have_been_provoked():
    """Each heading of a failure is followed by its test, or says where else it is."""
    failures = re.findall(r"^### (.+)\n\n`tests/operations/", TEXT, re.MULTILINE)

    assert len(failures) >= 20


def test_a_line_that_is_shown_is_one_of_the_log():
    """Its event and its fields are in the tables; of gunicorn's, the beginning."""
    fields = {name for row in rows("`request`") for name in named(row[0])}
    known = {**{name: set(listed) for name, listed in IN_TABLE.items()}, "request": fields}
    sentences = [named(row[0])[0].partition("…")[0] for row in rows("Other events") if len(row) == 2 and named(row[0])]
    ours = [line for line in SHOWN if not any(line["event"].startswith(sentence) for sentence in sentences)]

    assert len(SHOWN) > 20
    assert [line for line in ours if not line.keys() - {"level", "event"} <= known[line["event"]]] == []


def test_every_link_leads_somewhere():
    """To a file of this repository, and to a heading of it."""
    links = [link.partition("#") for link in re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT)]
    pages = [((PAGE.parent / path).resolve() if path else PAGE, anchor) for path, _, anchor in links]

    assert [page for page, _ in pages if not page.exists()] == []
    assert [anchor for page, anchor in pages if anchor and anchor not in anchors(page)] == []


def test_the_lines_for_nginx_are_those_that_are_tested():
    """In front of two instances; comments aside."""
    [block] = re.findall(r"```nginx\n(.*?)```", TEXT, re.DOTALL)
    tested = (ROOT / "deploy/nginx/bff.conf").read_text("utf-8")

    assert [line for line in block.splitlines() if f" {line}" not in tested] == []


@needs_jq
def test_the_commands_can_be_run(tmp_path):
    """On the lines of this page."""
    (tmp_path / "bff.log").write_text("\n".join(map(json.dumps, SHOWN)))
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    commands = "\n".join(block for block in blocks if block.lstrip().startswith("jq"))

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("backend_unreachable") == 2
    assert "build-4711" in done.stdout

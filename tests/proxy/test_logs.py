"""How an event looks: as JSON for machines, as a line for people; neither can be forged from outside."""

import json
import logging.config
import subprocess
import sys

import pytest

from config import Settings
from proxy.logs import of_libraries

NASTY = ["a\nb", 'a" b\\', "a\x1b[31m", "\u2028", "\ud800", ""]
PROGRAM = """
import json, logging, sys, structlog
from config import Settings
from proxy import logs
logs.configure(Settings(app_env=sys.argv[1], api_base_url="http://backend", log_level=sys.argv[2]))
fields = json.loads(sys.stdin.read())
structlog.get_logger().info("odd", **fields)
structlog.get_logger().warning("worse")
logging.getLogger("library").warning("said %s", fields.get("origin"))
logging.getLogger("gunicorn.error").info("Booting worker")
try:
    int("none")
except ValueError as error:
    structlog.get_logger().error("defect", exc_info=error)
"""


def log(app_env: str, level: str = "info", **fields: object) -> list[str]:
    """The lines of a process that logs an event with these fields, and some others."""
    command = [sys.executable, "-c", PROGRAM, app_env, level]
    done = subprocess.run(command, input=json.dumps(fields).encode(), capture_output=True, check=True, timeout=20)
    lines: list[str] = done.stdout.decode().split("\n")[:-1]
    return lines


@pytest.fixture(scope="module")
def told() -> list[dict[str, object]]:
    """What production writes, once: fields of every kind."""
    return [json.loads(line) for line in log("production", origin="\n".join(NASTY), status=1.5, code=None)]


def test_an_event_is_one_line_of_json(told):
    """Whatever a browser sent (OWASP ASVS 5.0, 16.4.1)."""
    [odd] = [event for event in told if event["event"] == "odd"]

    assert list(odd) == ["time", "level", "event", "origin", "status", "code"]
    assert (odd["level"], odd["origin"], odd["status"], odd["code"]) == ("info", "\n".join(NASTY), 1.5, None)


def test_times_are_in_utc(told):
    """With their offset (16.2.2)."""
    assert {str(event["time"])[-6:] for event in told} == {"+00:00"}


def test_what_libraries_say_has_the_same_shape(told):
    """gunicorn's own lines among them."""
    assert [event["event"] for event in told] == [
        "odd",
        "worse",
        f"said {chr(10).join(NASTY)}",
        "Booting worker",
        "defect",
    ]
    assert {tuple(event)[:3] for event in told} == {("time", "level", "event")}


def test_a_trace_is_a_field(told):
    """Not lines of its own."""
    assert "ValueError: invalid literal" in str(told[-1]["exception"])


@pytest.mark.parametrize(("level", "events"), [("info", 5), ("warning", 3), ("error", 1)])
def test_log_level_is_the_least_that_is_written(level, events):
    """Of libraries too."""
    assert len(log("production", level)) == events


@pytest.mark.parametrize("value", NASTY)
def test_an_event_is_one_line_for_people(value):
    """What came from elsewhere begins no line of its own, and sends the terminal nothing."""
    [odd, _, said, *_] = log("development", origin=value)

    assert (odd + said).isprintable()
    assert " INFO odd origin=" in odd


def test_a_request_reads_like_one():
    """In the order in which one asks; what is not known is left out."""
    formatter = logging.config.DictConfigurator({}).configure_formatter(
        of_libraries(Settings(app_env="development"))["formatters"]["event"]
    )
    record = logging.LogRecord("bff", logging.INFO, "", 0, "request", (), None)
    fields = {"method": "GET", "path": "/a", "status": 401, "duration_ms": 1.2, "code": "no_session", "request_id": "r"}
    vars(record).update(fields, user=None, client="::1")

    assert formatter.format(record).endswith(" INFO GET /a 401 1.2 ms code=no_session request_id=r")

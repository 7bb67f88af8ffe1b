"""How an event looks: as JSON for machines, as a line for people; neither can be forged from outside."""

import json
import logging
import logging.config
import sys

import pytest

from config import Settings
from proxy.logs import Lines, dictionary

NASTY = ["a\nb", 'a" b\\', "a\x1b[31m", "\u2028", "\ud800", ""]


def written(app_env: str, event: str, **fields: object) -> str:
    """What stands in the log after an event."""
    told = dictionary(Settings(app_env=app_env, api_base_url="http://backend"))  # type: ignore[arg-type]
    name = told["handlers"]["stdout"]["formatter"]
    formatter = logging.config.DictConfigurator(told).configure_formatter(told["formatters"][name])
    record = logging.LogRecord("bff", logging.INFO, "", 0, event, (), None)
    vars(record).update(fields)
    line: str = formatter.format(record)
    return line


@pytest.mark.parametrize("value", NASTY)
def test_an_event_is_one_line_of_json(value):
    """Whatever a browser sent (OWASP ASVS 5.0, 16.4.1); times are in UTC (16.2.2)."""
    line = written("production", "request", path=value)

    told = json.loads(line)
    assert (told["event"], told["level"], told["path"]) == ("request", "INFO", value)
    assert told["time"].endswith("+00:00")
    assert line.isascii()
    assert "\n" not in line


@pytest.mark.parametrize("value", NASTY)
def test_an_event_is_one_line_for_people(value):
    """What came from elsewhere begins no line of its own, and sends the terminal nothing."""
    line = written("development", "odd", origin=value)

    assert line.isprintable()
    assert " INFO odd origin=" in line


def test_a_request_reads_like_one():
    """In the order in which one asks."""
    fields = {"method": "GET", "path": "/a", "status": 401, "duration_ms": 1.2, "code": "no_session", "request_id": "r"}

    line = written("development", "request", **fields, user=None, client="::1")

    assert line.endswith(" INFO GET /a 401 1.2 ms code=no_session request_id=r")


def test_a_trace_follows_its_line():
    """In development it is read where it stands."""
    try:
        int("odd")
    except ValueError:
        record = logging.LogRecord("bff", logging.ERROR, "", 0, "defect", (), sys.exc_info())

    assert Lines().format(record).endswith("invalid literal for int() with base 10: 'odd'")

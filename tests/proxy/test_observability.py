"""The request's id, its log line, and the warning about forwarding fields."""

import logging
import re
from dataclasses import replace

import pytest

from app import create_app


@pytest.mark.parametrize("offered", ["abc", "A-b_c.1", "x" * 128])
def test_a_request_id_is_taken_over(client, backend, offered):
    """It goes to the backend and back."""
    backend.answer("GET /api/vehicles", json=[])

    response = client.get("/api/vehicles", headers={"X-Request-ID": offered})

    assert (response.headers["X-Request-ID"], backend.last.headers["X-Request-ID"]) == (offered, offered)


@pytest.mark.parametrize("offered", ["", "a b", "x" * 129, "a\tb", "<script>", "\u00f1"])
def test_another_request_id_is_replaced(client, backend, offered):
    """What is logged and sent on is 1 to 128 of `[A-Za-z0-9._-]`."""
    backend.answer("GET /api/vehicles", json=[])

    response = client.get("/api/vehicles", headers={"X-Request-ID": offered})

    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])
    assert backend.last.headers["X-Request-ID"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/api/nope", "/api/vehicles", "/healthz"])
def test_every_answer_carries_the_id(anonymous, path):
    """Errors too: it is what a user can read out to whoever looks into the log."""
    assert anonymous.get(path, headers={"X-Request-ID": "r-1"}).headers["X-Request-ID"] == "r-1"


def test_a_log_line_says_what_happened_and_not_to_whom(client, backend, caplog):
    """The URL rule stands for the path; the query is left out."""
    caplog.set_level(logging.INFO, logger="bff")
    backend.answer("GET /api/vehicles/SECRET/stats", json={})

    client.get("/api/vehicles/SECRET/stats?q=SECRET", headers={"X-Request-ID": "r-1"})

    assert re.fullmatch(r"GET /api/vehicles/<alias>/stats 200 - \d+\.\d ms r-1", caplog.messages[-1])


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"])
def test_each_forwarding_field_is_warned_of(anonymous, caplog, name):
    """A proxy may send only some."""
    anonymous.get("/healthz", headers={name: "x"})

    assert any(name in message and "TRUSTED_PROXIES" in message for message in caplog.messages)


@pytest.mark.parametrize(
    ("cookie", "detail"),
    [
        ("", "no token cookie"),
        ("token=a b", "the token cookie cannot be a token"),
        ("token=%20", "the token cookie cannot be a token"),
        ("token=a; token=b", "two token cookies that differ"),
    ],
)
def test_a_refusal_says_in_its_line_which_step_refused(anonymous, caplog, cookie, detail):
    """One line, and never the value."""
    caplog.set_level(logging.INFO, logger="bff")

    anonymous.application.test_client(use_cookies=False).get("/api/vehicles", headers={"Cookie": cookie})

    assert re.fullmatch(rf"GET /api/vehicles 401 no_session \d+\.\d ms [0-9a-f]{{32}}: {detail}", caplog.messages[-1])


def test_a_forwarding_field_that_nobody_is_trusted_to_send_is_ignored_and_said_once(client, backend, caplog):
    """TRUSTED_PROXIES=0: the browser could have written it; an operator has probably forgotten the setting."""
    backend.answer("GET /api/vehicles", json=[])
    forged = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

    client.get("/api/vehicles", headers=forged)
    client.get("/api/vehicles", headers=forged)

    assert backend.last.headers["X-Forwarded-For"] == "127.0.0.1"
    assert backend.last.headers["X-Forwarded-Proto"] == "http"
    assert backend.last.headers["X-Forwarded-Host"] == "localhost"
    assert sum("TRUSTED_PROXIES" in message for message in caplog.messages) == 1


def test_of_many_forwarding_entries_the_one_our_proxies_wrote_counts(settings, backend):
    """With two proxies it is the second from the right; what stands left of it anybody could have sent."""
    browser = create_app(replace(settings, trusted_proxies=2)).test_client()
    browser.set_cookie("token", "a.b.c")
    backend.answer("GET /api/vehicles", json=[])

    browser.get(
        "/api/vehicles",
        headers={"X-Forwarded-For": "1.1.1.1, 203.0.113.7, 10.0.0.1", "X-Forwarded-Proto": "https, http"},
    )

    assert backend.last.headers.get_all("X-Forwarded-For") == ["203.0.113.7"]
    assert backend.last.headers["X-Forwarded-Proto"] == "https"

"""The request's id, its event in the log, and those of other things that happen."""

import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from app import create_app
from proxy.tokens import parse_token
from setting_types import ProxyRule, Secret
from tests.proxy.api.test_auth import jwt


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


def last(events: list[dict[str, Any]], name: str = "request") -> dict[str, Any]:
    """The last event of that name."""
    return [event for event in events if event["event"] == name][-1]


def test_an_event_says_what_happened(client, backend, events):
    """What an operator asks first: who, what, how long, how much, and where the time went."""
    backend.answer("POST /api/vehicles", 201, json={"data": {}})
    vehicle = {"alias": "A", "marca": "M", "modelo": 2020, "plates": "P"}
    trace = "0af7651916cd43dd8448eb211c80319c"

    client.post("/api/vehicles?q=1", json=vehicle, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})

    told = last(events)
    assert (told["method"], told["route"], told["path"]) == ("POST", "/api/vehicles", "/api/vehicles")
    assert (told["status"], told["code"], told["client"]) == (201, None, "127.0.0.1")
    assert (told["bytes_in"], told["bytes_out"]) == (len(backend.last.body), len('{"data": {}}'))
    assert 0 < told["backend_ms"] <= told["duration_ms"]
    assert told["trace_id"] == trace
    assert re.fullmatch("[0-9a-f]{32}", told["request_id"])
    assert re.fullmatch("[0-9a-f]{16}", told["user"])


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/api/vehicles/A%2FB/stats?q=SECRET", "/api/vehicles/A%2FB/stats"),
        ("PUT", "/api/auth/reset-password/SECRET", "/api/auth/reset-password/<reset_token>"),
        ("PUT", "/api/auth/reset-pasword/SECRET", "/api/auth/..."),
        ("GET", "/api/nope", "/api/nope"),
        ("GET", "/SECRET" * 9, "/SECRET/SECRET/..."),
    ],
)
def test_no_path_in_the_log_holds_a_reset_token(client, events, method, path, told):
    """Nor a query, nor, where nobody serves the path, more than its beginning."""
    client.open(path, method=method, json={"password": "x"})

    assert last(events)["path"] == told


def test_users_have_pseudonyms_in_the_log(settings, events):
    """The same for both tokens of one user, another for another, and other ones under another key."""
    one, other = (create_app(replace(settings, token_cookie_keys=(Secret(k * 43 + "="),))) for k in "AB")

    claims: list[dict[str, Any]] = [{"sub": "1", "iat": 1}, {"sub": "1"}, {"id": 2}]
    told = [[_user_of(app, each, events) for each in claims] for app in (one, other)]

    assert [names[0] == names[1] for names in told] == [True, True]
    assert len({*told[0], *told[1]}) == 4


def _user_of(app: Flask, claims: dict[str, Any], events: list[dict[str, Any]]) -> str:
    browser = app.test_client()
    browser.set_cookie("token", app.extensions["token_cookie"].write(parse_token(jwt(**claims))))
    browser.get("/api/vehicles")
    user: str = last(events)["user"]
    return user


@pytest.mark.parametrize(("status", "name"), [(200, "signed_in"), (401, "sign_in_failed")])
def test_signing_in_is_an_event_of_its_own(anonymous, backend, events, status, name):
    """OWASP ASVS 5.0, 16.3.1: successes and failures, of whom, from where; no address, no password."""
    backend.answer("POST /api/auth/login", status, json={"token": "a.b.c", "error": "no"})

    anonymous.post("/api/auth/login", json={"email": " Ana@Example.com", "password": "hunter2"})

    told = last(events, name)
    assert re.fullmatch("[0-9a-f]{16}", told["account"])
    assert (told["client"], told["request_id"]) == ("127.0.0.1", last(events)["request_id"])
    assert "ana" not in str(told).lower().replace("test_", "")
    assert "hunter2" not in str(told)


def test_a_refused_cross_site_request_is_an_event_of_its_own(anonymous, events):
    """With what the browser said, so that a page that should be trusted can be."""
    anonymous.post("/api/auth/logout", headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})

    told = last(events, "cross_site_refused")
    assert (told["site"], told["origin"], told["host"]) == ("cross-site", "https://evil.example", "localhost")


def test_a_stream_is_told_of_at_its_end(settings, backend, events):
    """With what passed, in both directions."""
    rules = (ProxyRule(methods=None, pattern="*"),)
    browser = create_app(replace(settings, proxy_allow=rules, proxy_base_url=backend.url)).test_client()
    browser.set_cookie("token", "a.b.c")
    backend.answer("POST /x", body=b"0123456789")

    response = browser.post("/api/proxy/x", data=b"abc")
    before = [event["event"] for event in events]
    response.get_data()
    response.close()

    assert "request" not in before
    assert (last(events)["bytes_in"], last(events)["bytes_out"]) == (3, 10)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"])
def test_each_forwarding_field_is_warned_of(anonymous, events, name):
    """A proxy may send only some."""
    anonymous.get("/api/vehicles", headers={name: "x"})

    assert last(events, "forwarding_field_ignored")["detail"].startswith(f"{name} arrives")


@pytest.mark.parametrize(
    ("cookie", "detail"),
    [
        ("", "no token cookie"),
        ("token=a b", "the token cookie cannot be a token"),
        ("token=%20", "the token cookie cannot be a token"),
        ("token=a; token=b", "two token cookies that differ"),
    ],
)
def test_a_refusal_says_in_its_line_which_step_refused(anonymous, events, cookie, detail):
    """One line, and never the value."""
    anonymous.application.test_client(use_cookies=False).get("/api/vehicles", headers={"Cookie": cookie})

    assert (last(events)["code"], last(events)["detail"]) == ("no_session", detail)


def test_a_forwarding_field_that_nobody_is_trusted_to_send_is_ignored_and_said_once(client, backend, events):
    """TRUSTED_PROXIES=0: the browser could have written it; an operator has probably forgotten the setting."""
    backend.answer("GET /api/vehicles", json=[])
    forged = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}

    client.get("/api/vehicles", headers=forged)
    client.get("/api/vehicles", headers=forged)

    assert backend.last.headers["X-Forwarded-For"] == "127.0.0.1"
    assert backend.last.headers["X-Forwarded-Proto"] == "http"
    assert backend.last.headers["X-Forwarded-Host"] == "localhost"
    assert [event["event"] for event in events].count("forwarding_field_ignored") == 1


@pytest.mark.parametrize("sent", [{}, {"X-Forwarded-For": "192.0.2.1"}])
def test_fewer_entries_than_trusted_proxies_are_said_once(settings, events, sent):
    """All users would have the address of a proxy, and share its limits."""
    browser = create_app(replace(settings, trusted_proxies=2)).test_client()

    browser.get("/healthz", headers=sent)
    before = len([event for event in events if event["event"] == "forwarding_field_missing"])
    browser.get("/api/vehicles", headers=sent)
    browser.get("/api/vehicles", headers=sent)

    assert (before, [event["event"] for event in events].count("forwarding_field_missing")) == (0, 1)


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

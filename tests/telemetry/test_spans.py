"""What spans say, and how they join, as a collector receives it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from app import create_app
from config import Settings
from proxy.hooks import Hooks
from setting_types import ProxyRule
from tests.backend import Backend
from tests.telemetry.collector import Collector, Span
from tests.test_secrets import REQUESTS

TRACE, BROWSERS_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FROM_A_BROWSER = {"traceparent": f"00-{TRACE}-{BROWSERS_SPAN}-01", "tracestate": "vendor=1"}
TOKEN_COOKIE = {"Cookie": "token=a.b.c"}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


@pytest.fixture
def traced(settings: Settings, collector: Collector) -> Settings:
    """Settings that export to `collector`; everything may pass through `/api/proxy/*`."""
    otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    everything = (ProxyRule(None, "*"),)
    return replace(settings, otel=otel, proxy_allow=everything, proxy_base_url=settings.api_base_url)


@pytest.fixture
def browser(traced: Settings) -> Iterator[FlaskClient]:
    """A browser without cookies of its own."""
    service = create_app(traced)
    yield service.test_client(use_cookies=False)
    service.extensions["tracer_provider"].shutdown()


@pytest.fixture
def exported(browser: FlaskClient, collector: Collector) -> Callable[[], list[Span]]:
    """The spans so far."""

    def flush() -> list[Span]:
        browser.application.extensions["tracer_provider"].force_flush()
        return collector.spans

    return flush


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/api/vehicles"])
def test_browser_service_and_backend_are_one_trace(browser, backend, exported, path):
    """The browser's span is the parent of ours, ours of our question's, and that one is what the backend is told."""
    backend.answer("GET /api/vehicles", json=[])

    browser.get(path, headers=FROM_A_BROWSER | TOKEN_COOKIE, buffered=True)

    server, client = exported()
    assert (server.kind, server.trace, server.parent) == ("SERVER", TRACE, BROWSERS_SPAN)
    assert (client.kind, client.trace, client.parent) == ("CLIENT", TRACE, server.id)
    assert backend.last.headers.get_all("traceparent") == [f"00-{TRACE}-{client.id}-01"]
    assert backend.last.headers.get_all("tracestate") == ["vendor=1"]
    assert server.told.start_time_unix_nano <= client.told.start_time_unix_nano
    assert client.told.end_time_unix_nano <= server.told.end_time_unix_nano


@pytest.mark.parametrize(
    "traceparent",
    ["", "canary", f"00-{'0' * 32}-{BROWSERS_SPAN}-01", f"00-{TRACE}-{BROWSERS_SPAN}-01,00-{TRACE}-{BROWSERS_SPAN}-01"],
)
@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/api/vehicles"])
def test_without_a_usable_parent_a_trace_begins_here(browser, backend, exported, path, traceparent):
    """Then `tracestate` belongs to nothing (W3C Trace Context §3.3.1)."""
    backend.answer("GET /api/vehicles", json=[])

    fields = {**TOKEN_COOKIE, "traceparent": traceparent, "tracestate": "vendor=1"}
    browser.get(path, headers=fields, buffered=True)

    server, client = exported()
    assert server.parent == ""
    assert server.trace not in {TRACE, "0" * 32}
    [told] = backend.last.headers.get_all("traceparent")
    assert told.startswith(f"00-{server.trace}-{client.id}-")
    assert "tracestate" not in backend.last.headers


def test_what_a_browser_does_not_sample_is_not_exported(browser, backend, exported):
    """Its trace context goes on all the same: whoever is behind us decides alike (OTEL_TRACES_SAMPLER's default)."""
    backend.answer("GET /api/vehicles", json=[])

    browser.get("/api/vehicles", headers={**TOKEN_COOKIE, "traceparent": f"00-{TRACE}-{BROWSERS_SPAN}-00"})

    version, trace, span, flags = backend.last.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "00")
    assert span != BROWSERS_SPAN
    assert exported() == []


def test_a_span_is_named_after_its_route(browser, backend, exported):
    """And says these things alone."""
    backend.answer("GET /api/vehicles/PLATE", json={})

    browser.get("/api/vehicles/PLATE?year=2020", headers={**TOKEN_COOKIE, "X-Request-ID": "r-1"})

    server, client = exported()
    assert server.name == "GET /api/vehicles/<alias>"
    assert server.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/vehicles/<alias>",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "bff.request_id": "r-1",
    }
    assert client.name == "GET"
    assert client.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": int(backend.url.rpartition(":")[2]),
    }
    assert (server.is_error, client.is_error) == (False, False)


def test_a_refusal_of_the_backend_is_no_error_of_ours(browser, backend, exported):
    """4xx: of the client's span it is one, of the server's not (semantic conventions for HTTP)."""
    backend.answer("GET /api/vehicles/X", 404, json={})

    browser.get("/api/vehicles/X", headers=TOKEN_COOKIE)

    server, client = exported()
    assert (server.is_error, server.attributes["http.response.status_code"]) == (False, 404)
    assert (client.is_error, client.attributes["error.type"]) == (True, "404")
    assert "error.type" not in server.attributes


def test_a_failure_is_named_by_its_code(browser, backend, exported):
    """With no text: the one of `requests` quotes the URL."""
    backend.answer_bytes("GET /api/vehicles", b"")

    browser.get("/api/vehicles", headers=TOKEN_COOKIE)

    server, client = exported()
    assert (server.is_error, server.attributes["error.type"]) == (True, "backend_unreachable")
    assert (client.is_error, client.attributes["error.type"]) == (True, "backend_unreachable")
    assert [*server.told.events, *client.told.events] == []
    assert server.told.status.message + client.told.status.message == ""


def test_what_a_hook_makes_of_a_response_is_told(traced, backend, collector):
    """Our span is around everything: its status is the one that the browser sees."""
    backend.answer("GET /api/vehicles", json=[])
    hooks = Hooks()

    @hooks.before_response()
    def fail(_response):
        raise LookupError

    service = create_app(traced, hooks)
    service.test_client(use_cookies=False).get("/api/vehicles", headers=TOKEN_COOKIE)
    service.extensions["tracer_provider"].shutdown()

    server, client = collector.spans
    assert (server.attributes["error.type"], client.is_error) == ("internal", False)


@pytest.mark.parametrize(
    ("asked", "name", "status"),
    [
        ("GET /api/vehicles", "GET /api/vehicles", 401),
        ("GET /nowhere/PLATE", "GET", 404),
        ("DELETE /api/vehicles", "DELETE", 405),
        ("CANARY /api/vehicles", "HTTP", 405),
        ("CANARY /api/proxy/x", "HTTP /api/proxy/<rest:path>", 401),
    ],
)
def test_what_never_reaches_the_backend_has_its_span_too(browser, backend, exported, asked, name, status):
    """Few names, whatever is asked for."""
    method, path = asked.split()

    browser.open(path, method=method, buffered=True)

    [server] = exported()
    assert (server.name, server.attributes["http.response.status_code"]) == (name, status)
    assert backend.requests == []


def test_a_stream_ends_its_span_with_its_last_byte(browser, backend, exported):
    """Ours; the question's ends with the head, which is what the backend took."""
    backend.answer("GET /api/vehicles", body=b"a long one")

    response = browser.get("/api/proxy/api/vehicles", headers=TOKEN_COOKIE, buffered=False)
    under_way = exported()
    response.close()

    assert [span.kind for span in under_way] == ["CLIENT"]
    assert [span.kind for span in exported()] == ["SERVER", "CLIENT"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_questions_of_the_platform_are_not_traced(browser, backend, exported, path):
    """There are many, and nobody looks for them."""
    browser.get(path, headers=FROM_A_BROWSER)

    assert exported() == []
    assert [request for request in backend.requests if "traceparent" in request.headers] == []


def test_the_log_and_the_span_name_one_trace(browser, backend, exported, events):
    """From either one finds the other; also where the trace begins here."""
    browser.get("/api/vehicles")

    [server] = exported()
    [told] = [event["trace_id"] for event in events if event["event"] == "request"]
    assert told == server.trace


def test_nothing_but_the_trace_context_is_added(browser, settings, backend):
    """`baggage`, which OpenTelemetry sends on by default, is not ours to send."""
    plain = create_app(settings).test_client(use_cookies=False)
    fields = {**FROM_A_BROWSER, **TOKEN_COOKIE, "baggage": "user=ana", "X-Request-ID": "r-1"}

    plain.get("/api/vehicles", headers=fields)
    browser.get("/api/vehicles", headers=fields)

    without, traced = [sorted(request.headers.items()) for request in backend.requests]
    assert [field for field in traced if field[0] != "traceparent"] == [
        field for field in without if field[0] != "traceparent"
    ]


@pytest.fixture
def noisy(backend: Backend) -> Backend:
    """Some answers, and several kinds of failure."""
    backend.answer("POST /api/auth/login", json={"token": "canary.token.x", "user": {"name": "canary"}})
    backend.answer("GET /api/vehicles", 500, json={"message": "canary"})
    backend.answer_bytes("GET /api/expenses", b"canary\r\n\r\n")
    backend.answer_bytes("GET /api/routes", b"")
    return backend


def test_no_secret_and_nothing_of_a_user_is_exported(browser, noisy, exported, collector):
    """Canaries in all that a browser can say are looked for in the very bytes that leave."""
    said = {
        "User-Agent": "canary",
        "Referer": "https://canary/",
        "Authorization": "Bearer canary",
        "X-Forwarded-For": "canary",
        "X-Custom": "canary",
        "baggage": "canary=canary",
        "traceparent": "canary",
        "tracestate": "canary=canary",
    }
    mine = [
        ("GET", "/api/vehicles/canary?canary=canary", "", "token=canary.a.b"),
        ("PUT", "/api/vehicles/canary", '{"alias": "canary"}', "token=canary.a.b"),
        ("POST", "/api/proxy/canary?canary", '{"alias": "canary"}', "token=canary.a.b"),
        ("CANARY", "/api/proxy/canary", "", "token=canary.a.b"),
        ("GET", "/canary/canary", "", ""),
    ]

    for method, path, body, cookie in [*REQUESTS, *mine]:
        fields = {**said, "Cookie": cookie, "Host": "canary.example"}
        browser.open(path, method=method, data=body, content_type="application/json", headers=fields, buffered=True)

    assert len(exported()) > len(REQUESTS) + len(mine)
    assert b"canary" not in collector.bytes.lower()
    assert b"/api/auth/reset-password/<reset_token>" in collector.bytes

"""The team's own hooks: what they may change, in which order, and what becomes of their errors."""

import json
from dataclasses import replace

import pytest
from flask import Response

from app import create_app
from proxy.errors import NotFound
from proxy.hooks import Hooks, Outgoing
from setting_types import ProxyRule
from tests.proxy.api.test_auth import jwt


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
def browse(settings, hooks):
    """A signed-in browser of a service with the hooks that a test has added."""

    def browser(token: str = "a.b.c"):
        proxied = replace(settings, proxy_allow=(ProxyRule(None, "*"),), proxy_base_url=settings.api_base_url)
        client = create_app(proxied, hooks).test_client()
        client.set_cookie("token", token)
        return client

    return browser


@pytest.mark.parametrize("path", ["/api/vehicles?a=1", "/api/proxy/api/vehicles?a=1"])
def test_a_hook_adds_a_header_from_a_claim(browse, hooks, backend, path):
    """The tenant of the token; in the typed groups and through `/api/proxy/*` alike."""

    @hooks.before_send()
    def add_tenant(outgoing: Outgoing) -> None:
        assert outgoing.token is not None
        outgoing.headers["X-Tenant"] = outgoing.token.claims["tenant"]

    backend.answer("GET /api/vehicles", json=[])

    browse(jwt(tenant="north")).get(path)

    assert backend.last.headers["X-Tenant"] == "north"
    assert backend.last.target == "/api/vehicles?a=1"


def test_a_hook_rewrites_the_request(browse, hooks, backend):
    """Method, target and body."""

    @hooks.before_send("vehicles")
    def move(outgoing: Outgoing) -> None:
        outgoing.method, outgoing.target, outgoing.body = "PATCH", "/v2/cars", b'{"moved":true}'

    backend.answer("PATCH /v2/cars", json={})

    browse().put("/api/vehicles/X", json={"marca": "M"})

    assert (backend.last.method, backend.last.target, backend.last.body) == ("PATCH", "/v2/cars", b'{"moved":true}')


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/api/vehicles"])
def test_a_hook_masks_a_field_in_every_answer(browse, hooks, backend, path):
    """A streamed answer is read for it; its length is right."""

    @hooks.before_response()
    def mask_plates(response: Response) -> None:
        document = response.get_json()
        response.data = json.dumps([{**vehicle, "plates": "***"} for vehicle in document])

    backend.answer("GET /api/vehicles", json=[{"alias": "A", "plates": "P-1"}])

    response = browse().get(path)

    assert response.json == [{"alias": "A", "plates": "***"}]
    assert response.content_length == len(response.data)


def test_a_hook_of_one_group_leaves_the_others_alone(browse, hooks, backend):
    """`passthrough` is a group too; /healthz is none."""
    seen: list[str] = []
    hooks.before_response("vehicles")(lambda response: seen.append("vehicles"))
    hooks.before_response("passthrough")(lambda response: seen.append("passthrough"))
    hooks.before_response()(lambda response: seen.append("all"))
    backend.answer("GET /api/vehicles", json=[])
    browser = browse()

    for path in ("/api/vehicles", "/api/proxy/api/vehicles", "/api/dashboard", "/healthz", "/api/nope"):
        browser.get(path)

    assert seen == ["vehicles", "all", "passthrough", "all", "all"]


def test_hooks_run_in_the_order_in_which_they_were_added(browse, hooks, backend):
    """Of all and of one group together."""
    order: list[int] = []
    hooks.before_send()(lambda outgoing: order.append(1))
    hooks.before_send("vehicles")(lambda outgoing: order.append(2))
    hooks.before_send()(lambda outgoing: order.append(3))
    backend.answer("GET /api/vehicles", json=[])

    browse().get("/api/vehicles")

    assert order == [1, 2, 3]


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/api/vehicles"])
@pytest.mark.parametrize(
    ("error", "answer"), [(NotFound("no"), (404, "not_found")), (KeyError("x"), (500, "internal"))]
)
def test_a_hook_that_fails_before_the_call_prevents_it(browse, hooks, backend, path, error, answer):
    """An error of ours is shown as it is, any other as a defect."""

    @hooks.before_send()
    def fail(outgoing: Outgoing) -> None:
        raise error

    response = browse().get(path)

    assert (response.status_code, response.headers["X-BFF-Error"]) == answer
    assert backend.requests == []


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/api/vehicles"])
def test_a_hook_that_fails_after_the_call_shows_nothing_of_the_answer(browse, hooks, backend, path):
    """It was perhaps to hide something; the error has every header that an error has."""

    @hooks.before_response()
    def fail(response: Response) -> None:
        raise KeyError("x")

    backend.answer("GET /api/vehicles", json=["canary"])

    response = browse().get(path)

    assert (response.status_code, response.headers["X-BFF-Error"]) == (500, "internal")
    assert "canary" not in response.text
    assert {"X-Request-ID", "Cache-Control", "X-Content-Type-Options"} <= set(response.headers.keys())


def test_a_failing_hook_gives_the_stream_back(browse, hooks, backend):
    """Its slot and its connection."""
    hooks.before_response("passthrough")(lambda response: 1 / 0)
    backend.answer("GET /a", body=b"x" * 100_000)
    browser = browse()
    slots = browser.application.extensions["slots"]

    browser.get("/api/proxy/a")

    assert slots.taken == 0


def test_a_hook_that_closes_a_stream_gives_its_slot_back_once(browse, hooks, backend):
    """The server closes it again, and the slot is another's by then."""
    hooks.before_response("passthrough")(lambda response: response.close())
    backend.answer("GET /a", body=b"x")
    browser = browse()
    slots = browser.application.extensions["slots"]
    slots.take("another", 1)

    browser.get("/api/proxy/a", buffered=True)

    assert slots.taken == 1

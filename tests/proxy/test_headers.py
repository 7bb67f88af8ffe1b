"""Which header fields cross, and that no browser can take away or forge what we add."""

import pytest
from werkzeug.datastructures import Headers

from proxy import headers
from proxy.headers import Asker, outgoing
from proxy.tokens import Token

ASKER = Asker(client="203.0.113.7", scheme="https", host="app.example.com", request_id="r-1")
TOKEN = Token("a.b.c", None)


@pytest.mark.parametrize("name", ["User-Agent", "Accept-Language", "traceparent", "tracestate"])
def test_what_the_backend_can_use_is_passed_on_as_it_is(name):
    """The backend's rate limits count by address and User-Agent together."""
    fields = outgoing(Headers({name: "as it came; q=0.5"}), ASKER, TOKEN, has_body=False)

    assert fields[name] == "as it came; q=0.5"


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "Cookie", "Origin", "Referer", "If-None-Match", "If-Modified-Since", "Range", "Host"),
        *("Connection", "Keep-Alive", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
        *("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "X-Request-ID"),
        *("Expect", "Content-Encoding", "Content-Length", "X-HTTP-Method-Override", "X-Anything"),
    ],
)
def test_nothing_else_of_the_browsers_is(name):
    """An `Origin` would be answered 500, a conditional 304; a forged address would dodge the limits."""
    fields = outgoing(Headers({name: "forged"}), ASKER, TOKEN, has_body=False)

    assert "forged" not in fields.values()


@pytest.mark.parametrize(
    "named",
    ["Authorization", "close, AUTHORIZATION, x-request-id", "X-Forwarded-For,X-Forwarded-Proto, x-forwarded-host"],
)
def test_the_browser_cannot_strip_what_we_add(named):
    """RFC 9110 §7.6.1 lets `Connection` name any field: strip first, add after."""
    fields = outgoing(Headers({"Connection": named}), ASKER, TOKEN, has_body=True)

    assert fields == outgoing(Headers(), ASKER, TOKEN, has_body=True)


def test_a_field_that_connection_names_stays_here():
    """It was meant for this hop."""
    incoming = Headers({"Connection": "user-agent", "User-Agent": "curl", "Accept-Language": "es"})

    fields = outgoing(incoming, ASKER, TOKEN, has_body=False)

    assert "User-Agent" not in fields
    assert fields["Accept-Language"] == "es"


def test_every_connection_line_counts():
    """An empty first line does not hide the second (go#46313); WSGI joins them with a comma."""
    assert headers.connection_options(",  Close ,, X-A") == {"", "close", "x-a"}


def test_we_say_who_asks_and_where():
    """One forwarding entry: the client, as TRUSTED_PROXIES tells who that is."""
    fields = outgoing(Headers(), ASKER, TOKEN, has_body=True)

    assert fields == {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Authorization": "Bearer a.b.c",
        "Content-Type": "application/json",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "app.example.com",
        "X-Request-ID": "r-1",
    }


def test_what_is_not_known_is_not_said():
    """No address on a Unix socket, no token on a public endpoint, no type without a body."""
    fields = outgoing(Headers(), Asker(None, "http", "localhost", "r-1"), None, has_body=False)

    assert {"X-Forwarded-For", "Authorization", "Content-Type", "User-Agent"} & set(fields) == set()


@pytest.mark.parametrize(
    ("base_url", "name", "value", "shown"),
    [
        ("http://app", "Content-Type", "application/json", "application/json"),
        ("http://web", "ETag", '"abc-api-web"', '"abc-api-web"'),
        ("http://api", "Location", "http://api/x", "/api/proxy/x"),
        ("http://api:80", "Location", "http://api/x", "/api/proxy/x"),
        ("https://api", "Location", "https://api:443/x", "/api/proxy/x"),
        ("http://api:8080", "X-Up", "see api:8080", None),
        ("http://api:8080", "X-Up", "http://api/x", None),
        ("http://api", "X-Up", "http://user@api/x", None),
        ("http://api.internal", "X-Up", "API.internal", None),
        ("http://api.internal", "X-Up", "myapi.internal", "myapi.internal"),
        ("http://[::1]:3000", "X-Up", "http://[::1]:3000/x", None),
        ("http://api.internal.", "X-Up", "api.internal", None),
        ("http://api.internal", "X-Up", "api.internal.", None),
        ("http://api.:8080", "X-Up", "//api, api:8080", None),
        ("http://api:8080", "X-Up", "api.:8080", None),
        ("http://api.:8080", "ETag", '"abc-api-web"', '"abc-api-web"'),
        ("http://be.internal", "X-Up", "%be.internal", None),
    ],
)
def test_a_host_is_looked_for_as_a_host(base_url, name, value, shown):
    """One-word names are the rule in containers: `api` and `app` stand in many a word that is no address."""
    fields = dict(headers.incoming_all([(name, value)], base_url, "/api/proxy", TOKEN))

    assert fields.get(name) == shown


def test_of_the_reply_only_retry_after_comes_back():
    """Cookies, CORS, ETags and server names of the backend are its own affair."""
    reply = Headers({"Retry-After": "7", "Set-Cookie": "a=b", "ETag": "x", "Server": "y", "X-RateLimit-Limit": "5"})

    assert headers.incoming(reply) == {"Retry-After": "7"}

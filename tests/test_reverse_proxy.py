"""What Go's ReverseProxy is tested for, line by line: tested here or elsewhere, or impossible here.

The points are those of Go's `net/http/httputil/reverseproxy_test.go`, in our words; COVERED says where each is held.
"""

import importlib
import os
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from werkzeug.datastructures import Headers

import config
import setting_types
from app import create_app
from proxy.headers import Asker, outgoing_all
from proxy.tokens import Token
from setting_types import ProxyRule
from tests.backend import Backend
from tests.server import Server, free_port

HERE = "test_reverse_proxy"
PASSTHROUGH = "proxy.api.test_passthrough"
STREAMING = "test_streaming"
DIFFERENTIAL = "test_differential"
HOOKS = "proxy.test_hooks"

# The point, with the name of Go's test: the tests of ours that hold it.
COVERED = {
    "a 404 of the backend arrives with its body (TestReverseProxy)": [
        f"{PASSTHROUGH}::test_an_error_of_the_backend_is_relayed_and_the_cookie_stays"
    ],
    "a repeated field of a reply arrives twice (TestReverseProxy); Set-Cookie is none of the browser's here": [
        f"{HERE}::test_a_repeated_field_of_a_reply_stays_two_lines",
        f"{PASSTHROUGH}::test_what_would_act_on_our_origin_or_name_the_backend_stays_out",
    ],
    "no Connection, Proxy-Connection, Upgrade; TE at most `trailers` (TestReverseProxy); none here, see CANNOT": [
        f"{HERE}::test_a_field_for_one_hop_stays_on_it"
    ],
    "X-Forwarded-For is there, Transfer-Encoding not for a GET (TestReverseProxy)": [
        f"{HERE}::test_a_request_without_a_body_has_no_framing",
        f"{PASSTHROUGH}::test_fields_of_the_browser_pass_and_ours_are_added",
    ],
    "a backend that hangs up before it answers is a 502 (TestReverseProxy)": [
        f"{HERE}::test_a_backend_that_hangs_up_before_it_answers_is_a_502"
    ],
    "the hop-by-hop fields are dropped in both directions (TestReverseProxyStripHeadersPresentInConnection)": [
        f"{HERE}::test_a_field_for_one_hop_stays_on_it",
        f"{DIFFERENTIAL}::test_a_request_arrives_as_it_was_sent",
        f"{DIFFERENTIAL}::test_a_reply_comes_back_as_it_was_sent",
    ],
    "so are those that any Connection line names, in both (TestReverseProxyStripHeadersPresentInConnection)": [
        f"{HERE}::test_what_any_connection_line_names_stays_on_its_hop",
        f"{HERE}::test_the_browsers_fields_are_left_as_they_are",
    ],
    "an empty first Connection line hides nothing (TestReverseProxyStripEmptyConnection)": [
        f"{HERE}::test_what_any_connection_line_names_stays_on_its_hop"
    ],
    "a failure to connect is a 502 (TestReverseProxyErrorHandler)": [
        f"{HERE}::test_a_backend_that_is_not_there_is_a_502"
    ],
    "a hook's own error wins, a hook may change the status (TestReverseProxyErrorHandler, …ModifyResponse)": [
        f"{HOOKS}::test_a_hook_that_fails_before_the_call_prevents_it",
        f"{HOOKS}::test_a_hook_masks_a_field_in_every_answer",
    ],
    "a hook that fails after the reply closes the backend's body (TestReverseProxyModifyResponseClosesBody)": [
        f"{HOOKS}::test_a_hook_that_fails_after_the_call_shows_nothing_of_the_answer",
        f"{HOOKS}::test_a_failing_hook_gives_the_stream_back",
    ],
    "a reply without any field is a reply (TestReverseProxy_AllocatedHeader)": [
        f"{HERE}::test_a_reply_without_any_field_is_a_reply"
    ],
    "X-Forwarded-For: appended to, or suppressed (TestXForwardedFor, …_Omit); here one entry, ours": [
        f"{PASSTHROUGH}::test_fields_of_the_browser_pass_and_ours_are_added"
    ],
    "what the browser says in Forwarded and X-Forwarded-* is gone (TestReverseProxyRewriteStripsForwarded)": [
        f"{PASSTHROUGH}::test_fields_of_the_browser_pass_and_ours_are_added",
        f"{DIFFERENTIAL}::test_a_request_arrives_as_it_was_sent",
    ],
    "User-Agent passes, and is not made up (TestUserAgentHeader)": [
        f"{HERE}::test_a_browser_without_a_name_stays_without",
        f"{PASSTHROUGH}::test_fields_of_the_browser_pass_and_ours_are_added",
    ],
    "Host is the backend's (TestSetURL)": [f"{PASSTHROUGH}::test_fields_of_the_browser_pass_and_ours_are_added"],
    "the fields that came are not those that go out (TestClonesRequestHeaders, TestServeHTTPDeepCopy)": [
        f"{HERE}::test_the_browsers_fields_are_left_as_they_are"
    ],
    "a request that a hook replaces is the one that goes out (TestReverseProxyRewriteReplacesOut)": [
        f"{HOOKS}::test_a_hook_rewrites_the_request"
    ],
    "queries are joined (TestReverseProxyQuery); the base URL has none here": [
        f"{HERE}::test_a_query_goes_out_as_it_is",
        f"{HERE}::test_a_base_url_has_no_query",
    ],
    "paths are joined with one slash (TestSingleJoinSlash)": [f"{HERE}::test_paths_are_joined_with_one_slash"],
    "and with their escapes (TestJoinURLPath)": [f"{HERE}::test_paths_are_joined_with_one_slash"],
    "a query is not judged one way and sent another (TestReverseProxyQueryParameterSmuggling…)": [
        f"{HERE}::test_a_query_goes_out_as_it_is"
    ],
    "no more parameters than a parser looks at (go#78948); here no query is parsed, and 8190 bytes bound it": [
        f"{HERE}::test_a_query_goes_out_as_it_is",
        f"{HERE}::test_a_request_line_has_8190_bytes_at_most",
    ],
    "no body is no body, not an empty one (TestReverseProxy_NilBody, TestNilBody)": [
        f"{HERE}::test_a_request_without_a_body_has_no_framing"
    ],
    "1 MB arrives complete (TestReverseProxy_Post)": [f"{HERE}::test_a_megabyte_arrives_whole"],
    "a reply cut short is logged, and seen to be (TestReverseProxy_CopyBuffer, …_PanicBodyError)": [
        f"{HERE}::test_a_reply_cut_short_is_logged",
        f"{STREAMING}::test_a_reply_cut_short_is_seen_to_be",
    ],
    "the browser's body is done with when the backend fails (TestReverseProxy_PanicClosesIncomingBody)": [
        f"{HERE}::test_a_body_that_nobody_took_is_not_taken_for_a_request"
    ],
    "buffers go back to their pool (TestReverseProxyGetPutBuffer); here connections and slots": [
        f"{PASSTHROUGH}::test_what_fails_gives_its_slot_back",
        f"{PASSTHROUGH}::test_head_has_the_length_and_no_body",
        f"{STREAMING}::test_a_browser_that_goes_away_frees_the_backends_connection",
    ],
    "when to flush, by type and length (TestSelectFlushInterval); here always at once": [
        f"{HERE}::test_a_piece_arrives_before_the_next_is_written"
    ],
    "the head arrives before the first byte of the body (TestReverseProxyFlushIntervalHeaders)": [
        f"{STREAMING}::test_the_head_reaches_the_browser_before_the_body_begins"
    ],
    "the first bytes arrive while the backend writes (TestReverseProxyFlushInterval, …ResponseController…)": [
        f"{HERE}::test_a_piece_arrives_before_the_next_is_written",
        f"{STREAMING}::test_an_event_reaches_the_browser_before_the_next_is_written",
    ],
    "a browser that goes away ends the backend's work (TestReverseProxyCancellation); here at the next write": [
        f"{STREAMING}::test_a_browser_that_goes_away_frees_the_backends_connection"
    ],
    "naming our own fields in Connection does not remove them (go#50580, go#73161)": [
        f"{HERE}::test_naming_our_fields_in_connection_does_not_remove_them"
    ],
    "Upgrade: h2c and HTTP2-Settings stay here (go#80416)": [f"{HERE}::test_a_field_for_one_hop_stays_on_it"],
}

# What no WSGI application can do: why, and the tests that show what happens instead.
CANNOT = {
    "a reply's field that is only called Trailers is kept (TestReverseProxy): gunicorn takes the name for Trailer": [
        f"{HERE}::test_a_field_that_is_only_called_trailers_passes_on_the_way_there"
    ],
    "trailers (TestReverseProxy, TestUnannouncedTrailer): PEP 3333 has no place for them, either way": [
        f"{STREAMING}::test_chunks_go_out_as_chunks_and_trailers_do_not",
        f"{DIFFERENTIAL}::test_a_reply_comes_back_as_it_was_sent",
    ],
    "1xx (Test1xxResponses, Test1xxHeadersNotModifiedAfterRoundTrip): an application answers once; the final comes": [
        f"{HERE}::test_an_interim_reply_is_skipped"
    ],
    "WebSocket (TestReverseProxyWebSocket, …Cancellation, …HalfTCP): an application has no socket; a 101 is a 502": [
        f"{HERE}::test_a_protocol_is_not_switched"
    ],
}


@pytest.mark.parametrize("name", sorted({name for names in [*COVERED.values(), *CANNOT.values()] for name in names}))
def test_what_the_tables_name_is_a_test(name):
    """A renamed test takes its line along."""
    module, _, function = name.partition("::")

    assert callable(getattr(importlib.import_module(f"tests.{module}"), function))


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


@pytest.fixture(scope="module")
def server(backend: Backend) -> Iterator[Server]:
    with Server({"API_BASE_URL": f"{backend.url}/v1", "PROXY_ALLOW": "*"}) as server:
        yield server


def connect(server: Server, request: bytes) -> socket.socket:
    """A connection on which `request`, less its common fields, has been sent."""
    first_line, _, rest = request.partition(b"\r\n")
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(first_line + b" HTTP/1.1\r\nHost: bff.test\r\nCookie: token=a.b.c\r\n" + rest)
    return connection


def ask(server: Server, request: bytes) -> bytes:
    """All that is answered, on a connection that ends with it."""
    first_line, _, rest = request.partition(b"\r\n")
    with connect(server, first_line + b"\r\nConnection: close\r\n" + rest) as connection:
        return connection.makefile("rb").read()


# Status, fields, errors


def test_a_repeated_field_of_a_reply_stays_two_lines(server, backend):
    """RFC 9110 §5.3; `requests` would join them."""
    backend.answer("GET /v1/a", json={}, headers=[("Link", "</a>"), ("Set-Cookie", "a=1"), ("Link", "</b>")])

    answered = ask(server, b"GET /api/proxy/a\r\n\r\n")

    assert b"\r\nLink: </a>\r\n" in answered
    assert b"\r\nLink: </b>\r\n" in answered
    assert b"Set-Cookie" not in answered


@pytest.mark.parametrize(
    "field",
    [
        *("Proxy-Connection: canary", "Keep-Alive: canary", "Proxy-Authenticate: canary", "Trailer: canary"),
        *("Proxy-Authorization: canary", "TE: trailers, canary", "Upgrade: canary", "HTTP2-Settings: canary"),
        *("Upgrade: h2c\r\nHTTP2-Settings: canary\r\nConnection: Upgrade, HTTP2-Settings",),
    ],
)
def test_a_field_for_one_hop_stays_on_it(server, backend, field):
    """RFC 9110 §7.6.1, in both directions."""
    reply = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{field}\r\n\r\n{{}}"
    backend.answer_bytes("GET /v1/a", reply.encode())

    answered = ask(server, f"GET /api/proxy/a\r\n{field}\r\n\r\n".encode())

    assert answered.startswith(b"HTTP/1.1 200")
    assert b"canary" not in answered
    assert not {name for name in backend.last.headers if "canary" in str(backend.last.headers[name])}
    assert not {"Connection", "Upgrade", "TE"} & set(backend.last.headers)


@pytest.mark.parametrize("lines", ["Connection: X-One, x-two", "Connection: x-one\r\nCONNECTION: X-Two"])
@pytest.mark.parametrize("first", ["", "Connection:\r\n", "Connection: ,\r\n"])
def test_what_any_connection_line_names_stays_on_its_hop(server, backend, first, lines):
    """In both directions, whatever line it stands in; an empty one in front hides nothing (go#46313)."""
    fields = f"{first}{lines}\r\nX-One: canary\r\nX-Two: canary\r\nX-Three: kept\r\n"
    backend.answer_bytes("GET /v1/a", f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{fields}\r\n{{}}".encode())

    answered = ask(server, f"GET /api/proxy/a\r\n{fields}\r\n".encode())

    assert b"\r\nX-Three: kept\r\n" in answered
    assert b"canary" not in answered
    assert backend.last.headers["X-Three"] == "kept"
    assert not {"X-One", "X-Two"} & set(backend.last.headers)


def test_naming_our_fields_in_connection_does_not_remove_them(server, backend):
    """Strip first, add after (go#50580)."""
    backend.answer("GET /v1/a", json={})
    ours = "Authorization, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, X-Request-ID, Via, Host"

    ask(server, f"GET /api/proxy/a\r\nConnection: {ours}\r\n\r\n".encode())

    assert [name for name in ours.split(", ") if name not in backend.last.headers] == []
    assert backend.last.headers["Authorization"] == "Bearer a.b.c"


def test_the_browsers_fields_are_left_as_they_are():
    """Hooks and the log see what came."""
    came = Headers([("Connection", "x-a"), ("X-A", "1"), ("Via", "1.0 edge"), ("Authorization", "Bearer forged")])
    before = list(came)

    outgoing_all(came, Asker("127.0.0.1", "http", "bff.test", "r-1"), Token("a.b.c", None), "bff-1")

    assert list(came) == before


def test_a_field_that_is_only_called_trailers_passes_on_the_way_there(server, backend):
    """Its name resembles; RFC 9110 knows none of it. In a reply gunicorn drops it."""
    backend.answer("GET /v1/a", json={}, headers=[("Trailers", "not one")])

    answered = ask(server, b"GET /api/proxy/a\r\nTrailers: nor this\r\n\r\n")

    assert b"Trailers" not in answered
    assert backend.last.headers["Trailers"] == "nor this"


def test_a_reply_without_any_field_is_a_reply(server, backend):
    """Its body ends with the connection."""
    backend.answer_bytes("GET /v1/a", b"HTTP/1.1 200 OK\r\n\r\nbody")

    answered = ask(server, b"GET /api/proxy/a\r\n\r\n")

    assert answered.startswith(b"HTTP/1.1 200")
    assert answered.endswith(b"4\r\nbody\r\n0\r\n\r\n")


def test_a_backend_that_hangs_up_before_it_answers_is_a_502(server, backend):
    """Without a byte of a reply there is one of ours to give."""
    backend.answer_bytes("GET /v1/a", b"")

    answered = ask(server, b"GET /api/proxy/a\r\n\r\n")

    assert answered.startswith(b"HTTP/1.1 502")
    assert b"\r\nX-BFF-Error: backend_unreachable\r\n" in answered


def test_a_backend_that_is_not_there_is_a_502(settings):
    """As above."""
    nobody = f"http://127.0.0.1:{free_port()}"
    rules = (ProxyRule(methods=None, pattern="*"),)
    browser = create_app(replace(settings, proxy_allow=rules, proxy_base_url=nobody)).test_client()
    browser.set_cookie("token", "a.b.c")

    response = browser.get("/api/proxy/a")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (502, "backend_unreachable")


def test_a_browser_without_a_name_stays_without(server, backend):
    """No default of a library goes out in the place of what was not said."""
    backend.answer("GET /v1/a", json={})

    ask(server, b"GET /api/proxy/a\r\n\r\n")

    assert set(backend.last.headers) == {
        *("Authorization", "Host", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-ID")
    }


# Path and query


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [
        ("", "", "/"),
        ("/", "", "/"),
        ("", "favicon.ico", "/favicon.ico"),
        ("/", "favicon.ico", "/favicon.ico"),
        ("/v1", "", "/v1/"),
        ("/v1/", "favicon.ico", "/v1/favicon.ico"),
        ("/a%2Fb", "c", "/a%2Fb/c"),
        ("/a%2Fb%2F", "c", "/a%2Fb%2F/c"),
        ("/a%2Fb/", "c%2Fd", "/a%2Fb/c%2Fd"),
    ],
)
def test_paths_are_joined_with_one_slash(backend, base, path, target):
    """The base URL's and the browser's, each with its escapes as they are."""
    environ = {"APP_ENV": "testing", "API_BASE_URL": backend.url + base, "PROXY_ALLOW": "*"}
    browser = create_app(config.from_environ(environ)).test_client()
    browser.set_cookie("token", "a.b.c")

    browser.get(f"/api/proxy/{path}")

    assert backend.last.target == target


@pytest.mark.parametrize(
    "query",
    ["", "?us=er", "?a=1&a=2;b=3", "?a=1&a=%zz&b=3", "?" + "&".join(["p"] * 4000)],
    ids=["none", "one", "semicolon", "broken escape", "4000 parameters"],
)
def test_a_query_goes_out_as_it_is(server, backend, query):
    """It is not parsed, so nothing can be hidden from us behind what two parsers read differently."""
    backend.answer("GET /v1/a", json={})

    ask(server, f"GET /api/proxy/a{query}\r\n\r\n".encode())

    assert backend.last.target == f"/v1/a{query}"


def test_a_base_url_has_no_query():
    """There is nothing to join."""
    with pytest.raises(ValueError, match="without user name, query or fragment"):
        setting_types.base_url("http://127.0.0.1/v1?sta=tic")


def test_a_request_line_has_8190_bytes_at_most(server, backend):
    """The bound of what any parser behind us is given."""
    before = len(backend.requests)

    answered = ask(server, b"GET /api/proxy/a?" + b"p&" * 5000 + b"\r\n\r\n")

    assert answered.startswith((b"HTTP/1.1 400", b"HTTP/1.1 414"))
    assert len(backend.requests) == before


@pytest.mark.parametrize("target", ["/api/proxy/\xc3\xb1", "/api/proxy/a?\xc3\xb1"])
def test_a_target_outside_of_ascii_is_refused(server, backend, target):
    """By gunicorn: RFC 9112 §3.2 wants such bytes escaped."""
    before = len(backend.requests)

    answered = ask(server, f"GET {target}\r\n\r\n".encode("latin-1"))

    assert answered.startswith(b"HTTP/1.1 400")
    assert len(backend.requests) == before


# Bodies


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_a_request_without_a_body_has_no_framing(server, backend, method):
    """Neither a length of 0 nor chunks: some backends refuse both."""
    backend.answer_bytes(f"{method} /v1/a", b"HTTP/1.1 204 No Content\r\n\r\n")

    ask(server, f"{method} /api/proxy/a\r\n\r\n".encode())

    assert backend.last.method == method
    assert not {"Content-Length", "Transfer-Encoding"} & set(backend.last.headers)


def test_a_megabyte_arrives_whole(server, backend):
    """Many pieces, in their order."""
    backend.answer("POST /v1/a", json={})
    body = bytes(range(256)) * 4096

    answered = ask(server, b"POST /api/proxy/a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    assert answered.startswith(b"HTTP/1.1 200")
    assert backend.last.body == body


def test_a_reply_cut_short_is_logged(settings, backend, events):
    """An operator sees it, too: the browser's own error is nowhere in our statuses."""
    rules = (ProxyRule(methods=None, pattern="*"),)
    url = f"{backend.url}/v1"
    browser = create_app(replace(settings, proxy_allow=rules, proxy_base_url=url)).test_client()
    browser.set_cookie("token", "a.b.c")
    backend.answer_bytes("GET /v1/a", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    response = browser.get("/api/proxy/a")
    with pytest.raises(ConnectionResetError):
        response.get_data()
    response.close()

    [event] = [event for event in events if event["event"] == "request"]
    assert (event["log_level"], event["code"], event["detail"][:9]) == ("warning", "backend_invalid", "cut short")


def test_a_body_that_nobody_took_is_not_taken_for_a_request(server, backend):
    """The backend fails before it has read the body; on the browser's connection, its rest is still a body."""
    backend.script_early("POST /v1/fails", lambda connection: os.close(connection.detach()))
    before = len(backend.requests)
    body = b"GET /api/proxy/smuggled HTTP/1.1\r\nHost: bff.test\r\nCookie: token=a.b.c\r\n\r\n" * 1000

    with connect(server, b"POST /api/proxy/fails\r\nContent-Length: %d\r\n\r\n" % len(body)) as connection:
        connection.sendall(body)
        answered = connection.recv(65536)

    assert answered.startswith(b"HTTP/1.1 502")
    assert [request.path for request in backend.requests[before:]] == ["/v1/fails"]


def test_an_upload_has_until_the_deadline(backend):
    """REQUEST_DEADLINE ends with the head of the reply, so the request's body is within it."""
    backend.answer("PUT /slow", json={})
    environ = {"API_BASE_URL": backend.url, "PROXY_ALLOW": "*", "REQUEST_DEADLINE": "0.3"}
    with (
        Server(environ) as server,
        connect(server, b"PUT /api/proxy/slow\r\nContent-Length: 100000000\r\n\r\n") as slow,
    ):
        answered = upload_until_answered(slow)

    assert answered.startswith(b"HTTP/1.1 504")


def upload_until_answered(connection: socket.socket) -> bytes:
    """Send a piece every now and then; what is answered."""
    while not select.select([connection], [], [], 0.01)[0]:
        connection.sendall(b"x" * 8192)
    return connection.recv(65536)


# Streaming


HEADS = [
    "Content-Length: 6\r\nConnection: close",
    "Content-Type: text/event-stream\r\nContent-Length: 6\r\nConnection: close",
    "Content-Type: text/event-stream\r\nConnection: close",
    "Content-Type: text/event-stream;charset=utf-8\r\nConnection: close",
    "Content-Type: application/octet-stream\r\nConnection: close",
    "Connection: close",
]


@pytest.mark.parametrize("head", HEADS)
def test_a_piece_arrives_before_the_next_is_written(server, backend, head):
    """Of any type, its length known or not; the backend goes on only when the browser has the first."""
    seen, waited = threading.Event(), []

    def tell_twice(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\none".encode())
        waited.append(seen.wait(timeout=10))
        connection.sendall(b"two")
        connection.shutdown(socket.SHUT_RDWR)

    backend.script("GET /v1/a", tell_twice)

    with connect(server, b"GET /api/proxy/a\r\nConnection: close\r\n\r\n") as connection:
        received = read_until(connection, b"one")
        seen.set()
        received += read_until(connection, b"two")

    assert received.startswith(b"HTTP/1.1 200")
    assert waited == [True]


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """What comes, up to the piece with `wanted` in it, or to the end."""
    received = b""
    while wanted not in received and (piece := connection.recv(65536)):
        received += piece
    return received


# What WSGI cannot do


def test_an_interim_reply_is_skipped(server, backend):
    """A 103 and its Link are lost, and the reply behind it is not taken for another request's."""
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    backend.answer_bytes("GET /v1/a", interim * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal")

    answered = ask(server, b"GET /api/proxy/a\r\n\r\n")

    assert answered.startswith(b"HTTP/1.1 200")
    assert answered.endswith(b"final")
    assert b"a.css" not in answered


def test_a_protocol_is_not_switched(server, backend):
    """The backend is not asked to, and is not believed when it does."""
    backend.answer_bytes("GET /v1/a", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")

    answered = ask(server, b"GET /api/proxy/a\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n")

    assert answered.startswith(b"HTTP/1.1 502")
    assert "Upgrade" not in backend.last.headers

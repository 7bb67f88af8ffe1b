"""What the workers refuse beyond gunicorn, how they say so, and how long they wait: in threads, and in greenlets."""

import importlib.util
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from request_head import require_one_meaning
from tests.backend import Backend
from tests.server import Server


def parsed(head: bytes) -> Request:
    """A request as gunicorn's parser hands it on."""
    config = Config()
    config.set("header_map", "dangerous")
    return Request(config, IterUnreader([head]), ("127.0.0.1", 1))


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:port\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:65540\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:65600\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:66000\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:100000\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
        b"GET http://a.b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET http:/// HTTP/1.0\r\n\r\n",
        b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    ],
)
def test_what_another_server_may_read_otherwise_is_refused(head):
    """RFC 9112 §3.2, §6.1. gunicorn 27.0.1 alone takes each of these."""
    request = parsed(head)

    with pytest.raises(ParseException):
        require_one_meaning(request)


@pytest.mark.parametrize(
    "name",
    [
        *["Content_Length", "content_type", "Transfer_Encoding", "x_request-id", "X-Request_ID", "Sec_Fetch-Site"],
        *["X_Forwarded_For", "X-Forwarded_Proto", "X_Forwarded-Host", "X_Forwarded_Port", "X_Forwarded_Prefix"],
        *["Access_Control_Request_Method", "Access-Control-Request_Headers", "Max_Forwards", "User_Agent"],
        *["Accept_Language", "Script_Name", "Path_Info", "Remote_Addr"],
    ],
)
def test_no_underscore_makes_a_second_name_of_what_is_read_here(name):
    """To WSGI both are one (PEP 3333); a proxy in front removes the one with hyphens alone."""
    request = parsed(b"GET / HTTP/1.1\r\nHost: a\r\n" + name.encode() + b": 1\r\n\r\n")

    with pytest.raises(ParseException):
        require_one_meaning(request)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:59999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:64999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: my_service\r\n\r\n",
        b"GET http://a.example/x HTTP/1.1\r\nHost: A.example\r\n\r\n",
        b"GET http://A.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET HTTPS://a/x?next=http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
    ],
)
def test_what_has_one_meaning_passes(head):
    """A health check of HAProxy has no Host, container networks name hosts with underscores."""
    require_one_meaning(parsed(head))


def test_cookie_lines_are_joined_as_http_2_has_it():
    """By `; ` (RFC 9113 §8.2.3): WSGI's comma would make the second cookie a part of the first."""
    request = parsed(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1\r\nX_Odd: c\r\nAccept: b\r\nCookie: token=2\r\n\r\n")

    require_one_meaning(request)

    assert request.headers == [("HOST", "a"), ("ACCEPT", "b"), ("COOKIE", "x=1; token=2")]


def test_no_cookie_line_is_made_up():
    """Where there was none."""
    request = parsed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    require_one_meaning(request)

    assert request.headers == [("HOST", "a")]


@pytest.mark.parametrize(
    ("field", "ends"),
    [
        (b"Connection: keep-alive, close", True),
        (b"Connection: te\t,\tCLOSE , x", True),
        (b"Connection: te\r\nConnection: close", True),
        (b"Connection: keep-alive", False),
        (b"Connection: te, closed", False),
        (b"Connection: te close", False),
        (b"X: close", False),
    ],
)
def test_a_connection_ends_where_one_of_its_options_is_close(field, ends):
    """RFC 9112 §9.6: in any case, and wherever it stands in the list."""
    request = parsed(b"GET / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n")

    require_one_meaning(request)

    assert request.should_close() == ends


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        backend.answer("GET /api/vehicles", json=[])
        yield backend


_Found = TypeVar("_Found")
_HAS_GEVENT = importlib.util.find_spec("gevent") is not None
_GEVENT = pytest.mark.skipif(not _HAS_GEVENT, reason="gevent is optional: pip install -r requirements-gevent.txt")


@pytest.fixture(scope="module", params=["gthread", pytest.param("gevent", marks=_GEVENT)])
def server(backend: Backend, request: pytest.FixtureRequest) -> Iterator[Server]:
    times = {"READ_TIMEOUT": "0.4", "REQUEST_DEADLINE": "0.4"}
    with Server({"API_BASE_URL": backend.url, "WORKER_CLASS": request.param, **times}) as server:
        yield server


def answer(server: Server, *pieces: bytes, pause: float = 0.0) -> tuple[int, dict[str, str], bytes]:
    """Status, fields and body of all that comes until the server hangs up; nothing at all is status 0."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        head, _, body = connection.makefile("rb").read().decode("latin-1").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]) if first else 0, fields, body.encode("latin-1")


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"GET path HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: cow\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n", 400, "bad_request"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "too_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 17_000 + b"\r\n\r\n", 431, "too_large"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: x\r\n" * 120 + b"\r\n", 431, "too_large"),
    ],
)
def test_a_refusal_has_the_shape_of_every_error_and_ends_the_connection(server, request_bytes, status, code):
    """JSON, the code, an id, the fields that every answer has; nothing of what was sent."""
    status_got, fields, body = answer(server, request_bytes)

    assert (status_got, fields["x-bff-error"], fields["connection"]) == (status, code, "close")
    assert list(json.loads(body)) == ["error"]
    assert len(fields["x-request-id"]) == 32
    assert (fields["cache-control"], fields["x-content-type-options"]) == ("no-store", "nosniff")


@pytest.mark.parametrize(
    "request_bytes", [b"nonsense\r\n\r\n", b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /n HTTP/1.0\r\n\r\n"]
)
def test_no_answer_names_the_server(server, request_bytes):
    """Nor its version (OWASP ASVS 5.0, 13.4.6)."""
    _, fields, body = answer(server, request_bytes)

    assert "server" not in fields
    assert b"gunicorn" not in body


def test_two_cookie_lines_hold_one_session(server, backend):
    """Some routers from HTTP/2 to HTTP/1.1 pass them on apart."""
    cookies = b"Cookie: theme=dark\r\nCookie: token=a.b.c\r\n"

    status, _, _ = answer(server, b"GET /api/vehicles HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + cookies + b"\r\n")

    assert status == 200
    assert backend.last.headers["Authorization"] == "Bearer a.b.c"


@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        ([b"GET /healthz HT"], 0.0),
        ([b"GET /healthz HTTP/1.1\r\n", *[b"X: x\r\n"] * 8], 0.1),
    ],
    ids=["silence", "byte by byte"],
)
def test_a_head_that_does_not_end_ends_the_connection(server, pieces, pause):
    """After READ_TIMEOUT, whether or not bytes go on coming: each holds a thread."""
    try:
        status, _, _ = answer(server, *pieces, pause=pause)
    except ConnectionError:  # it was closed while the browser still wrote
        status = 0

    assert status == 0


def test_a_body_that_drips_ends_with_the_deadline(server, backend):
    """A read timeout alone starts anew with every byte."""
    before = len(backend.requests)
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"

    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.1) as connection:
        connection.sendall(head)
        reply = drip(connection)

    assert reply.startswith(b"HTTP/1.1 400")
    assert time.monotonic() - started < 8
    assert len(backend.requests) == before


def drip(connection: socket.socket) -> bytes:
    """Send a byte now and then until something comes back, at most for ten seconds."""
    for _ in range(100):
        connection.sendall(b" ")
        try:
            return connection.recv(1000)
        except TimeoutError:
            continue
    return b""


@pytest.mark.parametrize("options", [b"keep-alive, close", b"close, keep-alive", b"Close", b"te\r\nConnection: close"])
def test_close_is_heeded_wherever_it_stands(server, options):
    """RFC 9112 §9.6: nothing behind such a request is one. gunicorn knows it as the only option of the first line."""
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: " + options + b"\r\n\r\n"

    _, fields, body = answer(server, head + head)

    assert (fields["connection"], body.count(b"ok"), body.count(b"HTTP/1.1")) == ("close", 1, 0)


def test_an_answered_request_has_no_second_answer(server):
    """A body that nobody read turns out broken: behind a proxy, another 400 would be the next user's answer."""
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    status, _, body = answer(server, head + b"zz\r\n")

    assert (status, body.count(b"HTTP/1.1")) == (200, 0)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/9.9\r\n\r\n", b"GET /healthz HTTP/1.0\r\n\r\n"])
def test_connections_that_nobody_closes_hold_up_nobody(server, sent):
    """gunicorn waits seconds for each: for the first byte in a thread of the pool, for the last in its main thread."""
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(40)]
    for connection in connections:
        connection.sendall(sent)

    started = time.monotonic()
    status, _, _ = answer(server, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    seconds = time.monotonic() - started
    for connection in connections:
        connection.close()

    assert (status, seconds < 4) == (200, True)  # 40 times 2 s


@pytest.mark.parametrize("size", [b"FFFFFFFFFFFFFFFFF", b"280000000"])
def test_a_chunk_larger_than_any_body_is_not_waited_for(server, backend, size):
    """Refused at its size, before a byte of it."""
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    before = len(backend.requests)

    status, fields, _ = answer(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")

    assert (status, fields["connection"], len(backend.requests)) == (413, "close", before)


def test_an_answer_that_is_the_last_says_so(server):
    """Where most of the body is unread: to take it for the next request would be to let two in as one."""
    status, fields, _ = answer(server, b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Length: 99000000\r\n\r\n{")

    assert (status, fields["x-bff-error"], fields["connection"]) == (413, "too_large", "close")


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="there is one way to schedule here")
def test_a_thread_that_wakes_up_does_not_push_another_aside(server):
    """It would only wait for Python's lock (docs/decisions/0012)."""
    assert {os.sched_getscheduler(worker) for worker in server.workers()} == {os.SCHED_BATCH}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processors cannot be chosen here")
def test_each_worker_has_a_processor_of_its_own():
    """CPU_AFFINITY; one that is started in the place of another gets the one that has become free."""
    usable = os.sched_getaffinity(0)
    with Server({"API_BASE_URL": "http://x", "CPU_AFFINITY": "on", "WEB_CONCURRENCY": "2"}) as server:
        before = _once(lambda: _processors(server), lambda processors: len(processors) == 2)
        ended = min(before)
        server.kill(ended)
        after = _once(lambda: _processors(server), lambda processors: len(processors) == 2 and ended not in processors)

    assert sorted(before.values()) == sorted(after.values())
    assert all(len(processors) == 1 for processors in before.values())
    assert len(set(before.values())) == min(2, len(usable))


def _processors(server: Server) -> dict[int, tuple[int, ...]]:
    """The processors of each worker that serves, by its id."""
    processors = {worker: tuple(os.sched_getaffinity(worker)) for worker in server.workers()}
    return {worker: some for worker, some in processors.items() if len(some) == 1}


def _once(ask: Callable[[], _Found], is_so: Callable[[_Found], bool]) -> _Found:
    """What `ask` gives as soon as it is so; at the latest, after ten seconds."""
    give_up = time.monotonic() + 10
    while not is_so(found := ask()) and time.monotonic() < give_up:
        time.sleep(0.02)
    return found


def test_without_gevent_the_start_ends_in_one_line(tmp_path):
    """It is optional."""
    (tmp_path / "gevent.py").write_text("raise ModuleNotFoundError('gevent')\n")
    server = Server({"API_BASE_URL": "http://x", "WORKER_CLASS": "gevent", "PYTHONPATH": str(tmp_path)}).start()

    status = server.wait()
    server.stop()

    line = "WORKER_CLASS=gevent needs one more package: pip install -r requirements-gevent.txt\n"
    assert (status, server.output) == (1, line)

"""The lean transport beside urllib3's: the same bytes out, the same meaning in, the same end in time.

What differs on purpose is in `tests/fuzz/exchange.py` and in the tests that have it in their name.
"""

import contextlib
import datetime
import random
import signal
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import requests_mock
import trustme

from config import Settings
from proxy import transport
from proxy.errors import BackendInvalid, BackendTimeout, BackendUnreachable, BadRequest, BffError
from proxy.upstream import Body, Upstream, read_body, read_piece
from tests.backend import Backend
from tests.fuzz.exchange import LEAN, METHODS, STRICTER, URLLIB3, Line, Outcome, check
from tests.proxy.test_upstream import drip, reset

PATIENCE = 10.0
OK = b"HTTP/1.1 200 OK\r\n"
YES = OK + b"Content-Length: 2\r\n\r\n{}"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TRANSPORTS = ("lean", "urllib3")
BIG = 32 * 2**20  # more than any buffer between us and a backend holds


@pytest.fixture(params=TRANSPORTS)
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """Either transport, and time enough for a busy machine."""
    return replace(
        settings,
        backend_transport=request.param,
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
        request_deadline=2 * PATIENCE,
        pool_idle_timeout=60,
    )


@pytest.fixture
def upstream(settings: Settings, backend: Backend) -> Iterator[Upstream]:
    upstream = Upstream(backend.url, settings)
    yield upstream
    upstream.close()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


class Stream:
    """A body of `size` bytes in pieces; `length` is what is announced."""

    def __init__(self, size: int, length: int | None = None) -> None:
        self.length = length
        self._left = size

    def read(self, size: int) -> bytes:
        size = min(size, self._left, 3000)
        self._left -= size
        return b"x" * size


class BrokenStream(Stream):
    """A browser that hangs up after some pieces."""

    def read(self, size: int) -> bytes:
        piece = super().read(size)
        if not piece:
            raise BadRequest("the browser hung up in its body")
        return piece


def get(upstream: Upstream, target: str = "/x") -> bytes:
    return read_body(upstream.send("GET", target, {}))


def failure(upstream: Upstream, method: str = "GET", body: Body | None = None, target: str = "/x") -> BffError:
    with pytest.raises(BffError) as error:
        read_body(upstream.send(method, target, {}, body))
    return error.value


def fill_pool(upstream: Upstream, count: int) -> None:
    """So many exchanges at once."""
    for reply in [upstream.send("GET", "/x", {}) for _ in range(count)]:
        read_body(reply)


def takes(wire, reply: bytes) -> bool:
    return isinstance(wire.outcome("GET", Line(reply)), Outcome)


# What comes in


REPLIES = [
    YES,
    OK + b"X: a\r\nx: b\r\nSet-Cookie: c\r\nX:\t\r\n\r\n{}",
    CHUNKED + b"2;a\r\n{}\r\n00C\r\n0123456789\r\n\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: a\r\n\r\n" + YES,
    b"HTTP/1.0 404 \r\nConnection: keep-alive\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1",
    b"HTTP/1.1 204\r\n\r\n",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reply", REPLIES)
def test_a_reply_means_the_same_however_it_comes(method, reply):
    """In reads of any size, whole or by pieces, with or without the next one's first bytes behind it."""
    sizes = [*range(1, 9), len(reply) // 2, len(reply) - 1]

    outcomes = [check(method, reply, [size], ends=False, piece=piece) for size in sizes for piece in (None, 1, 3)]
    followed = check(method, reply + b"H", ends=False)

    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert outcomes[0] is not None
    assert followed is not None


@pytest.mark.parametrize("reply", REPLIES)
def test_a_reply_that_ends_early_is_none(reply):
    """Cut behind any of its bytes, and the backend gone (RFC 9112 §8)."""
    whole = [cut for cut in range(len(reply)) if check("GET", reply[:cut], [7]) is not None]

    ends_with_the_connection = len(reply) if b"ength" in reply or b"hunked" in reply else reply.find(b"\r\n\r\n") + 4
    assert whole == list(range(ends_with_the_connection, len(reply)))


@pytest.mark.parametrize(
    ("reason", "reply"),
    [
        ("line", b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"),
        ("line", OK + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}"),
        ("status line", b"HTTP/1.9  +200 OK\r\nContent-Length: 2\r\n\r\n{}"),
        ("field", OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}"),
        ("field", OK + b"Content-Length: 2\r\nX : a\r\n\r\n{}"),
        ("chunk size", CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n"),
        ("chunk size", CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n"),
        ("chunk size", CHUNKED + b"0_2\r\n{}\r\n0\r\n\r\n"),
        ("chunk size", CHUNKED + b" 2\r\n{}\r\n0\r\n\r\n"),
        ("chunk size cut", CHUNKED + b"2\r\n{}\r\n0"),
        ("chunk end", CHUNKED + b"2\r\n{}XX0\r\n\r\n"),
        ("chunked body", CHUNKED + b"2\n{}\r\n0\r\n\r\n"),
        ("chunked body", CHUNKED + b"2\r\n{}\r\n0\r\nX: a\nY: b\r\n\r\n"),
        ("trailer cut", CHUNKED + b"2\r\n{}\r\n0\r\n"),
    ],
)
def test_what_the_lean_transport_refuses_and_urllib3_takes(reason, reply):
    """The whole list, each with its reason; and `check` finds no other."""
    assert check("GET", reply) is None

    assert takes(URLLIB3, reply)
    assert reason in STRICTER


def test_no_reason_is_without_an_example():
    """The list above is that of `STRICTER`."""
    marks = test_what_the_lean_transport_refuses_and_urllib3_takes.pytestmark

    assert {example[0] for example in marks[0].args[1]} == set(STRICTER)


@pytest.mark.parametrize("beyond", [-1, 0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "reply",
    [
        lambda beyond: OK + b"A: b\r\n" * (98 + beyond) + b"Content-Length: 2\r\n\r\n{}",
        lambda beyond: OK + b"X: " + b"x" * (65531 + beyond) + b"\r\nContent-Length: 2\r\n\r\n{}",
        lambda beyond: b"HTTP/1.1 200 " + b"x" * (65521 + beyond) + b"\r\n\r\n{}",
        lambda beyond: CHUNKED + b"0\r\n" + b"A" * (65534 + beyond) + b"\r\n\r\n",
        lambda beyond: CHUNKED + b"0;" + b"A" * (65532 + beyond) + b"\r\n\r\n",
        lambda beyond: b"HTTP/1.1 103 A\r\n" + b"A: b\r\n" * (99 + beyond) + b"\r\n" + YES,
    ],
    ids=["fields", "field", "status-line", "trailer", "extension", "interim"],
)
def test_no_limit_is_wider_than_urllib3s(reply, beyond):
    """Where `http.client` begins to refuse, the lean transport has begun before, or does."""
    assert takes(URLLIB3, reply(beyond)) or not takes(LEAN, reply(beyond))


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"A: b\r\n" * 98 + b"Content-Length: 2\r\n\r\n{}",
        OK + b"X: " + b"x" * 60_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
        CHUNKED + b"0\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        CHUNKED + b"2;" + b"a" * 1000 + b"\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n",
    ],
    ids=["fields", "field", "trailer", "extension", "chunks"],
)
def test_what_is_long_and_sound_is_taken(reply):
    """By both, and in the same sense."""
    outcome = LEAN.outcome("GET", Line(reply))

    assert isinstance(outcome, Outcome)
    assert replace(outcome, is_kept=True) == URLLIB3.outcome("GET", Line(reply))


@pytest.mark.parametrize("coding", [b"chunked", b"chunked ", b"\tchunked \t"])
def test_blanks_around_a_coding_are_none_of_it(settings, backend, coding):
    """To `http.client`, `chunked` with a blank behind is no coding: the lines between chunks would be in the body."""
    backend.answer_bytes("GET /x", OK + b"Transfer-Encoding:" + coding + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n", close=True)

    assert get(Upstream(backend.url, settings)) == b"{}"


@pytest.mark.parametrize("lengths", [b"2", b"2, 2", b"2 ,\t2", b"2\r\nContent-Length: 2"])
def test_the_same_length_twice_is_one(settings, backend, lengths):
    """RFC 9110 §8.6. To `http.client`, a list is none: what stands behind would be in the body."""
    backend.answer_bytes("GET /x", OK + b"Content-Length: " + lengths + b"\r\n\r\n{}surplus", close=True)

    reply = Upstream(backend.url, settings).send("GET", "/x", {})

    assert [value for name, value in reply.raw.headers.items() if name == "Content-Length"] == ["2"]
    assert read_body(reply) == b"{}"


@pytest.mark.parametrize("beginning", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\0\x02\x02", b"HTTP/2.0 200", b"\r\n"])
def test_who_speaks_another_protocol_is_not_waited_for(settings, backend, beginning):
    """It is a 502, at once, and no time-out: one says who is wrong."""
    backend.script("GET /x", lambda connection: connection.sendall(beginning + b"\n") or connection.recv(1))
    started = time.monotonic()

    error = failure(Upstream(backend.url, settings))

    assert isinstance(error, BackendInvalid)
    assert time.monotonic() - started < PATIENCE


def test_an_interim_response_alone_is_no_lost_connection(upstream, backend):
    """The backend has begun to answer: what it said is half a reply, and not to be asked for again."""
    backend.answer_bytes("GET /x", b"HTTP/1.1 100 Continue\r\n\r\n", close=True)

    assert isinstance(failure(upstream), BackendInvalid)
    assert len(backend.requests) == 1


# What goes out


def sent(
    name: str, method: str, target: str, headers: dict[str, str], body: Body | None, base_url: str = "http://backend"
) -> bytes:
    """The bytes of a request."""
    settings = Settings(app_env="testing", api_base_url=base_url, backend_transport=name)  # type: ignore[arg-type]
    upstream = Upstream(base_url, settings)
    line = Line(YES)
    with line, line.peer, mock.patch.object(transport, "open_socket", return_value=line):
        upstream.send(method, target, headers, body).close()
        upstream.close()
        return b"".join(iter(lambda: line.peer.recv(65536), b""))


FIELDS = {"Accept": "*/*", "X-B": "", "x-a": " v\t ", "User-Agent": "\xc3\xb1", "Cookie": "a=b", "Content-Type": "x/y"}


@pytest.mark.parametrize("headers", [{}, FIELDS, {"Host": "other"}, {"Connection": "close", "accept-encoding": "br"}])
@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("GET", lambda: None),
        ("HEAD", lambda: None),
        ("OPTIONS", lambda: None),
        ("DELETE", lambda: None),
        ("DELETE", lambda: b"{}"),
        ("POST", lambda: None),
        ("POST", lambda: b""),
        ("PUT", lambda: b"\r\n" * 10),
        ("PATCH", lambda: b"x" * 100_000),
        ("POST", lambda: Stream(9000, 9000)),
        ("POST", lambda: Stream(0, 0)),
    ],
    ids="GET HEAD OPTIONS DELETE DELETE-body POST POST-empty PUT PATCH-big POST-stream POST-empty-stream".split(),
)
def test_a_request_is_the_same_to_the_byte(method, headers, body):
    """Line, fields, their order, no field of a library's own, and the body."""
    requests = [sent(name, method, "/a%2fb/..;/%zz?q=|{}^\xf1", headers, body()) for name in TRANSPORTS]

    assert requests[0] == requests[1]
    assert requests[0].startswith(method.encode() + b" /a%2fb/..;/%zz?q=|{}^\xf1 HTTP/1.1\r\nHost: ")


@pytest.mark.parametrize("size", [0, 1, 2999, 9000])
def test_a_stream_of_no_length_is_the_same_but_for_the_place_of_one_field(size):
    """`Transfer-Encoding` is the last here, and the first there."""
    requests = [sent(name, "POST", "/x", FIELDS, Stream(size)) for name in TRANSPORTS]

    heads, bodies = zip(*(request.split(b"\r\n\r\n", 1) for request in requests), strict=True)
    fields = [head.split(b"\r\n") for head in heads]
    assert bodies[0] == bodies[1]
    assert bodies[0].endswith(b"0\r\n\r\n")
    assert fields[0] == [*(line for line in fields[1] if line not in {b"Transfer-Encoding: chunked"}), fields[0][-1]]
    assert fields[0][-1] == b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("http://backend", "backend"),
        ("http://backend:80", "backend"),
        ("http://backend:8080/v1", "backend:8080"),
        ("http://backend:443", "backend:443"),
        ("http://backend.", "backend"),
        ("http://backend.:3000", "backend:3000"),
        ("http://BackEnd:3000", "backend:3000"),
        ("http://127.0.0.1:81", "127.0.0.1:81"),
        ("http://[::1]", "[::1]"),
        ("http://[::1]:80", "[::1]"),
        ("http://[2001:DB8::1]:3000", "[2001:db8::1]:3000"),
    ],
)
def test_the_host_is_named_the_same(base_url, host):
    """RFC 9110 §7.2: the default port and a dot at the end left out, an IPv6 address in brackets."""
    requests = [sent(name, "GET", "/x", {}, None, base_url) for name in TRANSPORTS]

    assert requests[0] == requests[1]
    assert f"\r\nHost: {host}\r\n".encode() in requests[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A", "b\r\nC: d"),
        ("A", "b\nC: d"),
        ("A", "b\rC: d"),
        ("A", "b\r\n\r\nGET / HTTP/1.1"),
        ("A\r\nB", "c"),
        ("A: b\r\nC", "d"),
        ("", "c"),
        ("A:", "c"),
        (" A", "c"),
        ("\xe9", "c"),
        ("A", "\u0100"),
        ("A", "\u010a"),
    ],
)
def test_a_field_that_would_be_another_is_refused(upstream, backend, name, value):
    """By both as a ValueError, and nothing of the request goes out."""
    with pytest.raises(ValueError, match=r"(?s)."):
        upstream.send("GET", "/x", {name: value})

    assert backend.requests == []


@pytest.mark.parametrize(("name", "value"), [("A", "b\r\n c"), ("A", "b\0"), ("A B", "c"), ("A\t", "c"), ("(", "c")])
def test_of_what_is_sent_urllib3_takes_more(name, value):
    """Folding, NUL and names that are no token (RFC 9110 §5)."""
    assert value.encode() in sent("urllib3", "GET", "/x", {name: value}, None)

    with pytest.raises(ValueError, match="not the head"):
        sent("lean", "GET", "/x", {name: value}, None)


@pytest.mark.parametrize("method", ["", "G T", "GET /y HTTP/1.1\r\nA: b\r\n\r\nGET", "GET\n", "G\xc9T", "(GET)"])
def test_a_method_that_is_none_is_refused(method):
    """A team's hook may have written it (RFC 9110 §9.1)."""
    with pytest.raises(ValueError, match="not the head"):
        sent("lean", method, "/x", {}, None)


BODIES = {
    "none": lambda: None,
    "bytes": lambda: b"{}",
    "chunks": lambda: Stream(10),
    "length": lambda: Stream(10, 10),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_field_of_a_hook_is_taken_for_the_framing(settings, method, body):
    """Both `Content-Length` and chunks would be two requests to somebody (RFC 9112 §6.1)."""
    framing = {"Content-Length": "3", "Transfer-Encoding": "gzip"}

    request = sent(settings.backend_transport, method, "/x", framing, body())

    head, _, content = request.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith((b"content-length", b"transfer-enc"))]
    assert len(lengths) <= 1
    assert b": 3" not in head
    assert b"gzip" not in head
    assert content == b"" or len(lengths) == 1


@pytest.mark.parametrize(
    "body", [lambda: b"x" * BIG, lambda: Stream(BIG, BIG), lambda: Stream(BIG)], ids=["bytes", "length", "chunks"]
)
def test_an_answer_before_the_end_of_the_request_is_the_answer(upstream, backend, body):
    """The backend has seen enough, says so and hangs up (RFC 9110 §15.5.14). The connection is of no further use."""

    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")
        reset(connection)

    backend.script_early("POST /x", refuse)
    backend.answer("GET /x", json=1)

    reply = upstream.send("POST", "/x", {}, body())

    assert (reply.status_code, read_body(reply)) == (413, b"{}")
    assert get(upstream) == b"1"
    assert backend.connections == 2


@pytest.mark.parametrize("length", [None, 100_000])
def test_a_browser_that_breaks_off_takes_its_connection_along(upstream, backend, length):
    """What follows on it would be the rest of a body to the backend."""
    ends = threading.Event()

    def read_on(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass
        ends.set()

    backend.script_early("POST /x", read_on)
    backend.answer("GET /x", json=1)

    error = failure(upstream, "POST", BrokenStream(9000, length))

    assert isinstance(error, BadRequest)
    assert ends.wait(PATIENCE)
    assert get(upstream) == b"1"
    assert backend.connections == 2


# The pool


@pytest.mark.parametrize(
    ("method", "reply", "connections"),
    [
        ("GET", YES, 1),
        ("POST", YES, 1),
        ("GET", CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", 1),
        ("GET", OK + b"Content-Length: 0\r\n\r\n", 1),
        ("GET", OK + b"Connection: keep-alive\r\nContent-Length: 0\r\n\r\n", 1),
        ("GET", OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", 2),
        ("GET", OK + b"Connection: x, CLOSE\r\nContent-Length: 2\r\n\r\n{}", 2),
        ("GET", OK + b"Connection: close\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", 2),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 2),
        ("GET", b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}", 1),
        ("HEAD", OK + b"Content-Length: 2\r\n\r\n", 2),
        ("HEAD", YES, 2),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 2),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", 2),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n{}", 2),
    ],
)
def test_a_connection_goes_on_where_there_is_no_doubt(upstream, backend, method, reply, connections):
    """RFC 9112 §9.3; behind a reply without a body, a backend may send one by mistake."""
    backend.answer_bytes(f"{method} /x", reply, close=False)
    backend.answer("GET /y", json=1)

    read_body(upstream.send(method, "/x", {}))

    assert get(upstream, "/y") == b"1"
    assert backend.connections == connections


def test_a_body_that_is_not_read_takes_its_connection_along(upstream, backend):
    """The rest of it would be the next user's."""
    backend.answer_bytes("GET /x", OK + b"Content-Length: 4\r\n\r\n1234", close=False)
    reply = upstream.send("GET", "/x", {})

    assert read_piece(reply, 2) == b"12"
    reply.close()
    get(upstream)

    assert backend.connections == 2


def test_a_surplus_that_comes_late_is_nobodys(upstream, backend):
    """After the connection has gone back to the pool, and before it is taken."""
    is_read, is_sent = threading.Event(), threading.Event()

    def say_too_much(connection: socket.socket) -> None:
        connection.sendall(YES)
        is_read.wait(PATIENCE)
        connection.sendall(OK + b"Content-Length: 3\r\n\r\n[9]")
        is_sent.set()

    backend.script("GET /x", say_too_much)
    backend.answer("GET /y", json=[2])

    get(upstream)
    is_read.set()
    assert is_sent.wait(PATIENCE)

    assert get(upstream, "/y") == b"[2]"
    assert backend.connections == 2


def test_a_surplus_that_openssl_holds_is_nobodys(settings, authority, tmp_path):
    """In the record of the body's end, of which no more is read than the body: the socket has nothing to show."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Backend(tls=context) as backend:
        upstream = Upstream(backend.url, trusting(settings, authority, tmp_path))

        def say_too_much(connection: socket.socket) -> None:
            connection.sendall(OK + b"Content-Length: 2\r\n\r\n{")
            connection.sendall(b"}" + OK + b"Content-Length: 3\r\n\r\n[9]")

        backend.script("GET /x", say_too_much)
        backend.answer("GET /y", json=[2])

        answers = [get(upstream), get(upstream, "/y")]

        assert answers == [b"{}", b"[2]"]


def test_the_connection_used_last_is_the_first_to_be_used_again(upstream, backend):
    """So the others grow old, and are closed."""
    backend.answer("GET /x", json=1)
    replies = [upstream.send("GET", "/x", {}) for _ in range(3)]

    for index in (0, 2, 1):
        read_body(replies[index])
    get(upstream)

    assert backend.last.connection == 2


def test_no_more_connections_are_kept_than_there_are_threads(settings, backend):
    """A burst leaves none behind that nobody needs."""
    upstream = Upstream(backend.url, replace(settings, threads=2))
    backend.answer("GET /x", json=1)

    fill_pool(upstream, 5)
    fill_pool(upstream, 5)
    upstream.close()

    assert backend.connections == 5 + 3


def test_closing_closes_all_that_is_idle(upstream, backend):
    """At the end of a worker; the backend sees it."""
    ends = threading.Semaphore(0)

    def answer_and_wait(connection: socket.socket) -> None:
        connection.sendall(YES)
        connection.recv(1)
        ends.release()

    backend.script("GET /x", answer_and_wait)
    fill_pool(upstream, 3)

    upstream.close()

    assert all(ends.acquire(timeout=PATIENCE) for _ in range(3))


class Echo(socketserver.StreamRequestHandler):
    """Answers each request with its target, and hangs up now and then, announced or not."""

    def handle(self) -> None:
        chance = random.Random(self.client_address[1])
        while line := self.rfile.readline():
            while self.rfile.readline() not in {b"\r\n", b""}:
                pass
            target = line.split()[1]
            end = chance.choice([b"", b"", b"", b"", b"Connection: close\r\n", b"", b"", b"hang up"])
            announced = end if end.endswith(b"\n") else b""
            if chance.random() < 0.5:
                framed = b"Content-Length: %d\r\n\r\n%b" % (len(target), target)
            else:
                framed = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(target), target)
            self.wfile.write(OK + announced + framed)
            if end:
                return


def test_everybody_gets_their_own_answer(settings):
    """Sixteen threads, two thousand exchanges, and a backend that hangs up as it likes."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        upstream = Upstream(f"http://127.0.0.1:{server.server_address[1]}", replace(settings, threads=8))

        def ask(number: int) -> bool | None:
            target = f"/{number}/{'x' * (number % 50)}"
            try:
                return get(upstream, target) == target.encode()
            except BackendUnreachable:  # closed between our look and our request, and the retries have their budget
                return None

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(ask, range(2000)))
        upstream.close()
        server.shutdown()
        thread.join()

    assert False not in answers
    assert answers.count(True) > 1500


# Time


@pytest.fixture
def impatient(settings: Settings) -> Settings:
    """Where nothing but a time-out is waited for."""
    return replace(settings, connect_timeout=0.2, read_timeout=0.2, request_deadline=0.4)


@pytest.fixture(params=["plain", "tls"])
def a_backend(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[Backend]:
    """With and without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Backend(tls=context if request.param == "tls" else None) as backend:
        yield backend


def trusting(settings: Settings, authority: trustme.CA, folder: Path) -> Settings:
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return replace(settings, backend_ca_bundle=str(folder / "ca.pem"))


def timed(upstream: Upstream, method: str = "GET", target: str = "/x", body: Body | None = None) -> float:
    """How long it takes to time out, in seconds."""
    started = time.monotonic()
    error = failure(upstream, method, body, target)
    assert isinstance(error, BackendTimeout)
    return time.monotonic() - started


DRIPS = {
    "/silence": lambda connection: connection.recv(1),
    "/head": drip(OK, b"X: y\r\n"),
    "/chunk-line": drip(CHUNKED, b"0"),
    "/chunks": drip(CHUNKED, b"1\r\nx\r\n"),
    "/trailer": drip(CHUNKED + b"0\r\n", b"x"),
    "/length": drip(OK + b"Content-Length: 1000000\r\n\r\n", b"x"),
    "/to-the-end": drip(OK + b"\r\n", b"x"),
}


def test_what_drips_ends_at_the_deadline(impatient, a_backend, authority, tmp_path):
    """Whatever it is that comes a byte at a time, with TLS and without."""
    upstream = Upstream(a_backend.url, trusting(impatient, authority, tmp_path))
    for target, script in DRIPS.items():
        a_backend.script(f"GET {target}", script)

    with ThreadPoolExecutor(len(DRIPS)) as threads:
        seconds = list(threads.map(lambda target: timed(upstream, "GET", target), DRIPS))

    assert max(seconds) < PATIENCE


def test_a_backend_that_reads_slowly_does_not_outlast_the_deadline(impatient, a_backend, authority, tmp_path):
    """Each byte that it takes would start a timeout of the socket's anew: of 32 MiB, for half a minute and longer."""
    upstream = Upstream(a_backend.url, trusting(impatient, authority, tmp_path))
    is_over = threading.Event()

    def read_slowly(connection: socket.socket) -> None:
        while connection.recv(16384) and not is_over.wait(0.02):
            pass

    a_backend.script_early("POST /slow", read_slowly)
    a_backend.script_early("POST /never", lambda connection: is_over.wait(PATIENCE) and None)

    def ask(target: str, body: Body) -> float:
        return timed(upstream, "POST", target, body)

    bodies = [b"x" * BIG, b"x" * BIG, Stream(BIG, BIG), Stream(BIG)]
    with ThreadPoolExecutor(len(bodies)) as threads:
        seconds = list(threads.map(ask, ["/slow", "/never", "/slow", "/never"], bodies))
        is_over.set()

    assert max(seconds) < PATIENCE


def test_a_backend_that_reads_all_the_time_has_until_the_deadline(settings, authority, tmp_path):
    """READ_TIMEOUT is for a moment in which nothing happens: over TLS too, where a body may be one call of OpenSSL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Backend(tls=context) as backend:
        upstream = Upstream(backend.url, replace(trusting(settings, authority, tmp_path), read_timeout=0.6))

        def read_slowly(connection: socket.socket) -> None:
            left, moment = BIG, threading.Event()
            while left and (data := connection.recv(16384)):
                left -= len(data)
                moment.wait(0.0 if left % 2**18 else 0.008)  # 128 moments: a second, and the reading
            connection.sendall(YES)

        backend.script_early("POST /x", read_slowly)

        assert read_body(upstream.send("POST", "/x", {}, b"x" * BIG)) == b"{}"


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x03\x40\x00\x02"], ids=["silence", "record"])
def test_a_handshake_that_drips_ends_in_time(impatient, authority, tmp_path, hello):
    """A backend that accepts, and then says nothing, or a byte at a time."""
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_slowly() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(hello)
                while not gone.wait(0.05):
                    connection.sendall(hello[-1:])

        thread = threading.Thread(target=shake_slowly)
        thread.start()
        url = f"https://localhost:{listener.getsockname()[1]}"
        seconds = timed(Upstream(url, trusting(impatient, authority, tmp_path)))
        gone.set()
        thread.join(PATIENCE)

    assert seconds < PATIENCE


def test_a_signal_is_no_answer_and_no_failure(impatient, backend):
    """The wait is begun again, by the kernel's timeout as by Python's; it still ends."""
    backend.script("GET /x", lambda connection: connection.recv(1))
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        seconds = timed(Upstream(backend.url, impatient))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert seen == [1]
    assert seconds < PATIENCE


# TLS


def test_a_certificate_that_has_expired_is_refused(settings, authority, tmp_path):
    """As a name that is not its own, or an authority that we do not know (tests/proxy/test_upstream.py)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    authority.issue_cert("localhost", not_after=yesterday).configure_cert(context)
    with Backend(tls=context) as backend:
        error = failure(Upstream(backend.url, trusting(settings, authority, tmp_path)))

        assert isinstance(error, BackendUnreachable)
        assert backend.requests == []


def test_a_name_with_a_dot_at_its_end_is_the_name(settings, authority, tmp_path, monkeypatch):
    """As in DNS: the certificate is for the name without it, and so is `Host`."""
    find = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *args, **options: find(host.rstrip("."), *args, **options))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Backend(tls=context) as backend:
        backend.answer("GET /x", json=1)
        url = backend.url.replace("localhost", "localhost.")

        assert get(Upstream(url, trusting(settings, authority, tmp_path))) == b"1"
        assert backend.last.headers["Host"] == backend.url.removeprefix("https://")


# What tests and hooks do with `requests`


def test_requests_mock_answers_in_its_place(settings):
    """It takes the place of the adapters of every session, ours too."""
    upstream = Upstream("http://backend.invalid", settings)
    with requests_mock.Mocker() as backend:
        backend.get("http://backend.invalid/x?y", json={"a": 1}, headers={"X": "y"})

        reply = upstream.send("GET", "/x?y", {"A": "b"})

    assert (reply.json(), reply.headers["x"], read_body(reply)) == ({"a": 1}, "y", b"")
    assert backend.last_request.headers["A"] == "b"


@pytest.mark.parametrize(
    "use",
    [
        lambda reply: reply.content,
        lambda reply: reply.text.encode(),
        lambda reply: b"".join(reply.iter_content(3)),
        lambda reply: b"".join(reply.iter_content(None)),
        b"".join,
        lambda reply: b"\n".join(reply.iter_lines()),
        lambda reply: reply.raw.read(),
        lambda reply: b"".join(iter(lambda: reply.raw.read(4), b"")),
        lambda reply: b"".join(reply.raw.stream(4, decode_content=False)),
        lambda reply: reply.content + reply.content[:0],
        lambda reply: str(reply.json()).replace("'", '"').encode(),
    ],
)
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 12\r\n\r\n%b", b"Transfer-Encoding: chunked\r\n\r\nC\r\n%b\r\n0\r\n\r\n"]
)
def test_a_reply_is_read_as_requests_reads_one(upstream, backend, framing, use):
    """The whole of it, each time, and the connection is used again."""
    backend.answer_bytes("GET /x", OK + b"Content-Type: application/json\r\n" + framing % b'["a", "b"]  ', close=False)

    used = [use(upstream.send("GET", "/x", {})) for _ in range(2)]

    assert [text.rstrip() for text in used] == [b'["a", "b"]'] * 2
    assert backend.connections == 1


def test_a_reply_says_of_itself_what_requests_says(upstream, backend):
    """But for its reason, which HTTP/2 has none of either."""
    backend.answer("GET /x", 404, json=1, headers=[("X", "a"), ("x", "b"), ("Set-Cookie", "c=d")])

    with upstream.send("GET", "/x", {}) as reply:
        headers, raw = reply.headers, reply.raw

    assert (reply.status_code, reply.ok, bool(reply), reply.history) == (404, False, False, [])
    assert (headers["x"], headers["X"], "y" in headers) == ("a, b", "a, b", False)
    assert [value for name, value in raw.headers.items() if name.lower() == "x"] == ["a", "b"]
    assert (reply.is_redirect, reply.next, reply.links) == (False, None, {})
    assert reply.url == f"{backend.url}/x"
    assert reply.elapsed.total_seconds() > 0
    assert repr(reply) == "<Response [404]>"
    with pytest.raises(OSError, match="404 Client Error"):
        reply.raise_for_status()

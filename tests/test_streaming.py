"""/api/proxy/* on the wire: bodies that pass while they are still being written, under gunicorn."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.backend import Backend
from tests.server import Server

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


@pytest.fixture(scope="module")
def server(backend: Backend) -> Iterator[Server]:
    with Server({"API_BASE_URL": backend.url, "PROXY_ALLOW": "*", "PROXY_MAX_CONTENT_LENGTH": "1 MiB"}) as server:
        yield server


def connect(server: Server, request: bytes) -> socket.socket:
    """A connection on which `request`, less its common fields, has been sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    first_line, _, rest = request.partition(b"\r\n")
    connection.sendall(first_line + b"\r\nHost: x\r\nCookie: token=a.b.c\r\n" + rest)
    return connection


def test_an_event_reaches_the_browser_before_the_next_is_written(server, backend):
    """Server-sent events: the backend writes the second only when the browser has seen the first."""
    seen = threading.Event()

    def tell_twice(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + b"9\r\ndata: 1\n\n\r\n")
        assert seen.wait(timeout=10)
        connection.sendall(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    backend.script("GET /events", tell_twice)

    with connect(server, b"GET /api/proxy/events HTTP/1.1\r\n\r\n") as connection:
        reader = connection.makefile("rb")
        first = next(line for line in reader if line.startswith(b"data:"))
        seen.set()
        second = next(line for line in reader if line.startswith(b"data:"))
        reader.close()

    assert (first, second) == (b"data: 1\n", b"data: 2\n")


def test_the_head_reaches_the_browser_before_the_body_begins(server, backend):
    """EventSource opens at the head, and routers in front wait for a first byte."""
    seen = threading.Event()

    def wait_in_between(connection: socket.socket) -> None:
        connection.sendall(CHUNKED)
        assert seen.wait(timeout=10)
        connection.sendall(b"0\r\n\r\n")

    backend.script("GET /late", wait_in_between)

    with connect(server, b"GET /api/proxy/late HTTP/1.1\r\n\r\n") as connection:
        status = connection.makefile("rb").readline()
        seen.set()

    assert status.startswith(b"HTTP/1.1 200")


def test_a_browser_that_stops_reading_loses_its_slot(backend):
    """After READ_TIMEOUT, as a backend that stops sending does; gunicorn alone would wait for ever."""
    given_up = threading.Event()

    def send_on(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x" * 2**20)
        given_up.set()

    backend.script("GET /endless", send_on)
    environ = {"API_BASE_URL": backend.url, "PROXY_ALLOW": "*", "READ_TIMEOUT": "0.3"}
    with Server(environ) as server, connect(server, b"GET /api/proxy/endless HTTP/1.1\r\n\r\n"):
        assert given_up.wait(timeout=10)


@pytest.mark.parametrize("path", [b"/api/proxy/x", b"/api/maintenance"])
def test_a_browser_that_stops_sending_loses_its_thread(backend, path):
    """After READ_TIMEOUT too, in the typed groups as well: its body broke off."""
    head = b"POST " + path + b" HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{}"
    environ = {"API_BASE_URL": backend.url, "PROXY_ALLOW": "*", "READ_TIMEOUT": "0.3"}
    with Server(environ) as server, connect(server, head) as connection:
        status = connection.makefile("rb").readline()

    assert status.split()[1] == b"400"


def test_a_body_reaches_the_backend_before_it_is_whole(server, backend):
    """The browser writes the second half only when the backend has seen the first."""
    seen, halves = threading.Event(), []

    def read_halves(connection: socket.socket) -> None:
        halves.append(connection.recv(8192, socket.MSG_WAITALL))
        seen.set()
        halves.append(connection.recv(8192, socket.MSG_WAITALL))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    backend.script_early("POST /upload", read_halves)

    with connect(server, b"POST /api/proxy/upload HTTP/1.1\r\nContent-Length: 16384\r\n\r\n") as connection:
        connection.sendall(b"x" * 8192)
        assert seen.wait(timeout=10)
        connection.sendall(b"y" * 8192)
        status = connection.makefile("rb").readline()

    assert status.startswith(b"HTTP/1.1 200")
    assert halves == [b"x" * 8192, b"y" * 8192]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        CHUNKED + b"4\r\nhalf\r\n",
        CHUNKED + b"9\r\nhalf",
    ],
)
def test_a_reply_cut_short_is_seen_to_be(server, backend, reply):
    """RFC 9112 §8: no length that is met, no last chunk, and the connection closed."""
    backend.answer_bytes("GET /half", reply)

    with connect(server, b"GET /api/proxy/half HTTP/1.1\r\n\r\n") as connection:
        received = connection.makefile("rb").read()

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"half" in body
    assert b"Content-Length: 10" in head or not body.endswith(b"0\r\n\r\n")


def test_a_browser_that_goes_away_frees_the_backends_connection(server, backend):
    """At the next write: WSGI does not tell earlier."""
    gone = threading.Event()

    def tell_until_gone(connection: socket.socket) -> None:
        connection.sendall(CHUNKED)
        try:
            while not gone.wait(0.01):
                connection.sendall(b"9\r\ndata: 1\n\n\r\n")
        except OSError:
            gone.set()

    backend.script("GET /forever", tell_until_gone)
    connection = connect(server, b"GET /api/proxy/forever HTTP/1.1\r\n\r\n")
    connection.recv(1024)

    connection.close()

    assert gone.wait(timeout=10)


@pytest.mark.parametrize(
    ("framing", "answer"),
    [
        (b"Content-Length: 1048577\r\n\r\n", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\n100001\r\n" + b"x" * 0x100001 + b"\r\n0\r\n\r\n", b"413"),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
def test_a_body_that_may_not_pass_is_refused(server, backend, framing, answer):
    """Early by its length, midway by its chunks; a broken chunk is the browser's fault, not the backend's."""

    def read_on(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    backend.script_early("POST /x", read_on)

    with connect(server, b"POST /api/proxy/x HTTP/1.1\r\n" + framing) as connection:
        status = connection.makefile("rb").readline()

    assert status.split()[1] == answer


def test_chunks_go_out_as_chunks_and_trailers_do_not(server, backend):
    """Never both framings (RFC 9112 §6.2); trailers are dropped (RFC 9110 §6.5.1)."""
    sent: list[bytes] = []

    def read_all(connection: socket.socket) -> None:
        while not sent or not sent[-1].endswith(b"0\r\n\r\n"):
            sent.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    backend.script_early("PUT /chunks", read_all)
    body = b"4\r\nhalf\r\n4\r\nhalf\r\n0\r\nX-Trailer: 1\r\n\r\n"
    head = b"PUT /api/proxy/chunks HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    with connect(server, head + body) as connection:
        status = connection.makefile("rb").readline()

    assert status.startswith(b"HTTP/1.1 200")
    assert backend.last.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in backend.last.headers
    assert b"X-Trailer" not in b"".join(sent)


def test_many_streams_leave_the_other_routes_their_threads(backend):
    """Five threads: three streams stand still, a fourth is refused at once, and the rest of the service answers."""
    going_on = threading.Event()

    def stand_still(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + b"1\r\nx\r\n")
        going_on.wait(timeout=20)
        connection.sendall(b"0\r\n\r\n")

    backend.script("GET /still", stand_still)
    backend.answer("GET /api/vehicles", json=[])
    with Server({"API_BASE_URL": backend.url, "PROXY_ALLOW": "*", "THREADS": "5"}) as server:
        streams = [connect(server, b"GET /api/proxy/still HTTP/1.1\r\n\r\n") for _ in range(3)]
        for stream in streams:
            stream.recv(15)

        with connect(server, b"GET /api/proxy/still HTTP/1.1\r\nConnection: close\r\n\r\n") as fourth:
            refused = fourth.makefile("rb").readline()
        with connect(server, b"GET /api/vehicles HTTP/1.1\r\nConnection: close\r\n\r\n") as other:
            answered = other.makefile("rb").readline()
        going_on.set()
        for stream in streams:
            stream.close()

    assert (refused.split()[1], answered.split()[1]) == (b"503", b"200")

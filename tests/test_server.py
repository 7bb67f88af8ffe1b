"""The service as users start it: gunicorn, its limits, and what it says when it cannot start."""

import contextlib
import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import pytest

from tests.backend import Backend
from tests.server import ROOT, Server, free_port


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        backend.answer("GET /api/vehicles", json=[])
        backend.answer("GET /api/vehicles/A%2FB", json={})
        yield backend


@pytest.fixture(scope="module")
def server(backend: Backend) -> Iterator[Server]:
    with Server({"API_BASE_URL": backend.url}) as server:
        yield server


def ask(server: Server, request: bytes) -> bytes:
    """The status line of the answer to these very bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.makefile("rb").readline()


@pytest.mark.parametrize(
    "target", [b"/api/vehicles/A%2FB", b"/api/vehicles/A%2fB?x=%zz&x=%2f", b"http://x/api/vehicles/A%2FB"]
)
def test_the_raw_request_target_is_what_counts(server, backend, target):
    """gunicorn hands on the decoded path and the target; absolute-form is allowed (RFC 9112 §3.2.2)."""
    status = ask(server, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nCookie: token=a.b.c\r\nConnection: close\r\n\r\n")

    assert status.startswith(b"HTTP/1.1 200")
    assert backend.last.path == "/api/vehicles/A%2FB"
    assert backend.last.target.partition("?")[2].encode() == target.partition(b"?")[2]


@pytest.mark.parametrize(
    "path",
    [b"/api/vehicles/../auth/me", b"/api/vehicles/%2e%2e", b"/api/vehicles/..%2F..%2Fauth/me", b"/api/vehicles/%00"],
)
def test_no_path_reaches_another_endpoint(server, backend, path):
    """Refused here, without a call."""
    before = len(backend.requests)

    status = ask(server, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nCookie: token=a.b.c\r\nConnection: close\r\n\r\n")

    assert status.split()[1] in {b"400", b"404"}
    assert len(backend.requests) == before


@pytest.mark.parametrize(("size", "status"), [(16_000, b"200"), (17_000, b"431")])
def test_a_header_line_may_have_16_kib(server, size, status):
    """Two chunks of a next-auth session fit into one Cookie line."""
    cookie = b"token=a.b.c; x=" + b"x" * size

    answer = ask(
        server, b"GET /api/vehicles HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: " + cookie + b"\r\n\r\n"
    )

    assert answer.split()[1] == status


def test_a_body_cut_short_is_not_sent_on(server, backend):
    """gunicorn hands on what came; that it parses does not make it what was meant."""
    before = len(backend.requests)
    head = b"POST /api/maintenance HTTP/1.1\r\nHost: x\r\nCookie: token=a\r\nContent-Type: application/json\r\n"

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + b"Content-Length: 10\r\n\r\n{}")
        connection.shutdown(socket.SHUT_WR)
        status = connection.makefile("rb").readline()

    assert (status.split()[1], len(backend.requests)) == (b"400", before)


def test_a_broken_chunk_is_the_browsers_fault(server, backend):
    """gunicorn raises an error of its own while we read: 400, not a defect of ours."""
    before = len(backend.requests)
    head = b"POST /api/maintenance HTTP/1.1\r\nHost: x\r\nCookie: token=a\r\nContent-Type: application/json\r\n"

    status = ask(server, head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}\r\n")

    assert (status.split()[1], len(backend.requests)) == (b"400", before)


@pytest.mark.parametrize(("surplus", "status"), [(0, b"201"), (1, b"413")])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_may_have_max_content_length_bytes(server, backend, surplus, status, framing):
    """To the byte, announced or in chunks; what is refused is refused to the end, and never sent on in part."""
    body = b'{"a":1}' + b" " * (2**20 - 7 + surplus)
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if framing == "chunked" else body
    length = b"Transfer-Encoding: chunked" if framing == "chunked" else b"Content-Length: %d" % len(body)
    head = b"POST /api/maintenance HTTP/1.1\r\nHost: x\r\nCookie: token=a.b.c\r\nConnection: close\r\n"
    backend.answer("POST /api/maintenance", 201, json={})

    answer = ask(server, head + b"Content-Type: application/json\r\n" + length + b"\r\n\r\n" + framed)

    assert answer.split()[1] == status
    assert all(len(request.body) in {0, 2**20} for request in backend.requests)


def test_two_users_of_one_worker_stay_apart(server, backend):
    """The backend sets cookies; neither user ever sends the other's, nor the other's token."""
    for user in ("ana", "ben"):
        backend.answer(f"GET /api/vehicles/{user}", json={}, headers=[("Set-Cookie", f"session=of-{user}; Path=/")])
    backend.requests.clear()

    for user in ("ana", "ben") * 5:
        request = f"GET /api/vehicles/{user} HTTP/1.1\r\nHost: x\r\nCookie: token={user}; session=mine\r\n"
        ask(server, request.encode() + b"Connection: close\r\n\r\n")

    assert len(backend.requests) == 10
    assert {request.headers["Cookie"] for request in backend.requests} == {None}
    assert all(request.headers["Authorization"] == f"Bearer {request.path[-3:]}" for request in backend.requests)


def test_a_connection_is_kept(server):
    """A page's requests share one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    port = connection.sock.getsockname()[1]

    connection.request("GET", "/healthz")
    connection.getresponse().read()

    assert connection.sock.getsockname()[1] == port
    connection.close()


def test_a_forged_scheme_is_not_believed(server, backend):
    """gunicorn would, from its own machine; TRUSTED_PROXIES decides here."""
    request = b"GET /api/vehicles HTTP/1.1\r\nHost: x\r\nCookie: token=a.b.c\r\nX-Forwarded-Proto: https\r\n"

    ask(server, request + b"X-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\r\n")

    assert backend.last.headers["X-Forwarded-Proto"] == "http"
    assert backend.last.headers["X-Forwarded-For"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({}, "API_BASE_URL is not set; it takes the backend's address: https://api.example.com\n"),
        (
            {"API_BASE_URL": "http://x", "READ_TIMEOUT": "0"},
            "READ_TIMEOUT takes seconds, greater than 0 and at most 86400\n",
        ),
        ({"API_BASE_URL": "http://x", "APP_ENV": "prod"}, "APP_ENV takes production, development or testing\n"),
        ({"API_BASE_URL": "http://x", "WEB_CONCURRENCY": "two"}, "WEB_CONCURRENCY takes a whole number, 1 to 10000\n"),
    ],
)
def test_an_unusable_environment_ends_the_start_in_one_line(environ, line):
    """No trace, and an exit status that a platform notices."""
    server = Server(environ).start()

    status = server.wait()
    server.stop()

    assert (status, server.output) == (1, line)


def test_a_port_in_use_is_one_clear_line():
    """gunicorn alone would try for five seconds, in ten lines."""
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server({"API_BASE_URL": "http://x"}, port=port).start()

        status = server.wait()
        server.stop()

    [line] = [line for line in server.output.splitlines() if "gunicorn" not in line]
    assert (status, line) == (1, f"PORT {port} is in use: stop what listens there, or set PORT to another")


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_and_without_a_trace(with_signal):
    """Ctrl-C reaches the workers twice, from the terminal and from their master; the sandbox runs in them too."""
    with Server({"APP_ENV": "development", "WEB_CONCURRENCY": "2"}) as server:
        started = time.monotonic()

        status = server.stop(with_signal)

    assert status == 0
    assert time.monotonic() - started < 10
    assert "Traceback" not in server.output
    assert "SIGKILL" not in server.output


def test_a_blank_variable_counts_as_not_set():
    """gunicorn reads WEB_CONCURRENCY by itself, and would end in a trace."""
    with Server({"API_BASE_URL": "http://x", "WEB_CONCURRENCY": " "}) as server:
        pass

    assert "Traceback" not in server.output


@pytest.mark.parametrize("what", ["the backend is silent", "the browser is slow"])
def test_ctrl_c_does_not_wait_for_what_is_under_way(what):
    """gthread alone would, for READ_TIMEOUT or until its master kills it."""
    asked = threading.Event()

    def be_silent(connection: socket.socket) -> None:
        asked.set()
        connection.recv(1)

    head = b"POST /api/proxy/x HTTP/1.1\r\nHost: x\r\nCookie: token=a\r\nContent-Length: 9000\r\n\r\n"
    body = b"x" * (9000 if what == "the backend is silent" else 8192)  # the rest is awaited once these are sent on
    with Backend() as backend, Server({"API_BASE_URL": backend.url, "PROXY_ALLOW": "*"}) as server:
        backend.script_early("POST /x", be_silent)
        with socket.create_connection(("127.0.0.1", server.port)) as browser:
            browser.sendall(head + body)
            assert asked.wait(timeout=10)
            started = time.monotonic()

            status = server.stop(signal.SIGINT)

    assert (status, time.monotonic() - started < 10) == (0, True)
    assert "Traceback" not in server.output


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.3, 0.4])
def test_ctrl_c_while_it_starts_leaves_no_trace(seconds):
    """Whatever of ours is being loaded: the configuration, the app, the sandbox's first data."""
    server = Server({"APP_ENV": "development", "WEB_CONCURRENCY": "2"}).start()
    time.sleep(seconds)  # there is no event to wait for: any moment must do

    server.stop(signal.SIGINT)

    # While Python itself is loading, a trace is its own: it names none of these.
    assert not re.search(r"Traceback[\s\S]*(gunicorn|config|app|sandbox|proxy)", server.output)
    assert "SIGKILL" not in server.output


def test_it_is_not_ready_once_it_has_been_told_to_stop(backend):
    """On a connection that was there before: new ones are not accepted any more."""
    with Server({"API_BASE_URL": backend.url}) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/readyz")
        before = connection.getresponse().status
        hold = threading.Event()

        def answer_late(connection: socket.socket) -> None:
            hold.wait(timeout=10)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        backend.script("GET /api/dashboard", answer_late)
        with socket.create_connection(("127.0.0.1", server.port)) as busy:
            busy.sendall(b"GET /api/dashboard HTTP/1.1\r\nHost: x\r\nCookie: token=a\r\n\r\n")
            server.signal(signal.SIGTERM)
            after = _status_once_stopping(connection)
            hold.set()
        connection.close()

    assert (before, after) == (200, 503)


def _status_once_stopping(connection: http.client.HTTPConnection) -> int:
    """The status of /readyz once the signal has arrived; a connection that is closed instead says as much."""
    for _ in range(100):
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return 503
        if response.status != 200:
            return response.status
        time.sleep(0.02)
    return 200


@pytest.mark.parametrize("slots", [1, 2])
def test_as_many_requests_are_the_backends_at_once_as_there_are_slots(slots):
    """BACKEND_MAX_REQUESTS; one worker here. There are threads for more: what is one too many is refused soon."""
    both = threading.Barrier(2)

    def wait_for_the_other(connection: socket.socket) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=1 if slots == 1 else 10)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    request = b"GET /api/%b HTTP/1.1\r\nHost: x\r\nCookie: token=a\r\nConnection: close\r\n\r\n"
    environ = {"THREADS": "4", "BACKEND_MAX_REQUESTS": str(slots)}
    with Backend() as backend, Server({"API_BASE_URL": backend.url, **environ}) as server:
        backend.script("GET /api/dashboard", wait_for_the_other)
        backend.script("GET /api/vehicles", wait_for_the_other)
        with ThreadPoolExecutor(2) as pool:
            answers = pool.map(lambda path: ask(server, request % path), [b"dashboard", b"vehicles"])
            statuses = sorted(answer.split()[1] for answer in answers)

    assert statuses == ([b"200", b"503"] if slots == 1 else [b"200", b"200"])
    assert both.broken == (slots == 1)


def test_flask_run_serves_the_same_app():
    """`.flaskenv` makes it development; its own request log, which shows targets, is off."""
    port = free_port()
    command = [sys.executable, "-m", "flask", "run", "--port", str(port)]
    environ = {"API_BASE_URL": "http://backend.invalid", "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output: IO[bytes] = process.stdout  # type: ignore[assignment]  # a pipe was asked for
    started = next(line for line in output if b"Running on" in line)
    put = b"PUT /api/auth/reset-password/canary HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    try:
        answer = ask(Server({}, port=port), put)
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=10)

    assert f"http://127.0.0.1:{port}".encode() in started
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"/api/auth/reset-password/<reset_token> 400" in rest
    assert b"canary" not in rest

"""What is the gevent worker's alone: what it holds at once, how it stops, and what gevent gets wrong by itself."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

gevent = pytest.importorskip("gevent", reason="gevent is optional: pip install -r requirements-gevent.txt")

from greenlets import ExactPoll  # noqa: E402
from tests.backend import Backend  # noqa: E402
from tests.server import ROOT, Server  # noqa: E402

MANY = 150


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


def gevent_server(backend: Backend, **environ: str) -> Server:
    return Server({"API_BASE_URL": backend.url, "WORKER_CLASS": "gevent", **environ})


def get(connection: http.client.HTTPConnection, path: str, token: str = "a.b.c") -> tuple[int, bytes, str | None]:
    """Status and body of the answer, and what it says of the connection."""
    connection.request("GET", path, headers={"Cookie": f"token={token}"})
    response = connection.getresponse()
    return response.status, response.read(), response.headers["Connection"]


def reply(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def connection_to(server: Server) -> "closing[http.client.HTTPConnection]":
    return closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20))


def test_a_start_that_would_patch_too_late_ends_in_one_line():
    """gunicorn alone: what it and the service have loaded by then keeps locks and sockets that block every greenlet."""
    command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "wsgi:app"]
    environ = {"PATH": os.environ["PATH"], "API_BASE_URL": "http://x", "WORKER_CLASS": "gevent"}

    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=30, check=False)

    line = "WORKER_CLASS=gevent is for serve.py, which patches what waits before gunicorn is loaded\n"
    assert (ended.returncode, ended.stderr) == (1, line)


def test_a_look_at_many_sockets_at_once_misses_none():
    """gevent's own poll(0) misses some of those that have been closed, when more are ready than its loop asks for."""
    missed = []

    def look() -> None:
        for _ in range(20):
            ours, theirs = socket.socketpair()
            poll = ExactPoll()
            poll.register(ours, 1)
            theirs.close()
            gevent.sleep(0)
            if not poll.poll(0):
                missed.append(ours)
            ours.close()

    gevent.joinall([gevent.spawn(look) for _ in range(200)], raise_error=True)

    assert missed == []


def test_a_look_that_may_wait_does():
    """As gevent has it: others go on meanwhile."""
    ours, theirs = socket.socketpair()
    poll = ExactPoll()
    poll.register(ours, 1)

    before = poll.poll(1)
    gevent.spawn_later(0.01, theirs.send, b"x")
    after = poll.poll(10_000)
    poll.unregister(ours)

    assert (before, after, poll.poll(0)) == ([], [(ours.fileno(), 1)], [])
    ours.close()
    theirs.close()


def test_many_wait_at_once_without_a_thread_for_each_and_each_gets_its_own_answer(backend):
    """For the backend, which answers when the last of them has come; and once more, on the same connections."""
    names = [f"v{number}" for number in range(MANY)]
    threads: list[int] = []

    def ask(name: str) -> list[tuple[int, bytes, str | None]]:
        with connection_to(server) as connection:
            return [get(connection, f"/api/vehicles/{name}", token=f"of.{name}") for _ in range(2)]

    with gevent_server(backend) as server, ThreadPoolExecutor(MANY) as pool:
        [worker] = server.workers()
        tasks = Path(f"/proc/{worker}/task")
        all_have_come = threading.Barrier(MANY, action=lambda: threads.append(len(list(tasks.iterdir()))))

        def answer(connection: socket.socket, name: str) -> None:
            all_have_come.wait(timeout=30)
            connection.sendall(reply(name.encode()))

        for name in names:
            backend.script(f"GET /api/vehicles/{name}", partial(answer, name=json.dumps(name)))
        answers = list(pool.map(ask, names))

    assert answers == [[(200, json.dumps(name).encode(), "keep-alive")] * 2 for name in names]
    asked = {(request.path, request.headers["Authorization"]) for request in backend.requests}
    assert asked == {(f"/api/vehicles/{name}", f"Bearer of.{name}") for name in names}
    assert len(threads) == 2
    assert max(threads) < 20  # gevent's own, which look up names


def test_what_is_under_way_ends_well_and_the_rest_is_refused(backend):
    """After SIGTERM: the answer still comes; /readyz says no on a connection that was there, and closes it."""
    has_come, may_end = threading.Event(), threading.Event()

    def answer_late(connection: socket.socket) -> None:
        has_come.set()
        may_end.wait(timeout=20)
        connection.sendall(reply(b"{}"))

    backend.script("GET /api/dashboard", answer_late)
    with (
        gevent_server(backend) as server,
        connection_to(server) as idle,
        connection_to(server) as busy,
        ThreadPoolExecutor(1) as pool,
    ):
        ready_before = get(idle, "/readyz")[0]
        answer = pool.submit(get, busy, "/api/dashboard")
        assert has_come.wait(timeout=10)
        server.signal(signal.SIGTERM)
        is_refused = _is_refused(server)
        ready_after = get(idle, "/readyz")
        may_end.set()

        assert (ready_before, is_refused, ready_after[0], ready_after[2]) == (200, True, 503, "close")
        assert answer.result(timeout=10)[:2] == (200, b"{}")
        busy.close()
        assert server.stop() == 0

    assert "Traceback" not in server.output


def _is_refused(server: Server) -> bool:
    """Whether the port is closed, within ten seconds."""
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=10).close()
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_connections_that_have_come_are_served_still(backend):
    """Nobody had taken them yet when SIGTERM came, for what is under way held the worker up."""
    with gevent_server(backend) as server:
        [worker] = server.workers()
        os.kill(worker, signal.SIGSTOP)
        waiting = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=20) for _ in range(20)]
        for connection in waiting:
            connection.request("GET", "/healthz")
        server.signal(signal.SIGTERM)
        os.kill(worker, signal.SIGTERM)
        os.kill(worker, signal.SIGCONT)
        answers = [connection.getresponse() for connection in waiting]

    assert [(answer.status, answer.headers["Connection"]) for answer in answers] == [(200, "close")] * 20
    assert "Traceback" not in server.output


def test_an_idle_connection_does_not_hold_up_the_end(backend):
    """It is closed some seconds after SIGTERM, not after the 95 it may be idle."""
    with gevent_server(backend) as server, connection_to(server) as connection:
        get(connection, "/healthz")
        started = time.monotonic()

        status = server.stop()

        assert (status, time.monotonic() - started < 20) == (0, True)
        assert connection.sock.recv(1) == b""


def test_ctrl_c_does_not_wait_for_what_is_under_way(backend):
    """As with threads."""
    has_come = threading.Event()

    def be_silent(connection: socket.socket) -> None:
        has_come.set()
        with suppress(OSError):
            connection.recv(1)

    backend.script("GET /api/dashboard", be_silent)
    with gevent_server(backend) as server, socket.create_connection(("127.0.0.1", server.port)) as browser:
        browser.sendall(b"GET /api/dashboard HTTP/1.1\r\nHost: x\r\nCookie: token=a\r\n\r\n")
        assert has_come.wait(timeout=10)
        started = time.monotonic()

        status = server.stop(signal.SIGINT)

    assert (status, time.monotonic() - started < 10) == (0, True)
    assert "Traceback" not in server.output


def test_a_browser_that_reads_slowly_gets_all_of_it(backend):
    """READ_TIMEOUT is for each piece: much longer, for the whole."""
    body = b'"' + b"x" * 6_000_000 + b'"'
    backend.answer("GET /api/dashboard", body=body)

    with gevent_server(backend, READ_TIMEOUT="1", REQUEST_DEADLINE="20") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as browser:
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            browser.sendall(b"GET /api/dashboard HTTP/1.1\r\nHost: x\r\nCookie: token=a\r\nConnection: close\r\n\r\n")
            started = time.monotonic()
            pieces = []
            while piece := browser.recv(200_000):
                pieces.append(piece)
                time.sleep(0.05)
        seconds = time.monotonic() - started

    assert b"".join(pieces).endswith(b"\r\n\r\n" + body)
    assert seconds > 1.5


def test_a_browser_that_sends_much_at_once_lets_others_in(backend):
    """Its next request is always there already; a greenlet that never waits would never let go."""
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with gevent_server(backend) as server, socket.create_connection(("127.0.0.1", server.port), timeout=20) as greedy:
        greedy.sendall(request * 3000)
        with connection_to(server) as connection:
            assert get(connection, "/healthz")[0] == 200
        greedy.settimeout(0.0)
        received = b""
        with suppress(BlockingIOError):
            while piece := greedy.recv(2**20):
                received += piece

    assert received.count(b"HTTP/1.1 200") < 3000

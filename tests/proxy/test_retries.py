"""What is sent to the backend again, what never is, and when nothing is sent at all: on the wire, and as users see."""

import itertools
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from config import Settings
from proxy.errors import BackendDown, BackendInvalid, BackendTimeout, BackendUnreachable, BadRequest, BffError
from proxy.upstream import Body, Upstream, Watch, read_body
from setting_types import ProxyRule
from tests.backend import Backend, Script
from tests.proxy.test_upstream import reset

PATIENCE = 10.0
NEVER_TWICE = ["POST", "PATCH"]
MAYBE_TWICE = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]


@dataclass
class Told:
    """What an upstream has told: connections opened, requests sent again, changes of the breaker."""

    connections: int = 0
    retries: list[str] = field(default_factory=list)
    breaker: list[str] = field(default_factory=list)

    def count(self) -> None:
        self.connections += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watch(told: Told) -> Watch:
    return Watch(told.count, told.retries.append, told.breaker.append)


@pytest.fixture(params=["lean", "urllib3"])
def patient(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Either transport; time enough for a busy machine; idle connections stay for the length of a test."""
    return replace(
        settings,
        backend_transport=request.param,
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
        request_deadline=PATIENCE,
        pool_idle_timeout=60,
    )


@pytest.fixture
def upstream(patient: Settings, backend: Backend, watch: Watch) -> Iterator[Upstream]:
    upstream = Upstream(backend.url, patient, watch)
    yield upstream
    upstream.close()


class Pieces:
    """A body that is read while it is sent, and can be read but once."""

    length: int | None = 2

    def __init__(self) -> None:
        self._left = b"{}"

    def read(self, size: int) -> bytes:
        piece, self._left = self._left[:size], self._left[size:]
        return piece


def ask(upstream: Upstream, method: str = "GET", body: Body | None = None) -> int:
    """The status of the answer to a request for `/x`."""
    reply = upstream.send(method, "/x", {}, body)
    read_body(reply)
    return reply.status_code


def failure(upstream: Upstream, method: str = "GET", body: Body | None = None) -> BffError:
    with pytest.raises(BffError) as error:
        ask(upstream, method, body)
    return error.value


# Of the backend


def answer(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def say_yes(connection: socket.socket) -> None:
    """Without a body: fit for HEAD, too."""
    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def be_silent(connection: socket.socket) -> None:
    connection.recv(1)


def in_turn(*scripts: Script) -> Script:
    """A script that does one after the other, and the last for good."""
    left = itertools.chain(scripts, itertools.repeat(scripts[-1]))

    def play(connection: socket.socket) -> None:
        next(left)(connection)

    return play


def fill_pool(upstream: Upstream, backend: Backend) -> None:
    """Leave a kept-alive connection behind, the backend's first, over which nothing has been noted."""
    backend.script("GET /pool", answer)
    read_body(upstream.send("GET", "/pool", {}))
    backend.requests.clear()


# No connection came about


@dataclass
class Late:
    """A backend that refuses until `arrive` is called, and serves one request then."""

    port: int
    sock: socket.socket
    heard: bytes = b""

    def arrive(self) -> None:
        self.sock.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self.sock.accept()
        with connection:
            while not self._is_whole():
                self.heard += connection.recv(1000)
            say_yes(connection)

    def _is_whole(self) -> bool:
        head, blank_line, body = self.heard.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        return bool(blank_line) and len(body) == int(length[1] if length else 0)


@pytest.fixture
def late() -> Iterator[Late]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield Late(sock.getsockname()[1], sock)


@pytest.mark.parametrize("body", [None, b"{}", Pieces()], ids=["none", "bytes", "stream"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT"])
def test_a_request_that_found_nobody_is_sent_once_more(patient, late, method, body):
    """Of any kind, for not a byte of it has left; a backend that restarts is back a moment later."""
    told: list[str] = []
    body = Pieces() if isinstance(body, Pieces) else body

    def arrive(why: str) -> None:
        told.append(why)
        late.arrive()

    upstream = Upstream(f"http://127.0.0.1:{late.port}", patient, Watch(on_retry=arrive))

    status = ask(upstream, method, body)

    assert (status, told) == (204, ["connect"])
    assert late.heard.startswith(f"{method} /x HTTP/1.1\r\n".encode())
    assert late.heard.endswith(b"\r\n\r\n{}" if body else b"\r\n\r\n")


def test_it_is_sent_once_more_and_not_for_ever(patient, late, watch, told):
    """Twice in all."""
    upstream = Upstream(f"http://127.0.0.1:{late.port}", patient, watch)

    error = failure(upstream)

    assert isinstance(error, BackendUnreachable)
    assert (told.connections, told.retries) == (2, ["connect"])


def test_retries_have_a_budget(patient, late, watch, told):
    """Ten to begin with, and one for every five requests: an outage is not answered with twice as many."""
    upstream = Upstream(f"http://127.0.0.1:{late.port}", replace(patient, breaker_failures=0), watch)

    for _ in range(60):
        failure(upstream)

    assert 10 < len(told.retries) <= 10 + 60 / 5
    assert told.connections == 60 + len(told.retries)


# A connection from the pool that the backend has just closed


@pytest.mark.parametrize("end", [hang_up, reset])
@pytest.mark.parametrize("method", MAYBE_TWICE)
def test_what_may_come_twice_is_sent_again_on_a_new_connection(upstream, backend, told, method, end):
    """Once (RFC 9110 §9.2.2): between a look at an idle connection and the first byte on it, it can be closed."""
    fill_pool(upstream, backend)
    backend.script(f"{method} /x", in_turn(end, say_yes))
    body = b"{}" if method == "PUT" else None

    status = ask(upstream, method, body)

    assert status == 204
    assert [(request.connection, request.body) for request in backend.requests] == [(1, body or b""), (2, body or b"")]
    assert told.retries == ["stale"]


@pytest.mark.parametrize("end", [hang_up, reset])
@pytest.mark.parametrize("method", NEVER_TWICE)
def test_what_may_have_been_done_is_not_sent_again(upstream, backend, told, method, end):
    """The backend has perhaps read it, and booked it, before it closed: an honest 502."""
    fill_pool(upstream, backend)
    backend.script(f"{method} /x", in_turn(end, say_yes))

    error = failure(upstream, method, b"{}")

    assert isinstance(error, BackendUnreachable)
    assert [request.connection for request in backend.requests] == [1]
    assert told.retries == []


def test_a_body_that_is_streamed_is_not_sent_again(upstream, backend, told):
    """It has been read, and cannot be read again; half of it would be another one."""
    fill_pool(upstream, backend)
    backend.script("PUT /x", in_turn(hang_up, say_yes))

    error = failure(upstream, "PUT", Pieces())

    assert isinstance(error, BackendUnreachable)
    assert (len(backend.requests), told.retries) == (1, [])


@pytest.mark.parametrize("first", [hang_up, reset])
def test_on_a_new_connection_nothing_is_stale(upstream, backend, told, first):
    """Whoever closes that one means this request: it crashes on it, and would again."""
    backend.script("GET /x", in_turn(first, say_yes))

    error = failure(upstream)

    assert isinstance(error, BackendUnreachable)
    assert (len(backend.requests), told.retries) == (1, [])


def test_a_retry_that_fails_is_not_followed_by_another(upstream, backend, told):
    """Twice in all."""
    fill_pool(upstream, backend)
    backend.script("GET /x", hang_up)

    error = failure(upstream)

    assert isinstance(error, BackendUnreachable)
    assert [request.connection for request in backend.requests] == [1, 2]
    assert told.retries == ["stale"]


@pytest.mark.parametrize("beginning", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
def test_after_a_byte_of_the_answer_nothing_is_sent_again(upstream, backend, told, beginning):
    """The backend has seen the request, and begun to answer it."""
    fill_pool(upstream, backend)
    backend.answer_bytes("GET /x", beginning, close=True)

    failure(upstream)

    assert (len(backend.requests), told.retries) == (1, [])


def test_a_body_that_breaks_off_is_not_asked_for_again(upstream, backend, told):
    """Its head is out, through `/api/proxy/*`."""
    fill_pool(upstream, backend)
    backend.answer_bytes("GET /x", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", close=True)

    error = failure(upstream)

    assert isinstance(error, BackendInvalid)
    assert (len(backend.requests), told.retries) == (1, [])


def test_after_a_time_out_nothing_is_sent_again(patient, backend, watch, told):
    """It has cost its time; and a slow backend needs no second copy of its work."""
    upstream = Upstream(backend.url, replace(patient, read_timeout=0.2), watch)
    fill_pool(upstream, backend)
    backend.script("GET /x", be_silent)

    error = failure(upstream)

    assert isinstance(error, BackendTimeout)
    assert (len(backend.requests), told.retries) == (1, [])


def test_after_a_time_out_of_connecting_nothing_is_sent_again(patient, watch, told):
    """A full queue drops what comes."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}"
        upstream = Upstream(address, replace(patient, connect_timeout=0.1), watch)

        error = failure(upstream)

    assert isinstance(error, BackendTimeout)
    assert (told.connections, told.retries) == (1, [])


def test_a_retry_has_what_the_deadline_has_left(upstream, backend):
    """Not a deadline of its own: 0.8 of 1 s are gone when the first connection turns out dead."""

    def hang_up_late(connection: socket.socket) -> None:
        connection.settimeout(0.8)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        hang_up(connection)

    fill_pool(upstream, backend)
    backend.script("GET /x", in_turn(hang_up_late, be_silent))
    started = time.monotonic()

    with pytest.raises(BackendTimeout):
        upstream.send("GET", "/x", {}, deadline=1.0)

    assert 0.9 < time.monotonic() - started < 1.7
    assert len(backend.requests) == 2


def test_a_retry_takes_no_other_connection_of_the_pool(upstream, backend):
    """A backend that has closed one has closed its neighbours in the same moment."""
    together = threading.Barrier(3)

    def answer_together(connection: socket.socket) -> None:
        together.wait(timeout=PATIENCE)
        answer(connection)

    backend.script("GET /pool", answer_together)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: read_body(upstream.send("GET", "/pool", {})), range(3)))
    backend.requests.clear()
    backend.script("GET /x", in_turn(hang_up, say_yes))

    ask(upstream)

    first, second = (request.connection for request in backend.requests)
    assert (first in {1, 2, 3}, second) == (True, 4)


# How long a connection is kept


@pytest.mark.parametrize(("idle_timeout", "connections"), [(0.05, [1, 2]), (60.0, [1, 1])])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_was_idle_for_long_is_not_used_again(patient, backend, method, idle_timeout, connections):
    """POOL_IDLE_TIMEOUT: the backend's own time for it must not end just then."""
    upstream = Upstream(backend.url, replace(patient, pool_idle_timeout=idle_timeout))
    backend.script(f"{method} /x", answer)

    ask(upstream, method)
    time.sleep(0.1)  # it is idle: there is nothing to wait for
    ask(upstream, method)

    assert [request.connection for request in backend.requests] == connections


def test_a_connection_that_is_used_stays(patient, backend):
    """Idle is counted from its last use, not from its beginning."""
    upstream = Upstream(backend.url, replace(patient, pool_idle_timeout=1.5))
    backend.script("GET /x", answer)

    for _ in range(20):
        ask(upstream)
        time.sleep(0.1)  # two seconds in all, and never idle for so long

    assert {request.connection for request in backend.requests} == {1}


def test_where_the_backend_closes_early_posts_get_connections_of_their_own(upstream, backend):
    """They may not be sent twice, so they take no risk for a minute; what may, goes on with the pool."""
    fill_pool(upstream, backend)
    backend.script("GET /x", in_turn(hang_up, answer))
    backend.script("POST /x", answer)
    ask(upstream)
    backend.requests.clear()

    for method in ("GET", "POST", "POST", "GET", "GET"):
        ask(upstream, method)

    before, post, another, get, and_again = (request.connection for request in backend.requests)
    assert len({before, post, another}) == 3
    assert get == and_again


def test_a_close_that_is_seen_in_time_is_a_warning_too(upstream, backend):
    """Nothing was sent on that connection; the next could be closed between the look at it and the first byte."""
    closed = threading.Event()

    def answer_and_close(connection: socket.socket) -> None:
        answer(connection)
        hang_up(connection)
        closed.set()

    backend.script("GET /x", in_turn(answer_and_close, answer))
    backend.script("POST /x", answer)
    ask(upstream)
    assert closed.wait(PATIENCE)
    until_seen_to_be_closed(upstream, backend)
    backend.requests.clear()

    for method in ("POST", "POST"):
        ask(upstream, method)

    post, another = (request.connection for request in backend.requests)
    assert post != another


def until_seen_to_be_closed(upstream: Upstream, backend: Backend) -> None:
    """Ask until a new connection was opened: the end of the old one needs a moment to arrive."""
    before = backend.connections
    give_up = time.monotonic() + PATIENCE
    while backend.connections == before:
        assert time.monotonic() < give_up
        ask(upstream)


def test_where_it_does_not_posts_use_the_pool(upstream, backend):
    """Like everything else."""
    fill_pool(upstream, backend)
    backend.script("POST /x", answer)

    ask(upstream, "POST")
    ask(upstream, "POST")

    assert [request.connection for request in backend.requests] == [1, 1]


# The breaker, on the wire


def run_of(upstream: Upstream, count: int, method: str = "GET") -> list[type[BffError]]:
    return [type(failure(upstream, method)) for _ in range(count)]


def test_refusals_open_the_breaker(patient, late, watch, told):
    """BREAKER_FAILURES (5): each attempt that finds nobody is one, a second one too."""
    upstream = Upstream(f"http://127.0.0.1:{late.port}", patient, watch)

    kinds = run_of(upstream, 3)
    opened = upstream.breaker.state
    connections = told.connections
    kinds += run_of(upstream, 5)

    assert kinds == [BackendUnreachable] * 3 + [BackendDown] * 5
    assert (opened, told.breaker) == ("open", ["open"])
    assert told.connections == connections  # nobody was asked


def test_time_outs_open_the_breaker(patient, backend, watch, told):
    """Of READ_TIMEOUT, here; the backend is there, and does not answer."""
    upstream = Upstream(backend.url, replace(patient, read_timeout=0.05), watch)
    backend.script("GET /x", be_silent)

    kinds = run_of(upstream, 6)

    assert kinds == [BackendTimeout] * 5 + [BackendDown]
    assert (len(backend.requests), told.breaker) == (5, ["open"])


def test_a_request_that_finds_it_open_is_answered_at_once(patient, late):
    """The promise is 5 ms; the fastest of twenty is what it takes, the others are the machine's."""
    upstream = Upstream(f"http://127.0.0.1:{late.port}", replace(patient, breaker_failures=1))
    failure(upstream)
    seconds = []

    for _ in range(20):
        started = time.monotonic()
        with pytest.raises(BackendDown):
            upstream.send("GET", "/x", {})
        seconds.append(time.monotonic() - started)

    assert min(seconds) < 0.005


@pytest.mark.parametrize("script", [hang_up, reset])
def test_what_may_be_about_one_request_does_not_open_it(upstream, backend, script, told):
    """A connection was there: it crashes on this request, and serves the others well."""
    backend.script("GET /x", script)

    kinds = run_of(upstream, 20)

    assert kinds == [BackendUnreachable] * 20
    assert (len(backend.requests), told.breaker) == (20, [])


@pytest.mark.parametrize(
    "reply",
    [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"],
    ids=["no HTTP", "half a head", "another coding"],
)
def test_an_answer_of_no_use_does_not_open_it(upstream, backend, reply, told):
    """It came in time: to ask again costs nobody a wait."""
    backend.answer_bytes("GET /x", reply, close=True)

    kinds = run_of(upstream, 20)

    assert kinds == [BackendInvalid] * 20
    assert (len(backend.requests), told.breaker) == (20, [])


@pytest.mark.parametrize("status", [400, 401, 404, 408, 429, 500, 502, 503, 504])
def test_an_answer_does_not_open_it_whatever_its_status(upstream, backend, status, told):
    """A 5xx counts only where BREAKER_ON_5XX says so."""
    backend.answer("GET /x", status, json={})

    statuses = [ask(upstream) for _ in range(20)]

    assert (statuses, told.breaker) == ([status] * 20, [])


@pytest.mark.parametrize(("status", "opens"), [(500, True), (503, True), (499, False), (404, False), (200, False)])
def test_a_5xx_counts_where_it_is_told_to(patient, backend, status, opens):
    """BREAKER_ON_5XX, for a backend whose balancer answers while it is gone. The fifth is still passed on."""
    upstream = Upstream(backend.url, replace(patient, breaker_on_5xx=True))
    backend.answer("GET /x", status, json={})

    statuses = [ask(upstream) for _ in range(5)]

    assert statuses == [status] * 5
    assert (upstream.breaker.state == "open") is opens


def test_a_browsers_slow_upload_does_not_open_it(patient, backend):
    """Its time is the browser's, not the backend's; or one slow line could shut everybody out."""
    backend.script_early("PUT /x", be_silent)
    upstream = Upstream(backend.url, replace(patient, breaker_failures=1))

    class Slow(Pieces):
        length: int | None = 1000

        def read(self, size: int) -> bytes:
            time.sleep(0.02)
            return b"x"

    with pytest.raises(BackendTimeout):
        upstream.send("PUT", "/x", {}, Slow(), deadline=0.1)

    assert upstream.breaker.state == "closed"


def test_a_browser_that_hangs_up_in_its_upload_does_not_open_it(patient, backend):
    """A 400 of its own."""
    backend.script_early("PUT /x", be_silent)
    upstream = Upstream(backend.url, replace(patient, breaker_failures=1))

    class Broken(Pieces):
        def read(self, size: int) -> bytes:
            raise BadRequest("the browser hung up in its body")

    assert isinstance(failure(upstream, "PUT", Broken()), BadRequest)
    assert upstream.breaker.state == "closed"


def test_a_trial_finds_the_backend_again(patient, late, watch, told):
    """Within a second of its return, and without anybody's doing."""
    upstream = Upstream(f"http://127.0.0.1:{late.port}", replace(patient, breaker_failures=1), watch)
    failure(upstream)
    late.arrive()
    started = time.monotonic()

    status = until_admitted(upstream)

    assert (status, told.breaker) == (204, ["open", "closed"])
    assert time.monotonic() - started < PATIENCE / 2
    assert upstream.breaker.state == "closed"


def until_admitted(upstream: Upstream) -> int:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        try:
            return ask(upstream)
        except BackendDown:
            time.sleep(0.01)
    raise TimeoutError


# As users and operators see it


@pytest.fixture
def proxied(patient: Settings) -> Settings:
    """`/api/proxy/*` in front of the same backend."""
    return replace(patient, proxy_allow=(ProxyRule(None, "*"),), proxy_base_url=patient.api_base_url)


def browser_of(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.set_cookie("token", "a.b.c")
    return client


def got(browser: FlaskClient, path: str) -> tuple[int, str | None]:
    answer = browser.get(path, buffered=True)
    return answer.status_code, answer.headers.get("X-BFF-Error")


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/api/vehicles"])
def test_a_retry_is_in_the_event_and_counted(proxied, backend, events, path):
    """Users notice nothing of it; whoever looks for its cause must."""
    app = create_app(proxied)
    browser = browser_of(app)
    backend.script("GET /api/dashboard", answer)
    browser.get("/api/dashboard")
    backend.script("GET /api/vehicles", in_turn(hang_up, answer))

    response = browser.get(path, buffered=True)

    told = app.test_client().get("/metrics").text
    retries = {entry["path"]: entry["retries"] for entry in events if entry["event"] == "request"}
    assert response.status_code == 200
    assert (retries[path], retries["/api/dashboard"]) == (1, 0)
    assert 'bff_retries_total{why="stale"} 1.0' in told
    assert 'bff_retries_total{why="connect"} 0.0' in told


def test_an_open_breaker_is_told_and_shown(proxied, late, events):
    """One event for each change, a gauge meanwhile, a 503 that says when to come back."""
    gone = f"http://127.0.0.1:{late.port}"
    app = create_app(replace(proxied, api_base_url=gone, proxy_base_url=gone, breaker_failures=2))
    browser = browser_of(app)

    codes = [got(browser, "/api/vehicles")[1] for _ in range(3)]
    refused = browser.get("/api/vehicles")
    open_now = app.test_client().get("/metrics").text
    late.arrive()
    upstream = app.extensions["upstream"]
    until_admitted(upstream)
    after = app.test_client().get("/metrics").text

    changes = [entry for entry in events if "breaker" in entry["event"]]
    assert codes == ["backend_unreachable", "backend_down", "backend_down"]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json == {"error": "El servicio no está disponible; inténtalo de nuevo en un momento"}
    assert 'bff_retries_total{why="connect"} 1.0' in open_now
    assert "bff_breakers_open 1.0" in open_now
    assert "bff_breakers_open 0.0" in after
    assert 'bff_refusals_total{code="backend_down"} 3.0' in after
    assert changes == [
        {"event": "breaker_opened", "log_level": "warning", "backend": "api"},
        {"event": "breaker_closed", "log_level": "info", "backend": "api"},
    ]


def test_while_the_breaker_is_open_what_needs_no_backend_goes_on(proxied, late):
    """And nobody loses a session."""
    gone = f"http://127.0.0.1:{late.port}"
    browser = browser_of(create_app(replace(proxied, api_base_url=gone, breaker_failures=1)))
    browser.get("/api/vehicles")

    answers = [got(browser, path)[0] for path in ("/healthz", "/api/auth/session", "/metrics", "/api/vehicles")]

    assert answers == [200, 200, 200, 503]
    assert browser.get_cookie("token") is not None


@pytest.mark.parametrize("first", ["/api/vehicles", "/api/proxy/x"])
def test_with_one_base_url_both_kinds_share_pool_and_breaker(proxied, backend, events, first):
    """It is one backend: what one kind has found out the other need not."""
    app = create_app(replace(proxied, read_timeout=0.05, breaker_failures=1))
    browser = browser_of(app)
    backend.answer("GET /api/dashboard", json={})
    backend.answer("GET /y", json={})
    kept = [got(browser, path) for path in ("/api/dashboard", "/api/proxy/y")]
    connections = {request.connection for request in backend.requests}
    backend.script("GET /api/vehicles", be_silent)
    backend.script("GET /x", be_silent)

    opened = got(browser, first)
    codes = [got(browser, path)[1] for path in ("/api/dashboard", "/api/proxy/y")]

    assert (kept, connections) == ([(200, None)] * 2, {1})
    assert (opened, codes) == ((504, "backend_timeout"), ["backend_down"] * 2)
    assert [entry["backend"] for entry in events if entry["event"] == "breaker_opened"] == ["api"]


def test_with_two_base_urls_each_has_its_own(proxied, backend, late, events):
    """One that is down says nothing about the other."""
    settings = replace(proxied, proxy_base_url=f"http://127.0.0.1:{late.port}", breaker_failures=1)
    browser = browser_of(create_app(settings))
    backend.answer("GET /api/dashboard", json={})

    codes = [got(browser, path)[1] for path in ("/api/proxy/x", "/api/proxy/x", "/api/dashboard")]

    assert codes == ["backend_unreachable", "backend_down", None]
    assert [entry["backend"] for entry in events if entry["event"] == "breaker_opened"] == ["proxy"]


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/api/vehicles"])
@pytest.mark.parametrize(
    "head",
    [
        b"HT",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n",
    ],
)
def test_half_a_head_is_none(proxied, backend, head, path):
    """`http.client` takes it for a whole one: half a 204 was a success, and fields that had not come were not there."""
    browser = browser_of(create_app(proxied))
    backend.answer_bytes("GET /api/vehicles", head, close=True)

    assert got(browser, path) == (502, "backend_invalid")

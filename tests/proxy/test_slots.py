"""Room for exchanges with the backend: how much there is, who waits for it, and that all of it comes back."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from app import create_app
from config import Settings
from proxy.errors import BackendSaturated, NotFound
from proxy.hooks import Hooks, Outgoing
from proxy.slots import Slot, Slots
from setting_types import ProxyRule
from tests.backend import Backend

PATIENCE = 10.0  # of a test that waits for what must come


def take(slots: Slots, route: str, count: int = 1) -> list[Slot]:
    return [slots.take(route, PATIENCE) for _ in range(count)]


def gives(slots: Slots, route: str) -> bool:
    try:
        slots.take(route, PATIENCE)
    except BackendSaturated:
        return False
    return True


def how_many(slots: Slots, route: str) -> int:
    """That one route gets, until it is refused."""
    count = 0
    while gives(slots, route):
        count += 1
    return count


def wait_for(slots: Slots, route: str) -> "Future[Slot]":
    """Ask for a slot in a thread of its own; that thread waits for one when this returns."""
    found: Future[Slot] = Future()

    def ask() -> None:
        try:
            found.set_result(slots.take(route, PATIENCE))
        except BackendSaturated as error:
            found.set_exception(error)

    before = slots._waiting
    threading.Thread(target=ask, daemon=True).start()
    until_waiting(slots, before + 1)
    return found


def until_waiting(slots: Slots, count: int) -> None:
    give_up = time.monotonic() + PATIENCE
    while slots._waiting < count:
        assert time.monotonic() < give_up
        time.sleep(0.001)


# How many


@pytest.mark.parametrize(("total", "one_route"), [(1, 1), (2, 1), (3, 2), (4, 3), (8, 6), (448, 336)])
def test_one_route_may_have_three_quarters(total, one_route):
    """One path that hangs leaves the others a quarter, and one slot at least where there are two."""
    slots = Slots(total, 0, 0.05)

    assert how_many(slots, "hanging") == one_route
    assert how_many(slots, "another") == total - one_route
    assert slots.taken == total


def test_the_refusal_is_a_503_that_says_when_to_come_back():
    """RFC 9110 §15.6.4."""
    slots = Slots(1, 0, 0.05)
    slots.take("a", PATIENCE)

    with pytest.raises(BackendSaturated) as error:
        slots.take("b", PATIENCE)

    assert (error.value.status, error.value.code) == (503, "saturated")
    assert error.value.headers == {"Retry-After": "1"}


def test_what_is_given_back_is_there_again():
    """For its own route, and for another."""
    slots = Slots(4, 0, 0.05)
    held = take(slots, "a", 3)

    held[0].give_back()

    assert how_many(slots, "a") == 1
    assert how_many(slots, "b") == 1


def test_a_route_that_has_nothing_takes_no_room():
    """There are as many routes as URL rules, but a table that only grows is a leak all the same."""
    slots = Slots(4, 0, 0.05)

    for number in range(100):
        slots.take(f"route {number}", PATIENCE).give_back()

    assert (slots.taken, slots._of_route) == (0, {})


def test_threads_never_take_more_than_there_are():
    """Fifty at once, a thousand times."""
    most = threading.Semaphore(6)  # of 8, for one route
    slots = Slots(8, 50, PATIENCE)
    together = threading.Barrier(50)

    def come_and_go(_: int) -> bool:
        together.wait(timeout=PATIENCE)
        fitted = []
        for _ in range(20):
            slot = slots.take("a", PATIENCE)
            fitted.append(most.acquire(blocking=False))
            most.release()
            slot.give_back()
        return all(fitted)

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(come_and_go, range(50)))

    assert slots.taken == 0


# The queue


def test_who_waits_gets_the_slot_that_is_given_back():
    """At once, and how long it took is known: it is off the deadline, and counted."""
    waits: list[float] = []
    slots = Slots(1, 1, PATIENCE, on_wait=waits.append)
    [held] = take(slots, "a")
    waiting = wait_for(slots, "b")

    held.give_back()
    slot = waiting.result(timeout=PATIENCE)

    assert 0 < slot.waited < PATIENCE
    assert waits == [slot.waited]
    assert slots.taken == 1


def test_who_does_not_wait_is_not_counted_as_waiting():
    """Nor who waits for nothing."""
    waits: list[float] = []
    slots = Slots(1, 1, 0.01, on_wait=waits.append)

    [slot] = take(slots, "a")
    gives(slots, "b")

    assert (slot.waited, waits) == (0.0, [])


def test_who_waits_for_a_full_route_does_not_take_anothers_turn():
    """All are woken: whoever is first may want a route that is still full."""
    slots = Slots(4, 2, PATIENCE)
    hanging = take(slots, "hanging", 3)
    [sound] = take(slots, "sound")
    first, second = wait_for(slots, "hanging"), wait_for(slots, "sound")

    sound.give_back()
    slot = second.result(timeout=PATIENCE)
    has_waited_on = not first.done()
    hanging[0].give_back()

    assert slot.waited > 0
    assert has_waited_on
    assert first.result(timeout=PATIENCE).waited > 0


def test_the_queue_has_an_end():
    """Each who waits holds a thread: one too many is refused at once, not after the wait."""
    slots = Slots(2, 2, PATIENCE)
    held = [*take(slots, "a"), *take(slots, "b")]
    waiting = [wait_for(slots, "c"), wait_for(slots, "d")]
    started = time.monotonic()

    refused = not gives(slots, "e")
    seconds = time.monotonic() - started
    for slot in held:
        slot.give_back()

    assert refused
    assert seconds < PATIENCE / 2
    assert [one.result(timeout=PATIENCE).waited > 0 for one in waiting] == [True, True]


@pytest.mark.parametrize(("wait", "most"), [(0.05, PATIENCE), (PATIENCE, 0.05)], ids=["the queue's", "the deadline's"])
def test_a_wait_has_an_end(wait, most):
    """BACKEND_QUEUE_TIMEOUT, or what the request has left, whichever is less."""
    slots = Slots(1, 1, wait)
    slots.take("a", PATIENCE)
    started = time.monotonic()

    with pytest.raises(BackendSaturated):
        slots.take("b", most)

    assert 0.05 <= time.monotonic() - started < PATIENCE / 2


def test_who_gave_up_waiting_leaves_the_queue():
    """Or it would be full for good."""
    slots = Slots(1, 1, PATIENCE)
    [held] = take(slots, "a")

    for _ in range(3):
        with pytest.raises(BackendSaturated, match="in time"):
            slots.take("b", 0.01)
    waiting = wait_for(slots, "b")
    held.give_back()

    assert waiting.result(timeout=PATIENCE).waited > 0


# In the service


@pytest.fixture
def five_threads(settings: Settings) -> Settings:
    """Four slots, three of them for one route; nobody waits long."""
    return replace(
        settings,
        threads=5,
        read_timeout=0.3,
        proxy_allow=(ProxyRule(None, "*"),),
        proxy_base_url=settings.api_base_url,
    )


def browser_of(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.set_cookie("token", "a.b.c")
    return client


def ask(app: Flask, path: str, method: str = "GET") -> tuple[int, str | None]:
    """Status and code of the answer, which is read to its end as a server would, and closed."""
    browser = browser_of(app)
    try:
        answer = browser.open(path, method=method, json={} if method == "PUT" else None, buffered=True)
    except ConnectionError:  # a server would close the connection: the head is out
        return 200, None
    return answer.status_code, answer.headers.get("X-BFF-Error")


@contextmanager
def hanging(app: Flask, backend: Backend, *paths: str) -> Iterator[ThreadPoolExecutor]:
    """The backend holds a request for each of `paths`, until the end."""
    arrived, end = threading.Semaphore(0), threading.Event()

    def hold(connection: socket.socket) -> None:
        arrived.release()
        end.wait(PATIENCE)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    for path in paths:
        backend.script(f"GET {path.removeprefix('/api/proxy')}", hold)
    with ThreadPoolExecutor(len(paths)) as pool:
        for path in paths:
            pool.submit(ask, app, path)
        try:
            for _ in paths:
                assert arrived.acquire(timeout=PATIENCE)
            yield pool
        finally:
            end.set()


@pytest.fixture
def patient(five_threads: Settings) -> Flask:
    """The backend may take its time."""
    return create_app(replace(five_threads, read_timeout=PATIENCE))


FULL = ["/api/vehicles"] * 3 + ["/api/proxy/x"]


def test_while_the_backend_hangs_what_needs_none_is_answered(patient, backend):
    """It must not take the service's own voice."""
    with hanging(patient, backend, *FULL):
        browser, nobody = browser_of(patient), patient.test_client()
        statuses = [
            browser.get("/healthz").status_code,
            nobody.get("/api/vehicles").status_code,
            browser.get("/api/auth/session").status_code,
            browser.get("/metrics").status_code,
            browser.post("/api/auth/logout").status_code,
        ]

    assert statuses == [200, 401, 200, 200, 200]


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/dashboard", "/api/proxy/y"])
def test_while_the_backend_hangs_the_rest_is_refused_at_once(patient, backend, path):
    """503 with when to come back; the backend is not asked, and no time at it is noted."""
    with hanging(patient, backend, *FULL):
        before = len(backend.requests)
        response = browser_of(patient).get(path)
        heard = len(backend.requests) - before

    assert (response.status_code, response.headers["X-BFF-Error"]) == (503, "saturated")
    assert response.headers["Retry-After"] == "1"
    assert response.json == {"error": "El servicio está saturado; inténtalo de nuevo en un momento"}
    assert heard == 0


@pytest.mark.parametrize(("held", "expected"), [("/api/vehicles", [503, 200, 200]), ("/api/proxy/x", [503, 200, 503])])
def test_a_route_that_hangs_leaves_the_others_a_slot(patient, backend, held, expected):
    """Three of four are its own; the fourth is not. `/api/proxy/*` is one route, whatever is behind it."""
    backend.answer("GET /api/dashboard", json={})
    with hanging(patient, backend, *[held] * 3):
        statuses = [ask(patient, path)[0] for path in (held, "/api/dashboard", "/api/proxy/api/dashboard")]

    assert statuses == expected


def test_typed_groups_and_streams_share_the_slots(patient, backend):
    """Threads are what there is little of, and each kind holds one."""
    with hanging(patient, backend, "/api/vehicles", "/api/dashboard", "/api/proxy/x", "/api/proxy/x"):
        taken = patient.extensions["slots"].taken
        refused = [ask(patient, path) for path in ("/api/refuels", "/api/proxy/y")]

    assert (taken, refused) == (4, [(503, "saturated")] * 2)
    assert patient.extensions["slots"].taken == 0


def test_who_waits_a_moment_is_served(five_threads, backend, events):
    """BACKEND_QUEUE_TIMEOUT: a burst is no outage. The wait is counted, and off the deadline."""
    app = create_app(replace(five_threads, threads=8, backend_max_requests=1, backend_queue_timeout=PATIENCE))
    slots = app.extensions["slots"]
    backend.answer("GET /api/dashboard", json={})
    held = slots.take("another", PATIENCE)

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, app, "/api/dashboard")
        until_waiting(slots, 1)
        held.give_back()
        status = answer.result(timeout=PATIENCE)[0]

    told = app.test_client().get("/metrics").text
    assert status == 200
    assert "bff_backend_waits_total 1.0" in told
    assert "bff_backend_wait_seconds_total 0.0\n" not in told
    [event] = [entry for entry in events if entry.get("route") == "/api/dashboard"]
    assert event["backend_ms"] < event["duration_ms"]


@pytest.mark.parametrize("path", ["/api/dashboard", "/api/proxy/x"])
def test_the_wait_is_off_the_deadline(five_threads, backend, path):
    """REQUEST_DEADLINE (1 s here) is for the whole: 0.8 s of waiting leave 0.2 for the backend."""
    settings = replace(five_threads, threads=8, backend_max_requests=1, backend_queue_timeout=PATIENCE)
    app = create_app(replace(settings, read_timeout=PATIENCE, request_deadline=1.0))
    backend.script(f"GET {path.removeprefix('/api/proxy')}", be_silent)
    held = app.extensions["slots"].take("another", PATIENCE)
    threading.Timer(0.8, held.give_back).start()
    started = time.monotonic()

    answer = ask(app, path)

    assert answer == (504, "backend_timeout")
    assert 0.9 < time.monotonic() - started < 1.7


def break_off(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    connection.shutdown(socket.SHUT_RDWR)


def reset_before(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def be_silent(connection: socket.socket) -> None:
    connection.recv(1)


def answer_with_a_page(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")


def redirect(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")


def leave_the_end_in_doubt(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n{}")


@pytest.mark.parametrize("path", ["/api/maintenance/1", "/api/proxy/x"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "script", [break_off, reset_before, be_silent, answer_with_a_page, redirect, leave_the_end_in_doubt]
)
def test_however_an_exchange_ends_its_slot_comes_back(five_threads, backend, script, method, path):
    """Else the service would be saturated after so many failures, for good."""
    app = create_app(five_threads)
    backend.script(f"{method} {path.removeprefix('/api/proxy')}", script)

    ask(app, path, method)

    assert app.extensions["slots"].taken == 0
    assert backend.last.method == method


def test_a_backend_that_is_gone_keeps_no_slot(five_threads):
    """Nobody listens: five times, and then the breaker."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{unused.getsockname()[1]}"
        app = create_app(replace(five_threads, api_base_url=gone, proxy_base_url=gone))

        codes = {ask(app, path)[1] for path in ["/api/vehicles", "/api/proxy/x"] * 5}

    assert codes == {"backend_unreachable", "backend_down"}
    assert app.extensions["slots"].taken == 0


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/proxy/x"])
@pytest.mark.parametrize(("error", "answered"), [(KeyError("x"), 500), (NotFound("no"), 404)])
@pytest.mark.parametrize("when", ["before_send", "before_response"])
def test_a_hook_that_fails_keeps_no_slot(five_threads, backend, when, error, answered, path):
    """Whenever it does, whatever it raises."""
    hooks = Hooks()

    def fail(_: Outgoing | Response) -> None:
        raise error

    getattr(hooks, when)()(fail)
    app = create_app(five_threads, hooks)
    backend.answer("GET /x", json={})
    backend.answer("GET /api/vehicles", json=[])

    status = ask(app, path)[0]

    assert status == answered
    assert app.extensions["slots"].taken == 0


def test_a_stream_holds_its_slot_to_its_end(five_threads, backend):
    """The thread is held as long."""
    app = create_app(five_threads)
    slots = app.extensions["slots"]
    backend.answer("GET /x", body=b"x" * 100_000)

    stream = browser_of(app).get("/api/proxy/x", buffered=False)
    during = slots.taken
    stream.close()

    assert (during, slots.taken) == (1, 0)


def test_a_browser_that_goes_away_leaves_no_slot_behind(five_threads, backend):
    """The server closes the response in the middle."""
    app = create_app(five_threads)
    end = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        end.wait(PATIENCE)

    backend.script("GET /x", drip)
    stream = browser_of(app).get("/api/proxy/x", buffered=False)
    pieces = iter(stream.response)
    first = next(piece for piece in pieces if piece)

    stream.close()
    end.set()

    assert (first, app.extensions["slots"].taken) == (b"ab", 0)


def test_a_burst_of_one_page_passes_untouched(settings, backend):
    """31 POSTs at once, with the default settings; each arrives, none is refused."""
    app = create_app(settings)
    together = threading.Barrier(31)
    backend.answer("POST /api/maintenance", 201, json={})

    def post(number: int) -> int:
        together.wait(timeout=PATIENCE)
        return browser_of(app).post("/api/maintenance", json={"n": number}).status_code

    with ThreadPoolExecutor(31) as pool:
        statuses = list(pool.map(post, range(31)))

    assert statuses == [201] * 31
    assert len({request.body for request in backend.requests}) == len(backend.requests) == 31

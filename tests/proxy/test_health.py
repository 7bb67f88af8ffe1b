"""What the platform asks."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from app import create_app
from proxy.health import Readiness


def test_the_process_is_alive_whatever_the_backend_does(anonymous, backend):
    """A platform restarts what fails this; the backend's trouble is no reason to."""
    response = anonymous.get("/healthz")

    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert backend.connections == 0


def test_it_is_ready_while_the_backend_answers_at_all(anonymous, backend):
    """With what status does not matter: the backend told us nothing here, so it is 404."""
    response = anonymous.get("/readyz")

    assert (response.status_code, response.json) == (200, {"status": "ok", "breaker": "closed"})
    assert [request.method for request in backend.requests] == ["HEAD"]


def test_it_is_not_ready_while_the_backend_is_gone(settings):
    """503, so that no traffic is sent here."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = replace(settings, api_base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")

        response = create_app(gone).test_client().get("/readyz")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (503, "backend_down")
    assert response.headers["Retry-After"] == "1"


def test_the_breaker_is_shown_and_not_judged(settings, backend):
    """If an open one were a reason to send nobody here, nobody would close it; the backend can be reached."""
    app = create_app(replace(settings, breaker_on_5xx=True, breaker_failures=1))
    client = app.test_client()
    client.set_cookie("token", "a.b.c")
    backend.answer("GET /api/vehicles", 503, json={})
    client.get("/api/vehicles")

    response = client.get("/readyz")

    assert (response.status_code, response.json) == (200, {"status": "ok", "breaker": "open"})


def test_an_instance_that_is_not_ready_shows_its_breaker_too(settings):
    """Closed, where nobody has asked yet: the probe alone has found out, and does not count."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = replace(settings, api_base_url=f"http://127.0.0.1:{unused.getsockname()[1]}", breaker_failures=1)
        client = create_app(gone).test_client()
        client.set_cookie("token", "a.b.c")

        before = client.get("/readyz")
        client.get("/api/vehicles")
        after = client.get("/readyz")

    assert [answer.status_code for answer in (before, after)] == [503, 503]
    error = "El servicio no está disponible; inténtalo de nuevo en un momento"
    assert before.json == {"error": error, "breaker": "closed"}
    assert after.json == {"error": error, "breaker": "open"}


def test_it_is_not_ready_while_it_stops(anonymous):
    """The server says so; the backend need not be asked."""
    anonymous.application.extensions["readiness"].is_serving = lambda: False

    assert anonymous.get("/readyz").status_code == 503


def test_probes_at_once_ask_the_backend_once():
    """Whoever comes while the backend is asked waits for the same answer."""
    asked: list[float] = []
    together = threading.Barrier(3)

    def probe(seconds: float) -> bool:
        asked.append(seconds)
        time.sleep(0.05)  # a backend takes its time
        return True

    def ask(readiness: Readiness) -> bool:
        together.wait(timeout=5)
        return readiness.is_ready()

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(ask, [Readiness(probe)] * 3))

    assert (answers, len(asked)) == ([True] * 3, 1)


def test_the_answer_is_kept_for_a_second():
    """Many probes cost the backend one request a second."""
    now = [0.0]
    asked: list[float] = []

    def probe(seconds: float) -> bool:
        asked.append(seconds)
        return True

    readiness = Readiness(probe, clock=lambda: now[0])

    readiness.is_ready()
    now[0] = 0.999
    readiness.is_ready()
    now[0] = 1.0
    readiness.is_ready()

    assert asked == [0.8, 0.8]

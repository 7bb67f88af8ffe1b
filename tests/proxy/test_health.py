"""What the platform asks."""

import socket
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

    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert [request.method for request in backend.requests] == ["HEAD"]


def test_it_is_not_ready_while_the_backend_is_gone(settings):
    """503, so that no traffic is sent here."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = replace(settings, api_base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")

        response = create_app(gone).test_client().get("/readyz")

    assert (response.status_code, response.json) == (503, {"status": "backend unreachable"})


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

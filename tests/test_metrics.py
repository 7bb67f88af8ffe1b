"""The metrics of several worker processes, across the death of one and a reload."""

import http.client
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.backend import Backend
from tests.server import Server

WORKERS = 4


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Backend() as backend:
        backend.answer("GET /api/vehicles", json=[])
        environ = {"API_BASE_URL": backend.url, "WEB_CONCURRENCY": str(WORKERS), "METRICS_TOKEN": "m"}
        with Server(environ) as server:
            yield server


def get(server: Server, path: str, **fields: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers=fields)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def counted(server: Server, name: str) -> float:
    """The value of a metric, its labels as written."""
    _, text = get(server, "/metrics", Authorization="Bearer m")
    [value] = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE) or ["0"]
    return float(value)


def send(server: Server, count: int) -> None:
    """That many requests, several at a time, each on a connection of its own."""
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: get(server, "/api/vehicles", Cookie="token=a.b.c")[0], range(count)))
    assert statuses == [200] * count


def until_workers_are(server: Server, are_new: set[int]) -> None:
    """Wait for as many workers as there should be, none of them one of `are_new`, all serving."""
    give_up = time.monotonic() + 20
    while len(now := server.workers()) != WORKERS or now & are_new:
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_they_add_up_exactly(server):
    """Also when a worker is killed, and when all are replaced: nothing is lost, and nothing counted twice."""
    total = 'bff_requests_total{method="GET",route="/api/vehicles",status="200"}'

    send(server, 100)
    before = server.workers()
    victim = next(iter(before))
    server.kill(victim)
    until_workers_are(server, {victim})
    after_death = counted(server, total)
    send(server, 100)
    old = server.workers()
    server.signal(signal.SIGHUP)
    until_workers_are(server, old)
    send(server, 100)

    assert (after_death, counted(server, total)) == (100, 300)
    assert counted(server, 'bff_request_seconds_count{route="/api/vehicles"}') == 300
    assert counted(server, 'bff_backend_seconds_count{route="/api/vehicles"}') == 300


def test_nothing_is_under_way_but_the_question(server):
    """A gauge of a worker that died with a request is not left standing; one that lives tells each second."""
    give_up = time.monotonic() + 10
    while (under_way := counted(server, "bff_requests_in_flight")) != 1 and time.monotonic() < give_up:
        time.sleep(0.05)

    assert under_way == 1


def test_what_runs_here_is_told(server):
    """For whoever compares machines; not for the public."""
    _, text = get(server, "/metrics", Authorization="Bearer m")

    assert re.search(r'bff_build_info\{.*gunicorn="27.*python="3\.', text)
    assert get(server, "/metrics")[0] == 401

"""Traces as users run them: workers forked from a master that has loaded everything, and collectors of every temper."""

import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.backend import Backend
from tests.server import Server, free_port
from tests.telemetry.collector import Collector

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
LATE = {"OTEL_BSP_SCHEDULE_DELAY": "600000"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def told(backend: Backend) -> Backend:
    backend.answer("GET /api/vehicles", json=[])
    return backend


def environ(backend: Backend, collector_url: str, **more: str) -> dict[str, str]:
    return {"API_BASE_URL": backend.url, "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url, **more}


def get(server: Server, _: int = 0) -> tuple[int, float]:
    """The status of a request on a connection of its own, and the seconds it took."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    started = time.monotonic()
    connection.request("GET", "/api/vehicles", headers={"Cookie": "token=a.b.c"})
    status = connection.getresponse().status
    seconds = time.monotonic() - started
    connection.close()
    return status, seconds


def test_every_worker_exports(told, collector):
    """Each with a thread, and an id, of its own; what the backend is told is a span that is exported."""
    with Server(environ(told, collector.url, WEB_CONCURRENCY="2", **SOON)) as server:
        give_up = time.monotonic() + 20
        while len({span.instance for span in collector.spans}) < 2:
            assert time.monotonic() < give_up
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(lambda number: get(server, number), range(16)))
            time.sleep(0.1)

    servers = {span.id: span for span in collector.spans if span.kind == "SERVER"}
    clients = {span.id: span for span in collector.spans if span.kind == "CLIENT"}
    assert len(servers) == len(clients) == len(told.requests)
    assert {servers[span.parent].trace == span.trace for span in clients.values()} == {True}
    parents = [request.headers["traceparent"].split("-")[1:3] for request in told.requests]
    assert sorted(parents) == sorted([span.trace, span.id] for span in clients.values())
    logged = [json.loads(line).get("trace_id") for line in server.output.splitlines()]
    assert {span.trace for span in servers.values()} <= set(logged)


def test_a_worker_that_ends_exports_what_it_has(told, collector):
    """Whatever OTEL_BSP_SCHEDULE_DELAY says."""
    with Server(environ(told, collector.url, **LATE)) as server:
        get(server)
        assert collector.requests == []

    assert [span.kind for span in collector.spans] == ["SERVER", "CLIENT"]


@pytest.fixture(params=["refuses", "is silent", "is broken"])
def bad_collector(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a collector that nobody listens at, that never answers, or that answers 503."""
    with Backend() as collector, socket.create_server(("127.0.0.1", 0)) as silent:
        collector.answer("POST /v1/traces", 503, body=b"")
        addresses = {
            "refuses": f"http://127.0.0.1:{free_port()}",
            "is silent": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "is broken": collector.url,
        }
        yield addresses[request.param]


def test_a_bad_collector_harms_nobody(told, bad_collector):
    """Requests are answered as fast as ever, with the queue long full, and a stop takes no longer."""
    full = {"OTEL_BSP_MAX_QUEUE_SIZE": "16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"}

    with Server(environ(told, bad_collector, **full)) as server:
        answers = [get(server) for _ in range(100)]
        stopping = time.monotonic()
    stopped = time.monotonic() - stopping

    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < 2
    assert stopped < 10  # the SDK's own end: until gunicorn's patience is over, 25 s
    assert "Traceback" not in server.output


def test_what_opentelemetry_cannot_use_is_said_too():
    """At the start, and not with the first request."""
    unusable = {"API_BASE_URL": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "otlp", "OTEL_BSP_SCHEDULE_DELAY": "0"}
    server = Server(unusable).start()

    status = server.wait()
    server.stop(signal.SIGTERM)

    assert status != 0
    assert "OpenTelemetry cannot use its OTEL_* variables: schedule_delay_millis must be positive.\n" in server.output
    assert "Traceback" not in server.output

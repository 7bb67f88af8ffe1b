"""What else goes wrong, each provoked once: how it looks in the log and in the metrics, as docs/OPERATIONS.md has it.

Run by `make incidents`, which shows the lines and samples.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from tests.backend import Backend
from tests.operations.scene import Scene, with_hooks
from tests.proxy.api.test_auth import jwt
from tests.redis_server import Redis
from tests.server import Server

TOKEN = jwt(sub="ana")
JSON_HEAD = b"Host: x\r\nCookie: token=a.b.c\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"


@pytest.fixture(autouse=True)
def _on_a_line_of_its_own() -> None:
    """Below the name of the test."""
    print()


def test_a_setting_is_missing():
    """One line, no log: nothing has started."""
    server = Server({}).start()

    status = server.wait()
    server.stop()
    print("   ", server.output.strip())

    assert status == 1
    assert server.output.startswith("API_BASE_URL is not set")


def test_the_port_is_taken():
    """By another instance, mostly."""
    with Scene() as scene:
        second = Server({"API_BASE_URL": scene.backend.url}, port=scene.server.port).start()
        status = second.wait()
        second.stop()
    print("   ", second.output.strip().splitlines()[-1])

    assert status == 1
    assert f"PORT {scene.server.port} is in use" in second.output


def test_the_backends_name_is_not_known():
    """DNS: the name of the exception says so."""
    with Scene(API_BASE_URL="http://nowhere.invalid") as scene:
        status = scene.ask("GET", "/api/vehicles", token=TOKEN).status

    assert status == 502
    [line] = scene.lines(code="backend_unreachable")
    assert line["detail"].endswith("NameResolutionError")


def test_the_way_to_the_backend_swallows_everything():
    """A firewall that drops, or a host that is gone: it looks slow, and CONNECT_TIMEOUT says which."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())
        with Scene(API_BASE_URL=f"http://127.0.0.1:{full.getsockname()[1]}", CONNECT_TIMEOUT="0.3") as scene:
            status = scene.ask("GET", "/api/vehicles", token=TOKEN).status

    assert status == 504
    [line] = scene.lines(code="backend_timeout")
    assert line["detail"].endswith("ConnectTimeoutError")
    assert line["backend_ms"] >= 300


def test_the_backends_certificate_is_not_trusted():
    """TLS: no token was sent."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    with Backend(tls=tls) as backend, Scene(API_BASE_URL=backend.url) as scene:
        status = scene.ask("GET", "/api/vehicles", token=TOKEN).status

    assert (status, backend.requests) == (502, [])
    [line] = scene.lines(code="backend_unreachable")
    assert line["detail"].endswith("SSLCertVerificationError")


def test_something_else_answers_in_the_backends_place():
    """A page, a redirect: a wrong path prefix, a maintenance page, a sign-in of the network's own."""
    with Scene() as scene:
        scene.backend.answer("GET /api/vehicles", body=b"<html>", headers=[("Content-Type", "text/html")])
        scene.backend.answer_bytes("GET /api/routes", b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
        scene.backend.answer_bytes("GET /api/refuels", b"SSH-2.0-OpenSSH_9.2\r\n")
        scene.backend.answer_bytes("GET /api/expenses", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[]")
        paths = ("vehicles", "routes", "refuels", "expenses")
        statuses = [scene.ask("GET", f"/api/{path}", token=TOKEN).status for path in paths]

    assert statuses == [502] * 4
    assert scene.lines(code="backend_invalid", detail="the backend's body is not JSON")
    assert scene.lines(code="backend_invalid", detail="the backend answered 302")
    [no_http] = scene.lines(code="backend_invalid", route="/api/refuels")
    assert no_http["detail"].endswith("NotHttp")
    [cut] = scene.lines(code="backend_invalid", route="/api/expenses")
    assert cut["detail"].startswith("the body was cut short")
    assert scene.count("bff_refusals_total", code="backend_invalid") == 4


def test_the_backend_fails_by_itself():
    """Its 500 has no code of ours, here and in the answer."""
    with Scene() as scene:
        scene.backend.answer("GET /api/vehicles", 500, json={"error": "no"})
        scene.ask("GET", "/api/vehicles", token=TOKEN)

    [line] = scene.lines(status=500)
    assert (line["code"], line["level"].lower()) == (None, "warning")
    assert scene.count("bff_requests_total", status="500") == 1
    assert scene.count("bff_refusals_total") == 0


def test_the_cookie_does_not_come_back():
    """Signed in, and the next request has no cookie: the browser has dropped it."""
    with Scene() as scene:
        scene.backend.answer("POST /api/auth/login", json={"token": TOKEN})
        cookie = scene.sign_in("ana@example.com").cookies["token"]
        status = scene.ask("GET", "/api/auth/me").status

    assert (cookie["secure"], status) == (True, 401)
    [signed_in] = scene.lines("signed_in")
    [nobody] = scene.lines(code="no_session", detail="no token cookie")
    assert signed_in["client"] == nobody["client"]


def test_a_body_is_too_large():
    """Refused before the backend hears of it."""
    with Scene(MAX_CONTENT_LENGTH="1 KiB") as scene:
        status = scene.ask("POST", "/api/expenses", {"concepto": "x" * 2000}, token=TOKEN).status
        heard = scene.backend.requests

    assert (status, heard) == (413, [])
    [line] = scene.lines(code="too_large")
    assert line["bytes_in"] > 2000
    assert scene.count("bff_refusals_total", code="too_large") == 1


def test_redis_is_gone():
    """Attempts pass, uncounted."""
    with Redis() as redis, Scene(RATELIMIT_STORAGE_URI=redis.url, RATELIMIT_AUTH="1 per minute") as scene:
        scene.backend.answer("POST /api/auth/login", 401, json={"error": "no"})
        redis.stop()
        statuses = [scene.sign_in("ana@example.com").status for _ in range(3)]

    assert statuses == [401] * 3
    assert scene.lines("ratelimit_storage_failed")
    assert scene.count("bff_ratelimit_storage_failures_total") >= 1
    assert scene.count("bff_refusals_total", code="rate_limited") == 0


def test_a_page_of_ours_is_taken_for_another_sites():
    """Behind a proxy that is not counted, a browser on plain HTTP says its origin, and we know another host."""
    with Scene() as scene:
        fields = {"Origin": "http://app.example.com", "X-Forwarded-Host": "app.example.com"}
        status = scene.ask("POST", "/api/expenses", {}, token=TOKEN, fields=fields).status

    assert status == 403
    [line] = scene.lines("cross_site_refused")
    assert (line["site"], line["origin"]) == (None, "http://app.example.com")
    assert line["host"] == f"127.0.0.1:{scene.server.port}"
    [request] = scene.lines(code="cross_site")
    assert request["request_id"] == line["request_id"]
    assert scene.lines("forwarding_field_ignored")
    assert scene.count("bff_refusals_total", code="cross_site") == 1


def test_a_stream_is_cut_short():
    """The head was sent, so the status is 200: the code and the detail say that the rest did not come."""
    with Scene(PROXY_ALLOW="*") as scene:
        scene.backend.answer_bytes("GET /report", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        with pytest.raises(http.client.IncompleteRead):
            scene.ask("GET", "/api/proxy/report", token=TOKEN)

    [line] = scene.lines(path="/api/proxy/report")
    assert (line["status"], line["bytes_out"], line["code"]) == (200, 3, "backend_invalid")
    assert line["detail"].startswith("cut short: ")


def send(scene: Scene, text: bytes) -> bytes:
    """The status line of the answer; none where the connection ends without."""
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=20) as connection:
        connection.sendall(text)
        return connection.makefile("rb").readline()


def test_browsers_are_slow():
    """A body that does not come is a 400 after READ_TIMEOUT; a head that does not come ends without a line."""
    with Scene(READ_TIMEOUT="0.3") as scene:
        body = send(scene, b"POST /api/expenses HTTP/1.1\r\n" + JSON_HEAD + b"{")
        head = send(scene, b"GET /api/vehicles HTTP/1.1\r\nHost: x\r\n")

    assert (body.split()[1], head) == (b"400", b"")
    [line] = scene.lines(route="/api/expenses", status=400)
    assert line["duration_ms"] >= 300
    assert "backend_ms" not in line
    assert scene.count("bff_refusals_total", code="bad_request") == 1


def test_requests_are_none():
    """What two servers could read in two ways; the kind is told, never the bytes."""
    with Scene() as scene:
        send(scene, b"GET /api/vehicles HTTP/1.1\r\n\r\n")
        send(scene, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")

    odd = scene.lines("refused", status=400)
    assert len(odd) == 2
    assert {line["client"] for line in odd} == {"127.0.0.1"}
    assert scene.count("bff_refusals_total", code="bad_request") == 2


def test_a_defect_of_ours(tmp_path: Path):
    """A 500 with a code, and beside it the trace, under the same id; here a team's hook fails."""
    root = with_hooks(
        tmp_path,
        "from proxy.hooks import Hooks\n"
        "hooks = Hooks()\n"
        "@hooks.before_send('vehicles')\n"
        "def add_plates(outgoing):\n"
        "    outgoing.headers['X-Plates'] = outgoing.token.claims['plates']\n",
    )
    with Scene(root) as scene:
        status = scene.ask("GET", "/api/vehicles", token=TOKEN).status

    assert status == 500
    [request] = scene.lines(code="internal")
    [defect] = [line for line in scene.log if line["event"] == "defect"]
    print("      1 ×", defect["event"], "…", *defect["exception"].splitlines()[-3:])
    assert defect["request_id"] == request["request_id"]
    assert (defect["level"].lower(), defect["detail"]) == ("error", "KeyError")
    assert "in add_plates" in defect["exception"]
    assert scene.count("bff_refusals_total", code="internal") == 1


def test_the_scraper_has_another_token():
    """401, and without METRICS_TOKEN here 404; counted as no_session."""
    with Scene() as scene:
        wrong = scene.ask("GET", "/metrics", fields={"Authorization": "Bearer another"}).status

    assert wrong == 401
    [line] = scene.lines(route="/metrics", status=401)
    assert line["detail"] == "not the METRICS_TOKEN"
    assert scene.count("bff_requests_total", route="/metrics", status="401") == 1


def test_the_backend_closes_idle_connections():
    """Sooner than POOL_IDLE_TIMEOUT: reads are sent again, and from then on writes get connections of their own."""
    with Scene() as scene:
        used: set[int] = set()

        def answer_once(connection: socket.socket) -> None:
            if connection.fileno() in used:  # as if it had been closed a moment ago
                used.discard(connection.fileno())
                connection.shutdown(socket.SHUT_RDWR)
                return
            used.add(connection.fileno())
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        scene.backend.script("GET /api/vehicles", answer_once)
        scene.backend.script("POST /api/maintenance", answer_once)
        read = [scene.ask("GET", "/api/vehicles", token=TOKEN).status for _ in range(4)]
        written = [scene.ask("POST", "/api/maintenance", {}, token=TOKEN).status for _ in range(4)]

    assert (read, written) == ([200] * 4, [200] * 4)
    again = scene.lines(route="/api/vehicles", retries=1)
    assert len(again) == 3
    assert {line["retries"] for line in scene.lines(route="/api/maintenance")} == {0}
    assert scene.count("bff_retries_total", why="stale") == 3
    assert scene.count("bff_backend_connections_opened_total") == 8  # for eight exchanges
    assert scene.count("bff_refusals_total", code="backend_unreachable") == 0


@contextlib.contextmanager
def held(scene: Scene, count: int) -> Iterator[None]:
    """The backend holds so many requests for /api/vehicles."""
    arrived, end = threading.Barrier(count + 1), threading.Event()

    def hold(connection: socket.socket) -> None:
        arrived.wait(10)
        end.wait(10)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    scene.backend.script("GET /api/vehicles", hold)
    with ThreadPoolExecutor(count) as pool:
        for _ in range(count):
            pool.submit(scene.ask, "GET", "/api/vehicles", token=TOKEN)
        try:
            arrived.wait(10)
            yield
        finally:
            end.set()


def test_one_route_hangs():
    """It has taken its three quarters of the slots: 503 there, and there alone, at once."""
    with Scene(THREADS="5") as scene:
        scene.backend.answer("GET /api/dashboard", json={})
        with held(scene, 3):
            same = [scene.ask("GET", "/api/vehicles", token=TOKEN).status for _ in range(3)]
            others = [scene.ask("GET", path, token=TOKEN).status for path in ("/api/dashboard", "/healthz")]
            at_the_backend = scene.now("bff_backend_requests_in_flight")
            threads = scene.now("bff_threads")

    assert (same, others) == ([503] * 3, [200, 200])
    assert (at_the_backend, threads) == (3, 5)
    refused = scene.lines(code="saturated")
    assert {line["route"] for line in refused} == {"/api/vehicles"}
    assert {line["detail"] for line in refused} == {"no slot, and the queue is full"}
    assert not any("backend_ms" in line for line in refused)
    assert min(line["duration_ms"] for line in refused) < 100
    assert scene.count("bff_refusals_total", code="saturated") == 3
    assert scene.count("bff_backend_seconds_count", route="/api/vehicles") == 3


def test_every_slot_is_taken():
    """All that needs the backend is a 503, after a short wait where there is a queue; the rest goes on."""
    settings = {"THREADS": "8", "BACKEND_MAX_REQUESTS": "1", "BACKEND_QUEUE_TIMEOUT": "0.1"}
    with Scene(**settings) as scene, held(scene, 1):
        waited = scene.ask("GET", "/api/dashboard", token=TOKEN).status
        own = [scene.ask("GET", path, token=TOKEN).status for path in ("/healthz", "/api/auth/session")]

    assert (waited, own) == (503, [200, 200])
    [line] = scene.lines(code="saturated")
    assert (line["route"], line["detail"]) == ("/api/dashboard", "no slot in time")
    assert line["duration_ms"] >= 100
    assert scene.count("bff_backend_waits_total") == 0  # who has waited for nothing is not among them


def test_every_thread_is_taken():
    """By slow browsers, for the backend leaves some: probes and scrapes get no answer, and no line has the wait."""
    with Scene(THREADS="2", READ_TIMEOUT="2") as scene, contextlib.ExitStack() as browsers:
        for _ in range(2):
            browser = browsers.enter_context(socket.create_connection(("127.0.0.1", scene.server.port), timeout=20))
            browser.sendall(b"POST /api/expenses HTTP/1.1\r\n" + JSON_HEAD + b"{")
        with pytest.raises(TimeoutError):
            scene.ask("GET", "/healthz", timeout=0.5)
        after = scene.ask("GET", "/healthz").status

    assert after == 200
    [started] = scene.lines("started")
    assert (started["workers"], started["threads"]) == (1, 2)
    given_up = scene.lines(route="/api/expenses", status=400)
    assert len(given_up) == 2
    assert all(line["duration_ms"] >= 1900 and "backend_ms" not in line for line in given_up)
    assert all(line["duration_ms"] < 500 for line in scene.lines(route="/healthz"))  # one has waited longer than that
    assert scene.count("bff_refusals_total", code="saturated") == 0

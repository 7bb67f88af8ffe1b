"""Ten incidents, each provoked for real. From the log and the metrics alone an operator finds out what happened.

Run by `make incidents`, which shows the lines and samples that tell it.
"""

import contextlib
import http.client
import itertools
import json
import signal
import socket
import threading
import time

import pytest

from config import Settings
from proxy.tokens import TokenCookie, parse_token
from setting_types import Secret
from tests.operations.scene import Scene
from tests.proxy.api.test_auth import jwt
from tests.redis_server import Redis

KEY, OTHER_KEY = "A" * 43 + "=", "B" * 43 + "="
TOKEN = jwt(sub="ana")


@pytest.fixture(autouse=True)
def _on_a_line_of_its_own() -> None:
    """Below the name of the test."""
    print()


def test_1_the_backend_is_slow():
    """The time of a request is the backend's; what takes too long is a 504, and its line says for what it waited."""
    with Scene(READ_TIMEOUT="0.4") as scene:
        pause = threading.Event()

        def answer_late(connection: socket.socket) -> None:
            pause.wait(0.15)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

        def never_answer(_: socket.socket) -> None:
            pause.wait(10)

        scene.backend.script("GET /api/vehicles", answer_late)
        scene.backend.script("GET /api/dashboard", never_answer)
        late = [scene.ask("GET", "/api/vehicles", token=TOKEN).status for _ in range(4)]
        never = scene.ask("GET", "/api/dashboard", token=TOKEN).status
        quick = scene.ask("GET", "/api/auth/session", token=TOKEN).status
        pause.set()

    assert (late, never, quick) == ([200] * 4, 504, 200)
    slow = scene.lines(route="/api/vehicles", status=200)
    assert all(150 <= line["backend_ms"] <= line["duration_ms"] for line in slow)
    [given_up] = scene.lines(code="backend_timeout")
    assert (given_up["route"], given_up["status"], given_up["level"].lower()) == ("/api/dashboard", 504, "warning")
    assert given_up["detail"].endswith("TimeoutError")
    assert given_up["backend_ms"] >= 400
    [own] = scene.lines(route="/api/auth/session")
    assert "backend_ms" not in own
    assert scene.count("bff_refusals_total", code="backend_timeout") == 1
    assert scene.count("bff_backend_seconds_bucket", route="/api/vehicles", le="0.1") == 0
    assert scene.count("bff_backend_seconds_count", route="/api/vehicles") == 4
    assert scene.count("bff_backend_seconds_sum") / scene.count("bff_request_seconds_sum") > 0.5


def test_2_the_backend_is_down():
    """Nothing can be sent: 502, each tried twice, until the breaker has seen enough; /readyz says no."""
    with Scene() as scene:
        scene.backend.answer("GET /api/vehicles", json=[])
        before = scene.ask("GET", "/api/vehicles", token=TOKEN).status
        scene.stop_backend()
        after = [scene.ask("GET", "/api/vehicles", token=TOKEN).status for _ in range(5)]
        ready = scene.ask("GET", "/readyz").status
        own = [scene.ask("GET", path, token=TOKEN).status for path in ("/healthz", "/api/auth/session")]

    assert (before, after, ready, own) == (200, [502] * 3 + [503] * 2, 503, [200, 200])
    [good] = scene.lines(route="/api/vehicles", status=200)
    down = scene.lines(code="backend_unreachable", retries=1)
    assert len(down) == 3
    assert good["time"] < down[0]["time"]
    assert down[-1]["detail"].endswith("NewConnectionError")  # refused: nobody listens there
    assert all(line["backend_ms"] < 1000 for line in down)  # and not slow
    assert len(scene.lines("breaker_opened", backend="api")) == 1
    assert len(scene.lines(code="backend_down", route="/api/vehicles", detail="the breaker is open")) == 2
    assert scene.lines(route="/readyz", status=503, code="backend_down")
    assert scene.count("bff_refusals_total", code="backend_unreachable") == 3
    assert scene.count("bff_refusals_total", code="backend_down") == 2
    assert scene.count("bff_retries_total", why="connect") == 3
    assert scene.count("bff_breakers_open") == 1
    assert scene.count("bff_requests_total", route="/api/vehicles", status="502") == 3
    assert scene.count("bff_requests_total", route="/readyz", status="503") == 1
    assert scene.count("bff_backend_connections_opened_total") >= 7


def test_3_the_backend_is_half_down():
    """A part of the exchanges breaks off: what may be sent twice passes all the same; what may not is a 502."""
    with Scene() as scene:
        turn = itertools.count()

        def answer_every_other(connection: socket.socket) -> None:
            if next(turn) % 2:
                connection.shutdown(socket.SHUT_RDWR)
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

        scene.backend.answer("GET /api/vehicles", json=[])
        scene.backend.answer("GET /api/refuels", 503, json={"error": "sin base de datos"})
        scene.backend.script("GET /api/expenses", answer_every_other)
        scene.backend.script("POST /api/maintenance", answer_every_other)
        sound = [scene.ask("GET", "/api/vehicles", token=TOKEN).status for _ in range(6)]
        read = [scene.ask("GET", "/api/expenses", token=TOKEN).status for _ in range(6)]
        turn = itertools.count()
        written = [scene.ask("POST", "/api/maintenance", {}, token=TOKEN).status for _ in range(6)]
        ill = scene.ask("GET", "/api/refuels", token=TOKEN).status
        ready = scene.ask("GET", "/readyz").status

    assert (sound, read, written, ill, ready) == ([200] * 6, [200] * 6, [200, 502] * 3, 503, 200)
    again = scene.lines(route="/api/expenses", status=200, retries=1)
    assert len(again) == 5
    assert scene.count("bff_retries_total", why="stale") == 5
    broken = scene.lines(code="backend_unreachable")
    assert {(line["route"], line["retries"]) for line in broken} == {("/api/maintenance", 0)}
    assert all(line["detail"].endswith(("ConnectionResetError", "RemoteDisconnected")) for line in broken)
    [its_own] = scene.lines(route="/api/refuels", status=503)
    assert its_own["code"] is None  # the backend said so itself
    assert scene.count("bff_requests_total", route="/api/maintenance", status="200") == 3
    assert scene.count("bff_requests_total", route="/api/maintenance", status="502") == 3
    assert scene.count("bff_requests_total", route="/api/vehicles", status="200") == 6
    assert scene.count("bff_requests_total", route="/readyz", status="503") == 0
    assert scene.count("bff_breakers_open") == 0  # something answers
    errors = scene.count("bff_requests_total", status="503") + scene.count("bff_requests_total", status="502")
    assert errors - scene.count("bff_refusals_total", code="backend_unreachable") == 1  # the backend's own


def cookie_under(key: str, token: str) -> str:
    """A token cookie that a service with this key has written."""
    settings = Settings(api_base_url="http://backend", token_cookie_keys=(Secret(key),))
    return TokenCookie(settings).write(parse_token(token))


def test_4_a_storm_of_401():
    """Three that users cannot tell apart, and the log can: over, sealed with another key, refused by the backend."""
    users = [f"user-{number}" for number in range(5)]
    with Scene(TOKEN_COOKIE_KEYS=KEY) as scene:
        scene.backend.answer("GET /api/vehicles", 401, json={"error": "Token inválido"})
        for user in users:
            scene.ask("GET", "/api/vehicles", token=cookie_under(KEY, jwt(sub=user)))
            scene.ask("GET", "/api/vehicles", token=cookie_under(KEY, jwt(sub=user, exp=1)))
            scene.ask("GET", "/api/vehicles", token=cookie_under(OTHER_KEY, jwt(sub=user)))
        scene.ask("GET", "/api/vehicles")

    refused = scene.lines(status=401, code=None)
    assert len({line["user"] for line in refused}) == 5
    assert all(line["backend_ms"] > 0 for line in refused)
    over = scene.lines(code="session_expired")
    assert len(over) == 5
    assert not any("backend_ms" in line for line in over)
    sealed = scene.lines(code="no_session", detail="the token cookie was not encrypted with one of the keys")
    assert len(sealed) == 5
    assert len(scene.lines(code="no_session", detail="no token cookie")) == 1
    assert scene.count("bff_requests_total", route="/api/vehicles", status="401") == 16
    assert scene.count("bff_refusals_total", code="session_expired") == 5
    assert scene.count("bff_refusals_total", code="no_session") == 6
    assert scene.count("bff_backend_seconds_count", route="/api/vehicles") == 5


def test_5_the_breaker_is_open():
    """When it opened and closed, what it spared users meanwhile; /readyz shows it, and does not judge by it."""
    with Scene(READ_TIMEOUT="0.2") as scene:
        end, pause = threading.Event(), threading.Event()

        def be_silent(_: socket.socket) -> None:
            end.wait(20)

        scene.backend.answer("GET /api/vehicles", json=[])
        scene.backend.script("GET /api/dashboard", be_silent)
        slow = [scene.ask("GET", "/api/dashboard", token=TOKEN).status for _ in range(5)]
        spared = [scene.ask("GET", "/api/dashboard", token=TOKEN).status for _ in range(10)]
        open_now = scene.now("bff_breakers_open")
        ready = scene.ask("GET", "/readyz")
        while scene.ask("GET", "/api/vehicles", token=TOKEN).status != 200:
            pause.wait(0.05)  # the next trial is due within half a second
        end.set()

    assert (slow, open_now, ready.status) == ([504] * 5, 1, 200)
    assert json.loads(ready.text)["breaker"] in {"open", "half_open"}
    assert 503 in spared
    assert set(spared) <= {503, 504}  # a trial, now and then
    [opened] = scene.lines("breaker_opened", backend="api")
    [closed] = scene.lines("breaker_closed", backend="api")
    refused = scene.lines(code="backend_down")
    assert (opened["level"].lower(), closed["level"].lower()) == ("warning", "info")
    assert all(opened["time"] <= line["time"] <= closed["time"] for line in refused)
    assert min(line["duration_ms"] for line in refused) < 5
    timed_out = scene.lines(code="backend_timeout")
    assert len([line for line in timed_out if line["time"] < opened["time"]]) in {4, 5}  # the fifth has opened it
    assert scene.count("bff_refusals_total", code="backend_timeout") == len(timed_out)
    assert scene.count("bff_refusals_total", code="backend_down") == len(refused)
    assert scene.count("bff_breakers_open") == 0


def test_6_attempts_hit_their_limit():
    """Who guesses, at which account, how often; what was turned away never reached the backend."""
    with Redis() as redis:
        shared = {"RATELIMIT_STORAGE_URI": redis.url, "WEB_CONCURRENCY": "2"}
        with Scene(RATELIMIT_AUTH="3 per minute", **shared) as scene:
            scene.backend.answer("POST /api/auth/login", 401, json={"error": "Credenciales incorrectas"})
            statuses = [scene.sign_in("ana@example.com").status for _ in range(8)]
            heard = len(scene.backend.requests)

    assert (statuses, heard) == ([401] * 3 + [429] * 5, 3)
    failed = scene.lines("sign_in_failed")
    assert len(failed) == 3
    assert len({line["account"] for line in failed}) == 1
    limited = scene.lines(code="rate_limited")
    assert {line["client"] for line in limited} == {"127.0.0.1"}
    assert not any("backend_ms" in line for line in limited)
    assert scene.count("bff_refusals_total", code="rate_limited") == 5
    assert scene.count("bff_requests_total", route="/api/auth/login", status="401") == 3
    assert scene.count("bff_requests_total", route="/api/auth/login", status="429") == 5
    assert scene.count("bff_ratelimit_storage_failures_total") == 0


def test_6_streams_hit_their_limit():
    """Slots are taken; what came too many is told apart from a backend that is down, though both are 503."""
    with Scene(PROXY_ALLOW="*", THREADS="5") as scene:
        end = threading.Event()

        def drip(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\na")
            end.wait(10)
            connection.sendall(b"b")

        scene.backend.script("GET /events", drip)
        with contextlib.ExitStack() as open_streams:
            for _ in range(3):
                stream = http.client.HTTPConnection("127.0.0.1", scene.server.port, timeout=20)
                open_streams.callback(stream.close)
                stream.request("GET", "/api/proxy/events", headers={"Cookie": "token=a.b.c"})
                assert stream.getresponse().status == 200
            refused = scene.ask("GET", "/api/proxy/events", token=TOKEN).status
            under_way = scene.now("bff_requests_in_flight")
            end.set()

    assert (refused, under_way) == (503, 4)  # three streams and the question
    [line] = scene.lines(code="saturated")
    assert (line["status"], line["detail"]) == (503, "no slot, and the queue is full")
    assert scene.lines("started")[0]["threads"] == 5
    assert scene.count("bff_refusals_total", code="saturated") == 1


def test_7_a_cookie_is_too_large():
    """The token of a login does not fit into a cookie; and cookies of all kinds, together, not into a request."""
    with Scene() as scene:
        scene.backend.answer("POST /api/auth/login", json={"token": jwt(sub="ana", roles="x" * 4000)})
        login = scene.sign_in("ana@example.com")
        request = scene.ask("GET", "/api/vehicles", fields={"Cookie": "token=a.b.c; tracking=" + "x" * 17_000})

    assert (login.status, dict(login.cookies), request.status) == (502, {}, 431)
    [too_long] = scene.lines(code="backend_invalid")
    assert too_long["route"] == "/api/auth/login"
    assert too_long["detail"].startswith("the token is too long for a cookie: ")
    assert too_long["backend_ms"] > 0  # the backend has answered
    [too_large] = scene.lines("refused", status=431)
    assert (too_large["code"], too_large["detail"], too_large["client"]) == (
        "too_large",
        "LimitRequestHeaders",
        "127.0.0.1",
    )
    assert scene.count("bff_refusals_total", code="backend_invalid") == 1
    assert scene.count("bff_refusals_total", code="too_large") == 1


CLIENTS = [f"198.51.100.{number}" for number in range(1, 6)]


def test_8_proxies_in_front_are_not_counted():
    """TRUSTED_PROXIES=0 behind one: everybody is one client, and shares its attempts. The log says what to set."""
    with Scene(RATELIMIT_AUTH="3 per minute") as scene:
        scene.backend.answer("POST /api/auth/login", json={"token": TOKEN})
        statuses = [
            scene.sign_in(f"{client}@example.com", fields={"X-Forwarded-For": client}).status for client in CLIENTS
        ]

    assert statuses == [200, 200, 200, 429, 429]
    [warning] = scene.lines("forwarding_field_ignored")
    assert "TRUSTED_PROXIES" in warning["detail"]
    signed_in = scene.lines("signed_in")
    assert len({line["account"] for line in signed_in}) == 3
    assert {line["client"] for line in signed_in} == {"127.0.0.1"}  # the proxy's own address
    assert {line["client"] for line in scene.lines(code="rate_limited")} == {"127.0.0.1"}
    assert scene.count("bff_refusals_total", code="rate_limited") == 2


def test_8_more_proxies_are_counted_than_there_are():
    """TRUSTED_PROXIES=2 behind one that names the client alone: again everybody is one."""
    with Scene(TRUSTED_PROXIES="2") as scene:
        scene.backend.answer("GET /api/vehicles", json=[])
        for client in CLIENTS:
            scene.ask("GET", "/api/vehicles", token=jwt(sub=client), fields={"X-Forwarded-For": client})

    lines = scene.lines(route="/api/vehicles")
    assert len({line["user"] for line in lines}) == 5
    assert {line["client"] for line in lines} == {"127.0.0.1"}


def test_9_request_ids_leak_from_one_request_to_others():
    """Something in front sends one id with every request: the line of each is told apart by its other fields."""
    with Scene() as scene:
        scene.backend.answer("GET /api/vehicles", json=[])
        scene.backend.answer("GET /api/expenses", 500, json={"error": "no"})
        leaked = {"X-Request-ID": "build-4711"}
        for user in ("ana", "ben", "eva"):
            scene.ask("GET", "/api/vehicles", token=jwt(sub=user), fields=leaked)
        scene.ask("GET", "/api/expenses", token=jwt(sub="eva"), fields=leaked)
        scene.ask("GET", "/api/vehicles", token=TOKEN, fields={"X-Request-ID": "no id at all"})
        heard = [request.headers["X-Request-ID"] for request in scene.backend.requests]

    same = scene.lines(request_id="build-4711")
    assert len(same) == 4
    assert len({line["user"] for line in same}) == 3  # one id, three users: it is none
    [failed] = scene.lines(request_id="build-4711", status=500)
    assert failed["route"] == "/api/expenses"
    assert heard[:4] == ["build-4711"] * 4
    assert len(heard[4]) == 32  # what cannot be one is replaced


def test_10_a_worker_is_killed():
    """Which, when, and by what; what it had counted is kept, what it was doing has no line."""
    with Scene() as scene:
        reached, end = threading.Event(), threading.Event()

        def hold(_: socket.socket) -> None:
            reached.set()
            end.wait(10)

        scene.backend.answer("GET /api/vehicles", json=[])
        scene.backend.script("GET /api/dashboard", hold)
        for _ in range(5):
            scene.ask("GET", "/api/vehicles", token=TOKEN)
        [victim] = scene.server.workers()
        with socket.create_connection(("127.0.0.1", scene.server.port), timeout=20) as lost:
            lost.sendall(b"GET /api/dashboard HTTP/1.1\r\nHost: x\r\nCookie: token=a.b.c\r\nX-Request-ID: lost\r\n\r\n")
            assert reached.wait(10)
            busy = scene.now("bff_backend_requests_in_flight")
            scene.server.kill(victim)
            with contextlib.suppress(ConnectionResetError):
                assert lost.recv(1) == b""
        end.set()
        [heir] = _workers_but(scene, victim)
        scene.ask("GET", "/api/vehicles", token=TOKEN)

    assert busy == 1
    [killed] = scene.says(f"Worker (pid:{victim}) was sent {signal.SIGKILL.name}")
    assert killed["level"].lower() == "error"
    assert scene.says(f"Booting worker with pid: {heir}")
    assert scene.lines(request_id="lost") == []
    assert scene.count("bff_requests_total", route="/api/vehicles", status="200") == 6
    assert scene.count("bff_backend_requests_in_flight") == 0
    assert scene.count("bff_requests_in_flight") == 1  # the question


def _workers_but(scene: Scene, gone: int) -> set[int]:
    give_up = time.monotonic() + 20
    while not (workers := scene.server.workers() - {gone}):
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return workers

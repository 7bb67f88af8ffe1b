"""How often somebody may try, who counts as one, and what happens when nobody can count."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from limits.strategies import MovingWindowRateLimiter

from app import create_app
from config import Settings
from setting_types import Secret
from tests.backend import Backend
from tests.redis_server import REDIS, Redis

needs_redis = pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")
LOGIN = {"email": "ana@example.com", "password": "x"}
ROUTES = [
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/forgot-password"),
    ("PUT", "/api/auth/reset-password/t"),
]


@pytest.fixture
def limited(settings: Settings, backend: Backend) -> Settings:
    for method, path in ROUTES:
        backend.answer(f"{method} {path}", 401, json={"error": "no"})
    return replace(settings, ratelimit_auth="3 per minute")


def attempt(app: Flask, email: str = "ana@example.com", address: str = "127.0.0.1", **fields: str) -> int:
    """The status of one try to sign in, from an address of its own."""
    browser = app.test_client()
    body = {**LOGIN, "email": email}
    return browser.post("/api/auth/login", json=body, headers=fields, environ_base={"REMOTE_ADDR": address}).status_code


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_each_of_the_four_is_limited_by_itself(limited, backend, method, path):
    """RATELIMIT_AUTH attempts a client; the backend hears no more of them, and the answer says when to come back."""
    browser = create_app(limited).test_client()
    asked = {"username": "ana", "email": "ana@example.com", "password": "x"}

    answers = [browser.open(path, method=method, json=asked) for _ in range(5)]

    assert [answer.status_code == 429 for answer in answers] == [False, False, False, True, True]
    assert answers[-1].headers["X-BFF-Error"] == "rate_limited"
    assert 30 < int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].json == {
        "error": f"Demasiados intentos; inténtalo de nuevo en {answers[-1].headers['Retry-After']} s"
    }
    assert len(backend.requests) <= 3


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/auth/me", "/api/auth/session", "/healthz"])
def test_nothing_else_is_limited(limited, path):
    """What a signed-in page asks for is the backend's to limit."""
    browser = create_app(limited).test_client()

    assert 429 not in {browser.get(path).status_code for _ in range(10)}


def test_an_attempt_of_another_site_is_not_counted(limited):
    """It is refused before, or a page elsewhere could lock its visitors out."""
    app = create_app(limited)
    refused = {attempt(app, **{"Sec-Fetch-Site": "cross-site"}) for _ in range(10)}

    assert (refused, attempt(app)) == ({403}, 401)


def test_forged_forwarding_fields_make_no_new_client(limited):
    """Without a trusted proxy they are not read."""
    app = create_app(limited)

    statuses = [attempt(app, email=f"{n}@example.com", **{"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(6)]

    assert statuses == [401, 401, 401, 429, 429, 429]


def test_behind_a_proxy_its_own_entry_counts(limited):
    """The last one: what stands before it, the client may have written."""
    app = create_app(replace(limited, trusted_proxies=1))

    forged = [attempt(app, email=f"{n}@a.example", **{"X-Forwarded-For": f"10.0.0.{n}, 192.0.2.1"}) for n in range(5)]
    other = attempt(app, email="b@b.example", **{"X-Forwarded-For": "192.0.2.2"})

    assert (forged, other) == ([401, 401, 401, 429, 429], 401)


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("2001:db8:0:2::1", "2001:db8:0:3::1", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:8000::1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unix", "unix", True),
        ("", "", True),
        ("u" * 64 + "1", "u" * 64 + "2", True),
    ],
)
def test_one_client_is_one_address_or_one_network_of_ipv6(limited, one, other, are_one):
    """A subscriber of IPv6 has 2^64 addresses (RFC 4291 §2.5.4)."""
    app = create_app(limited)
    used_up = [attempt(app, email=f"{n}@example.com", address=one) for n in range(3)]

    assert used_up == [401, 401, 401]
    assert (attempt(app, email="z@example.com", address=other) == 429) is are_one


@pytest.mark.parametrize(
    "written",
    [
        "ana@example.com",
        "ANA@Example.com",
        "  ana@example.com\t",
        "\ufeff" * 400 + "ana@example.com",
        "ana\u200b@example.com\u2028",
        "\uff41na@example.com",
        "an\u00ada\u200b\u200c\u200d\u200e\u200f@example.com",
        "an\u2060\u2061\u2062\u2063\u2064a@example.com",
    ],
)
def test_an_account_is_limited_wherever_the_attempts_come_from(limited, written):
    """Many addresses, one victim; another account is not touched."""
    app = create_app(limited)
    for n in range(3):
        attempt(app, address=f"192.0.2.{n}")

    assert attempt(app, email=written, address="192.0.2.99") == 429
    assert attempt(app, email="eva@example.com", address="192.0.2.98") == 401


def test_what_is_counted_names_nobody_and_belongs_to_one_backend(limited):
    """A storage may be shared, and is read by others than we are; an account elsewhere is another."""
    here, there = create_app(limited), create_app(replace(limited, api_base_url="http://127.0.0.1:1"))
    attempt(here)
    attempt(there)
    [one], [other] = here.extensions["limiter"], there.extensions["limiter"]

    counted = [{key for key in limiter.storage.events if "account" in key} for limiter in (one, other)]

    assert [len(keys) for keys in counted] == [1, 1]
    assert not counted[0] & counted[1]
    assert "ana" not in str(counted)
    assert "/bff/" in str(counted[0])
    assert isinstance(one.limiter, MovingWindowRateLimiter)  # a fixed window lets twice as many through around its edge


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/forgot-password"])
def test_what_is_no_login_is_limited_by_client_alone(limited, path):
    """Or whoever knows an address could keep its owner from a new password."""
    app = create_app(limited)
    asked = {"username": "ana", **LOGIN}

    answers = [
        app.test_client().post(path, json=asked, environ_base={"REMOTE_ADDR": f"192.0.2.{n}"}).status_code
        for n in range(6)
    ]

    assert 429 not in answers


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"email": 1}', b'{"email": " "}', b'{"email": "' + b"x" * 400 + b'"}', b""]
)
def test_an_attempt_that_names_no_account_is_the_clients_alone(limited, body):
    """And is answered as it would be without limits."""
    browser = create_app(limited).test_client()

    answers = [browser.post("/api/auth/login", data=body, content_type="application/json") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"email": 1}', b'{"email": " \xe2\x80\x8b"}', b""])
def test_attempts_that_name_no_account_do_not_name_the_same(limited, body):
    """Or one client could use up what all others have."""
    browser = create_app(limited).test_client()
    addresses = [{"REMOTE_ADDR": f"192.0.2.{n}"} for n in range(5)]

    answers = [
        browser.post("/api/auth/login", data=body, content_type="application/json", environ_base=address)
        for address in addresses
    ]

    assert {answer.status_code for answer in answers} == {400}


@pytest.mark.parametrize(("address", "detail"), [("127.0.0.1", "per client"), ("192.0.2.1", "per account")])
def test_the_log_says_what_was_used_up(limited, events, address, detail):
    """One machine that guesses, or many that guess at one account."""
    app = create_app(replace(limited, ratelimit_auth="1 per minute"))
    attempt(app, email="ana@example.com")

    attempt(app, email="eva@example.com" if detail == "per client" else "ana@example.com", address=address)

    assert events[-1]["detail"] == detail


def test_a_body_that_is_too_large_is_too_large(limited):
    """Not a storage that failed, nor an attempt: it is not read."""
    app = create_app(limited)
    browser = app.test_client()

    answers = [browser.post("/api/auth/login", data=b"x" * 2**21, content_type="application/json") for _ in range(4)]

    assert {answer.status_code for answer in answers} == {413}
    assert attempt(app) == 401
    assert "bff_ratelimit_storage_failures_total 0.0" in app.test_client().get("/metrics").text


def test_a_preflight_is_no_attempt(limited):
    """It carries nothing to try."""
    app = create_app(replace(limited, cors_origins=("https://a.example",)))
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    for _ in range(5):
        app.test_client().options("/api/auth/login", headers=ask)

    assert attempt(app) == 401


@pytest.fixture
def remote(limited) -> Iterator[Callable[[str], Flask]]:
    """Makes applications that count in a Redis; closes their connections afterwards."""
    apps: list[Flask] = []

    def make(url: str) -> Flask:
        apps.append(create_app(replace(limited, ratelimit_storage_uri=Secret(url))))
        return apps[-1]

    yield make
    for app in apps:
        for limiter in app.extensions["limiter"]:
            limiter.storage.storage.connection_pool.disconnect()


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis() as redis:
        yield redis


def patient(app: Flask) -> Flask:
    """One that waits for its storage on a busy machine, too."""
    app.extensions["attempts"].longest_wait_seconds = 10
    return app


@needs_redis
def test_two_processes_share_one_count(remote, redis):
    """By RATELIMIT_STORAGE_URI; what is kept there names nobody."""
    one, other = patient(remote(redis.url)), patient(remote(redis.url))

    assert [attempt(one), attempt(other), attempt(one), attempt(other), attempt(one)] == [401, 401, 401, 429, 429]


@needs_redis
@pytest.mark.parametrize("gone", ["stopped", "halted", "never there", "no such name"])
def test_a_storage_that_is_gone_lets_attempts_through_without_delay(remote, redis, events, gone):
    """The backend's own limits are left. At most 50 ms for the one that finds out, nothing for those right after it."""
    uri = {"never there": "redis://127.0.0.1:1/0", "no such name": "redis://redis.invalid:6379/0"}.get(gone, redis.url)
    app = remote(uri)
    {"stopped": redis.stop, "halted": redis.halt}.get(gone, list)()

    seconds = [_timed(lambda: attempt(app)) for _ in range(6)]
    metrics = app.test_client().get("/metrics").text

    assert {status for status, _ in seconds} == {401}
    assert max(delay for _, delay in seconds) < 0.9  # 0.04, and what a busy machine adds; not a socket's 1 s
    warnings = [event["log_level"] for event in events if event["event"] == "ratelimit_storage_failed"]
    assert set(warnings) == {"warning"}
    assert f"bff_ratelimit_storage_failures_total {len(warnings):.1f}" in metrics
    assert len(warnings) < 6  # not asked again within a second


def _timed(call: Callable[[], int]) -> tuple[int, float]:
    started = time.monotonic()
    return call(), time.monotonic() - started


def test_a_remote_storage_has_little_time(remote):
    """As OPERATIONS.md says; a connection that hangs gives its thread back as well."""
    app = remote("redis://127.0.0.1:1/0")
    [limiter] = app.extensions["limiter"]

    options = limiter.storage.storage.connection_pool.connection_kwargs

    assert app.extensions["attempts"].longest_wait_seconds == 0.04
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (1, 1)


def test_after_a_failure_it_is_asked_again_in_a_second(remote, events):
    """Until then attempts pass at once, and the log has said why: one of two, by how busy the machine is."""
    app = remote("redis://127.0.0.1:1/0")

    before = time.monotonic()
    attempt(app)
    after = time.monotonic()

    assert before + 1 <= app.extensions["attempts"].ask_again_at <= after + 1
    [told] = [event["detail"] for event in events if event["event"] == "ratelimit_storage_failed"]
    assert re.match("(ConnectionError|TimeoutError): RATELIMIT_STORAGE_URI does not answer, ", told)


@needs_redis
def test_a_storage_that_comes_back_counts_again(remote):
    """After the pause."""
    redis = Redis()
    with redis:
        app = patient(remote(redis.url))
        before = attempt(app)
    without = attempt(app)
    app.extensions["attempts"].ask_again_at = 0.0
    with redis:
        after = [attempt(app) for _ in range(4)]

    assert (before, without, after) == (401, 401, [401, 401, 401, 429])

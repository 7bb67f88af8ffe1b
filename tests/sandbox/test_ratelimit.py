"""Too many requests are refused, where that is switched on."""

from collections.abc import Iterator

import pytest

from sandbox import start
from tests.sandbox.conftest import CHEAP_HASH, Caller


@pytest.fixture
def limited(tmp_path, clock) -> Iterator[Caller]:
    """A caller of a sandbox with rate limits."""
    database = tmp_path / "limited.sqlite3"
    with start(database, seed="accounts", rate_limits=True, clock=clock, hash_method=CHEAP_HASH) as sandbox:
        caller = Caller(sandbox.url)
        with caller.session:
            yield caller


def test_without_limits_nobody_counts(anonymous):
    responses = [anonymous.send("POST", "auth/login", {}) for _ in range(6)]

    assert responses[-1].status_code == 400
    assert "X-RateLimit-Limit" not in responses[-1].headers


def test_the_sixth_login_is_refused_for_15_minutes(limited, clock):
    allowed = [limited.send("POST", "auth/login", {}) for _ in range(5)]
    clock.advance(minutes=14)
    refused = limited.send("POST", "auth/login", {})
    clock.advance(minutes=14, seconds=59)
    still_refused = limited.send("POST", "auth/login", {})
    clock.advance(seconds=1)
    allowed_again = limited.send("POST", "auth/login", {})

    assert [response.headers["X-RateLimit-Remaining"] for response in allowed] == ["4", "3", "2", "1", "0"]
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "900")
    assert refused.headers["X-RateLimit-Block-Duration"] == "900"
    assert refused.json() == {
        "success": False,
        "error": "Too many login attempts. Please try again in 15 minutes.",
        "retryAfter": 900,
        "violations": 1,
        "blockedUntil": 1_778_842_740_000,  # 10:59 UTC on 15 May 2026
    }
    assert (still_refused.status_code, still_refused.headers["Retry-After"]) == (429, "1")
    assert allowed_again.status_code == 400


def test_a_body_that_is_refused_has_been_counted(limited):
    """The limit comes before everything else, the parser too."""
    headers = {"Content-Type": "application/json"}

    statuses = [limited.send("POST", "auth/login", data="{", headers=headers).status_code for _ in range(6)]

    assert statuses == [400] * 5 + [429]


@pytest.mark.parametrize("headers", [{"User-Agent": "otro"}, {"X-Forwarded-For": "203.0.113.9"}])
def test_another_client_has_its_own_count(limited, headers):
    [limited.send("POST", "auth/login", {}) for _ in range(6)]

    assert limited.send("POST", "auth/login", {}, headers=headers).status_code == 400


def test_both_halves_of_a_reset_count_together(limited):
    [limited.send("POST", "auth/forgotpassword", {}) for _ in range(2)]
    [limited.send("PUT", "auth/resetpassword/x", {}) for _ in range(1)]

    assert limited.send("POST", "auth/forgotpassword", {}).status_code == 429


def test_registering_is_allowed_three_times_an_hour(limited):
    statuses = [limited.send("POST", "auth/register", {}).status_code for _ in range(4)]

    assert statuses == [400, 400, 400, 429]


def test_the_limit_for_everything_comes_before_the_token(limited):
    statuses = {limited.send("GET", "vehicles").status_code for _ in range(200)}
    refused = limited.send("GET", "nada")

    assert statuses == {401}
    assert refused.status_code == 429

"""Session cookies that the npm packages made themselves, next-auth (v4) and @auth/core (v5), are read.

`package.json` names their versions. One node process makes all the cookies, before the first test.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from config import Settings
from proxy.errors import NotSignedIn, SessionExpired
from proxy.nextauth import NextAuthSession
from setting_types import Secret

HERE = Path(__file__).parent
SECRET, NEXT_SECRET = "test-secret-not-for-production", "test-secret-of-next-year"
V4, V5 = "next-auth.session-token", "authjs.session-token"
MONTH = 30 * 86_400
NOW = time.time()
CLAIMS_V4 = {
    "name": "Ada",
    "accessToken": "AT-v4",
    "accessTokenExpires": int((NOW + 3600) * 1000),
    "refreshToken": "RT-v4",
}
CLAIMS_V5 = {"name": "Zoë", "access_token": "AT-v5", "expires_at": int(NOW + 3600), "refresh_token": "RT-v5"}


def request(version: int, name: str, claims: dict[str, Any], *, secret: str | list[str] = SECRET, max_age: int = MONTH):
    """What `encode.mjs` reads for one session."""
    return {"version": version, "name": name, "secret": secret, "claims": claims, "maxAge": max_age}


REQUESTS = {
    "v4": request(4, V4, CLAIMS_V4),
    "v4 secure": request(4, f"__Secure-{V4}", CLAIMS_V4),
    "v4 renamed": request(4, "my.session", CLAIMS_V4),
    "v4 as v5": request(4, V4, CLAIMS_V5),
    "v4 long": request(4, V4, {**CLAIMS_V4, "accessToken": "a" * 6_000}),
    "v4 longest": request(4, f"__Secure-{V4}", {**CLAIMS_V4, "accessToken": "a" * 14_000}),
    "v4 too long": request(4, V4, {**CLAIMS_V4, "accessToken": "a" * 16_000}),
    "v4 over": request(4, V4, CLAIMS_V4, max_age=-60),
    "v4 unrefreshed": request(4, V4, {**CLAIMS_V4, "error": "RefreshAccessTokenError"}),
    "v4 token over": request(4, V4, {**CLAIMS_V4, "accessTokenExpires": int((NOW - 60) * 1000)}),
    "v4 without token": request(4, V4, {"name": "Ada"}),
    "v5": request(5, V5, CLAIMS_V5),
    "v5 secure": request(5, f"__Secure-{V5}", CLAIMS_V5),
    "v5 renamed": request(5, "my.session", CLAIMS_V5),
    "v5 as v4": request(5, V5, CLAIMS_V4),
    "v5 nested": request(5, V5, {"user": {"tokens": {"access": "AT-nested"}}}),
    "v5 next secret": request(5, V5, CLAIMS_V5, secret=[NEXT_SECRET, SECRET]),
    "v5 long": request(5, V5, {**CLAIMS_V5, "access_token": "a" * 6_000}),
    "v5 longest": request(5, f"__Secure-{V5}", {**CLAIMS_V5, "access_token": "a" * 14_000}),
    "v5 renamed long": request(5, "my.session", {**CLAIMS_V5, "access_token": "a" * 6_000}),
    "v5 too long": request(5, V5, {**CLAIMS_V5, "access_token": "a" * 16_000}),
    "v5 over": request(5, V5, CLAIMS_V5, max_age=-60),
    "v5 unrefreshed": request(5, V5, {**CLAIMS_V5, "error": "RefreshTokenError"}),
    "v5 token over": request(5, V5, {**CLAIMS_V5, "expires_at": int(NOW - 60)}),
    "v5 without token": request(5, V5, {"name": "Ada"}),
}


@pytest.fixture(scope="module")
def cookies() -> dict[str, dict[str, str]]:
    """The cookies of each of REQUESTS, by its name."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules/.package-lock.json").exists():
        # The suite needs nothing but Python and make; where it counts, nothing may be left out.
        leave_out = pytest.fail if "CI" in os.environ else pytest.skip
        leave_out("node 20 or its packages are missing: install node, then run `make install-node`")
    made = subprocess.run(
        [node, "encode.mjs"],
        cwd=HERE,
        input=json.dumps(list(REQUESTS.values())),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return dict(zip(REQUESTS, json.loads(made.stdout), strict=True))


def reading(*secrets: str, **settings: Any) -> NextAuthSession:
    defaults: dict[str, Any] = {"app_env": "testing", "api_base_url": "http://backend", "token_source": "nextauth"}
    auth_secrets = tuple(Secret(secret) for secret in secrets or [SECRET])
    return NextAuthSession(Settings(**{**defaults, "auth_secrets": auth_secrets, **settings}))


@pytest.mark.parametrize(
    ("name", "token"),
    [
        *(("v4", "AT-v4"), ("v4 secure", "AT-v4"), ("v4 as v5", "AT-v5")),
        *(("v5", "AT-v5"), ("v5 secure", "AT-v5"), ("v5 as v4", "AT-v4")),
    ],
)
def test_a_session_is_read(cookies, name, token):
    """Of both versions, under both names, with the claims of either one's guides."""
    found = reading().find(cookies[name], NOW)

    assert found.value == token
    assert 3590 < found.seconds_left(NOW) <= 3600


@pytest.mark.parametrize(
    ("name", "token"),
    [
        *(("v4 secure", "AT-v4"), ("v5 secure", "AT-v5")),
        *(("v4 longest", "a" * 14_000), ("v5 longest", "a" * 14_000)),
    ],
    ids=["v4", "v5", "v4 longest", "v5 longest"],
)
def test_production_reads_the_secure_names(cookies, name, token):
    """As the packages set them over https."""
    assert reading(app_env="production").find(cookies[name], NOW).value == token


@pytest.mark.parametrize("name", ["v4", "v5", "v4 long", "v5 long"])
def test_production_reads_no_other_names(cookies, name):
    """As the packages set them over http."""
    with pytest.raises(NotSignedIn, match="session cookie: none"):
        reading(app_env="production").find(cookies[name], NOW)


@pytest.mark.parametrize("app_env", ["production", "testing"])
@pytest.mark.parametrize(
    ("name", "token"),
    [("v4 renamed", "AT-v4"), ("v5 renamed", "AT-v5"), ("v5 renamed long", "a" * 6_000)],
    ids=["v4", "v5", "v5 long"],
)
def test_a_renamed_cookie_is_read(cookies, name, token, app_env):
    """The key of v5 follows the name."""
    session = reading(app_env=app_env, nextauth_cookie_name="my.session")

    assert session.find(cookies[name], NOW).value == token


@pytest.mark.parametrize(
    ("name", "chunks", "size", "length"),
    [
        *(("v4 long", 3, 3933, 6_000), ("v4 longest", 5, 3933, 14_000)),
        *(("v5 long", 3, 3936, 6_000), ("v5 longest", 5, 3936, 14_000)),
    ],
)
def test_a_long_session_is_read_from_its_chunks(cookies, name, chunks, size, length):
    """As the packages cut them."""
    assert len(cookies[name]) == chunks
    assert len(next(iter(cookies[name].values()))) == size
    assert reading().find(cookies[name], NOW).value == "a" * length


@pytest.mark.parametrize("name", ["v4 too long", "v5 too long"])
def test_a_session_of_more_than_five_chunks_is_refused(cookies, name):
    """No browser would get it through a server's limits."""
    assert len(cookies[name]) == 6
    with pytest.raises(NotSignedIn, match="session cookie: too long"):
        reading().find(cookies[name], NOW)


@pytest.mark.parametrize("name", ["v5", "v5 next secret", "v4"])
@pytest.mark.parametrize("secrets", [(NEXT_SECRET, SECRET), (SECRET, NEXT_SECRET)])
def test_while_secrets_change_cookies_of_both_are_read(cookies, name, secrets):
    """Auth.js encrypts with the first of its list; the order here does not matter."""
    assert reading(*secrets).find(cookies[name], NOW).value.startswith("AT-")


@pytest.mark.parametrize(("name", "secret"), [("v4", NEXT_SECRET), ("v5", NEXT_SECRET), ("v5 next secret", SECRET)])
def test_another_secret_reads_nothing(cookies, name, secret):
    """v5 encrypts with the first secret alone."""
    with pytest.raises(NotSignedIn, match="session cookie: no secret fits"):
        reading(secret).find(cookies[name], NOW)


def test_a_claim_inside_another_is_reached(cookies):
    """With NEXTAUTH_TOKEN_CLAIM=user.tokens.access."""
    found = reading(nextauth_token_claim=("user.tokens.access",)).find(cookies["v5 nested"], NOW)

    assert found.value == "AT-nested"
    assert MONTH - 60 < found.seconds_left(NOW) < MONTH + 60


@pytest.mark.parametrize("name", ["v4 without token", "v5 without token"])
def test_a_session_without_the_token_is_not_enough(cookies, name):
    """The `jwt` callback has to put it there."""
    with pytest.raises(NotSignedIn, match="session cookie: no token in the claim"):
        reading().find(cookies[name], NOW)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        *(("v4 over", "its exp has passed"), ("v5 over", "its exp has passed")),
        *(("v4 unrefreshed", "refresh failed"), ("v5 unrefreshed", "refresh failed")),
        *(("v4 token over", "the access token has expired"), ("v5 token over", "the access token has expired")),
    ],
)
def test_a_session_that_is_over_is_told_from_none(cookies, name, detail):
    """By its own date, by what next-auth notes of a failed refresh, and by the token's date."""
    with pytest.raises(SessionExpired, match=f"session cookie: {detail}"):
        reading().find(cookies[name], NOW)

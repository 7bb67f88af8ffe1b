"""The example app, examples/nextjs-auth, in a real browser: Next.js with Auth.js, this service and a private API.

A slower proof than the suite, and not a part of it: `make browser`. It needs Node.js and Chromium. `visit.mjs` is the
person in front of the screen; what it saw is judged here.
"""

import http.client
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
import trustme

from tests.server import Server, free_port

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "examples/nextjs-auth"
NEXT = "node_modules/next/dist/bin/next"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ENVIRON = {"PATH": os.environ["PATH"], "NEXT_TELEMETRY_DISABLED": "1"}
SECRET = secrets.token_urlsafe(32)
COOKIE = "authjs.session-token"
CATEGORIES = ["Strength", "Mobility", "Endurance"]


@dataclass
class Visit:
    """What the browser saw, and what the private API and the service wrote of it."""

    is_production: bool
    token: str
    calls: dict[str, dict[str, Any]]
    pages: dict[str, dict[str, str]]
    seen: list[dict[str, Any]]
    cookies: list[dict[str, Any]]
    heard: list[str] = field(default_factory=list)  # by the private API: "GET /path?query status"
    log: str = ""

    def session_cookies(self) -> list[dict[str, Any]]:
        return [cookie for cookie in self.cookies if COOKIE in cookie["name"]]


@pytest.fixture(scope="module")
def bff_port() -> int:
    """Where the service will listen: `next build` writes it into the rewrites."""
    port = free_port()
    assert CHROMIUM is not None, "Chromium is missing: apt-get install chromium"
    for folder in (EXAMPLE, HERE):
        assert (folder / "node_modules").exists(), f"packages are missing: npm ci --prefix {folder}"
    built = subprocess.run(
        ["node", NEXT, "build"],
        cwd=EXAMPLE,
        env={**ENVIRON, "BFF_URL": f"http://127.0.0.1:{port}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return port


@pytest.fixture(scope="module", params=["production", "development"])
def visit(request, bff_port) -> Visit:
    """One visit: in production behind https, with `__Secure-` cookies; in development over plain http."""
    is_production = request.param == "production"
    api_port, next_port = free_port(), free_port()
    api, bff_url = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{bff_port}"
    settings = {
        "APP_ENV": request.param,
        "API_BASE_URL": api,
        "TOKEN_SOURCE": "nextauth",
        "AUTH_SECRET": SECRET,
        "PROXY_ALLOW": "GET Exercises/*",
        "TRUSTED_PROXIES": "1" if is_production else "0",
    }
    bff = Server(settings, port=bff_port)
    backend = running(["backend.mjs"], api_port, PORT=str(api_port))
    app = running([NEXT, "start", "-p", str(next_port)], next_port, AUTH_SECRET=SECRET, API_URL=api, BFF_URL=bff_url)
    with backend as heard, app, bff:
        login = ask(api_port, "POST", "/login", json.dumps({"username": "demo", "password": "demo"}))
        report = look_around(next_port, is_https=is_production)
        visit = Visit(is_production, json.loads(login)["access_token"], **report)
        heard.seek(0)
        visit.heard = heard.read().splitlines()
    visit.log = bff.output
    return visit


def look_around(port: int, *, is_https: bool) -> dict[str, Any]:
    """Let `visit.mjs` visit the app behind `port`."""
    told = {"chromium": CHROMIUM, "next": port, "tls": certificate() if is_https else None}
    visited = subprocess.run(
        ["node", "visit.mjs"],
        cwd=HERE,
        env={**ENVIRON, "HOME": tempfile.gettempdir()},
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert visited.returncode == 0, visited.stderr
    report: dict[str, Any] = json.loads(visited.stdout)
    return report


def certificate() -> dict[str, str]:
    issued = trustme.CA().issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return {"key": issued.private_key_pem.bytes().decode(), "cert": chain.decode()}


@contextmanager
def running(command: list[str], port: int, **environ: str) -> Iterator[IO[str]]:
    """A Node program of the example's while it listens on `port`; what it prints."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            ["node", *command], cwd=EXAMPLE, env={**ENVIRON, **environ}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            give_up = time.monotonic() + 30
            while not ask(port, "HEAD", "/api/auth/providers"):
                assert process.poll() is None, f"{command} has ended"
                assert time.monotonic() < give_up, f"{command} does not serve"
                time.sleep(0.05)
            yield output
        finally:
            process.terminate()
            process.wait(timeout=15)


def ask(port: int, method: str, path: str, body: str | None = None) -> str:
    """The answer's body, or its status where it has none; empty while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.read().decode() or str(answer.status)
    except ConnectionError:
        return ""
    finally:
        connection.close()


def test_a_person_signs_in_and_sees_data(visit):
    """What the private API has for this user alone, fetched by a script of the page."""
    assert "Sign in" in visit.pages["opened"]["text"]
    for name in ("signed in", "reloaded"):
        assert "Hello, Ada" in visit.pages[name]["text"]
        assert all(category in visit.pages[name]["text"] for category in CATEGORIES)
    assert json.loads(visit.calls["signed-in"]["body"]) == CATEGORIES
    assert "GET /Exercises/categories?as=signed-in 200" in visit.heard


def test_the_server_renders_with_the_users_cookie(visit):
    """A server component that hands its Cookie field on."""
    assert visit.pages["rendered on the server"]["text"].strip() == "Strength, Mobility, Endurance"


def test_no_script_can_find_the_token(visit):
    """Not in cookies, storage or the page's source, of which the payload of React's server components is a part."""
    for page in visit.pages.values():
        assert visit.token not in "".join(page.values())
        assert COOKIE not in page["cookie"]
        assert page["storage"] == "[{},{}]"
    assert "self.__next_f" in visit.pages["signed in"]["html"]
    assert "Ada" in visit.pages["reloaded"]["html"]


def test_no_response_holds_the_token(visit):
    """Headers and bodies of everything that came to the browser; that other things are found shows that we look."""
    everything = json.dumps(visit.seen)

    assert visit.token not in everything
    assert SECRET not in everything
    assert all(found in everything for found in ("Ada", "Endurance", f"{COOKIE}=", "no_session"))
    assert len(visit.seen) > 20


def test_the_session_of_auth_js_does_not_show_the_token(visit):
    """Without a `session` callback it names the user, and no more."""
    session = json.loads(visit.calls["session"]["body"])

    assert session.keys() == {"user", "expires"}
    assert session["user"] == {"name": "Ada"}


def test_the_session_cookie_is_one_and_closed(visit):
    """`__Secure-` behind https; no script reads it, and no other site's form sends it."""
    (cookie,) = visit.session_cookies()

    assert cookie["name"] == (f"__Secure-{COOKIE}" if visit.is_production else COOKIE)
    assert cookie["secure"] is visit.is_production
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert cookie["value"].count(".") == 4


@pytest.mark.parametrize(
    "name",
    ["stranger", "wrong-password", "signed-out", "tampered-0", "tampered-2", "tampered-3", "tampered-4"],
)
def test_without_a_session_the_backend_hears_nothing(visit, name):
    """Before signing in, after signing out, and with any part of the cookie changed."""
    call = visit.calls[name]

    assert (call["status"], call["error"]) == (401, "no_session")
    assert json.loads(call["body"]) == {"error": "No autorizado"}
    assert [line for line in visit.heard if f"as={name} " in line] == []


def test_the_untampered_cookie_was_good(visit):
    """Else the refusals above would say nothing."""
    assert visit.calls["untampered"]["status"] == 200
    assert "GET /Exercises/categories?as=untampered 200" in visit.heard


@pytest.mark.parametrize(
    ("name", "status", "error"), [("outside", 404, "not_found"), ("other-method", 405, "method_not_allowed")]
)
def test_what_the_allow_list_does_not_name_is_not_reached(visit, name, status, error):
    """PROXY_ALLOW is `GET Exercises/*`."""
    call = visit.calls[name]

    assert (call["status"], call["error"]) == (status, error)
    assert [line for line in visit.heard if f"as={name} " in line] == []


def test_after_signing_out_the_page_is_as_before(visit):
    """Auth.js deletes the cookie, and that is all there was."""
    assert "Sign in" in visit.pages["signed out"]["text"]
    assert "Ada" not in visit.pages["signed out"]["html"]


def test_the_log_holds_no_secret(visit):
    """It names the step at which a session was refused; neither token, nor secret, nor any part of the cookie."""
    (cookie,) = visit.session_cookies()
    unsaid = [visit.token, SECRET, *filter(None, cookie["value"].split("."))]

    assert all(f"session cookie: {step}" in visit.log for step in ("none", "header not allowed", "no secret fits"))
    assert [part for part in unsaid if part in visit.log] == []

"""Rows 55 to 58 and 60: bodies that are none, are too long or come back wrong, and what crosses beside them."""

from pathlib import Path

import pytest

import sandbox
from tests.backend import Backend
from tests.contract.accounts import Account, vehicle
from tests.contract.browser import Browser, Direct

HTML = b"<!DOCTYPE html><pre>Cannot GET /api/vehicles</pre>"


BROKEN = {"cut": b"{", "null": b"null", "text": b'"x"'}


@pytest.mark.parametrize(
    "path",
    [
        "/api/auth/login",
        "/api/auth/register",
        "/api/vehicles",
        "/api/routes",
        "/api/refuels",
        "/api/maintenance",
        "/api/expenses",
    ],
)
@pytest.mark.parametrize("body", [*BROKEN.values(), None], ids=[*BROKEN, "none"])
def test_row_55_a_new_thing_is_a_json_object(
    client: Browser, backend: Backend, driver: Account, path: str, body: bytes | None
) -> None:
    """Both services want one; the BFF does not even ask."""
    refused = client.send("POST", path, body=body)
    at_sandbox = driver.direct.send("POST", path, body=body)

    assert (refused.status, refused.code) == (400, "bad_request")
    assert (backend.requests, backend.connections) == ([], 0)
    assert at_sandbox.status == 400


@pytest.mark.parametrize(
    "path", ["/api/auth/updatepassword", "/api/auth/updateprofile", "/api/vehicles/X", "/api/routes/X"]
)
@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_row_55_a_change_is_a_json_object(
    client: Browser, backend: Backend, driver: Account, path: str, body: bytes
) -> None:
    """Where every field is optional, too."""
    refused = client.send("PUT", path, body=body)
    at_sandbox = driver.direct.send("PUT", path, body=body)

    assert (refused.status, refused.code) == (400, "bad_request")
    assert (backend.requests, backend.connections) == ([], 0)
    assert at_sandbox.status == 400


@pytest.mark.parametrize("body", [*BROKEN.values(), None], ids=[*BROKEN, "none"])
def test_row_55_a_password_reset_is_a_json_object(
    anonymous: Browser, backend: Backend, sandbox_url: str, body: bytes | None
) -> None:
    """The backend spells the path without a hyphen, and wants the same."""
    refused = anonymous.send("PUT", "/api/auth/reset-password/x", body=body)
    at_sandbox = Direct(sandbox_url).send("PUT", "/api/auth/resetpassword/x", body=body)

    assert (refused.status, refused.code) == (400, "bad_request")
    assert (backend.requests, backend.connections) == ([], 0)
    assert at_sandbox.status == 400


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_row_55_a_forgotten_password_is_a_json_object(
    anonymous: Browser, backend: Backend, sandbox_url: str, body: bytes
) -> None:
    """The backend spells the path without a hyphen, and wants the same."""
    refused = anonymous.send("POST", "/api/auth/forgot-password", body=body)
    at_sandbox = Direct(sandbox_url).send("POST", "/api/auth/forgotpassword", body=body)

    assert (refused.status, refused.code) == (400, "bad_request")
    assert (backend.requests, backend.connections) == ([], 0)
    assert at_sandbox.status == 400


def test_row_55_a_forgotten_password_without_a_body_is_refused(
    anonymous: Browser, backend: Backend, sandbox_url: str
) -> None:
    """The backend checks nothing of this request before its handler fails on it."""
    refused = anonymous.send("POST", "/api/auth/forgot-password")
    at_sandbox = Direct(sandbox_url).send("POST", "/api/auth/forgotpassword")

    assert (refused.status, refused.code) == (400, "bad_request")
    assert (backend.requests, backend.connections) == ([], 0)
    assert at_sandbox.status in {400, 500}


def test_row_56_a_body_too_long_for_the_backend_is_refused_in_spanish(driver: Account) -> None:
    """The backend takes 100 KiB, the BFF more; the backend's words are those of its parser."""
    long = vehicle("LARGO", notas="x" * 150 * 1024)

    refused = driver.browser.post("/api/vehicles", json=long)
    at_sandbox = driver.direct.post("/api/vehicles", json=long)

    assert (refused.status, refused.error, refused.code) == (413, "La solicitud es demasiado grande", None)
    assert (at_sandbox.status, at_sandbox.error) == (413, "request entity too large")


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [("404 Not Found", "text/html", HTML), ("200 OK", "text/html", HTML), ("200 OK", "application/json", b"")],
    ids=["404 in HTML", "200 in HTML", "200 without a body"],
)
def test_row_57_an_answer_that_is_not_json_is_a_bad_gateway(
    client: Browser, backend: Backend, status: str, content_type: str, body: bytes
) -> None:
    """What answers so is not the backend, or not the path that was meant."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    backend.answer_bytes("GET /api/vehicles", head.encode() + body, close=False)

    refused = client.get("/api/vehicles")

    assert (refused.status, refused.code) == (502, "backend_invalid")
    assert len(backend.requests) == 1


def test_row_58_a_429_of_the_backend_says_when_to_come_back(anonymous: Browser, backend: Backend) -> None:
    """Its text and `Retry-After` go through, its own counters do not."""
    told = {"success": False, "error": "Too many login attempts.", "retryAfter": 900, "violations": 1}
    limits = [("Retry-After", "900"), ("X-RateLimit-Remaining", "0")]
    backend.answer("POST /api/auth/login", 429, json=told, headers=limits)

    refused = anonymous.post("/api/auth/login", json={"email": "ana@example.gt", "password": "Secreto1"})

    assert (refused.status, refused.json, refused.code) == (429, {"error": "Too many login attempts."}, None)
    assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Remaining"]) == ("900", None)


def test_row_58_the_sandbox_says_when_to_come_back(tmp_path: Path) -> None:
    """Where it is told to have limits at all: three password resets in a quarter of an hour."""
    with sandbox.start(tmp_path / "limited.sqlite3", seed="nothing", rate_limits=True) as limited:
        asked = [Direct(limited.url).post("/api/auth/forgotpassword", json={"email": "a@example.gt"}) for _ in range(4)]

    assert [answer.status for answer in asked] == [200, 200, 200, 429]
    assert asked[3].error == "Too many password reset attempts. Please try again in 15 minutes."
    assert asked[3].headers["Retry-After"] == "900"


def test_row_60_a_conditional_request_is_answered_in_full(driver: Account) -> None:
    """An answer is one user's alone and never stored, so the BFF never asks for a 304."""
    driver.add_vehicle("CON ETAG")
    etag = driver.direct.get("/api/vehicles/CON%20ETAG").headers["ETag"]

    answered = driver.browser.get("/api/vehicles/CON%20ETAG", headers={"If-None-Match": etag})
    at_sandbox = driver.direct.get("/api/vehicles/CON%20ETAG", headers={"If-None-Match": etag})

    assert (answered.status, answered.data["alias"]) == (200, "CON ETAG")
    assert (at_sandbox.status, at_sandbox.body) == (304, b"")

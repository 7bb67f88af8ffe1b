"""Canaries: secrets are sent in through every door, and looked for wherever somebody could see them."""

import base64
import http.client
import json
import logging
import socket
from dataclasses import replace

import pytest

from app import create_app
from tests.backend import Backend
from tests.server import Server

TOKEN = "canary-header.canary-payload.canary-signature"
EXPIRED = "canary." + base64.urlsafe_b64encode(b'{"exp": 1}').decode().rstrip("=") + ".canary"
PASSWORD = "canary-password"
RESET_TOKEN = "canary-reset"
SESSION = {"success": True, "token": TOKEN, "data": {"token": TOKEN, "user": {"id": "1", "username": "ana"}}}
SIGN_IN = json.dumps({"username": "ana", "email": "ana@example.com", "password": PASSWORD})
CHANGE = json.dumps({"currentPassword": PASSWORD, "newPassword": PASSWORD})
COOKIE = f"token={TOKEN}"

REQUESTS = [
    ("POST", "/api/auth/login", SIGN_IN, ""),
    ("POST", "/api/auth/login", SIGN_IN[:-1], ""),
    ("POST", "/api/auth/register", SIGN_IN, COOKIE),
    ("PUT", f"/api/auth/reset-password/{RESET_TOKEN}", SIGN_IN, ""),
    ("PUT", f"/api/auth/reset-password/{RESET_TOKEN}%zz", SIGN_IN, ""),
    ("PUT", f"/api/auth/reset-password/{RESET_TOKEN}/{RESET_TOKEN}", SIGN_IN, ""),
    ("GET", f"/api/auth/reset-password/{RESET_TOKEN}", "", ""),
    ("PUT", "/api/auth/updatepassword", CHANGE, COOKIE),
    ("GET", "/api/auth/me", "", COOKIE),
    ("GET", "/api/auth/me", "", f"token={EXPIRED}"),
    ("GET", "/api/auth/me", "", "token=canary with a blank"),
    ("GET", "/api/auth/session", "", COOKIE),
    ("POST", "/api/auth/logout", "", COOKIE),
    ("GET", f"/api/vehicles?password={PASSWORD}", "", COOKIE),
    ("GET", f"/api/dashboard?token={TOKEN}", "", COOKIE),
    ("GET", "/api/expenses", "", COOKIE),
    ("GET", "/api/refuels", "", COOKIE),
    ("GET", "/api/routes", "", COOKIE),
]


REFUSED_BY_GUNICORN = [
    f"PUT /api/auth/reset-password/{RESET_TOKEN}\xff HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1"),
    f"GET /api/auth/me HTTP/1.1\r\nHost: x\r\nCookie token={TOKEN}\r\n\r\n".encode(),
    f"POST /api/auth/me HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{PASSWORD}\r\n".encode(),
    f"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    f"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{PASSWORD}\r\n".encode(),
]


@pytest.fixture
def misbehaving(backend: Backend) -> Backend:
    """A backend that answers some with a session and others with every kind of failure."""
    backend.answer("POST /api/auth/login", json=SESSION)
    backend.answer("POST /api/auth/register", 201, json=SESSION)
    backend.answer(f"PUT /api/auth/resetpassword/{RESET_TOKEN}", json=SESSION)
    backend.answer("PUT /api/auth/updatepassword", 401, json={"error": "Contraseña actual incorrecta"})
    backend.answer("GET /api/auth/me", json=SESSION)
    backend.answer("GET /api/vehicles", 500, json={"message": "no"})
    backend.answer("GET /api/dashboard", body=b"<html>")
    backend.answer_bytes("GET /api/expenses", b"garbage\r\n\r\n")
    backend.answer_bytes("GET /api/refuels", b"HTTP/1.1 200 OK\r\nbroken header\r\nContent-Length: 9\r\n\r\n{")
    backend.answer_bytes("GET /api/routes", b"")
    return backend


def test_no_secret_is_in_an_answer_or_in_the_log(misbehaving):
    """Everything but Set-Cookie, which is where the token belongs; the log is gunicorn's and ours together."""
    with Server({"API_BASE_URL": misbehaving.url}) as server:
        answers = [_ask(server.port, *request) for request in REQUESTS]

        for request in REFUSED_BY_GUNICORN:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(request)
                connection.makefile("rb").read()

    assert [answer for answer in answers if "canary" in answer] == []
    assert "canary" not in server.output
    assert server.output.count('"code":"bad_request"') >= len(REFUSED_BY_GUNICORN)


def test_no_secret_is_in_any_logger(misbehaving, settings, caplog, events):
    """Not even at DEBUG, whichever library speaks."""
    caplog.set_level(logging.DEBUG)
    browser = create_app(replace(settings, api_base_url=misbehaving.url)).test_client(use_cookies=False)

    for method, path, body, cookie in REQUESTS:
        browser.open(path, method=method, data=body, content_type="application/json", headers={"Cookie": cookie})

    assert "canary" not in caplog.text + str(events)
    assert len(events) >= len(REQUESTS)


def _ask(port: int, method: str, path: str, body: str, cookie: str) -> str:
    """All that the browser gets, as text, less the cookie."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Cookie": cookie, "Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    connection.request(method, path, body or None, headers)
    response = connection.getresponse()
    fields = [f"{name}: {value}" for name, value in response.getheaders() if name.lower() != "set-cookie"]
    text = response.read().decode()
    connection.close()
    return "\n".join([str(response.status), *fields, text])

"""The service under attack: how it is configured, and what a legal request to it looks like."""

import random
import socket
from dataclasses import dataclass

from tests.server import Server

TOKEN = "a.b.c"
COOKIE = b"__Host-token=a.b.c"
HOST = b"app.example.com"

VEHICLE = b'{"alias": "A", "marca": "M", "modelo": 2020, "plates": "P-1"}'
EMAIL = b'{"email": "ana@example.com"}'
SIGN_IN = b'{"email": "ana@example.com", "password": "secret-1"}'


def serve(environ: dict[str, str]) -> Server:
    """A service that is not started yet, on a port that the system gives to no connection of ours (RFC 6335 §6)."""
    return Server(environ, port=next(port for port in iter(_any_port, 0) if _is_free(port)))


def _any_port() -> int:
    return random.randint(15_000, 32_000)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def production(backend_url: str, **more: str) -> dict[str, str]:
    """The environment of a service as it should be run; attempts are not limited, for there will be many."""
    return {
        "APP_ENV": "production",
        "API_BASE_URL": backend_url,
        "PROXY_BASE_URL": backend_url,
        "TOKEN_COOKIE_NAME": "__Host-token",
        "RATELIMIT_AUTH": "1000000 per minute",
        **more,
    }


@dataclass(frozen=True)
class Endpoint:
    """A way in that takes a body; `heard_as` is what the backend hears of it."""

    path: bytes
    body: bytes
    heard_as: str


TYPED = Endpoint(b"/api/vehicles", VEHICLE, "POST /api/vehicles")
PUBLIC = Endpoint(b"/api/auth/forgot-password", EMAIL, "POST /api/auth/forgotpassword")
STREAMED = Endpoint(b"/api/proxy/items", VEHICLE, "POST /items")
WAYS_IN = {"typed": TYPED, "public": PUBLIC, "streamed": STREAMED}


def get(target: bytes, *lines: bytes, cookie: bytes = COOKIE) -> bytes:
    """A GET of a signed-in user's, with these field lines behind its own."""
    return request(b"GET", target, *lines, cookie=cookie)


def request(method: bytes, target: bytes, *lines: bytes, cookie: bytes = COOKIE, body: bytes | None = None) -> bytes:
    """A request of a signed-in user's; a body is JSON."""
    head = [method + b" " + target + b" HTTP/1.1", b"Host: " + HOST]
    head += [b"Cookie: " + cookie] if cookie else []
    if body is not None:
        head += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*head, *lines, b"", body or b""])

"""Pages of other sites against a signed-in user, in a real browser: what they send, what they read, what they plant.

nginx ends TLS for every name, as in production, and notes what arrives; the backend says yes to everything it is asked.
`browser.mjs` drives Chromium: the victim in one tab, attackers in others; what came of it is judged here. Not a part of
the suite: it needs nginx, Node.js, Chromium and a minute.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from tests.backend import Backend
from tests.backend import Request as Heard
from tests.proxy.api.test_auth import jwt
from tests.server import Server, free_port

HERE = Path(__file__).parent
DRIVER = HERE.parent / "browser"  # where playwright-core is
NEXT_AUTH = HERE.parent / "next_auth"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

APP = "app.example.com"
ORIGIN = f"https://{APP}"
FRIEND = "https://friend.example"  # in CORS_ORIGINS
NAMES = [APP, "sub.example.com", "evil.example", "stranger.example", "friend.example"]
END_OF_TIME = 4_102_444_800
VICTIM = jwt(sub="ada", exp=END_OF_TIME)
MALLORY = jwt(sub="mallory", exp=END_OF_TIME)
SECRET = secrets.token_urlsafe(32)
SAID = "Ada Lovelace"  # what the backend tells the victim alone

# Where attackers stand: a foreign page; a sibling subdomain, of the same site; a neighbour without TLS; a frame of
# another site, and one of nobody's (Origin: null), in the app's own page; a data: URL in a foreign page.
ATTACKERS = ("evil", "sub", "plain", "stranger", "sandbox", "data")
TOPMOST = ("evil", "sub", "plain")
WITH_SERVICE_WORKERS = ("evil", "sub", "stranger")


@dataclass(frozen=True)
class Target:
    """A request of the app's."""

    name: str
    method: str
    path: str
    json: Any = None


LOGIN = Target("login", "POST", "/api/auth/login", {"email": "mallory@evil.example", "password": "mallory-1"})
LOGOUT = Target("logout", "POST", "/api/auth/logout", {})
CREATE = Target(
    "create vehicle", "POST", "/api/vehicles", {"alias": "m", "marca": "M", "modelo": 2020, "plates": "M-1"}
)
PROXY = Target("POST through the proxy", "POST", "/api/proxy/Exercises/new", {"name": "m"})
UPDATE = Target("update vehicle", "PUT", "/api/vehicles/coche", {"color": "red"})
REACTIVATE = Target("reactivate vehicle", "PATCH", "/api/vehicles/coche/reactivate", {})
DELETE = Target("delete vehicle", "DELETE", "/api/vehicles/coche")
POSTS = (LOGIN, LOGOUT, CREATE, PROXY)
CHANGES = (UPDATE, REACTIVATE, DELETE)

ME = Target("me", "GET", "/api/auth/me")
PAGE = Target("a page of the proxy's", "GET", "/api/proxy/Exercises/page")
PHOTO = Target("a photo of the proxy's", "GET", "/api/proxy/Exercises/photo")
SCRIPT = Target("a script of the proxy's", "GET", "/api/proxy/Exercises/script")
STYLE = Target("a style of the proxy's", "GET", "/api/proxy/Exercises/style")


@dataclass(frozen=True)
class Way:
    """A way of a page to make a browser send something; its code has the same name in `browser.mjs`.

    `sends` is what arrives: a method, OPTIONS where a preflight is all, nothing where the browser itself refuses.
    """

    name: str
    sends: str
    targets: tuple[Target, ...]
    by: tuple[str, ...] = ATTACKERS
    is_with_cookie: bool = True
    arrivals: int = 1


def ways(names: str, sends: str, *targets: Target, **more: Any) -> list[Way]:
    """A way for each line of `names`."""
    return [Way(name.strip(), sends, targets, **more) for name in names.strip().splitlines()]


WRITING = [
    # Forms: also with JSON in them, also from the second click on.
    *ways("form text/plain JSON, in an iframe", "POST", *POSTS),
    *ways("form urlencoded, in an iframe", "POST", LOGOUT),
    *ways("form multipart, in an iframe", "POST", PROXY),
    *ways("form text/plain JSON, in a new tab", "POST", LOGIN, CREATE),
    *ways("form urlencoded, in a new tab", "POST", LOGOUT),
    *ways("form multipart, in a new tab", "POST", PROXY),
    *ways("form text/plain JSON, in the same tab", "POST", CREATE),
    *ways("form urlencoded, in the same tab", "POST", LOGOUT),
    *ways("form text/plain JSON, in the same tab, then reload", "POST", CREATE, by=TOPMOST, arrivals=2),
    *ways("form urlencoded, in the same tab, then away, back and reload", "POST", LOGOUT, by=TOPMOST, arrivals=2),
    *ways("form text/plain JSON, without referrer", "POST", CREATE),
    *ways("form text/plain JSON, redirected", "POST", CREATE),
    # Scripts, as far as no permission is asked for
    *ways(
        """
        fetch no-cors, text/plain JSON
        fetch no-cors, urlencoded
        fetch no-cors, multipart
        fetch no-cors, application/json
        fetch no-cors, a Blob of application/json
        fetch no-cors, no body
        fetch no-cors, keepalive
        fetch no-cors, without referrer
        fetch no-cors, redirected
        fetch cors, text/plain JSON
        fetch cors, urlencoded
        fetch cors, multipart
        fetch cors, no body
        fetch cors, text/plain; application/json
        fetch cors, forged Origin, Host and Sec-Fetch-Site
        fetch cors, redirected
        XMLHttpRequest text/plain JSON
        sendBeacon of a string
        sendBeacon of a Blob, text/plain
        sendBeacon of FormData
        sendBeacon of URLSearchParams
        fetch from a worker
        """,
        "POST",
        *POSTS,
    ),
    *ways("a ping", "POST", LOGOUT, CREATE),
    *ways("CSP report-uri", "POST", LOGOUT, is_with_cookie=False),
    *ways("fetch from a service worker", "POST", *POSTS, by=WITH_SERVICE_WORKERS),
    *ways("fetchLater", "POST", *POSTS, by=("evil", "sub", "sandbox")),
    # Scripts that need permission
    *ways(
        """
        fetch cors, application/json
        fetch cors, a Blob of application/json
        fetch cors, keepalive application/json
        fetch cors, a streamed body
        fetch cors, X-HTTP-Method-Override
        fetch cors, redirected application/json
        XMLHttpRequest text/plain JSON, with a listener
        XMLHttpRequest application/json
        sendBeacon of a Blob, application/json
        """,
        "OPTIONS",
        *POSTS,
    ),
    # Other methods
    *ways("form of that method", "GET", UPDATE),
    *ways("form with _method", "POST", DELETE),
    *ways("fetch no-cors, X-HTTP-Method-Override", "POST", *CHANGES),
    *ways(
        """
        fetch no-cors, text/plain JSON
        fetch no-cors, keepalive
        fetch from a worker
        """,
        "",
        *CHANGES,
    ),
    *ways(
        """
        fetch cors, text/plain JSON
        fetch cors, application/json
        fetch cors, no body
        fetch cors, keepalive application/json
        fetch cors, X-HTTP-Method-Override
        fetch cors, the method in lower case
        fetch cors, redirected application/json
        XMLHttpRequest application/json
        """,
        "OPTIONS",
        *CHANGES,
    ),
]

READING = [
    *ways(
        """
        img
        input of type image
        image in SVG
        video
        audio
        link preload
        style url()
        img with credentials
        """,
        "GET",
        ME,
        PHOTO,
    ),
    *ways("link icon", "GET", ME, PHOTO, by=TOPMOST),
    *ways(
        """
        script
        script, and what it leaves
        script of type module, with credentials
        importScripts in a worker
        """,
        "GET",
        ME,
        SCRIPT,
    ),
    *ways("link modulepreload", "GET", SCRIPT, is_with_cookie=False),
    *ways(
        """
        link stylesheet
        style @import
        """,
        "GET",
        ME,
        STYLE,
    ),
    *ways("style @font-face", "GET", ME, is_with_cookie=False),
    *ways(
        """
        iframe, and a look inside
        object
        window.open, and a look inside
        """,
        "GET",
        ME,
        PAGE,
    ),
    *ways(
        """
        iframe
        embed
        """,
        "GET",
        PAGE,
    ),
    *ways(
        """
        link prefetch
        EventSource
        WebSocket
        fetch no-cors, no body
        fetch cors, no body
        XMLHttpRequest text/plain JSON
        fetch from a worker
        """,
        "GET",
        ME,
    ),
    *ways("fetch no-cors, HEAD", "HEAD", ME),
    *ways("fetch cors, without credentials", "GET", ME, is_with_cookie=False),
    *ways("fetch from a service worker", "GET", ME, by=WITH_SERVICE_WORKERS),
    *ways(
        """
        form GET, in an iframe
        form GET, in a new tab
        form GET, in the same tab
        link, in a new tab
        link, in the same tab
        meta refresh, in the same tab
        location.replace, in the same tab
        """,
        "GET",
        ME,
    ),
    *ways("link, in the same tab, then reload", "GET", ME, by=TOPMOST, arrivals=2),
]


@dataclass(frozen=True)
class Run:
    """A way to run the service, and who attacks it; `same_site` is the session cookie's."""

    name: str
    same_site: str
    writers: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    is_next_auth: bool = False
    hides_metadata: bool = False  # as if the browser were too old for Sec-Fetch-Site: Origin alone tells


RUNS = {
    run.name: run
    for run in (
        Run("Strict", "Strict", writers=("evil", "sub"), readers=("evil", "sub")),
        Run("None", "None", writers=ATTACKERS, readers=("evil", "sub")),
        Run("None, by Origin", "None", writers=("evil", "sub", "sandbox"), hides_metadata=True),
        Run("next-auth", "Lax", readers=("evil", "sub", "stranger", "sandbox"), is_next_auth=True),
    )
}


@dataclass(frozen=True)
class Attempt:
    """One thing that an attacker tries; `marker` is how it is found again wherever it arrives."""

    run: Run
    attacker: str
    way: Way
    target: Target
    marker: str

    def __str__(self) -> str:
        return f"{self.run.name}, {self.attacker}: {self.way.name} -> {self.target.name}"

    @property
    def is_with_cookie(self) -> bool:
        """Whether the browser sends the victim's cookie along; where it does, only the service is left to refuse."""
        is_new_page = re.search(r"in a new tab|window\.open", self.way.name) is not None
        is_new_page |= "in the same tab" in self.way.name and self.attacker in TOPMOST
        reaches = {"Strict": False, "Lax": is_new_page, "None": True}[self.run.same_site]
        return self.way.is_with_cookie and (reaches or self.attacker == "sub")

    @property
    def answers(self) -> set[tuple[str, str, bool]]:
        """What is to arrive, if anything, how it is answered, and whether with the cookie."""
        refused, seen = "403 cross_site", "200" if self.is_with_cookie else "401 no_session"
        is_safe_enough = self.run.same_site == "Strict" or self.run.hides_metadata
        said = seen if self.way.sends in {"GET", "HEAD"} and is_safe_enough else refused
        answers = {"": set(), "OPTIONS": {("OPTIONS", "not allowed", False)}}
        return answers.get(self.way.sends, {(self.way.sends, said, self.is_with_cookie)})

    @property
    def arrivals(self) -> int:
        """How often it arrives, at least."""
        return self.way.arrivals if self.way.sends else 0

    @property
    def harmless(self) -> re.Pattern[str]:
        """What the attacker's page may learn: no more than that something was sent. A frame loads, if only an error."""
        is_frame = re.match("iframe|embed|form", self.way.name) is not None
        return re.compile(r"error|nothing|submitted|refused( \w+)?(, nothing heard)?" + ("|load" if is_frame else ""))

    def told(self) -> dict[str, Any]:
        target = {"method": self.target.method, "path": self.target.path, "json": self.target.json}
        attempt = {"marker": self.marker, "attacker": self.attacker, "way": self.way.name, "arrivals": self.arrivals}
        return attempt | target


def attempts(run: Run) -> list[Attempt]:
    """Attacker by attacker."""
    tried = [
        (attacker, way, target)
        for attackers, made in ((run.writers, WRITING), (run.readers, READING))
        for attacker in attackers
        for way in made
        if attacker in way.by and (way.sends == "POST" or not run.hides_metadata)
        for target in way.targets
    ]
    return [Attempt(run, *each, marker=f"attempt-{number}") for number, each in enumerate(tried)]


ATTEMPTS = {name: attempts(run) for name, run in RUNS.items()}
WRITES = [attempt for tried in ATTEMPTS.values() for attempt in tried if attempt.way in WRITING]
READS = [attempt for tried in ATTEMPTS.values() for attempt in tried if attempt.way in READING]
# The same before anybody has signed in: what differs tells a page who its visitor is.
PROBED = [a for a in ATTEMPTS["Strict"] if a.attacker == "sub" and a.way in READING and a.target in (ME, PHOTO)]

# What pages may do that are asked to: the app's own, and the friend's where the cookie is sent across sites.
CALLS = {f"call-{number}": target for number, target in enumerate([ME, CREATE, UPDATE, REACTIVATE, DELETE, PROXY])}


@dataclass(frozen=True)
class Plant:
    """Cookies that someone else sets: from where, how, and whether the browser takes them and sends them to the app.

    In their text, EVIL stands for the value of a good token cookie of the attacker's.
    """

    name: str
    cookies: tuple[Any, ...]
    is_sent: bool = True
    how: str = "script"
    by: str = "sub"
    signed_in: int = 200  # what the victim is answered; 0 where their request does not get through at all
    signed_out: int = 401

    def __str__(self) -> str:
        return f"{self.by}, {self.how}: {self.name}"

    @property
    def bearers(self) -> set[str]:
        """What the backend may hear while the victim is signed in: their own token, or nothing."""
        return {f"Bearer {VICTIM}"} if self.signed_in == 200 else set()


EVERYWHERE = "domain=example.com; path=/; secure"
BELOW_API = "domain=example.com; path=/api; secure"  # the longer path comes first in the Cookie field
BLANKS = "85 a0 ad 1680 180e 2000 2003 2007 2009 200a 200b 2028 2029 202f 205f 2060 3000 feff".split()
CONTROLS = "00 0b 0c 1c 1d 1e 1f 7f".split()


def named(name: str, scope: str = BELOW_API) -> tuple[str]:
    return (f"{name}=EVIL; {scope}",)


def utf8(cookies: tuple[str, ...]) -> tuple[str, ...]:
    """As bytes, each as the character of its number: so Node writes them."""
    return tuple(cookie.encode().decode("latin-1") for cookie in cookies)


def filling(count: int, value: str = "x") -> tuple[str, ...]:
    return tuple(f"filling{number}={value}; {EVERYWHERE}" for number in range(count))


PLANTS = [
    # The very name, which a browser takes from its own host alone, whatever the case
    *(Plant(name, named(name), is_sent=False) for name in ("__Host-token", "__host-token", "__HOST-TOKEN")),
    Plant("__Host-token, for every path", named("__Host-token", EVERYWHERE), is_sent=False),
    Plant("__Host-token, in a header", named("__Host-token"), how="header", is_sent=False),
    Plant("__Host-token, without TLS", named("__Host-token", "domain=example.com; path=/"), by="plain", is_sent=False),
    Plant("__Host-token, for itself", named("__Host-token", "path=/; secure"), is_sent=False),
    Plant("__Host-token, in a jar of its own", named("__Host-token", "path=/; secure; partitioned"), is_sent=False),
    Plant("__Host-token, deleted", ("__Host-token=; domain=example.com; path=/; secure; max-age=0",), is_sent=False),
    # Around the name, what some parsers trim
    *(Plant(f"U+{code:0>4} and the name", named(chr(int(code, 16)) + "__Host-token")) for code in BLANKS),
    *(
        Plant(f"U+{code:0>4} and the name, in a header", utf8(named(chr(int(code, 16)) + "__Host-token")), how="header")
        for code in ("85", "a0", "2000", "3000")
    ),
    *(
        Plant(f"byte {code} and the name, in a header", named(chr(int(code, 16)) + "__Host-token"), how="header")
        for code in ("85", "a0")
    ),
    *(
        Plant(f"U+{code:0>4} and the name", named(chr(int(code, 16)) + "__Host-token"), is_sent=False)
        for code in ("09", "20", *CONTROLS)
    ),
    Plant("U+2000 and the name, without TLS", named("\u2000__Host-token", "domain=example.com; path=/"), by="plain"),
    Plant("the name and U+2000", named("__Host-token\u2000"), is_sent=False),
    # No name, and the name in the value
    *(
        Plant(f"no name: {start}__Host-token", (f"{start}__Host-token=EVIL; {BELOW_API}",), is_sent=False)
        for start in ("=", " = ", "=\t", "==", "=\u2000")
    ),
    Plant("no name, in a header", (f"=__Host-token=EVIL; {BELOW_API}",), how="header", is_sent=False),
    Plant("no name, without TLS", ("=__Host-token=EVIL; domain=example.com; path=/api",), by="plain", is_sent=False),
    # What splits, joins or decodes in some parsers
    Plant("behind a comma", (f"a=b, __Host-token=EVIL; {BELOW_API}",)),
    Plant("in quotation marks", (f'a="b, __Host-token=EVIL"; {BELOW_API}',)),
    Plant("behind an escaped semicolon", (f'a="b\\073 __Host-token=EVIL"; {BELOW_API}',)),
    Plant(
        "between quotation marks of two cookies",
        (f"$Version=1; {BELOW_API}", f'a="b; {BELOW_API}', f"c=EVIL; {EVERYWHERE}", f'd=e"; {EVERYWHERE}'),
    ),
    *(
        Plant(name, named(name))
        for name in ("%5F%5FHost-token", "__Host%2Dtoken", "\uff3f\uff3fHost-token", "__Host\u2010token", "$Host-token")
    ),
    # Names that ours might be taken for
    *(Plant(name, named(name)) for name in ("token", "Token", "__Secure-token", "_Host-token", "Host-token")),
    Plant("token, in a header", named("token"), how="header"),
    Plant("token, without TLS", named("token", "domain=example.com; path=/"), by="plain"),
    Plant("token, for one endpoint", named("token", "domain=example.com; path=/api/auth/me; secure")),
    # Another door to the same jar
    *(
        Plant(
            f"{name!r}: {value}",
            ({"name": name, "value": value, "domain": "example.com"},),
            how="store",
            is_sent=is_sent,
        )
        for name, value, is_sent in (
            ("__Host-token", "EVIL", False),
            ("", "__Host-token=EVIL", False),
            ("\u2000__Host-token", "EVIL", True),
            ("token", "EVIL", True),
        )
    ),
    # More than fits: the victim's is thrown out, or the request is too large
    Plant("200 cookies, then token", (*filling(200), *named("token")), signed_in=401),
    Plant("token, and 20 kB", (*named("token"), *filling(5, "x" * 4000)), signed_in=431, signed_out=431),
    Plant("token, and 200 kB", (*named("token"), *filling(50, "x" * 4000)), is_sent=False, signed_in=0, signed_out=0),
]
PLANTED = [(f"plant-{number}", plant) for number, plant in enumerate(PLANTS)]


_TOKEN_COOKIE = re.compile(r"(^|; )__(Host-token|Secure-authjs\.session-token)=")


@dataclass(frozen=True)
class Exchange:
    """A request as it arrived at the front, and its answer."""

    method: str
    target: str
    status: int
    error: str
    cookie: str
    sets: str
    allows: str
    clears: str

    @property
    def answer(self) -> tuple[str, str, bool]:
        """What came, how it was answered, and whether it had the victim's cookie, as in `Attempt.answers`."""
        said = f"{self.status} {self.error}".strip()
        if self.method == "OPTIONS":
            said = "allowed" if self.allows else "not allowed"
        return self.method, said, _TOKEN_COOKIE.search(self.cookie) is not None


def marker_in(target: str) -> str:
    found = re.search(r"[?&]as=([\w-]+)", target)
    return found[1] if found else ""


@dataclass
class Visit:
    """What came of one run: what the browser told, what arrived at the front, what the backend heard."""

    report: dict[str, Any]
    exchanges: list[Exchange]
    heard: list[Heard]
    evil_cookie: str  # the value of the attacker's own token cookie
    log: str

    def __post_init__(self) -> None:
        self._arrived: dict[str, list[Exchange]] = defaultdict(list)
        self._heard: dict[str, list[Heard]] = defaultdict(list)
        for exchange in self.exchanges:
            self._arrived[marker_in(exchange.target)].append(exchange)
        for request in self.heard:
            self._heard[marker_in(request.target)].append(request)

    def arrived(self, marker: str) -> list[Exchange]:
        return self._arrived[marker]

    def methods_heard(self, marker: str) -> list[str]:
        return [request.method for request in self._heard[marker]]

    def bearers_heard(self, marker: str) -> set[str | None]:
        return {request.headers["Authorization"] for request in self._heard[marker]}


NGINX_CONFIG = """
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {}
http {
  client_body_temp_path body;
  proxy_temp_path proxied;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  proxy_http_version 1.1;
  access_log off;
  log_format exchange escape=json '{"method": "$request_method", "target": "$request_uri", "status": $status,'
    '"error": "$sent_http_x_bff_error", "cookie": "$http_cookie", "sets": "$sent_http_set_cookie",'
    '"allows": "$sent_http_access_control_allow_origin", "clears": "$sent_http_clear_site_data"}';
  server {
    listen 127.0.0.1:@tls ssl http2;
    server_name app.example.com;
    ssl_certificate app.example.com.pem;
    ssl_certificate_key app.example.com.pem;
    location / {
      proxy_pass http://127.0.0.1:@sites;
    }
    location /api {
      access_log exchanges.log exchange;
      proxy_pass http://127.0.0.1:@bff;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      @more
    }
  }
  @others
  server {
    listen 127.0.0.1:@plain;
    location / {
      proxy_pass http://127.0.0.1:@sites;
    }
  }
}
"""
NGINX_SITE = """
  server {
    listen 127.0.0.1:@tls ssl http2;
    server_name @name;
    ssl_certificate @name.pem;
    ssl_certificate_key @name.pem;
    location / {
      proxy_pass http://127.0.0.1:@sites;
    }
  }
"""
NO_METADATA = "".join(f"proxy_set_header Sec-Fetch-{name} '';" for name in ("Site", "Mode", "Dest", "User"))


def filled(text: str, **values: object) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}", str(value))
    return text


@contextmanager
def front(folder: Path, bff_port: int, more: str) -> Iterator[dict[str, Any]]:
    """nginx, before the service and the pages of every name; what `browser.mjs` is to know of it."""
    assert NGINX is not None, "nginx is missing: apt-get install nginx-light"
    ports = {"tls": free_port(), "plain": free_port(), "sites": free_port()}
    keys = issue_certificates(folder)
    others = "".join(filled(NGINX_SITE, name=name) for name in NAMES if name != APP)
    config = filled(NGINX_CONFIG, others=others, bff=bff_port, more=more)
    (folder / "nginx.conf").write_text(filled(config, **ports))
    log = folder / "exchanges.log"
    log.touch()
    process = subprocess.Popen([NGINX, "-e", folder / "error.log", "-p", folder, "-c", folder / "nginx.conf"])
    try:
        give_up = time.monotonic() + 10
        while not listens(ports["tls"]):
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < give_up, "nginx does not listen"
            time.sleep(0.02)
        yield {"ports": ports, "keys": keys, "log": str(log)}
    finally:
        process.terminate()
        process.wait(timeout=10)


def issue_certificates(folder: Path) -> list[str]:
    """A certificate for each of NAMES, as a file; the hashes of their public keys."""
    authority = trustme.CA()
    keys = []
    for name in NAMES:
        issued = authority.issue_cert(name)
        issued.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")
        public_key = load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()).public_key()
        spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        keys.append(base64.b64encode(hashlib.sha256(spki).digest()).decode())
    return keys


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environ(run: Run, backend: Backend) -> dict[str, str]:
    common = {
        "APP_ENV": "production",
        "API_BASE_URL": backend.url,
        "TRUSTED_PROXIES": "1",
        "PROXY_ALLOW": "Exercises/*",
        "CORS_ORIGINS": FRIEND,
        "RATELIMIT_AUTH": "1000 per minute",
    }
    if run.is_next_auth:
        return common | {"TOKEN_SOURCE": "nextauth", "AUTH_SECRET": SECRET}
    return common | {
        "TOKEN_COOKIE_NAME": "__Host-token",
        "TOKEN_COOKIE_SAMESITE": run.same_site,
        "TOKEN_COOKIE_KEYS": Fernet.generate_key().decode(),
    }


SCRIPTED = """
fetch("/api/vehicles?as=document", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"});
fetch("/api/auth/me?as=document");
new Image().src = "/api/auth/me?as=document";
"""
HTML = f"""<!doctype html><p>{SAID}</p><script>{SCRIPTED}</script><img src="/api/auth/me?as=document">
<form method=post action="/api/auth/logout?as=document"></form><script>document.forms[0].submit()</script>
<meta http-equiv=refresh content="0; url=/api/auth/me?as=document">"""
SVG = f'<svg xmlns="http://www.w3.org/2000/svg"><text>{SAID}</text><script>{SCRIPTED}</script></svg>'
DOCUMENTS = {"scripted.html": ("text/html", HTML), "scripted.svg": ("image/svg+xml", SVG)}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def say_yes(backend: Backend) -> None:
    """Whatever gets through is done, and what may be shown to the victim alone is there to be shown."""
    user = {"success": True, "user": {"name": SAID}}
    for target in (*POSTS, *CHANGES, ME):
        backend.answer(f"{target.method} {target.path.replace('/api/proxy', '')}", json=user)
    backend.answer("GET /api/vehicles/coche", json=user)
    backend.answer("POST /api/auth/login", json={**user, "token": VICTIM})
    hour = ("Cache-Control", "private, max-age=3600")
    backend.answer("GET /Exercises/kept", json=user, headers=[hour])
    answers = {
        **{"page": ("text/html", f"<p>{SAID}</p>".encode()), "photo": ("image/png", PIXEL)},
        **{"script": ("text/javascript", f"leaked = '{SAID}'".encode()), "style": ("text/css", b"p { color: red }")},
        **{name: (kind, text.encode()) for name, (kind, text) in DOCUMENTS.items()},
    }
    for name, (kind, body) in answers.items():
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        backend.answer_bytes(f"GET /Exercises/{name}", head.encode() + body)


def sign_in_as_mallory(bff: Server, backend: Backend) -> str:
    """The value of the attacker's own token cookie, which is a good one."""
    backend.answer("POST /api/auth/login", json={"success": True, "token": MALLORY})
    set_cookie = ask(bff, "POST", LOGIN.path, {"Content-Type": "application/json"}, json.dumps(LOGIN.json))
    backend.answer("POST /api/auth/login", json={"success": True, "token": VICTIM, "user": {"name": SAID}})
    value = set_cookie.removeprefix("__Host-token=").partition(";")[0]
    ask(bff, "GET", f"{ME.path}?as=mallory", {"Cookie": f"__Host-token={value}"})
    return value


def ask(bff: Server, method: str, path: str, fields: dict[str, str], body: str | None = None) -> str:
    """The Set-Cookie field of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", bff.port, timeout=10)
    try:
        connection.request(method, path, body, fields)
        return connection.getresponse().headers.get("Set-Cookie", "")
    finally:
        connection.close()


def next_auth_session() -> dict[str, str]:
    """A session cookie as Auth.js makes it behind https."""
    assert (NEXT_AUTH / "node_modules").exists(), "packages are missing: make install-node"
    name = "__Secure-authjs.session-token"
    claims = {"name": "Ada", "access_token": VICTIM, "expires_at": END_OF_TIME}
    wanted = [{"version": 5, "name": name, "secret": SECRET, "claims": claims, "maxAge": 86_400}]
    made = subprocess.run(
        ["node", "encode.mjs"],
        cwd=NEXT_AUTH,
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (cookies,) = json.loads(made.stdout)
    return {"name": name, "value": cookies[name]}


def calls() -> list[dict[str, Any]]:
    """What `browser.mjs` is to ask for in pages that may."""
    asked = [(who, name, target) for who in ("app", "friend") for name, target in CALLS.items()] + [("typed", "me", ME)]
    return [
        {"name": f"{who}-{name}", "from": who, "method": target.method, "path": target.path, "json": target.json}
        for who, name, target in asked
    ]


def told(run: Run) -> dict[str, Any]:
    """What `browser.mjs` is to do; the long chapters are for the run that is as production should be."""
    is_as_it_should_be = run.name == "Strict"
    plants = [
        {"marker": marker, "from": plant.by, "how": plant.how, "cookies": plant.cookies} for marker, plant in PLANTED
    ]
    probes = [attempt.told() | {"marker": f"{attempt.marker}-probe"} for attempt in PROBED]
    return {
        "chromium": CHROMIUM,
        "session": next_auth_session() if run.is_next_auth else None,
        "attempts": [attempt.told() for attempt in ATTEMPTS[run.name]],
        "calls": calls(),
        "documents": [f"/api/proxy/Exercises/{name}" for name in DOCUMENTS],
        "probes": probes if is_as_it_should_be else [],
        "plants": plants if is_as_it_should_be else [],
        "signsOut": is_as_it_should_be,
    }


def visit(run: Run) -> Visit:
    with tempfile.TemporaryDirectory() as name, Backend() as backend, Server(environ(run, backend)) as bff:
        folder = Path(name)
        say_yes(backend)
        evil_cookie = "" if run.is_next_auth else sign_in_as_mallory(bff, backend)
        with front(folder, bff.port, NO_METADATA if run.hides_metadata else "") as known:
            given = json.dumps({**told(run), **known, "profile": str(folder / "profile")})
            report = drive(given.replace("EVIL", evil_cookie), folder)
        # Not `splitlines`: to Python, some of the characters that were planted end a line.
        lines = (folder / "exchanges.log").read_text("latin-1").split("\n")
        exchanges = [Exchange(**json.loads(line)) for line in lines if line]
    return Visit(report, exchanges, backend.requests, evil_cookie, bff.output)


def drive(given: str, folder: Path) -> dict[str, Any]:
    """Let `browser.mjs` do what it is told, and leave in `folder` what Chromium leaves behind; its report."""
    process = subprocess.Popen(
        ["node", "browser.mjs"],
        cwd=HERE,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        printed, errors = process.communicate(given, timeout=240)
    finally:
        process.terminate()  # it closes Chromium
        process.wait(timeout=15)
    assert process.returncode == 0, errors
    report: dict[str, Any] = json.loads(printed)
    return report


@pytest.fixture(scope="module")
def visits() -> dict[str, Visit]:
    """What came of each of RUNS; all of them are made before the first is judged."""
    assert CHROMIUM is not None, "Chromium is missing: apt-get install chromium"
    assert (DRIVER / "node_modules").exists(), f"packages are missing: npm ci --prefix {DRIVER}"
    try:
        return {name: visit(run) for name, run in RUNS.items()}
    except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        pytest.fail(f"there is nothing to judge: {error}", pytrace=False)  # a trace for each test would take minutes


@pytest.fixture(scope="module")
def strict(visits) -> Visit:
    """The run that is as production should be."""
    visit: Visit = visits["Strict"]
    return visit


# What others send


@pytest.mark.parametrize("attempt", WRITES, ids=str)
def test_another_page_changes_nothing(visits, attempt):
    """Each attempt arrives as far as the browser lets it, and ends there: the backend is not asked to write."""
    visit = visits[attempt.run.name]

    arrived = visit.arrived(attempt.marker)

    assert {exchange.answer for exchange in arrived} == attempt.answers
    assert len(arrived) >= attempt.arrivals
    assert {exchange.sets for exchange in arrived} <= {""}
    assert set(visit.methods_heard(attempt.marker)) <= {"GET"}
    assert not re.match("read|threw", visit.report["outcomes"][attempt.marker])


@pytest.mark.parametrize("attempt", READS, ids=str)
def test_another_page_reads_nothing(visits, attempt):
    """Where the cookie is not Strict, nor is the backend asked; else it is, and only the victim's own pages read it."""
    visit = visits[attempt.run.name]

    arrived = visit.arrived(attempt.marker)

    assert {exchange.answer for exchange in arrived} == attempt.answers
    assert len(arrived) >= attempt.arrivals
    assert set(visit.methods_heard(attempt.marker)) <= {"GET"}
    assert attempt.harmless.fullmatch(visit.report["outcomes"][attempt.marker])
    assert not [shown for shown in visit.report["frames"][attempt.marker] if SAID in shown or shown.startswith(ORIGIN)]


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.same_site != "Strict"])
def test_a_refused_page_is_not_heard_of(visits, name):
    """A cookie that is sent across sites is no reason to ask the backend."""
    refused = {marker_in(exchange.target) for exchange in visits[name].exchanges if exchange.error == "cross_site"}

    assert len(refused) > 100
    assert [marker for marker in refused if visits[name].methods_heard(marker)] == []


@pytest.mark.parametrize("attempt", PROBED, ids=str)
def test_no_page_can_tell_whether_its_visitor_is_signed_in(strict, attempt):
    """A sibling subdomain's requests are answered differently then (200, or 401); what it learns is the same."""
    signed_in, anonymous = strict.arrived(attempt.marker), strict.arrived(f"{attempt.marker}-probe")

    assert {exchange.status for exchange in anonymous} == {401}
    assert {exchange.status for exchange in signed_in} != {401} or not attempt.way.is_with_cookie
    assert strict.report["outcomes"][attempt.marker] == strict.report["outcomes"][f"{attempt.marker}-probe"]


@pytest.mark.parametrize("name", RUNS)
def test_after_all_attempts_the_victim_is_signed_in(visits, name):
    """As themselves: nobody has signed them out, or in as somebody else."""
    visit = visits[name]

    others = [request for request in visit.heard if marker_in(request.target) != "mallory"]

    assert visit.report["after"] == 200
    assert {request.headers["Authorization"] for request in others} <= {None, f"Bearer {VICTIM}"}


# What may be sent, so that the refusals say something


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", RUNS)
def test_a_page_of_the_app_may_do_it(visits, name, call):
    """The same requests, from where they belong."""
    answer = visits[name].report["calls"][f"app-{call}"]

    assert (answer["status"], SAID in answer["body"]) == (200, True)
    assert visits[name].methods_heard(f"app-{call}") == [CALLS[call].method]
    assert visits[name].bearers_heard(f"app-{call}") == {f"Bearer {VICTIM}"}


@pytest.mark.parametrize("name", RUNS)
def test_the_user_may_type_the_address(visits, name):
    """`Sec-Fetch-Site: none`: no page has a hand in it."""
    answer = visits[name].report["calls"]["typed-me"]

    assert (answer["status"], SAID in answer["body"]) == (200, True)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.same_site == "None"])
def test_a_page_of_cors_origins_may_do_it_where_it_has_the_cookie(visits, name, call):
    """With a preflight, and with credentials."""
    answer = visits[name].report["calls"][f"friend-{call}"]

    assert (answer["status"], SAID in answer["body"]) == (200, True)
    assert visits[name].bearers_heard(f"friend-{call}") == {f"Bearer {VICTIM}"}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.same_site != "None"])
def test_without_the_cookie_a_page_of_cors_origins_is_a_stranger(visits, name, call):
    """SameSite holds for it too; it may read why."""
    answer = visits[name].report["calls"][f"friend-{call}"]

    assert (answer["status"], answer["error"]) == (401, "no_session")
    assert visits[name].methods_heard(f"friend-{call}") == []


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("name", RUNS)
def test_a_document_of_the_backends_does_nothing_on_our_origin(visits, name, document):
    """Opened by the victim, it is shown; its scripts, forms, images and refreshes are not run."""
    assert SAID in visits[name].report["documents"][f"/api/proxy/Exercises/{document}"]
    assert visits[name].arrived("document") == []


# What others plant


def test_what_is_planted_is_a_good_cookie(strict):
    """Under the right name it signs the attacker in."""
    assert strict.bearers_heard("mallory") == {f"Bearer {MALLORY}"}


@pytest.mark.parametrize(("marker", "plant"), PLANTED, ids=[str(plant) for _, plant in PLANTED])
def test_a_planted_cookie_is_not_taken_for_the_victims(strict, marker, plant):
    """It is sent where the browser lets it be set; the backend hears the victim's token, or nothing."""
    sent = "".join(exchange.cookie for exchange in strict.arrived(f"{marker}-in"))

    assert (strict.evil_cookie in sent) is plant.is_sent
    assert strict.report["plants"][marker]["signedIn"]["status"] == plant.signed_in
    assert strict.bearers_heard(f"{marker}-in") == plant.bearers


@pytest.mark.parametrize(("marker", "plant"), PLANTED, ids=[str(plant) for _, plant in PLANTED])
def test_a_planted_cookie_signs_nobody_in(strict, marker, plant):
    """After signing out it is all there is: whoever goes on does not do so in the attacker's account."""
    assert strict.report["plants"][marker]["signedOut"]["status"] == plant.signed_out
    assert strict.methods_heard(f"{marker}-out") == []


# What is left of a session


def test_signing_out_deletes_the_cookie_and_what_the_browser_kept(strict):
    """`Clear-Site-Data` is for caches, storage and pages to go back to."""
    (answer,) = strict.arrived("sign-out")

    assert '"cache"' in answer.clears
    assert re.search(r"__Host-token=;.* Max-Age=0; Secure; HttpOnly; Path=/", answer.sets)
    assert strict.report["left"]["the jar, signed out"] == "[]"


@pytest.mark.parametrize("cache", ["default", "force-cache", "only-if-cached"])
def test_no_copy_of_a_private_answer_is_left(strict, cache):
    """`Cache-Control: private, max-age=3600`, through the proxy: kept while signed in, and gone then."""
    assert SAID in strict.report["left"][f"{cache}, signed in"]
    assert SAID not in strict.report["left"][f"{cache}, signed out"]


@pytest.mark.parametrize("tab", ["me", "kept", "page"])
def test_the_back_button_shows_no_data_of_who_has_signed_out(strict, tab):
    """An answer that was opened in a tab, one that may be kept, and a page of the app's with the user's data in it."""
    assert SAID in strict.report["left"][f"{tab}, back, signed in"]
    assert SAID not in strict.report["left"][f"{tab}, back, signed out"]


# The token


def test_the_token_cookie_is_closed(strict):
    """No script reads it, no other site sends it, and it does not show the token."""
    (cookie,) = strict.report["jar"]

    assert cookie["name"] == "__Host-token"
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"]) == (True, True, "Strict", "/")
    assert VICTIM not in cookie["value"]


def test_no_script_can_find_the_token(strict):
    """Not in `document.cookie`, storage, caches, history or the page's source."""
    (cookie,) = strict.report["jar"]

    assert len(strict.report["stored"]) == 4
    for stored in strict.report["stored"]:
        assert stored.startswith("\n")  # document.cookie is empty
        assert VICTIM not in stored
        assert cookie["value"] not in stored


def test_no_response_holds_the_token(strict):
    """Headers and bodies of everything that came to the browser; the cookie's value stands in Set-Cookie alone."""
    (cookie,) = strict.report["jar"]
    seen = json.dumps(strict.report["seen"])
    set_cookies = [
        field["value"]
        for answer in strict.report["seen"]
        for field in answer["headers"]
        if field["name"].lower() == "set-cookie" and cookie["value"] in field["value"]
    ]

    assert len(strict.report["seen"]) > 10
    assert SAID in seen
    assert VICTIM not in seen
    assert seen.count(cookie["value"]) == len(set_cookies) == 1
    assert "; HttpOnly;" in set_cookies[0]


@pytest.mark.parametrize("name", RUNS)
def test_no_log_holds_a_token(visits, name):
    """Nor any cookie that was sent."""
    visit = visits[name]

    assert "cross_site" in visit.log
    assert VICTIM not in visit.log
    assert MALLORY not in visit.log
    assert not [exchange for exchange in visit.exchanges if exchange.cookie and exchange.cookie in visit.log]

"""How often a client may try to sign in, register or reset a password, and how often an account may be tried."""

import contextvars
import ipaddress
import math
import re
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import blake2b

import structlog
from flask import Flask, g, request
from flask_limiter import Limiter, RateLimitExceeded
from werkzeug.exceptions import HTTPException

from config import Settings
from proxy import strict_json
from proxy.errors import BffError, RateLimited
from proxy.logs import Pseudonyms
from proxy.metrics import Metrics

log = structlog.get_logger()

_LOGIN = "auth.login"
_LIMITED = frozenset({_LOGIN, "auth.register", "auth.request_password_reset", "auth.reset_password"})
_LONGEST_WAIT_SECONDS = 0.04  # for a storage that is another machine's; without an answer the attempt is let through
_PAUSE_SECONDS = 1.0  # after that, before it is asked again
# Backends trim what they call blank, and not all of them the same: to Python U+FEFF is none, to JavaScript it is one.
_INVISIBLE = re.compile(r"[\s\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+")


def init_app(app: Flask, settings: Settings, metrics: Metrics) -> None:
    """Hold RATELIMIT_AUTH, counted in RATELIMIT_STORAGE_URI: per endpoint and client, on login per account too."""
    storage_uri = settings.ratelimit_storage_uri.value
    is_remote = not storage_uri.startswith("memory:")
    limiter = Limiter(
        _client,
        storage_uri=storage_uri,
        # A connection that hangs must not hold the thread that waits for it for long either.
        storage_options={"socket_timeout": 1, "socket_connect_timeout": 1} if is_remote else {},
        strategy="moving-window",  # a fixed one lets twice as many through around its edge
        key_prefix="bff",
    )
    app.extensions["limiter"] = {limiter}  # it would hook itself into every request of every route otherwise
    limiter.init_app(app)
    by_client = limiter.limit(settings.ratelimit_auth)
    by_account = limiter.limit(
        settings.ratelimit_auth, key_func=lambda: g.account, exempt_when=lambda: not g.account, scope="account"
    )
    attempt = by_client(by_account(_attempt))
    # The same in every instance before one backend, whatever its secrets are: they count together.
    pseudonyms = Pseudonyms(blake2b((settings.api_base_url or "").encode(), person=b"bff attempts").digest())
    guard = app.extensions["attempts"] = _Guard(limiter, attempt, pseudonyms, metrics, is_remote=is_remote)
    app.before_request(guard)


class _Guard:
    """Lets an attempt pass, or does not; a storage that cannot be asked in time lets it pass."""

    def __init__(
        self,
        limiter: Limiter,
        attempt: Callable[[], None],
        pseudonyms: Pseudonyms,
        metrics: Metrics,
        *,
        is_remote: bool,
    ) -> None:
        self._limiter = limiter
        self._attempt = attempt
        self._pseudonyms = pseudonyms
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(8, "ratelimit") if is_remote else None
        self.longest_wait_seconds = _LONGEST_WAIT_SECONDS
        self.ask_again_at = 0.0

    def __call__(self) -> None:
        if request.endpoint not in _LIMITED or request.method == "OPTIONS" or time.monotonic() < self.ask_again_at:
            return
        g.account = _account(self._pseudonyms)
        try:
            seconds = self._seconds_to_wait()
        except Exception as error:  # each storage has its own
            self._let_pass(error)
            return
        if seconds:
            breached = self._limiter.current_limit
            raise RateLimited(seconds, "per account" if breached and "account" in breached.key else "per client")

    def _seconds_to_wait(self) -> int:
        if self._threads is None:
            return self._count()
        # Not by socket timeouts alone: they begin anew with each step, and none is for looking up the name.
        answer: Future[int] = self._threads.submit(contextvars.copy_context().run, self._count)
        return answer.result(self.longest_wait_seconds)

    def _count(self) -> int:
        try:
            self._attempt()
        except RateLimitExceeded:
            breached = self._limiter.current_limit
            return max(1, math.ceil(breached.window.reset_time - time.time())) if breached else 1
        return 0

    def _let_pass(self, error: Exception) -> None:
        self.ask_again_at = time.monotonic() + _PAUSE_SECONDS
        self._metrics.ratelimit_storage_failures.inc()
        detail = f"{type(error).__name__}: RATELIMIT_STORAGE_URI does not answer, attempts are not counted meanwhile"
        log.warning("ratelimit_storage_failed", detail=detail)


def _attempt() -> None:
    """What the limits are bound to."""


def _client() -> str:
    """The client's address as TRUSTED_PROXIES tells it; of IPv6 the network, for a subscriber has 2^64 addresses."""
    text = request.remote_addr or "-"
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text[:64]
    mapped = getattr(address, "ipv4_mapped", None)
    if isinstance(address, ipaddress.IPv4Address) or mapped:
        return str(mapped or address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _account(pseudonyms: Pseudonyms) -> str:
    """The account that a login names, under a pseudonym: a storage is no place for addresses. Empty: it names none."""
    if request.endpoint != _LOGIN:
        return ""
    try:
        body = strict_json.parse_unambiguous(request.get_data())
    except (BffError, HTTPException):  # too large: nothing that could be tried
        raise
    except Exception:  # not JSON, or cut short: the view says so, and the backend hears nothing
        return ""
    email = body.get("email") if isinstance(body, dict) else None
    name = _INVISIBLE.sub("", unicodedata.normalize("NFKC", email)).casefold() if isinstance(email, str) else ""
    return pseudonyms.of(name) if name else ""

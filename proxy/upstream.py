"""The way to the backend: one pooled `requests.Session` that sends what it is given, and nothing of its own.

Every failure of the network becomes one of `errors` here; nothing above knows `requests` but by the type of a reply.
"""

import http.client
import math
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import requests
import urllib3
from requests.adapters import BaseAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from config import Settings
from proxy.breaker import Breaker, RetryBudget, State
from proxy.errors import BackendInvalid, BackendTimeout, BackendUnreachable, BadRequest, BffError
from proxy.transport import Adapter, Exchange, Prepared, Session
from proxy.wire import LeanAdapter, connections

# RFC 9112 §3.2.1: behind anything but a slash, `http://api` + `@evil.example/` is another host; and neither blanks nor
# control characters fit into a request line.
_TARGET = re.compile(r"/[^\x00-\x20\x7f]*")
_LONGEST_REPLY = 64 * 2**20  # where it is read whole: no list of JSON is as long, and the memory is everybody's
_IDEMPOTENT = frozenset("GET HEAD OPTIONS PUT DELETE".split())  # RFC 9110 §9.2.2
_BODYLESS = frozenset("GET HEAD OPTIONS DELETE".split())  # where none is expected, and none need be announced
_LONGEST_BACKOFF_SECONDS = 0.025
_BREAKER_PAUSE_SECONDS = 0.5
_NOT_HTTP = (http.client.HTTPException, urllib3.exceptions.InvalidHeader)


class Stream(Protocol):
    """A body that is read while it is sent; `length` in bytes, None when it is not known and goes out in chunks."""

    length: int | None

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


Body = bytes | Stream


@dataclass(frozen=True)
class Watch:
    """What is called when something happens: `on_connect` when a connection is opened, or tried to be, `on_retry` with
    why a request is sent again ("connect" or "stale"), `on_breaker` with the new state, open or closed.
    """

    on_connect: Callable[[], None] = lambda: None
    on_retry: Callable[[str], None] = lambda _: None
    on_breaker: Callable[[State], None] = lambda _: None


class Upstream:
    """The backend: its address, and the connections that are open to it.

    Args:
        base_url: `http` or `https`, with or without a path, without a trailing slash.
        settings: The timeouts, `threads` (the size of the pool), `backend_ca_bundle` and those of the breaker are used.
        watch: Told what an operator wants to know.
    """

    def __init__(self, base_url: str, settings: Settings, watch: Watch = Watch()) -> None:
        self._watch = watch
        self.breaker = Breaker(settings.breaker_failures, _BREAKER_PAUSE_SECONDS, time.monotonic, watch.on_breaker)
        self._counts_5xx = settings.breaker_on_5xx
        self._budget = RetryBudget()
        self._base_url = base_url
        self._prefix = re.sub(r"^https?://[^/]*", "", self._base_url)
        self._connect_timeout = settings.connect_timeout
        self._read_timeout = settings.read_timeout
        self._deadline = settings.request_deadline
        self._longest_reply = _LONGEST_REPLY
        self._session = Session()
        self._session.mount(self._base_url + "/", self._adapter(settings))

    def _adapter(self, settings: Settings) -> BaseAdapter:
        tls = _tls_context(self._base_url, settings)
        if settings.backend_transport == "urllib3":
            return Adapter(settings.threads, tls, settings.pool_idle_timeout)
        return LeanAdapter(connections(self._base_url, tls), settings.threads, settings.pool_idle_timeout)

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Body | None = None,
        *,
        deadline: float | None = None,
        bounds_body: bool = True,
    ) -> requests.Response:
        """Send one request, and wait for the head of the reply.

        Sent a second time, once and within the budget, is what the backend cannot have seen (RFC 9110 §9.2.2), or may
        see twice: any request where no connection came about, and an idempotent one where a connection from the pool
        was closed before a byte of the reply.

        Args:
            method: In capitals.
            target: Path and query below the base URL, percent-encoded; these very characters go out.
            headers: All fields but `Host` and `Content-Length`.
            body: Sent as it is, a stream in pieces; None sends none.
            deadline: Seconds for the whole exchange; REQUEST_DEADLINE when None.
            bounds_body: Whether the deadline is for the last byte of the reply, or for the end of its head. With the
                former, the reply may have 64 MiB.

        Returns:
            The reply, whatever its status, its body unread: pass it to `read_body`, or close it.

        Raises:
            BadRequest: The target does not begin with a slash, or cannot stand in a request line; or a streamed body
                broke off.
            TooLarge: A streamed body passes its limit.
            BackendUnreachable: Refused, reset before a byte came, DNS or TLS.
            BackendInvalid: What came is not HTTP.
            BackendTimeout: No connection or no head in time.
            BackendDown: The breaker is open.
        """
        if not _TARGET.fullmatch(target):
            raise BadRequest("the request target cannot stand in a request line")
        most_bytes = self._longest_reply if bounds_body else math.inf
        exchange = self._exchange(method, target, deadline or self._deadline, most_bytes)
        prepared = _prepare(method, self._base_url + target, headers, body, exchange)
        self.breaker.admit()
        self._budget.add_request()
        try:
            reply = self._send(prepared, exchange)
        except BffError as error:
            why = _why_again(error, exchange, prepared)
            if why is None or not self._budget.take():
                raise
            _pause(exchange)
            self._watch.on_retry(why)
            exchange.begin_again(is_stale=why == "stale")
            reply = self._send(prepared, exchange)
        if not bounds_body:
            exchange.deadline = math.inf
        return reply

    def is_reachable(self, deadline: float) -> bool:
        """Whether the backend answers at all within `deadline` seconds; with what status, or to users, is not asked."""
        exchange = self._exchange("HEAD", "/", deadline, self._longest_reply)
        prepared = _prepare("HEAD", self._base_url + "/", {"Connection": "close"}, None, exchange)
        try:
            self._ask(prepared, exchange).close()
        except BffError:
            return False
        return True

    def close(self) -> None:
        """Close every pooled connection."""
        self._session.close()

    def _exchange(self, method: str, target: str, seconds: float, most_bytes: float) -> Exchange:
        return Exchange(
            target=self._prefix + target,
            is_idempotent=method in _IDEMPOTENT,
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
            deadline=time.monotonic() + seconds,
            on_connect=self._watch.on_connect,
            bytes_left=most_bytes,
        )

    def _send(self, prepared: requests.PreparedRequest, exchange: Exchange) -> requests.Response:
        """Send it once, and tell the breaker how it went."""
        try:
            reply = self._ask(prepared, exchange)
        except BffError as failure:
            # A time-out while a browser's body comes in is the browser's; a reset may be about this one request.
            if exchange.is_connecting or (exchange.is_sent and isinstance(failure, BackendTimeout)):
                self.breaker.failed()
            raise
        if self._counts_5xx and reply.status_code >= 500:
            self.breaker.failed()
        else:
            self.breaker.succeeded()
        return reply

    def _ask(self, prepared: requests.PreparedRequest, exchange: Exchange) -> requests.Response:
        """Send it once."""
        try:
            left = exchange.seconds_left()
            return self._session.send(
                prepared,
                stream=True,
                timeout=(min(self._connect_timeout, left), min(self._read_timeout, left)),
                allow_redirects=False,
                proxies={},
            )
        except (OSError, HTTPError, http.client.HTTPException) as error:  # of requests, urllib3 and the two below
            raise _translate(error) from error


def read_body(reply: requests.Response) -> bytes:
    """The whole body of a reply, as it came; its connection goes back to the pool.

    Raises:
        BackendInvalid: It ends before its announced end.
        BackendTimeout: It does not end in time.
    """
    if not has_body(reply):
        reply.close()
        return b""
    with _reading(reply):
        body: bytes = reply.raw.read(decode_content=False)
    return body


def has_body(reply: requests.Response) -> bool:
    """Whether a body belongs to the reply (RFC 9112 §6.3).

    Where none does, close the reply: a body that a backend sends all the same would be the next user's answer.
    """
    return reply.request.method != "HEAD" and reply.status_code not in {204, 304}


def read_piece(reply: requests.Response, size: int) -> bytes:
    """The next bytes of the body as they came, at most `size`; none at its end. Does not wait to fill a piece.

    Raises:
        BackendInvalid: It ends before its announced end.
        BackendTimeout: Nothing came in time.
    """
    with _reading(reply):
        piece: bytes = reply.raw.read1(size, decode_content=False)
    return piece


@contextmanager
def _reading(reply: requests.Response) -> Iterator[None]:
    """Make what fails while a body is read one of ours."""
    try:
        yield
    # The last two for lengths beyond any sense.
    except (HTTPError, http.client.HTTPException, OSError, ValueError, OverflowError, MemoryError) as error:
        reply.close()
        if _is_timeout(error):
            raise BackendTimeout("the body did not end in time") from error
        raise BackendInvalid(f"the body was cut short: {type(error).__name__}") from error


def _tls_context(base_url: str, settings: Settings) -> ssl.SSLContext | None:
    """One context for all connections, with the system's authorities or the configured ones; none for plain HTTP."""
    if not base_url.startswith("https:"):
        return None
    return ssl.create_default_context(cafile=settings.backend_ca_bundle)


def _prepare(
    method: str, url: str, headers: Mapping[str, str], body: Body | None, exchange: Exchange
) -> requests.PreparedRequest:
    prepared = Prepared(method, url, headers, body, exchange)
    # Left alone, urllib3 names itself where the browser named nothing.
    prepared.headers.setdefault("User-Agent", SKIP_HEADER)
    prepared.headers.setdefault("Accept-Encoding", SKIP_HEADER)
    prepared.headers.pop("Transfer-Encoding", None)  # a hook's, perhaps: the framing is ours
    prepared.headers.pop("Content-Length", None)
    if body is None:
        length = None if method in _BODYLESS else 0  # RFC 9110 §8.6
    else:
        length = len(body) if isinstance(body, bytes) else body.length
    if length is not None:
        prepared.headers["Content-Length"] = str(length)
    return prepared


def _why_again(error: BffError, exchange: Exchange, prepared: requests.PreparedRequest) -> str | None:
    """Why a request that failed may be sent again; None where it may not."""
    if not isinstance(error, BackendUnreachable):
        return None  # a time-out has cost its time already
    if exchange.is_connecting:
        return "connect"
    is_replayable = prepared.body is None or isinstance(prepared.body, bytes)
    is_stale = not exchange.is_fresh and not exchange.has_begun
    return "stale" if is_stale and is_replayable and exchange.is_idempotent else None


def _pause(exchange: Exchange) -> None:
    """Let a moment pass, not the same for all: who failed together shall not come back together."""
    left = exchange.deadline - time.monotonic()
    time.sleep(max(0.0, min(random.uniform(0, _LONGEST_BACKOFF_SECONDS), left)))  # noqa: S311 - no secret


def _translate(error: Exception) -> BffError:
    """Which of ours a failure to get a reply is; the detail names types alone, for texts may quote the request."""
    causes = list(_causes(error))
    detail = " < ".join(type(cause).__name__ for cause in causes)
    if any(map(_is_timeout, causes)):
        return BackendTimeout(detail)
    # A connection closed without a byte is both a BadStatusLine and a ConnectionResetError to http.client.
    is_reset = any(isinstance(cause, OSError) and not isinstance(cause, requests.RequestException) for cause in causes)
    if not is_reset and any(isinstance(cause, _NOT_HTTP) for cause in causes):
        return BackendInvalid(detail)
    return BackendUnreachable(detail)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it stands for: requests and urllib3 keep the cause as an argument, or as `reason`."""
    yield error
    inner = [*error.args, getattr(error, "reason", None)]
    for cause in inner:
        if isinstance(cause, BaseException) and cause is not error:
            yield from _causes(cause)


def _is_timeout(error: BaseException) -> bool:
    is_refusal = isinstance(error, urllib3.exceptions.NewConnectionError)  # a ConnectTimeoutError by inheritance only
    return isinstance(error, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError) and not is_refusal

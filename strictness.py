"""What our workers are strict about, whether they serve in threads or in greenlets.

They refuse what two servers could read in two ways, let no browser hold what others wait for, answer what they refuse
in our one shape, and name neither themselves nor their version.
"""

import json
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import structlog
from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http import message, wsgi
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import (
    ConfigurationProblem,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
)
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.base import Worker

from config import Settings
from proxy.errors import BadRequest, BffError, TooLarge
from proxy.headers import ON_EVERY_RESPONSE
from proxy.metrics import Metrics
from request_head import require_one_meaning

if TYPE_CHECKING:
    from flask import Flask
    from gunicorn.http.message import Request

log = structlog.get_logger()

# After SIGTERM a kept-alive connection may bring a last request; whoever checks /readyz in front must have seen that we
# stop before we close it, or a request could be under way on it just then. gunicorn would wait two seconds.
STOPPING_SECONDS = 6.0
_LONGEST_REST = 64 * 1024  # of a body that nobody wants: beyond it gunicorn closes, and would not have said so
_LINGER_SECONDS = 0.3
_JOINED_BYTES = 64 * 1024  # a longer body is not copied to stand behind its head
_CLIENT_ERRORS = {LimitRequestLine: 414, LimitRequestHeaders: 431}
_SERVER_ERRORS = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)


class QuietLogger(Logger):
    """gunicorn's, which with `logconfig_dict` would put a line for the access log together that nobody reads (6 %)."""

    access_log_enabled = False


class Strictness(Worker):
    """What stands before a worker of gunicorn; wants `header_map = "dangerous"`, for it judges underscores itself."""

    def load_wsgi(self) -> None:
        """Load the application, and put our response into the place of gunicorn's."""
        super().load_wsgi()
        app = cast("Flask", self.wsgi)
        self._settings: Settings = app.extensions["settings"]
        self._metrics: Metrics = app.extensions["metrics"]
        self._longest_body = max(self._settings.max_content_length, self._settings.proxy_max_content_length)
        # gunicorn asks for a score of its settings a request, and searches for each; nobody changes them here (4 %).
        self.cfg.__dict__.update((name, setting.get()) for name, setting in self.cfg.settings.items())
        # There is no setting for these; they are looked up by name when they are needed. No peer may say who asks:
        # gunicorn would parse its address to compare it with an empty list (3 %).
        message.HeaderPolicy._peer_is_trusted_proxy = lambda _: False
        wsgi.Response = _Response

    def judge(self, req: "Request") -> None:
        """Refuse a request whose head was understood, where another server can have understood it in another way.

        Raises:
            ParseException: See `require_one_meaning`; TooLarge, later, a chunk that no body may have.
        """
        require_one_meaning(req)
        if isinstance(req.body.reader, ChunkedReader):
            req.body.reader.parse_chunk_size = _bounded(req.body.reader.parse_chunk_size, self._longest_body)

    def handle_error(self, _req: object, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answer what cannot be served; the connection is closed then."""
        status, error = _refusal(exc)
        request_id = uuid.uuid4().hex
        # Types alone: what the parser says quotes the request, and that may be a Cookie line without its colon.
        trace = exc if status >= 500 else None
        fields = {"status": status, "code": error.code, "client": _address(addr), "request_id": request_id}
        self._metrics.refused(error.code)
        tell = log.error if trace else log.info
        tell("refused", **fields, detail=type(exc).__name__, exc_info=trace)
        with suppress(OSError):  # the browser has gone
            util.write_nonblock(client, _response(status, error, request_id))


class Patience:
    """How long a browser may let us wait: its silence, and its dripping, hold what others wait for.

    Args:
        settings: How long.
        client: Its address, as the socket gives it.
    """

    def __init__(self, settings: Settings, client: object) -> None:
        self._settings = settings
        self._client = client
        self._give_up, self._awaited = 0.0, "head"

    def expect_head(self) -> None:
        """A head has READ_TIMEOUT from its first byte to its last."""
        self._awaited = "head"
        self._give_up = time.monotonic() + self._settings.read_timeout

    def expect_body(self) -> None:
        """A body has REQUEST_DEADLINE; a second more, for where it is streamed, the exchange's own end says more."""
        self._awaited = "body"
        self._give_up = time.monotonic() + self._settings.request_deadline + 1

    def expect_rest(self, seconds: float) -> None:
        """The rest of a body that nobody wants has so long."""
        self._give_up = min(self._give_up, time.monotonic() + seconds)

    def seconds_left(self) -> float:
        """How long the browser may let us wait now: READ_TIMEOUT for some bytes, and no longer than for the whole."""
        return min(self._settings.read_timeout, self._give_up - time.monotonic())

    def tell_of_slowness(self) -> None:
        """The browser took too long, and hears nothing more."""
        log.info("gave_up", client=_address(self._client), detail=f"its {self._awaited} took too long")


class PatientUnreader(SocketUnreader):
    """Reads what the browser sends, for as long as its connection allows.

    Args:
        sock: The connection's.
        patience: Says how long.
        bound: Lets the next read from the socket wait for so many seconds.
    """

    def __init__(self, sock: Any, patience: Patience, bound: Callable[[float], None]) -> None:
        super().__init__(sock)
        self._patience = patience
        self._bound = bound

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Some bytes; none at the end (called by gunicorn).

        Raises:
            NoMoreData: The time is over; to gunicorn, the browser has hung up.
        """
        left = self._patience.seconds_left()
        if left > 0:
            self._bound(left)
            with suppress(TimeoutError, BlockingIOError):  # the latter at the end of the kernel's timeout
                return bytes(super().chunk(size_hint))
        self._patience.tell_of_slowness()
        raise NoMoreData


def linger(sock: socket.socket) -> None:
    """Say that nothing follows, and read on for a moment: closed at once, unread bytes would reset the connection
    under the answer (RFC 9112 §9.6).
    """
    give_up = time.monotonic() + _LINGER_SECONDS
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while (left := give_up - time.monotonic()) > 0:
            sock.settimeout(left)
            if not sock.recv(_LONGEST_REST):
                return


class _Response(wsgi.Response):
    """A response that does not say what serves it, and says so when no other request can follow.

    Its head leaves with the first bytes of its body: one write for both, and one turn of Python's lock.
    """

    headers_sent: bool
    _head = b""

    def send_headers(self) -> None:
        """Make the head, and keep it for the body (called by gunicorn)."""
        if not self.headers_sent:
            fields = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
            self._head = f"{''.join(self.default_headers())}{fields}\r\n".encode("latin-1")
            self.headers_sent = True

    def write(self, arg: bytes) -> None:
        """Send some of the body (called by gunicorn); none of it sends the head alone."""
        super().write(arg)
        self._send_head()

    def close(self) -> None:
        """End the response (called by gunicorn)."""
        self.send_headers()
        self._send_head()
        super().close()

    def _emit_body(self, data: bytes) -> None:
        if self.chunked or len(data) > _JOINED_BYTES:
            self._send_head()
        head, self._head = self._head, b""
        util.write(self.sock, head + data if head else data, self.chunked)

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            util.write(self.sock, head)

    def should_close(self) -> bool:
        """Whether the connection ends with this response: also where the next request's beginning is not known."""
        body = self.req.body
        is_lost = body.failed or getattr(body.reader, "length", 0) > _LONGEST_REST
        return is_lost or self.status_code == TooLarge.status or bool(super().should_close())

    def default_headers(self) -> list[str]:
        """The status line and the fields of the connection."""
        return [line for line in super().default_headers() if not line.startswith("Server:")]


def _bounded(parse: Callable[..., tuple[int, bytes]], most: int) -> Callable[..., tuple[int, bytes]]:
    """gunicorn's reader of chunk sizes, less those that no body may have: it would wait for all their bytes."""

    def parse_chunk_size(*arguments: Any, **named: Any) -> tuple[int, bytes]:
        size, rest = parse(*arguments, **named)
        if size > most:
            raise TooLarge("a chunk is larger than any body may be")
        return size, rest

    return parse_chunk_size


def _refusal(error: BaseException) -> tuple[int, BffError]:
    """The status, and what is said of it: the browser's fault, or a defect of ours."""
    if not isinstance(error, ParseException) or isinstance(error, _SERVER_ERRORS):
        return 500, BffError()
    status = _CLIENT_ERRORS.get(type(error))
    return (status, TooLarge()) if status else (400, BadRequest())


def _response(status: int, error: BffError, request_id: str) -> bytes:
    body = json.dumps({"error": error.message}, ensure_ascii=False, separators=(",", ":")).encode()
    fields = {
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-BFF-Error": error.code,
        "X-Request-ID": request_id,
        **dict(ON_EVERY_RESPONSE),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode() + body


def _address(addr: object) -> str | None:
    return str(addr[0]) if isinstance(addr, tuple) else None

"""gunicorn's threaded worker, made strict.

It refuses what two servers could read in two ways, lets no browser hold what others wait for, answers what it refuses
in our one shape, and names neither itself nor its version.
"""

import json
import select
import socket
import struct
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import structlog
from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http import wsgi
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
from gunicorn.workers import gthread

from config import Settings
from proxy.errors import BadRequest, BffError, TooLarge
from proxy.headers import ON_EVERY_RESPONSE
from proxy.metrics import Metrics
from request_head import require_one_meaning

if TYPE_CHECKING:
    from flask import Flask
    from gunicorn.http.message import Request

log = structlog.get_logger()

_LONGEST_REST = 64 * 1024  # of a body that nobody wants: beyond it gunicorn closes, and would not have said so
_LINGER_SECONDS = 0.3
# After SIGTERM a kept-alive connection may bring a last request; whoever checks /readyz in front must have seen that we
# stop before we close it, or a request could be under way on it just then. gunicorn would wait two seconds.
_STOPPING_SECONDS = 6.0
_SILENCE_SECONDS = 0.05
# A connection keeps its thread while its next request follows so closely: so many connections at once (with more, their
# threads would fight for Python's lock, and the slowest requests grow slower), and so many requests, then others' turn.
_NEXT_REQUEST_MILLISECONDS = 50
_MOST_STAYING = 8
_MOST_IN_A_ROW = 50
_CLIENT_ERRORS = {LimitRequestLine: 414, LimitRequestHeaders: 431}
_SERVER_ERRORS = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)


class QuietLogger(Logger):
    """gunicorn's, which with `logconfig_dict` would put a line for the access log together that nobody reads (7 %)."""

    access_log_enabled = False


class StrictWorker(gthread.ThreadWorker):
    """Serves the application; wants `header_map = "dangerous"`, for it judges underscores itself."""

    def load_wsgi(self) -> None:
        """Load the application, and put our connection and response into the places of gunicorn's."""
        super().load_wsgi()
        app = cast("Flask", self.wsgi)
        settings: Settings = app.extensions["settings"]
        self._metrics: Metrics = app.extensions["metrics"]
        self._staying: set[_Connection] = set()
        self._longest_body = max(settings.max_content_length, settings.proxy_max_content_length)
        # It has no settings for these; each is looked up by name when it is needed.
        gthread.TConn = partial(_Connection, settings)
        gthread.STOP_KEEPALIVE_LINGER = _STOPPING_SECONDS
        wsgi.Response = _Response

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take new connections, or no more; a worker that stops takes those that have come, and refuses the rest.

        gunicorn leaves its socket open until the last request has ended: whoever connects would hang as long.
        """
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive):
            for listener in self.sockets:
                waiting = select.poll()
                waiting.register(listener, select.POLLIN)
                while waiting.poll(0):
                    self.accept(listener)
                listener.close()

    def handle(self, conn: Any) -> Any:
        """Serve the next request of a connection, in a thread of the pool, and those that follow it closely.

        gunicorn would hand the connection back to its one main thread behind each, and take another thread for the
        next: under Python's lock, as much work as all of the application (docs/decisions/0011).
        """
        goes_on = self._handle_one(conn)
        if goes_on is True and len(self._staying) < _MOST_STAYING:
            self._staying.add(conn)
            for _ in range(_MOST_IN_A_ROW):
                if goes_on is not True or not self._has_more(conn):
                    break
                goes_on = self._handle_one(conn)
            self._staying.discard(conn)
        if goes_on is False:
            conn.linger()
        return goes_on

    def _handle_one(self, conn: "_Connection") -> Any:
        conn.expect_head()
        return super().handle(conn)

    def _has_more(self, conn: "_Connection") -> bool:
        """Whether the next request comes at once, and nobody else wants the thread."""
        return self.alive and not self.tpool._work_queue.qsize() and conn.is_readable(_NEXT_REQUEST_MILLISECONDS)

    def handle_request(self, req: "Request", conn: Any) -> bool:
        """Serve a request whose head was understood, if no other server can have understood it in another way."""
        conn.expect_body()
        require_one_meaning(req)
        if isinstance(req.body.reader, ChunkedReader):
            req.body.reader.parse_chunk_size = _bounded(req.body.reader.parse_chunk_size, self._longest_body)
        return bool(super().handle_request(req, conn))

    def handle_error(self, _req: object, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answer what cannot be served; gunicorn closes the connection then."""
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

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Whether another request may follow (called by `handle`): not after a body whose rest is none.

        Its failure is no second answer to the request that has just had one; a proxy would give it to the next user.
        """
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except Exception:  # whatever a body can fail with
            return False


class _Connection(gthread.TConn):
    """One that a browser cannot hold by silence, nor byte by byte, in a thread that others wait for."""

    def __init__(self, settings: Settings, *arguments: Any) -> None:
        self._settings = settings
        self._give_up, self._awaited = 0.0, "head"
        super().__init__(*arguments)

    @property
    def timeout(self) -> float | None:
        """When gunicorn closes it while nothing comes (monotonic seconds); READ_TIMEOUT, before the first request."""
        return self._timeout

    @timeout.setter
    def timeout(self, moment: float | None) -> None:
        is_new = moment is not None and not self.initialized
        self._timeout = min(moment or 0.0, time.monotonic() + self._settings.read_timeout) if is_new else moment

    def wait_for_data(self, timeout: float) -> bool:
        """Whether the first bytes are there; gunicorn would spend five seconds of a thread on each that is silent."""
        return bool(super().wait_for_data(min(timeout, _SILENCE_SECONDS)))

    def init(self) -> None:
        """Make the parser, once the first bytes are there."""
        if not self.initialized:
            super().init()
            self.parser.unreader = _Unreader(self.sock, self)
            self._poll = select.poll()
            self._poll.register(self.sock, select.POLLIN)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(self._settings.read_timeout))

    def is_readable(self, milliseconds: int) -> bool:
        """Whether the browser sends something, or hangs up, within this time."""
        return bool(self.parser.unreader.buf.getvalue()) or bool(self._poll.poll(milliseconds))

    def expect_head(self) -> None:
        """A head has READ_TIMEOUT from its first byte to its last."""
        self._awaited = "head"
        self._give_up = time.monotonic() + self._settings.read_timeout

    def expect_body(self) -> None:
        """A body has REQUEST_DEADLINE; a second more, for where it is streamed, the exchange's own end says more."""
        self._awaited = "body"
        self._give_up = time.monotonic() + self._settings.request_deadline + 1

    def seconds_left(self) -> float:
        """How long the browser may let us wait now: READ_TIMEOUT for some bytes, and no longer than for the whole."""
        return min(self._settings.read_timeout, self._give_up - time.monotonic())

    def tell_of_slowness(self) -> None:
        """The browser took too long, and hears nothing more."""
        log.info("gave_up", client=_address(self.client), detail=f"its {self._awaited} took too long")

    def linger(self) -> None:
        """Say that nothing follows, and read on for a moment: closed at once, unread bytes would reset the connection
        under the answer (RFC 9112 §9.6).
        """
        give_up = time.monotonic() + _LINGER_SECONDS
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            while (left := give_up - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(_LONGEST_REST):
                    return

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002 - gunicorn's signature
        """Close at once: gunicorn would linger for two seconds, in the one thread that serves all connections."""
        super().close(graceful=False)


class _Unreader(SocketUnreader):
    """Reads what the browser sends, for as long as its connection allows."""

    def __init__(self, sock: socket.socket, connection: _Connection) -> None:
        super().__init__(sock)
        self._connection = connection

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Some bytes; none at the end.

        Raises:
            NoMoreData: The time is over; to gunicorn, the browser has hung up.
        """
        left = self._connection.seconds_left()
        if left <= 0:
            self._connection.tell_of_slowness()
            raise NoMoreData
        # The kernel's timeout: Python's own would make the socket non-blocking under gunicorn's feet.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(left))
        try:
            return bytes(super().chunk(size_hint))
        except BlockingIOError:
            self._connection.tell_of_slowness()
            raise NoMoreData from None


class _Response(wsgi.Response):
    """A response that does not say what serves it, and says so when no other request can follow."""

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


def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), max(1, int(seconds % 1 * 1_000_000)))

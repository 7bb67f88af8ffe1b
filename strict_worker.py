"""gunicorn's threaded worker, made strict.

It refuses what two servers could read in two ways, waits for no browser for ever, answers what it refuses in our one
shape, and names neither itself nor its version.
"""

import json
import logging
import re
import socket
import struct
import time
import uuid
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.errors import (
    ConfigurationProblem,
    InvalidHeader,
    InvalidHeaderName,
    InvalidRequestLine,
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

if TYPE_CHECKING:
    from flask import Flask
    from gunicorn.http.message import Request

log = logging.getLogger("bff")

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")  # RFC 9110 §7.2
# To WSGI, `X_Request_ID` and `X-Request-ID` are one name (PEP 3333); these are read here, under the latter.
_READ_HERE = frozenset(
    "CONTENT-LENGTH CONTENT-TYPE TRANSFER-ENCODING X-FORWARDED-FOR X-FORWARDED-PROTO X-FORWARDED-HOST X-FORWARDED-PORT "
    "X-FORWARDED-PREFIX X-REQUEST-ID SEC-FETCH-SITE ACCESS-CONTROL-REQUEST-METHOD ACCESS-CONTROL-REQUEST-HEADERS "
    "MAX-FORWARDS USER-AGENT ACCEPT-LANGUAGE SCRIPT-NAME PATH-INFO REMOTE-ADDR".split()
)
_LONGEST_REST = 64 * 1024  # of a body that nobody wants: beyond it gunicorn closes, and would not have said so
_CLIENT_ERRORS = {LimitRequestLine: 414, LimitRequestHeaders: 431}
_SERVER_ERRORS = (ConfigurationProblem, InvalidResponseHeader, InvalidResponseHeaderName)


class StrictWorker(gthread.ThreadWorker):
    """Serves the application; wants `header_map = "dangerous"`, for it judges underscores itself."""

    def load_wsgi(self) -> None:
        """Load the application, and put our connection and response into the places of gunicorn's."""
        super().load_wsgi()
        settings: Settings = cast("Flask", self.wsgi).extensions["settings"]
        # It has no setting for either. Both are looked up by name for each connection and each response.
        gthread.TConn = partial(_Connection, settings)
        wsgi.Response = _Response

    def handle(self, conn: Any) -> Any:
        """Serve the next request of a connection, in a thread of the pool."""
        conn.expect_head()
        return super().handle(conn)

    def handle_request(self, req: "Request", conn: Any) -> bool:
        """Serve a request whose head was understood, if no other server can have understood it in another way."""
        conn.expect_body()
        require_one_meaning(req)
        return bool(super().handle_request(req, conn))

    def handle_error(self, _req: object, client: socket.socket, addr: object, exc: BaseException) -> None:
        """Answer what cannot be served; gunicorn closes the connection then."""
        status, error = _refusal(exc)
        request_id = uuid.uuid4().hex
        # Types alone: what the parser says quotes the request, and that may be a Cookie line without its colon.
        trace = exc if status >= 500 else None
        fields = {"status": status, "code": error.code, "client": _address(addr), "request_id": request_id}
        level = logging.ERROR if trace else logging.INFO
        log.log(level, "refused", extra={**fields, "detail": type(exc).__name__}, exc_info=trace)
        try:
            util.write_nonblock(client, _response(status, error, request_id))
        except OSError:
            log.debug("the browser has gone")


class _Connection(gthread.TConn):
    """One that a browser cannot hold by silence, nor byte by byte (in a thread that others wait for)."""

    def __init__(self, settings: Settings, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._settings = settings
        self._give_up = 0.0

    def init(self) -> None:
        """Make the parser, once the first bytes are there."""
        if not self.initialized:
            super().init()
            self.parser.unreader = _Unreader(self.sock, self)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(self._settings.read_timeout))

    def expect_head(self) -> None:
        """A head has READ_TIMEOUT from its first byte to its last."""
        self._give_up = time.monotonic() + self._settings.read_timeout

    def expect_body(self) -> None:
        """A body has REQUEST_DEADLINE; a second more, for where it is streamed, the exchange's own end says more."""
        self._give_up = time.monotonic() + self._settings.request_deadline + 1

    def seconds_left(self) -> float:
        """How long the browser may let us wait now: READ_TIMEOUT for some bytes, and no longer than for the whole."""
        return min(self._settings.read_timeout, self._give_up - time.monotonic())


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
            raise NoMoreData
        # The kernel's timeout: Python's own would make the socket non-blocking under gunicorn's feet.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(left))
        try:
            return bytes(super().chunk(size_hint))
        except BlockingIOError:
            raise NoMoreData from None


class _Response(wsgi.Response):
    """A response that does not say what serves it, and says so when no other request can follow."""

    def should_close(self) -> bool:
        """Whether the connection ends with this response: also where the next request's beginning is not known."""
        body = self.req.body
        rest = getattr(body.reader, "length", 0)
        return body.failed or rest > _LONGEST_REST or bool(super().should_close())

    def default_headers(self) -> list[str]:
        """The status line and the fields of the connection."""
        return [line for line in super().default_headers() if not line.startswith("Server:")]


def require_one_meaning(request: "Request") -> None:
    """Refuse what gunicorn's parser lets through and another server may read otherwise; join its Cookie lines.

    Raises:
        ParseException: RFC 9112 §3.2 (Host, request target), §6.1 (transfer codings); or a name with underscores that
            WSGI takes for one with hyphens. Other names with underscores are dropped, as nginx does.
    """
    host, cookies, kept = "", [], []
    for name, value in request.headers:
        if name == "COOKIE":
            cookies.append(value)
            continue
        if name == "HOST":
            host = value
        elif "_" in name:
            if name.replace("_", "-") in _READ_HERE:
                raise InvalidHeaderName(name)
            continue
        elif name == "TRANSFER-ENCODING" and value.lower() != "chunked":
            raise InvalidHeader(name)
        kept.append((name, value))
    if not _HOST.fullmatch(host) and (host or request.version >= (1, 1)):
        raise InvalidHeader("HOST")
    if not _is_target(request.uri, request.method, host):
        raise InvalidRequestLine(request.uri)
    if cookies:
        kept.append(("COOKIE", "; ".join(cookies)))  # RFC 9113 §8.2.3; WSGI would join them with a comma
    request.headers = kept


def _is_target(target: str, method: str, host: str) -> bool:
    """Whether a request target is a path, `*`, or a URL whose authority is the Host (RFC 9112 §3.2)."""
    if "#" in target:
        return False
    if target.startswith("/"):
        return True
    scheme, _, rest = target.partition("://")
    is_url = scheme.lower() in {"http", "https"} and re.split("[/?]", rest, maxsplit=1)[0].lower() == host.lower()
    return (is_url and host != "") or (target == "*" and method == "OPTIONS")


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

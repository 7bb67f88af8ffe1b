"""The lean transport: one write and one read for a small exchange, and no work that the request does not ask for.

It takes the place of urllib3's pool and of `http.client`'s parser, below the same `requests.Session`, and is at least
as strict: whatever it takes, they take too (tests/proxy/test_wire.py). Measured in docs/decisions/0012.
"""

import _socket
import http.client
import re
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.cookies import RequestsCookieJar
from urllib3.util import SKIP_HEADER

from proxy.connect import bound_in_kernel
from proxy.transport import (
    DISTRUST_SECONDS,
    PIECE_BYTES,
    Exchange,
    Fields,
    HostConnection,
    HostTlsConnection,
    Prepared,
    current_exchange,
)

_READ_BYTES = 256 * 1024
_HEAD_BYTES = 16 * 1024  # a small reply comes whole with its head
_LONGEST_HEAD = 64 * 1024  # with its end; as long as a line may be for `http.client`
_AHEAD_BYTES = 16 * 1024  # between chunks: what is left of them is copied for each, 5 µs of 256 KiB
_LONGEST_LINE = 1024  # of a chunk's size, with its extensions
_LONGEST_TRAILER = 32 * 1024
_JOINED_BYTES = 64 * 1024  # a body so short leaves with the head, in one packet or some

# RFC 9112 §4 and §5, without line folding and without a blank before the colon; 99 fields, as in `http.client`.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?\r\n")
_FIELDS = re.compile(rf"(?:{_TOKEN}:[^\r\n\0]*\r\n){{0,99}}\r\n")
_FIELD = re.compile(r"([^:\r\n]+):([^\r\n]*)\r\n")
_PROTOCOL = b"HTTP/1."
# What leaves: a method, a target and names that end where they seem to.
_REQUEST_HEAD = re.compile(rf"{_TOKEN} [^\x00-\x20\x7f]+ HTTP/1\.1\r\n(?:{_TOKEN}: [^\r\n\0]*\r\n)+")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\0]*)?")  # RFC 9112 §7.1


class NotHttp(http.client.HTTPException):
    """What came cannot be read as a reply, or ends before its end."""


class LeanAdapter(BaseAdapter):
    """Sends over connections of its own to one backend.

    Args:
        connection: Makes a connection that is not open yet.
        pool_size: How many idle connections are kept.
        idle_timeout: Seconds after which an idle connection is not used again.
    """

    def __init__(self, connection: "Callable[[], Connection]", pool_size: int, idle_timeout: float) -> None:
        super().__init__()
        self._pool = Pool(connection, pool_size, idle_timeout)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Send a request, and read the head of the reply (called by `requests.Session`).

        Raises:
            OSError: The network failed; TimeoutError where it took too long.
            NotHttp: What came is no reply.
        """
        ours = cast("Prepared", request)
        exchange = ours.exchange
        connection = self._pool.take(exchange)
        try:
            connection.send(ours, exchange)
            head = connection.receive_head(exchange, request.method or "")
        except BaseException:
            connection.close()
            raise
        return Reply(ours, head, _Body(connection, self._pool, exchange, head))

    def close(self) -> None:
        """Close what is idle."""
        self._pool.close()


class Pool:
    """Idle connections, the last used first: some stay warm, the rest grow old and are closed."""

    def __init__(self, connection: "Callable[[], Connection]", size: int, idle_timeout: float) -> None:
        self._connection = connection
        self._size = size
        self._idle_timeout = idle_timeout
        self._idle: deque[Connection] = deque()
        self._closes_early_until = 0.0

    def take(self, exchange: Exchange) -> "Connection":
        """A connection for one exchange, open or not.

        What may not be sent twice gets none from the pool while the backend closes them sooner than we would: between a
        look at one and the first byte on it, there is always time for it to be closed.
        """
        now = time.monotonic()
        if exchange.wants_fresh:
            self._closes_early_until = now + DISTRUST_SECONDS
            return self._connection()
        if now < self._closes_early_until and not exchange.is_idempotent:
            return self._connection()
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if now - connection.idle_since > self._idle_timeout:
                connection.close()
            elif connection.is_silent():
                return connection
            else:
                connection.close()
                self._closes_early_until = now + DISTRUST_SECONDS
                if not exchange.is_idempotent:
                    break
        return self._connection()

    def put(self, connection: "Connection") -> None:
        """Take a connection back whose last reply has been read to its end."""
        now = connection.idle_since = time.monotonic()
        self._idle.append(connection)
        if len(self._idle) > self._size or now - self._oldest_since(now) > self._idle_timeout:
            self._close_oldest()

    def _oldest_since(self, now: float) -> float:
        try:
            return self._idle[0].idle_since
        except IndexError:  # another thread was faster
            return now

    def _close_oldest(self) -> None:
        try:
            self._idle.popleft().close()
        except IndexError:  # another thread was faster
            return

    def close(self) -> None:
        """Close all of them."""
        while self._idle:
            self._close_oldest()


class Head:
    """The head of a reply: `framing` is what its body ends with, or how many bytes it has."""

    __slots__ = ("fields", "framing", "keeps_open", "status")

    def __init__(self, status: int, fields: list[tuple[str, str]], framing: "int | str", keeps_open: bool) -> None:
        self.status = status
        self.fields = fields
        self.framing = framing
        self.keeps_open = keeps_open


class Connection:
    """A connection to the backend, for one exchange after the other.

    Args:
        opened: Gives an open socket; called when the first exchange needs one.
        authority: The `Host` field.
    """

    def __init__(self, opened: Callable[[], socket.socket], authority: str) -> None:
        self._open = opened
        self._host_line = f"Host: {authority}\r\n"
        self._sock: socket.socket
        self._is_open = False
        self._timeout = 0.0
        self._is_sound = True
        self.rest = b""
        self.idle_since = 0.0

    def send(self, request: Prepared, exchange: Exchange) -> None:
        """Send a request, its body in one write with its head where it is short.

        Raises:
            ValueError: The method, the target or a field cannot stand in a request.
        """
        if not self._is_open:
            self._connect(exchange)
        head = _request_head(request, exchange, self._host_line)
        body = request.body
        try:
            if body is None or isinstance(body, bytes):
                self._send_whole(head, body, exchange)
            else:
                self._send_stream(head, body, exchange, is_chunked=request.is_chunked)
        except (BrokenPipeError, ConnectionResetError):
            # It may have answered before it hung up (urllib3 does the same): a 413, say.
            self._is_sound = False
        except BlockingIOError as error:
            raise TimeoutError from error

    def _connect(self, exchange: Exchange) -> None:
        token = current_exchange.set(exchange)
        try:
            self._sock = self._open()
            self._is_open = True
        finally:
            current_exchange.reset(token)
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)

    def _send_whole(self, head: bytes, body: bytes | None, exchange: Exchange) -> None:
        if body and len(body) > _JOINED_BYTES:
            self._send_all(head, exchange)
            self._send_all(body, exchange)
        else:
            self._send_all(head + body if body else head, exchange)

    def _send_stream(self, head: bytes, body: Any, exchange: Exchange, *, is_chunked: bool) -> None:
        self._send_all(head, exchange)
        while piece := body.read(PIECE_BYTES):
            self._send_all(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece, exchange)
        if is_chunked:
            self._send_all(b"0\r\n\r\n", exchange)

    def _send_all(self, data: bytes, exchange: Exchange) -> None:
        """Send all of it, each piece within the exchange's time.

        `sendall` would start the kernel's timeout anew with each byte that a slow backend takes, and over TLS have one
        read timeout for all of a body.
        """
        left: bytes | memoryview = data
        while left:
            self._bound(exchange)
            sent = self._sock.send(left[:_JOINED_BYTES])
            if sent == len(left):  # as good as always, and then it needs no view
                return
            left = memoryview(left)[sent:]

    def _bound(self, exchange: Exchange) -> None:
        """Let the next call on the socket take no longer than the exchange may.

        By the kernel's own timeout where there is no TLS: Python's would be a second system call each, and let go of
        its lock once more.
        """
        seconds = min(exchange.seconds_left(), exchange.read_timeout)
        if seconds == self._timeout:
            return
        self._timeout = seconds
        # The reads of TLS would go on behind the kernel's timeout; gevent's sockets do not wait in the kernel.
        if isinstance(self._sock, ssl.SSLSocket) or not isinstance(self._sock, _socket.socket):
            self._sock.settimeout(seconds)
            return
        self._sock.settimeout(None)
        bound_in_kernel(self._sock, socket.SO_RCVTIMEO, seconds)
        bound_in_kernel(self._sock, socket.SO_SNDTIMEO, seconds)

    def receive(self, exchange: Exchange, most: int = _READ_BYTES) -> bytes:
        """Some bytes, within the exchange's time; none at the end.

        Raises:
            TimeoutError: None came in time.
            NotHttp: There are more than the reply may have.
        """
        self._bound(exchange)
        try:
            data = self._sock.recv(most)
        except BlockingIOError as error:
            raise TimeoutError from error
        if data:
            exchange.has_begun = True
            exchange.bytes_left -= len(data)
            if exchange.bytes_left < 0:
                raise NotHttp("the reply is longer than it may be")
        return data

    def receive_head(self, exchange: Exchange, method: str) -> Head:
        """The head of the reply; interim ones (RFC 9110 §15.2) are skipped. What follows it is left in `rest`."""
        exchange.is_sent = True
        while True:
            text = self._receive_head_text(exchange)
            match = _STATUS_LINE.match(text)
            if match is None or not _FIELDS.fullmatch(text, match.end()):
                raise NotHttp("no head of a reply")
            status = int(match[2])
            if status >= 200:
                fields = [(name, value.strip(" \t")) for name, value in _FIELD.findall(text, match.end())]
                return _head(status, fields, method, is_1_1=match[1] == "1")
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise NotHttp("another protocol")

    def _receive_head_text(self, exchange: Exchange) -> str:
        data = self.rest
        while (end := data.find(b"\r\n\r\n", 0, _LONGEST_HEAD)) < 0:
            if len(data) >= _LONGEST_HEAD:
                raise NotHttp("the head is longer than it may be")
            if not data.startswith(_PROTOCOL[: len(data)]):  # to wait for its end would make it a time-out
                raise NotHttp("no head of a reply")
            more = self.receive(exchange, _HEAD_BYTES)
            if not more and exchange.has_begun:
                raise NotHttp("the head was cut short")
            if not more:
                raise ConnectionResetError("closed without a byte")
            data += more
        self.rest = data[end + 4 :]
        return data[: end + 4].decode("latin-1")

    def is_silent(self) -> bool:
        """Whether nothing has come since the last reply: neither its end, nor what nobody asked for."""
        has_pending = isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()
        return not has_pending and not self._poll.poll(0)

    def may_go_on(self, head: Head) -> bool:
        """Whether another exchange can follow the one whose reply has been read to its end."""
        return head.keeps_open and self._is_sound and not self.rest

    def close(self) -> None:
        """Close it."""
        if self._is_open:
            self._sock.close()

    __del__ = close  # of a pool that nobody has closed


class Reply(requests.Response):
    """A reply as `requests` has it, without what only a user of `requests` would want: a cookie jar, a history.

    Args:
        request: What it is the reply to.
        head: Its head.
        raw: Its body, unread.
    """

    def __init__(self, request: Prepared, head: "Head", raw: "_Body") -> None:
        self._content, self._content_consumed, self._next = False, False, None
        self.status_code, self.reason = head.status, ""
        self.headers = Fields.of_pairs(head.fields)
        self.raw = raw
        self.url = request.url or ""
        self.request = request
        self.encoding = None
        self.history = []

    @property
    def cookies(self) -> RequestsCookieJar:  # type: ignore[override]
        """None: `Set-Cookie` is read from the fields, and kept for nobody."""
        return RequestsCookieJar()


class _Pairs(list[tuple[str, str]]):
    """The fields in their order, repeated ones apart, under the name that urllib3 gives them by."""

    def items(self) -> Iterator[tuple[str, str]]:
        """Name and value of each."""
        return iter(self)


class _Body:
    """The body of a reply, read as requests and urllib3 name it; its connection goes back to the pool at its end."""

    def __init__(self, connection: Connection, pool: Pool, exchange: Exchange, head: Head) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._exchange = exchange
        self._head = head
        self._left = head.framing if isinstance(head.framing, int) else 0
        self._is_in_chunk = False
        self.headers = _Pairs(head.fields)
        if head.framing == 0:
            self._end()

    @property
    def closed(self) -> bool:
        """Whether nothing more can be read."""
        return self._connection is None

    def read(self, amt: int | None = None, decode_content: bool = False) -> bytes:  # noqa: ARG002 - urllib3's signature
        """The rest of the body, or `amt` bytes of it."""
        if amt is not None:
            return self.read1(amt)
        if isinstance(self._head.framing, int) and self._left > self._exchange.bytes_left + _READ_BYTES:
            raise NotHttp("the reply is longer than it may be")
        return b"".join(iter(self.read1, b""))

    def read1(self, amt: int = _READ_BYTES, decode_content: bool = False) -> bytes:  # noqa: ARG002
        """What is there of the body, at most `amt` bytes, or what comes next; none at its end."""
        if self._connection is None:
            return b""
        try:
            return self._read(self._connection, amt)
        except BaseException:
            self.close()
            raise

    def stream(self, amt: int | None = None, decode_content: bool = False) -> Iterator[bytes]:  # noqa: ARG002
        """The pieces (called by `requests`)."""
        return iter(lambda: self.read1(amt or _READ_BYTES), b"")

    def _read(self, connection: Connection, amt: int) -> bytes:
        if self._head.framing == "close":
            piece = self._take(connection, amt)
            if not piece:
                self.close()
            return piece
        if self._head.framing == "chunked" and self._left == 0 and not self._begin_chunk(connection):
            return b""
        piece = self._take(connection, min(amt, self._left))
        if not piece:
            raise NotHttp("the body was cut short")
        self._left -= len(piece)
        if self._left == 0 and self._head.framing != "chunked":
            self._end()
        return piece

    def _take(self, connection: Connection, most: int) -> bytes:
        """Up to so many bytes: of what came with those before, or new ones."""
        if connection.rest:
            piece, connection.rest = connection.rest[:most], connection.rest[most:]
            return piece
        return connection.receive(self._exchange, min(most, _READ_BYTES))

    def _begin_chunk(self, connection: Connection) -> bool:
        """Read the line in front of a chunk; at the last, the trailer, and whether there is one."""
        if self._is_in_chunk and self._line(connection, 0):
            raise NotHttp("a chunk is longer than it says")
        size = _CHUNK.fullmatch(self._line(connection, _LONGEST_LINE))
        if size is None:
            raise NotHttp("no size of a chunk")
        self._left, self._is_in_chunk = int(size[1], 16), True
        if self._left:
            return True
        left = _LONGEST_TRAILER
        while line := self._line(connection, left):
            left -= len(line)
        self._end()
        return False

    def _line(self, connection: Connection, longest: int) -> bytes:
        while (end := connection.rest.find(b"\r\n")) < 0:
            if len(connection.rest) > longest + 1:
                raise NotHttp("a line is longer than it may be")
            more = connection.receive(self._exchange, _AHEAD_BYTES)
            if not more:
                raise NotHttp("the body was cut short")
            connection.rest += more
        line, connection.rest = connection.rest[:end], connection.rest[end + 2 :]
        if len(line) > longest or b"\n" in line:
            raise NotHttp("no line of a chunked body")
        return line

    def _end(self) -> None:
        """All has been read."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.may_go_on(self._head):
                self._pool.put(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Give the connection up: what is left of the body would be the next user's."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    release_conn = close


def _head(status: int, fields: list[tuple[str, str]], method: str, *, is_1_1: bool) -> Head:
    """Where the body ends (RFC 9112 §6.3), and whether the connection goes on (§9.3).

    Raises:
        NotHttp: There is doubt: another transfer coding than `chunked`, or lengths that differ or are none.
    """
    codings: list[str] = []
    lengths: list[str] = []
    options = ""
    for name, value in fields:
        if len(name) in _FRAMING_NAMES:
            match name.lower():
                case "content-length":
                    lengths += [length.strip(" \t") for length in value.split(",")]
                case "transfer-encoding":
                    codings.append(value.lower())
                case "connection":
                    options += f",{value.lower()}"
    named = {option.strip(" \t") for option in options.split(",")} if options else ()
    keeps_open = "close" not in named and (is_1_1 or "keep-alive" in named)
    if codings or len(lengths) > 1:
        fields[:] = [field for field in fields if field[0].lower() != "content-length"]
        if not codings:
            fields.append(("Content-Length", lengths[0]))
    framing = _framing(codings, lengths)
    if method == "HEAD" or status in {204, 304}:
        framing, keeps_open = 0, False  # a body that is sent all the same would be the next user's answer
    return Head(status, fields, framing, keeps_open)


_FRAMING_NAMES = frozenset(map(len, ("content-length", "transfer-encoding", "connection")))


def _framing(codings: list[str], lengths: list[str]) -> int | str:
    if codings:
        if codings != ["chunked"]:
            raise NotHttp("a transfer coding that we did not ask for")
        return "chunked"
    if not lengths:
        return "close"
    if len(set(lengths)) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise NotHttp("the end of the body is in doubt")
    return int(lengths[0])


def _request_head(request: Prepared, exchange: Exchange, host_line: str) -> bytes:
    lines = [f"{request.method} {exchange.target} HTTP/1.1\r\n"]
    fields = request.headers
    if "host" not in fields:
        lines.append(host_line)
    lines += [f"{name}: {value}\r\n" for name, value in fields.items() if value != SKIP_HEADER]
    if request.is_chunked:
        lines.append("Transfer-Encoding: chunked\r\n")
    head = "".join(lines)
    if head.count("\n") != len(lines) or not _REQUEST_HEAD.fullmatch(head):  # the former: a value that is two lines
        raise ValueError("not the head of a request")
    return f"{head}\r\n".encode("latin-1")


def connections(base_url: str, tls: ssl.SSLContext | None) -> Callable[[], Connection]:
    """What makes connections to the host of a base URL; opened as urllib3 opens them, TLS and all."""
    url = urlsplit(base_url)
    kind = HostTlsConnection if tls else HostConnection
    options: dict[str, Any] = {"ssl_context": tls} if tls else {}
    host = url.hostname or ""

    def open_socket() -> socket.socket:
        connection = kind(host, url.port or kind.default_port, **options)
        connection.connect()
        sock: socket.socket = connection.sock
        connection.sock = None  # it is ours now: urllib3's would close it with itself
        return sock

    authority = f"[{host}]" if ":" in host else host.rstrip(".")
    is_default = url.port in {None, kind.default_port}
    return lambda: Connection(open_socket, authority if is_default else f"{authority}:{url.port}")

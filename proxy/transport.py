"""The transport below `requests`: a session, an adapter and connections that send what they are given, and no more.

`requests` and urllib3 were made for scripts: they keep cookies, repair URLs, and count a time-out from the last byte.
What must not happen between users and a backend is switched off here, at documented extension points.
"""

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from proxy.connect import open_socket

# Of a streamed request body: gunicorn waits until a piece is full, so a small one leaves early.
PIECE_BYTES = 8 * 1024
_LENGTH = re.compile(r"[0-9]{1,18}")
DISTRUST_SECONDS = 60.0


@dataclass(slots=True)
class Exchange:
    """What our connection class needs to know of the request it carries, and urllib3 does not hand on.

    `deadline` is on the monotonic clock, and may be moved while a body comes in. `on_connect` is called when a
    connection has to be opened for it. `bytes_left` is how much the reply may have, its head included. `wants_fresh`
    leaves the pool's connections alone. The rest is how far it has come.
    """

    target: str
    is_idempotent: bool
    connect_timeout: float
    read_timeout: float
    deadline: float
    on_connect: Callable[[], None]
    bytes_left: float
    wants_fresh: bool = False
    is_connecting: bool = False
    is_fresh: bool = False
    is_sent: bool = False
    has_begun: bool = False

    def begin_again(self, *, is_stale: bool) -> None:
        """Forget how far it has come; stay away from idle connections, where one has just turned out dead."""
        self.wants_fresh = is_stale
        self.is_connecting = self.is_fresh = self.is_sent = self.has_begun = False

    def seconds_left(self) -> float:
        """Until the deadline.

        Raises:
            TimeoutError: It has passed.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


class Fields(CaseInsensitiveDict[str]):
    """Header fields, filled without the ceremony of `MutableMapping.update`."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._store = {name.lower(): (name, value) for name, value in fields.items()}  # type: ignore[assignment]

    @classmethod
    def of_pairs(cls, pairs: Iterable[tuple[str, str]]) -> "Fields":
        """Of fields that may be there more than once (RFC 9110 §5.3)."""
        fields = cls({})
        for name, value in pairs:
            before = fields._store.get(name.lower())
            fields._store[name.lower()] = (name, f"{before[1]}, {value}" if before else value)
        return fields


class Prepared(requests.PreparedRequest):
    """A request filled by hand: `prepare` would repair the URL, and add cookies and credentials.

    Args:
        method: In capitals.
        url: Where it goes; only its host is used.
        headers: All fields but those of the framing.
        body: Bytes, or what has `read` and `length`.
        exchange: What it is part of.
    """

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: Any, exchange: Exchange) -> None:
        self.method = method
        self.url = url
        self.headers: Fields = Fields(headers)  # type: ignore[assignment]  # bytes are for those who prepare
        self.body = body
        self.is_chunked = body is not None and not isinstance(body, bytes) and body.length is None
        self.hooks = {"response": []}
        self._cookies = None
        self._body_position = None
        self.exchange = exchange


current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")


class Session(requests.Session):
    """A session that carries nothing from one user to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # a .netrc entry for the backend's host would replace the bearer token
        self.headers.clear()
        # Kept cookies would be sent with the next user's request.
        self.cookies = RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()  # only what `mount` names can be reached

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[Any]:  # type: ignore[override]
        """Nothing: a redirect is an answer like any other; following one would take the token along."""
        return iter(())


class Adapter(HTTPAdapter):
    """urllib3's pool, with our connections in it and one TLS context for all of them.

    Args:
        pool_size: How many idle connections are kept.
        tls: The context for an https backend.
        idle_timeout: Seconds after which an idle connection is not used again.
    """

    def __init__(self, pool_size: int, tls: ssl.SSLContext | None, idle_timeout: float) -> None:
        self._tls = tls
        self._idle_timeout = idle_timeout
        super().__init__(pool_connections=1, pool_maxsize=pool_size)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Build the pool (called by HTTPAdapter)."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._tls, blocksize=PIECE_BYTES, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(_Pool, self._idle_timeout),  # type: ignore[dict-item]  # it is called, no more
            "https": partial(_TlsPool, self._idle_timeout),  # type: ignore[dict-item]
        }

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send a request, and read the head of the reply (called by `requests.Session`).

        Raises:
            requests.RequestException: The network failed, or what came is no reply.
            UnsoundFraming: There is doubt where the body ends.
        """
        token = current_exchange.set(cast("Prepared", request).exchange)
        try:
            reply = super().send(request, *arguments, **options)
        finally:
            current_exchange.reset(token)
        _require_sound_framing(reply)
        return reply

    def cert_verify(self, *args: Any) -> None:
        """Nothing: the context has its authorities; requests would put certifi's in the place of the system's."""


class _Head(io.BufferedReader):
    """The bytes of a reply; while its head comes in, their end is an error."""

    is_in_head = False

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line (io.BufferedReader); `http.client` would take half a head for a whole one."""
        line = super().readline(size)
        if self.is_in_head and not line:
            raise http.client.HTTPException("the head was cut short")
        return line


class _Response(http.client.HTTPResponse):
    """A reply whose every read is bounded by the deadline of its exchange."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
        super().__init__(sock, debuglevel, method, url)
        exchange = current_exchange.get()
        exchange.is_sent = True
        self.fp: _Head = _Head(_BoundedReader(self.fp.detach(), sock, exchange))

    def begin(self) -> None:
        """Read the head (http.client)."""
        fp = self.fp
        super().begin()
        fp.is_in_head = False
        # With a blank behind it, `chunked` is no coding to `http.client`, nor `2, 2` a length (RFC 9110 §5.5, §8.6):
        # the body would end with the connection.
        lengths = {length.strip(" \t") for length in (self.headers.get("Content-Length") or "").split(",")}
        if (self.headers.get("Transfer-Encoding") or "").strip(" \t").lower() == "chunked":
            self.chunked, self.chunk_left = True, None
        elif self.length is None and len(lengths) == 1 and _LENGTH.fullmatch(length := lengths.pop()):
            self.length = int(length)

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim responses (RFC 9110 §15.2).

        `http.client` skips 100 alone. After a 103 it would return the connection to the pool with the final response
        still to come: the next user would get it.
        """
        status_line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        self.fp.is_in_head = True
        while 100 <= status_line[1] < 200:
            if status_line[1] == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.UnknownProtocol("101")
            http.client.parse_headers(self.fp)
            status_line = super()._read_status()  # type: ignore[misc]
        return status_line


class _BoundedReader(io.RawIOBase):
    """The bytes of a socket, each wait for them no longer than the exchange has left.

    A read timeout alone starts anew with every byte: a body that drips would never end.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        self._raw = raw
        self._sock = sock
        self._exchange = exchange

    def readable(self) -> bool:
        """True (io.RawIOBase)."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Fill `buffer` with what comes next (io.RawIOBase)."""
        self._sock.settimeout(min(self._exchange.seconds_left(), self._exchange.read_timeout))
        count = self._raw.readinto(buffer)
        if count:
            self._exchange.has_begun = True
            self._exchange.bytes_left -= count
        if self._exchange.bytes_left < 0:
            raise http.client.HTTPException("the reply is longer than it may be")
        return count

    def close(self) -> None:
        """Let go of the socket (io.RawIOBase)."""
        self._raw.close()
        super().close()


class HostConnection(HTTPConnection):
    """A connection that sends the request target as it is: urllib3 makes `%2f` into `%2F`, and `%zz` into `%25zz`."""

    response_class = _Response
    idle_since: float | None = None

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Begin a request (http.client), with the target of the exchange in the place of `url`."""
        url = current_exchange.get().target
        super().putrequest(method, url, skip_host, skip_accept_encoding)

    def connect(self) -> None:
        """Open the connection (http.client)."""
        exchange = current_exchange.get()
        exchange.on_connect()
        exchange.is_connecting = exchange.is_fresh = True
        super().connect()
        exchange.is_connecting = False

    def _new_conn(self) -> socket.socket:
        """A socket to the first address that answers (called by urllib3, which gives each the whole timeout)."""
        exchange = current_exchange.get()
        seconds = min(exchange.connect_timeout, exchange.seconds_left())
        try:
            return open_socket(self._dns_host, self.port, seconds, self.socket_options or ())
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except OSError as error:
            raise NewConnectionError(self, type(error).__name__) from error

    def send(self, data: Any) -> None:
        """Send bytes (http.client) within the deadline: urllib3 leaves the connect timeout on the socket."""
        if self.sock is None:
            self.connect()
        self.sock.settimeout(current_exchange.get().seconds_left())
        super().send(data)

    def _encode_request(self, request: str) -> bytes:
        """A server's bytes reach WSGI as latin-1 (PEP 3333); `http.client` would refuse those outside of ASCII."""
        return request.encode("latin-1")


class HostTlsConnection(HostConnection, HTTPSConnection):
    """The same over TLS."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection may be used again (urllib3): not while OpenSSL holds bytes that nobody asked for.

        urllib3 looks at the socket alone; a surplus response in the same TLS record would be the next user's.
        """
        return super().is_connected and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())


class UnsoundFraming(http.client.HTTPException):
    """There is doubt where the body of a reply ends."""


class _Fresh(HTTPConnectionPool):
    """Gives no connection again that the backend may be about to close: one that has been idle for long.

    Nor any, for what may not be sent twice, while the backend closes connections sooner than that: between a look at
    one and the first byte on it there is always time for one more to be closed.
    """

    def __init__(self, idle_timeout: float, *arguments: Any, **options: Any) -> None:
        self._idle_timeout = idle_timeout
        self._closes_early_until = 0.0
        super().__init__(*arguments, **options)

    def _get_conn(self, timeout: float | None = None) -> Any:
        exchange, now = current_exchange.get(), time.monotonic()
        if exchange.wants_fresh:
            self._closes_early_until = now + DISTRUST_SECONDS
        if exchange.wants_fresh or (now < self._closes_early_until and not exchange.is_idempotent):
            return self._new_conn()
        connection: Any = super()._get_conn(timeout)
        if connection.idle_since is not None:
            seconds = now - connection.idle_since
            if connection.sock is None and seconds < self._idle_timeout:  # urllib3 has seen that it is closed
                self._closes_early_until = now + DISTRUST_SECONDS
            elif seconds > self._idle_timeout:
                connection.close()
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection:
            connection.idle_since = time.monotonic() if connection.sock else None
        super()._put_conn(connection)


class _Pool(_Fresh):
    ConnectionCls = HostConnection


class _TlsPool(_Fresh, HTTPSConnectionPool):
    ConnectionCls = HostTlsConnection


def _require_sound_framing(reply: requests.Response) -> None:
    """Leave no doubt where the body ends (RFC 9112 §6.3): what we made of it, whoever reads our response must too.

    Raises:
        UnsoundFraming: A transfer coding but `chunked`, or lengths that differ or are none.
    """
    fields = reply.raw.headers
    codings = [value.strip(" \t").lower() for value in fields.getlist("Transfer-Encoding")]
    lengths = {value.strip(" \t") for line in fields.getlist("Content-Length") for value in line.split(",")}
    if codings:
        is_sound = codings == ["chunked"]
        fields.discard("Content-Length")
    else:
        is_sound = len(lengths) <= 1 and all(map(_LENGTH.fullmatch, lengths))
        if is_sound and lengths:
            fields["Content-Length"] = lengths.pop()
    if not is_sound:
        reply.close()
        raise UnsoundFraming

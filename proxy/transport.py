"""The transport below `requests`: a session, an adapter and connections that send what they are given, and no more.

`requests` and urllib3 were made for scripts: they keep cookies, repair URLs, and count a time-out from the last byte.
What must not happen between users and a backend is switched off here, at documented extension points.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# Of a streamed request body: gunicorn waits until a piece is full, so a small one leaves early.
_PIECE_BYTES = 8 * 1024


@dataclass(slots=True)
class Exchange:
    """What our connection class needs to know of the request it carries, and urllib3 does not hand on.

    `deadline` is on the monotonic clock, and may be moved while a body comes in. `on_connect` is called when a
    connection has to be opened for it. `bytes_left` is how much the reply may have, its head included.
    """

    target: str
    read_timeout: float
    deadline: float
    on_connect: Callable[[], None]
    bytes_left: float

    def seconds_left(self) -> float:
        """Until the deadline.

        Raises:
            TimeoutError: It has passed.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


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

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: a redirect is an answer like any other; following one would take the token along."""


class Adapter(HTTPAdapter):
    """urllib3's pool, with our connections in it and one TLS context for all of them.

    Args:
        pool_size: How many idle connections are kept.
        tls: The context for an https backend.
    """

    def __init__(self, pool_size: int, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        super().__init__(pool_connections=1, pool_maxsize=pool_size)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Build the pool (called by HTTPAdapter)."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._tls, blocksize=_PIECE_BYTES, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def cert_verify(self, *args: Any) -> None:
        """Nothing: the context has its authorities; requests would put certifi's in the place of the system's."""


class _Response(http.client.HTTPResponse):
    """A reply whose every read is bounded by the deadline of its exchange."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
        super().__init__(sock, debuglevel, method, url)
        self.fp: io.BufferedReader = io.BufferedReader(_BoundedReader(self.fp.detach(), sock, current_exchange.get()))

    def _read_status(self) -> tuple[str, int, str]:
        """Skip interim responses (RFC 9110 §15.2).

        `http.client` skips 100 alone. After a 103 it would return the connection to the pool with the final response
        still to come: the next user would get it.
        """
        status_line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
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
        self._exchange.bytes_left -= count or 0
        if self._exchange.bytes_left < 0:
            raise http.client.HTTPException("the reply is longer than it may be")
        return count

    def close(self) -> None:
        """Let go of the socket (io.RawIOBase)."""
        self._raw.close()
        super().close()


class _Connection(HTTPConnection):
    """A connection that sends the request target as it is: urllib3 makes `%2f` into `%2F`, and `%zz` into `%25zz`."""

    response_class = _Response

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Begin a request (http.client), with the target of the exchange in the place of `url`."""
        url = current_exchange.get().target
        super().putrequest(method, url, skip_host, skip_accept_encoding)

    def connect(self) -> None:
        """Open the connection (http.client)."""
        current_exchange.get().on_connect()
        super().connect()

    def send(self, data: Any) -> None:
        """Send bytes (http.client) within the deadline: urllib3 leaves the connect timeout on the socket."""
        if self.sock is None:
            self.connect()
        self.sock.settimeout(current_exchange.get().seconds_left())
        super().send(data)

    def _encode_request(self, request: str) -> bytes:
        """A server's bytes reach WSGI as latin-1 (PEP 3333); `http.client` would refuse those outside of ASCII."""
        return request.encode("latin-1")


class _TlsConnection(_Connection, HTTPSConnection):
    @property
    def is_connected(self) -> bool:
        """Whether the connection may be used again (urllib3): not while OpenSSL holds bytes that nobody asked for.

        urllib3 looks at the socket alone; a surplus response in the same TLS record would be the next user's.
        """
        return super().is_connected and not (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection

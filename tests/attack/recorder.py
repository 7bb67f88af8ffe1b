"""The backend behind the service under attack: it keeps every byte, and trusts none of them."""

import contextlib
import re
import selectors
import socket
import threading
from dataclasses import dataclass, field
from typing import Self

from tests.attack.wire import NotHttpError, dechunked

_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f]+) HTTP/1\.1")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class Heard:
    """One request as the backend got it; `fault` says why it is none, or not a whole one."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    fault: str = ""

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for field_name, value in self.fields if field_name.lower() == name.lower()]

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.fields}

    def __str__(self) -> str:
        return f"{self.method} {self.target}" + (f" ({self.fault})" if self.fault else "")


@dataclass
class Recorder:
    """An HTTP server on loopback, one thread for all its connections.

    One thread, so that `heard` can say for certain what came: what has reached the socket when it is called is read
    before it returns.
    """

    _replies: dict[str, tuple[bytes, bool]] = field(default_factory=dict)
    _heard: list[Heard] = field(default_factory=list)
    _open: dict[socket.socket, bytes] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._bell, self._button = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._asked, self._settled, self._stops = False, threading.Event(), False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stops = True
        self._button.send(b"!")
        self._thread.join(timeout=10)
        for connection in [*self._open, self._listener, self._bell, self._button]:
            connection.close()
        self._selector.close()

    def reply(self, route: str, reply: bytes, *, close: bool = False) -> None:
        """Answer `route` ("GET /path", without a query) with these bytes, and hang up then if told to."""
        self._replies[route] = (reply, close)

    def forget(self) -> None:
        """Forget what was heard, half-sent requests too, and what was to be replied."""
        self._settle()
        for connection in [connection for connection, waiting in self._open.items() if waiting]:
            connection.shutdown(socket.SHUT_RDWR)
        self._settle()
        self._heard.clear()
        self._replies.clear()

    def heard(self) -> list[Heard]:
        """Every request since `forget`, those that were never finished behind the others."""
        self._settle()
        return [*self._heard, *(_unfinished(waiting) for waiting in self._open.values() if waiting)]

    def _settle(self) -> None:
        self._settled.clear()
        self._button.send(b"?")
        assert self._settled.wait(timeout=10), "the backend's thread is dead"

    def _run(self) -> None:
        while not self._stops:
            ready = self._selector.select(timeout=0 if self._asked else None)
            if not ready:
                self._asked = False
                self._settled.set()
            for key, _ in ready:
                self._serve(key.fileobj)  # type: ignore[arg-type]  # sockets alone are registered

    def _serve(self, connection: socket.socket) -> None:
        if connection is self._bell:
            self._asked = bool(self._bell.recv(64)) or self._asked
        elif connection is self._listener:
            with contextlib.suppress(OSError):
                accepted, _ = self._listener.accept()
                accepted.settimeout(5)
                self._open[accepted] = b""
                self._selector.register(accepted, selectors.EVENT_READ)
        else:
            self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        try:
            piece = connection.recv(2**20)
        except OSError:
            piece = b""
        self._open[connection] += piece
        try:
            while found := _first(self._open[connection]):
                heard, self._open[connection] = found
                self._heard.append(heard)
                self._answer(connection, heard)
        except (NotHttpError, OSError) as error:
            self._hang_up(connection, f"malformed: {error}")
        else:
            if not piece:
                self._hang_up(connection, "cut off")

    def _answer(self, connection: socket.socket, heard: Heard) -> None:
        reply, closes = self._replies.get(f"{heard.method} {heard.target.partition('?')[0]}", (_OK, False))
        connection.sendall(reply)
        if closes:
            connection.shutdown(socket.SHUT_RDWR)

    def _hang_up(self, connection: socket.socket, fault: str) -> None:
        waiting = self._open.pop(connection)
        if waiting:
            self._heard.append(_unfinished(waiting, fault))
        self._selector.unregister(connection)
        connection.close()


def _first(received: bytes) -> tuple[Heard, bytes] | None:
    """The first request and what follows it; None while it is not whole.

    Raises:
        NotHttpError: It is malformed by the strictest reading, or could be framed in two ways (RFC 9112 §6.3).
    """
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    request_line, *lines = head.decode("latin-1").split("\r\n")
    request = _REQUEST_LINE.fullmatch(request_line)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if not request or not all(fields):
        raise NotHttpError("no request line, or no field line")
    pairs = tuple((found[1], found[2]) for found in fields if found)
    lengths = [value for name, value in pairs if name.lower() == "content-length"]
    codings = [value for name, value in pairs if name.lower() == "transfer-encoding"]
    hosts = [value for name, value in pairs if name.lower() == "host"]
    if len(hosts) != 1 or len(lengths) + len(codings) > 1 or codings not in ([], ["chunked"]):
        raise NotHttpError("two readings of its head")
    size = int(lengths[0]) if lengths else 0
    found_body = dechunked(rest) if codings else (rest[:size], rest[size:]) if len(rest) >= size else None
    if found_body is None:
        return None
    body, behind = found_body
    return Heard(request[1], request[2], pairs, body), behind


def _unfinished(received: bytes, fault: str = "not finished") -> Heard:
    """A request that has no end: what can be told of it, to a reader and not to a machine."""
    head, _, body = received.partition(b"\r\n\r\n")
    method, _, target = head.decode("latin-1").partition("\r\n")[0].rpartition(" HTTP/")[0].partition(" ")
    lines = head.decode("latin-1").split("\r\n")[1:]
    fields = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return Heard(method, target, fields, body, fault)

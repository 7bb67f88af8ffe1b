"""A real HTTP server on loopback that answers as told, and keeps what it was sent, byte for byte."""

import contextlib
import json as jsonlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException, parse_headers
from io import BufferedReader
from types import TracebackType
from typing import Self

Script = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire; `target` is what stood in its first line."""

    method: str
    target: str
    headers: Message
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class Backend:
    """Told answers by `answer`, `answer_bytes` and `script`; asked afterwards through `requests` and `connections`."""

    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._scripts: dict[str, Script] = {}
        self._early: set[str] = set()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        port = self._listener.getsockname()[1]
        self.url = f"https://localhost:{port}" if self.tls else f"http://127.0.0.1:{port}"
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            _close(connection)
        for thread in self._threads:
            thread.join(timeout=5)

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def answer(
        self,
        route: str,
        status: int = 200,
        *,
        json: object = None,
        body: bytes | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Answer `route` ("GET /path", without a query) with a whole response; `json` unless `body` is given."""
        content = jsonlib.dumps(json).encode() if body is None else body
        fields = [("Content-Type", "application/json"), ("Content-Length", str(len(content))), *headers]
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        self.answer_bytes(route, f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode("latin-1") + content, close=False)

    def answer_bytes(self, route: str, reply: bytes, *, close: bool | None = None) -> None:
        """Answer `route` with these very bytes; hang up then, unless told otherwise, if the reply is not whole.

        Behind a whole one the connection stays: it may be in a pool already, and closing it would race with its use.
        """
        hangs_up = not _is_whole(reply) if close is None else close

        def send(connection: socket.socket) -> None:
            connection.sendall(reply)
            if hangs_up:
                _close(connection)

        self.script(route, send)

    def script(self, route: str, script: Script) -> None:
        """Run `script` on the connection when `route` is asked for."""
        self._scripts[route] = script

    def forget(self) -> None:
        """Forget what was told and what was sent; connections stay open."""
        self._scripts.clear()
        self._early.clear()
        self.requests.clear()
        self.connections = 0

    def script_early(self, route: str, script: Script) -> None:
        """Run `script` on the connection as soon as the head has come: the body is its to read."""
        self._early.add(route)
        self.script(route, script)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection, self.connections)

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            connection = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
        except OSError:
            return
        self._open.append(connection)
        reader = connection.makefile("rb", buffering=1)  # what follows a head may be a script's to read
        try:
            while request := _read_request(reader, number, self._early):
                self.requests.append(request)
                route = f"{request.method} {request.path}"
                self._scripts.get(route, _answer_nothing_told)(connection)
        except (OSError, ValueError, HTTPException):
            return
        finally:
            reader.close()
            _close(connection)


def _read_request(reader: BufferedReader, number: int, early: set[str]) -> Request | None:
    first_line = reader.readline().decode("latin-1").split()
    if len(first_line) < 2:
        return None
    headers = parse_headers(reader)
    is_early = f"{first_line[0]} {first_line[1]}" in early
    body = b"" if is_early else reader.read(int(headers.get("Content-Length", 0)))
    return Request(first_line[0], first_line[1], headers, body, number)


def _is_whole(reply: bytes) -> bool:
    """Whether the last reply in these bytes says where it ends, and ends there (RFC 9112 §6.3)."""
    head, _, body = reply.partition(b"\r\n\r\n")
    while re.match(rb"HTTP/1.1 1\d\d ", head):
        head, _, body = body.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)\r?", head)
    is_bodiless = re.match(rb"HTTP/1.1 (204|304)", head) is not None
    return is_bodiless or body.endswith(b"0\r\n\r\n") or (length is not None and len(body) >= int(length[1]))


def _answer_nothing_told(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 404 Untold\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()

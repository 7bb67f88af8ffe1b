"""The attacker's side of the wire: bytes as they are, and answers parsed more strictly than any browser would."""

import contextlib
import re
import socket
import time
from dataclasses import dataclass
from typing import Self

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e]*)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")  # RFC 9110 §5.1, §5.5
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_PIECE = 65_536


class NotHttpError(ValueError):
    """Bytes that are no response, whatever follows them."""


@dataclass(frozen=True)
class Answer:
    """One response; names of fields in lower case, repeated ones apart and in their order."""

    status: int
    reason: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for field, value in self.fields if field == name]

    def one(self, name: str) -> str:
        """The values of a field as one; blank without it."""
        return ", ".join(self.all(name))


@dataclass(frozen=True)
class Conversation:
    """What came back on one connection: whole answers, the bytes that are none, and whether the server closed it."""

    answers: tuple[Answer, ...]
    rest: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


def connect(port: int) -> socket.socket:
    """A connection to the service, every wait on it bounded."""
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def talk(
    port: int, request: bytes, *, enough: int = 2, patience: float = 3.0, is_head: bool = False, ends: bool = False
) -> Conversation:
    """Send bytes on a new connection, and read until the server closes it.

    Args:
        port: The service's.
        request: Sent as it is, whatever comes back meanwhile.
        enough: So many answers, interim ones not counted, end the conversation too.
        patience: Seconds without a byte after which the connection counts as left open.
        is_head: Whether the answers have no body, as those to HEAD.
        ends: Whether our side is closed behind the request, as a browser's that hangs up.
    """
    with connect(port) as connection:
        with contextlib.suppress(OSError):  # refused while we still talk: what it said is what counts
            connection.sendall(request)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        return listen(connection, enough=enough, patience=patience, is_head=is_head)


def listen(connection: socket.socket, *, enough: int = 1, patience: float = 3.0, is_head: bool = False) -> Conversation:
    """Read from a connection until the server closes it, `enough` answers have come, or `patience` ends."""
    received, closed = b"", False
    connection.settimeout(patience)
    while True:
        answers, rest = _parsed(received, closed=False, is_head=is_head)
        if sum(answer.status >= 200 for answer in answers) >= enough:
            break
        try:
            piece = connection.recv(_PIECE)
        except TimeoutError:
            break
        except OSError:
            closed = True
            break
        if not piece:
            closed = True
            break
        received += piece
    if not closed:
        closed = _is_closed_at_once(connection, answers)
    answers, rest = _parsed(received, closed=closed, is_head=is_head)
    return Conversation(tuple(answers), rest, closed)


class Line:
    """A connection that is kept for as long as the server keeps it, and opened anew when it does not."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def ask(self, request: bytes) -> Answer:
        """The answer to one request.

        Raises:
            NotHttpError: It is none, or there is more than one.
        """
        for _ in range(2):  # a kept connection may have been closed since
            is_new = self._connection is None
            conversation = self._once(request)
            if conversation.answers or is_new:
                break
        if len(conversation.answers) != 1 or conversation.rest:
            self.hang_up()
            raise NotHttpError(f"answers {conversation.statuses}, and then {conversation.rest[:80]!r}")
        if conversation.closed or "close" in conversation.answers[0].one("connection").lower():
            self.hang_up()
        return conversation.answers[0]

    def hang_up(self) -> None:
        """Close it; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _once(self, request: bytes) -> Conversation:
        self._connection = self._connection or connect(self._port)
        with contextlib.suppress(OSError):
            self._connection.sendall(request)
        conversation = listen(self._connection, patience=10)
        if not conversation.answers:
            self.hang_up()
        return conversation


def _is_closed_at_once(connection: socket.socket, answers: list[Answer]) -> bool:
    """Whether the close that an answer announces has come; one that was not announced is not waited for."""
    if not answers or "close" not in answers[-1].one("connection").lower():
        return False
    give_up = time.monotonic() + 3
    connection.settimeout(3)
    with contextlib.suppress(TimeoutError):
        while time.monotonic() < give_up:
            try:
                if not connection.recv(_PIECE):
                    return True
            except ConnectionError:
                return True
    return False


def _parsed(received: bytes, *, closed: bool, is_head: bool) -> tuple[list[Answer], bytes]:
    """The whole answers at the beginning of what was received, and what is behind them."""
    answers, rest = [], received
    while rest:
        try:
            found = _first(rest, closed=closed, is_head=is_head)
        except NotHttpError:
            break
        if found is None:
            break
        answer, rest = found
        answers.append(answer)
    return answers, rest


def _first(received: bytes, *, closed: bool, is_head: bool) -> tuple[Answer, bytes] | None:
    """The first answer and what follows it; None while it is not whole (RFC 9112 §6.3)."""
    head, end, rest = received.partition(b"\r\n\r\n")
    if not end:
        return None
    status_line, *lines = head.split(b"\r\n")
    status = _STATUS_LINE.fullmatch(status_line)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if not status or not all(fields):
        raise NotHttpError(head)
    pairs = tuple((field[1].decode().lower(), field[2].decode("latin-1")) for field in fields if field)
    lengths = [value for name, value in pairs if name == "content-length"]
    is_chunked = ("transfer-encoding", "chunked") in pairs
    if len(lengths) > 1 or (lengths and is_chunked):
        raise NotHttpError(head)
    code = int(status[1])
    if is_head or code < 200 or code in {204, 304}:
        found: tuple[bytes, bytes] | None = (b"", rest)
    elif is_chunked:
        found = dechunked(rest)
    elif lengths:
        size = int(lengths[0])
        found = (rest[:size], rest[size:]) if len(rest) >= size else None
    else:
        found = (rest, b"") if closed else None
    return None if found is None else (Answer(code, status[2].decode(), pairs, found[0]), found[1])


def dechunked(coded: bytes) -> tuple[bytes, bytes] | None:
    """The content of a chunked body and what follows it (RFC 9112 §7.1); None while it is not whole.

    Neither extensions nor trailers are expected, from the service in either direction.
    """
    content = b""
    while True:
        line, end, coded = coded.partition(b"\r\n")
        if not end:
            return None
        if not _CHUNK_SIZE.fullmatch(line):
            raise NotHttpError(line[:40])
        size = int(line, 16)
        if len(coded) < size + 2:
            return None
        if coded[size : size + 2] != b"\r\n":
            raise NotHttpError(coded[size : size + 2])
        content += coded[:size]
        coded = coded[size + 2 :]
        if size == 0:
            return content, coded

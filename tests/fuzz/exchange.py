"""One exchange over a pair of sockets, by either transport: the bytes of a reply in, what `Upstream` makes of them out.

Nothing waits: what will be read has been written before, and nothing but a socket stands in for another one.
"""

import contextlib
import itertools
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from unittest import mock

from config import Settings
from proxy import transport
from proxy.errors import BackendTimeout, BffError
from proxy.upstream import Upstream, has_body, read_body, read_piece
from tests.fuzz import oracles

METHODS = ("GET", "HEAD", "POST")
WHOLE = (2**20,)
_URL = "http://backend"
_PATIENCE_SECONDS = 0.5  # nobody waits as long, or it shows
_FIT_FOR_A_NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"

# What the lean transport refuses and urllib3 takes, and why it is refused. The names are those of `oracles.Unread`.
STRICTER = {
    "line": "RFC 9112 §2.2 and RFC 9110 §5.5: a bare LF or CR, or a NUL, is where two parsers part",
    "status line": "RFC 9112 §4: one blank, three digits, HTTP/1.0 or 1.1; urllib3 takes `HTTP/1.9  +200`",
    "field": "RFC 9112 §5: no folding, no blank before the colon, no name but a token; urllib3 drops what follows it",
    "chunk size": "RFC 9112 §7.1: hexadecimal digits alone; urllib3 takes `0x2`, `+2`, `2_0` and blanks before it",
    "trailer cut": "RFC 9112 §8: without its last line, a chunked body is not whole",
    "chunk size cut": "RFC 9112 §8: nor without the whole line in front of its last chunk",
    "chunk end": "RFC 9112 §7.1: a CRLF stands behind a chunk; urllib3 skips any two bytes",
    "chunked body": "RFC 9112 §2.2: a bare LF is no end of a line between chunks",
}


class Line(socket.socket):
    """The end of a pair that we read from; the other one has written `reply`, and hung up if it `ends`.

    Args:
        reply: At most what a pair of sockets holds, some 200 KiB.
        sizes: How many bytes there are for each read, again and again.
    """

    def __init__(self, reply: bytes, sizes: Iterable[int] = WHOLE, *, ends: bool = True) -> None:
        ours, self.peer = socket.socketpair()
        super().__init__(fileno=ours.detach())
        self._sizes = itertools.cycle(sizes)
        self.taken = 0
        self.peer.sendall(reply)
        if ends:
            self.peer.shutdown(socket.SHUT_WR)

    def recv(self, most: int, flags: int = 0, /) -> bytes:
        """Some bytes, fewer than are there."""
        data = super().recv(min(most, next(self._sizes)), flags)
        self.taken += len(data)
        return data

    def recv_into(self, buffer, nbytes=0, flags=0, /) -> int:
        """The same, for `http.client`."""
        count = super().recv_into(buffer, min(nbytes or len(buffer), next(self._sizes)), flags)
        self.taken += count
        return count

    @property
    def is_kept(self) -> bool:
        """Whether our end is still open."""
        self.peer.setblocking(False)
        try:
            while self.peer.recv(65536):
                pass
        except BlockingIOError:
            return True
        except ConnectionResetError:  # closed, with bytes that nobody has read
            return False
        return False


@dataclass(frozen=True)
class Outcome:
    """What came of a reply: fields by their name in lower case, without the blanks around a value; the connection is
    open still, and so many bytes have been taken from it.
    """

    status: int
    fields: dict[str, list[str]]
    body: bytes
    is_kept: bool
    taken: int = field(compare=False)


class Wire:
    """`Upstream` as it is, but for the sockets that it opens: `transport` is "lean" or "urllib3"."""

    def __init__(self, transport: str) -> None:
        self._is_urllib3 = transport == "urllib3"
        settings = Settings(
            app_env="testing",
            api_base_url=_URL,
            backend_transport=transport,  # type: ignore[arg-type]  # one of the two
            read_timeout=_PATIENCE_SECONDS,
            breaker_failures=10**9,
        )
        self._upstream = Upstream(_URL, settings)

    def outcome(self, method: str, line: Line, piece: int | None = None) -> Outcome | type[BffError]:
        """What comes of a reply whose body is read whole, or by pieces of at most `piece` bytes; and of the next one.

        Raises:
            AssertionError: What was left over of the reply became part of the next one.
        """
        with line, line.peer:
            try:
                outcome = self._exchange(method, line, piece)
            except BffError as error:
                assert self._is_urllib3 or not line.is_kept  # which may leave it to the garbage collector
                return type(error)
            else:
                if outcome.is_kept:
                    self._must_stay_away_from(line)
                return outcome
            finally:
                self._upstream.close()

    def _exchange(self, method: str, line: Line, piece: int | None) -> Outcome:
        body = None if method != "POST" else b"{}"
        with mock.patch.object(transport, "open_socket", return_value=line):
            reply = self._upstream.send(method, "/x", {}, body)
        fields: dict[str, list[str]] = {}
        for name, value in reply.raw.headers.items():
            fields.setdefault(name.lower(), []).append(value.strip(" \t"))
        if piece is None or not has_body(reply):
            content = read_body(reply)
        else:
            content = b"".join(iter(lambda: read_piece(reply, piece), b""))
            reply.close()
        return Outcome(reply.status_code, fields, content, line.is_kept, line.taken)

    def _must_stay_away_from(self, line: Line) -> None:
        """Unless nothing more is to be read there: then it may be taken, and would have to answer."""
        line.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            socket.socket.recv(line, 1, socket.MSG_PEEK)
            other = Line(_FIT_FOR_A_NEXT)
            with other, other.peer:
                assert self._exchange("GET", other, None).body == b"second"


LEAN, URLLIB3 = Wire("lean"), Wire("urllib3")


def check(
    method: str, reply: bytes, sizes: Iterable[int] = WHOLE, *, ends: bool = True, piece: int | None = None
) -> Outcome | None:
    """Read a reply by both transports, and by hand; what came of it, or None where it was refused.

    Args:
        method: That of the request.
        reply: And what stands behind it.
        sizes: See `Line`.
        ends: Whether the backend hangs up then; it does so whatever is said here where its reply is not whole.
        piece: See `Wire.outcome`.

    Raises:
        AssertionError: The lean transport does not agree with the oracle; or takes what urllib3 refuses or reads
            another way; or refuses what urllib3 takes, for no reason in STRICTER.
    """
    sizes = tuple(sizes)
    try:
        meaning: oracles.Reply | oracles.Unread = oracles.reply(reply, method)
    except oracles.Unread as error:
        meaning = error
    is_whole = isinstance(meaning, oracles.Reply) and meaning.end is not None
    lean = LEAN.outcome(method, Line(reply, sizes, ends=ends or not is_whole), piece)
    theirs = URLLIB3.outcome(method, Line(reply, sizes), piece)
    if isinstance(meaning, oracles.Unread):
        assert not isinstance(lean, Outcome), meaning
        assert lean is not BackendTimeout
        assert not isinstance(theirs, Outcome) or str(meaning) in STRICTER, meaning
        return None
    assert isinstance(lean, Outcome)
    assert (lean.status, lean.fields, lean.body) == (meaning.status, meaning.fields, meaning.body)
    assert not lean.is_kept or (meaning.may_stay and meaning.end == lean.taken)
    assert lean.is_kept or not meaning.may_stay or meaning.end != len(reply)
    assert isinstance(theirs, Outcome)
    assert (theirs.status, theirs.fields, theirs.body) == (lean.status, lean.fields, lean.body)
    return lean

"""Bodies that pass in pieces, in both directions, without ever being whole in memory."""

import errno
from collections.abc import Iterator
from typing import Protocol

import requests

from proxy.errors import BadRequest, BffError, TooLarge
from proxy.upstream import read_piece

_PIECE_BYTES = 64 * 1024


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class RequestBody:
    """The browser's body on its way to the backend.

    Args:
        stream: `wsgi.input`.
        length: What the browser announced, in bytes; None when it sends chunks.
        limit: How many bytes may pass.

    Raises:
        TooLarge: The announced length is over the limit.
    """

    def __init__(self, stream: Readable, length: int | None, limit: int) -> None:
        if length is not None and length > limit:
            raise TooLarge(f"the browser announces {length} bytes")
        self.length = length
        self.passed = 0
        self._stream = stream
        self._left = limit if length is None else length

    def read(self, size: int) -> bytes:
        """The next piece.

        Raises:
            TooLarge: A body without an announced length passes the limit.
            BadRequest: The browser hung up before the announced end.
        """
        # RFC 9112 §6.3: what follows the announced end is another request. Of chunks, one byte more shows the excess.
        wanted = min(size, self._left if self.length is not None else self._left + 1)
        piece = self._read(wanted) if wanted else b""
        self._left -= len(piece)
        self.passed += len(piece)
        if self._left < 0:
            raise TooLarge("the chunks pass the limit")
        if not piece and self.length is not None and self._left:
            raise BadRequest("the browser hung up in its body")
        return piece

    def _read(self, size: int) -> bytes:
        """Whatever goes wrong here is the browser's, and each server has errors of its own for it."""
        try:
            return self._stream.read(size)
        except BffError:
            raise
        except Exception as error:
            raise BadRequest("the browser's body broke off") from error


class ResponseBody:
    """The reply's body as it arrives, still compressed if it is; never waits to fill a piece.

    An iterator and no list, or the response would be given a length.

    Args:
        reply: Its body unread; None when no body belongs to it.
    """

    def __init__(self, reply: requests.Response | None) -> None:
        self.passed = 0
        self.failure: BffError | None = None
        self._reply = reply

    def __iter__(self) -> Iterator[bytes]:
        """The pieces.

        Raises:
            ConnectionResetError: It ended before its announced end, or nothing came for READ_TIMEOUT seconds. The
                response is under way and must be seen to be cut short (RFC 9112 §8); servers close the connection.
        """
        if self._reply is None:
            return
        yield b""  # the head leaves now, not with the first bytes of the body
        try:
            while piece := read_piece(self._reply, _PIECE_BYTES):
                self.passed += len(piece)
                yield piece
        except BffError as error:
            self.failure = error
            raise ConnectionResetError(errno.ECONNRESET, "the backend's body was cut short") from None

"""Every way in which the faulty backend treats a request that asks for it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

_BREATH_SECONDS = 0.01  # between the parts of an answer, so that each is a segment of its own
_LATENCY_SECONDS = 1.0
_HANG_SECONDS = 20.0

released = asyncio.Event()  # ends every hang


class Connection(Protocol):
    """What a fault may do with the connection that its request came on."""

    def write(self, data: bytes, /) -> None:
        """Send these bytes, unless nobody is there any more."""

    def finish(self) -> None:
        """Close in order: FIN, behind what was written."""

    def reset(self) -> None:
        """Close at once: RST."""


Fault = Callable[[Connection, bytes], Awaitable[None]]  # the bytes are the echo that would have been right


def reply(body: bytes, status: str = "200 OK", *, fields: str = "", length: int | None = None) -> bytes:
    """A whole reply in JSON; its length is the body's, unless another is given."""
    size = len(body) if length is None else length
    fields += f"Content-Type: application/json\r\nContent-Length: {size}\r\n"
    return f"HTTP/1.1 {status}\r\n{fields}\r\n".encode() + body


async def _reset_before(connection: Connection, _echo: bytes) -> None:
    connection.reset()


async def _close_before(connection: Connection, _echo: bytes) -> None:
    connection.finish()


async def _reset_in_head(connection: Connection, echo: bytes) -> None:
    connection.write(reply(echo)[:40])
    await asyncio.sleep(_BREATH_SECONDS)
    connection.reset()


async def _reset_in_body(connection: Connection, echo: bytes) -> None:
    connection.write(reply(echo)[: -len(echo) // 2])
    await asyncio.sleep(_BREATH_SECONDS)
    connection.reset()


async def _reset_after(connection: Connection, echo: bytes) -> None:
    connection.write(reply(echo))
    await asyncio.sleep(_BREATH_SECONDS)
    connection.reset()


async def _garbage(connection: Connection, _echo: bytes) -> None:
    connection.write(b"\x16\x03\x01\x02\x00\x01\x00 this is no HTTP\r\n\r\n" + bytes(64))
    connection.finish()


async def _half_head(connection: Connection, echo: bytes) -> None:
    head = reply(echo, fields=f"X-Filler: {'x' * 64}\r\n")
    connection.write(head[: head.index(b"Content-Type") + 4])
    connection.finish()


async def _half_by_length(connection: Connection, echo: bytes) -> None:
    connection.write(reply(echo)[: -len(echo) // 2])
    connection.finish()


async def _half_by_chunk(connection: Connection, echo: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.write(head + b"%x\r\n%b\r\n" % (len(echo), echo))  # all of it, but for the chunk that ends it
    connection.finish()


async def _drip(connection: Connection, echo: bytes) -> None:
    whole = reply(echo)
    connection.write(whole[: -len(echo)])
    for at in range(len(whole) - len(echo), len(whole)):
        await asyncio.sleep(1)
        connection.write(whole[at : at + 1])


async def _drip_head(connection: Connection, echo: bytes) -> None:
    for byte in reply(echo):
        connection.write(bytes([byte]))
        await asyncio.sleep(0.5)


async def _black_hole(_connection: Connection, _echo: bytes) -> None:
    await asyncio.get_running_loop().create_future()


async def _latency(connection: Connection, echo: bytes) -> None:
    await asyncio.sleep(_LATENCY_SECONDS)
    connection.write(reply(echo))


async def _hang(connection: Connection, echo: bytes) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(released.wait(), _HANG_SECONDS)
    connection.write(reply(echo))


async def _html(connection: Connection, echo: bytes) -> None:
    body = b"<!doctype html><title>It works!</title><pre>" + echo + b"</pre>"
    connection.write(reply(body).replace(b"application/json", b"text/html"))


async def _failing(connection: Connection, echo: bytes) -> None:
    said = json.dumps({"error": echo.decode()}).encode()
    connection.write(reply(said, "500 Internal Server Error"))


async def _early_hints(connection: Connection, echo: bytes) -> None:
    connection.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    await asyncio.sleep(_BREATH_SECONDS)
    connection.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply(echo))


async def _other_protocol(connection: Connection, echo: bytes) -> None:
    connection.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + echo)


async def _huge_field(connection: Connection, echo: bytes) -> None:
    connection.write(reply(echo, fields=f"X-Filler: {'x' * 100_000}\r\n"))


async def _many_fields(connection: Connection, echo: bytes) -> None:
    connection.write(reply(echo, fields="".join(f"X-Filler-{number}: x\r\n" for number in range(500))))


async def _two_lengths(connection: Connection, echo: bytes) -> None:
    connection.write(reply(echo, fields=f"Content-Length: {len(echo) - 1}\r\n"))


async def _surplus(connection: Connection, echo: bytes) -> None:
    connection.write(reply(echo) + reply(b'{"data":{"token":"of somebody else","target":"/","body":""}}'))


FAULTS: dict[str, Fault] = {
    "reset-before": _reset_before,
    "close-before": _close_before,
    "reset-in-head": _reset_in_head,
    "reset-in-body": _reset_in_body,
    "reset-after": _reset_after,
    "garbage": _garbage,
    "half-head": _half_head,
    "half-by-length": _half_by_length,
    "half-by-chunk": _half_by_chunk,
    "drip": _drip,
    "drip-head": _drip_head,
    "black-hole": _black_hole,
    "latency": _latency,
    "hang": _hang,
    "html": _html,
    "failing": _failing,
    "early-hints": _early_hints,
    "other-protocol": _other_protocol,
    "huge-field": _huge_field,
    "many-fields": _many_fields,
    "two-lengths": _two_lengths,
    "surplus": _surplus,
}

"""A browser that knows what the right answer to each of its requests is: its own token and query, echoed."""

import asyncio
import itertools
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

_numbers = itertools.count(1)
_RUN = f"{os.getpid():x}"
_PATIENCE_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Ask:
    """A kind of request: `{}` in its path is the request's id, which no other has."""

    name: str
    method: str
    path: str
    backend_path: str | None = None  # None: the backend is not asked
    has_body: bool = False
    right: str = "200"
    is_signed_in: bool = True

    @property
    def is_proxied(self) -> bool:
        """Whether it goes through /api/proxy/*."""
        return self.path.startswith("/api/proxy/")

    @property
    def is_idempotent(self) -> bool:
        """Whether it may be sent twice (RFC 9110 §9.2.2)."""
        return self.method not in {"POST", "PATCH"}


LIST = Ask("GET /api/vehicles", "GET", "/api/vehicles", "/api/vehicles")
CREATE = Ask("POST /api/vehicles", "POST", "/api/vehicles", "/api/vehicles", has_body=True)
UPDATE = Ask("PUT /api/vehicles/…", "PUT", "/api/vehicles/{}", "/api/vehicles/{}", has_body=True)
STATS = Ask("GET /api/vehicles/…/stats", "GET", "/api/vehicles/{}/stats", "/api/vehicles/{}/stats")
PROXIED = Ask("GET /api/proxy/…", "GET", "/api/proxy/items", "/items")
PROXIED_POST = Ask("POST /api/proxy/…", "POST", "/api/proxy/items", "/items", has_body=True)
HEALTH = Ask("GET /healthz", "GET", "/healthz")
ANONYMOUS = Ask("401", "GET", "/api/vehicles", right="401 no_session", is_signed_in=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request.

    `outcome` is the status, and the code of `X-BFF-Error` where there is one: `502 backend_invalid`. It is `200` for
    the right answer alone, and `200 html` for the faulty backend's page; else `cut` (it ended early), `lost` (no byte
    of it came), `late` (nor an end to the wait), or words that say what is wrong with it. `seconds` are until its end.
    """

    key: str  # as `FaultyBackend.take_arrived` counts it
    outcome: str
    seconds: float
    at: float  # its end, on the monotonic clock
    retry_after: str | None = None


class _Reply(NamedTuple):
    status: int
    fields: dict[str, str]
    body: bytes


class Browser:
    """One connection to the service, kept open from request to request as far as the service lets it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, ask: Ask, fault: str | None = None) -> Answer:
        """Send one request, and judge the answer."""
        identity = f"{_RUN}-{next(_numbers)}"
        sent = _Sent(ask, identity, fault)
        started = time.monotonic()
        reply, outcome, has_begun = None, "", False
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._send(sent.bytes())
                head = await self._reader.readuntil(b"\r\n\r\n")
                has_begun = True
                reply = await self._read(head)
        except TimeoutError:
            outcome = "late"
        except (OSError, asyncio.IncompleteReadError) as error:
            is_part = isinstance(error, asyncio.IncompleteReadError) and error.partial
            outcome = "cut" if has_begun or is_part else "lost"
        if reply is None or reply.fields.get("connection", "").lower() == "close":
            await self.close()
        at = time.monotonic()
        retry_after = reply and reply.fields.get("retry-after")
        return Answer(sent.key, outcome or sent.judge(reply), at - started, at, retry_after)

    async def leave(self, ask: Ask, seconds: float, fault: str | None = None) -> None:
        """Send one request, and hang up after so many seconds, whatever has come by then."""
        with suppress(OSError):
            await self._send(_Sent(ask, f"{_RUN}-{next(_numbers)}", fault).bytes())
            await asyncio.sleep(seconds)
        await self.close()

    async def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._writer:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
            self._writer = None

    async def _send(self, data: bytes) -> None:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        self._writer.write(data)

    async def _read(self, head: bytes) -> _Reply:
        status_line, *lines = head.decode("latin-1").rstrip().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if fields.get("transfer-encoding") == "chunked":
            body = await self._read_chunks()
        else:
            body = await self._reader.readexactly(int(fields.get("content-length", 0)))
        return _Reply(int(status_line.split()[1]), fields, body)

    async def _read_chunks(self) -> bytes:
        pieces = []
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            pieces.append(await self._reader.readexactly(size))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request, and how its answer is judged."""

    ask: Ask
    identity: str
    fault: str | None

    @property
    def key(self) -> str:
        return f"{self.ask.method} {self.identity}"

    @property
    def _token(self) -> str:
        return f"user-{self.identity}.e30.x"

    @property
    def _query(self) -> str:
        return f"?id={self.identity}" + (f"&fault={self.fault}" if self.fault else "")

    @property
    def _body(self) -> str:
        if not self.ask.has_body:
            return ""
        return json.dumps({"alias": self.identity, "marca": "M", "modelo": 2020, "plates": "P-1"})

    def bytes(self) -> bytes:
        """As it goes over the wire."""
        ask, body = self.ask, self._body
        cookie = f"Cookie: token={self._token}\r\n" if ask.is_signed_in else ""
        framing = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        path = ask.path.format(self.identity) + self._query
        return f"{ask.method} {path} HTTP/1.1\r\nHost: bench\r\n{cookie}{framing}\r\n{body}".encode()

    def judge(self, reply: _Reply | None) -> str:
        """The outcome, for a reply that has come whole."""
        assert reply is not None
        code = reply.fields.get("x-bff-error")
        if code or not self.ask.backend_path:
            return self._judge_ours(reply, code)
        if not self._is_mine(reply):
            return f"{reply.status} with what is not its own"
        is_page = reply.fields.get("content-type", "").startswith("text/html")
        return f"{reply.status} html" if is_page else str(reply.status)

    def _judge_ours(self, reply: _Reply, code: str | None) -> str:
        document = _parsed(reply.body)
        if code is None:
            return str(reply.status) if document == {"status": "ok"} else f"{reply.status} with another body"
        is_shaped = isinstance(document, dict) and list(document) == ["error"] and isinstance(document["error"], str)
        return f"{reply.status} {code}" if is_shaped else f"{reply.status} {code} in another shape"

    def _is_mine(self, reply: _Reply) -> bool:
        """Whether the backend's echo is of this very request; it stands alone, in a page, or in an error's message."""
        text = reply.body.decode("utf-8", "replace")
        document = _parsed(text.partition("<pre>")[2].removesuffix("</pre>") if "<pre>" in text else text)
        if isinstance(document, dict) and list(document) == ["error"]:
            document = _parsed(document["error"])
        assert self.ask.backend_path
        target = self.ask.backend_path.format(self.identity) + self._query
        return bool(document == {"data": {"token": self._token, "target": target, "body": self._body}})


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None

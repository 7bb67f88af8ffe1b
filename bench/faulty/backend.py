"""A scripted backend on raw sockets, which misbehaves as each request asks it to: `python -m bench.faulty.backend`.

It runs in a process of its own, and answers a request with an echo, by which whoever has asked knows the answer as
theirs. A request names its fault in its query (`?id=…&fault=…`); what befalls a whole port is commanded on standard
input, a line each, answered with a line of JSON. At the end of standard input it ends.
"""

import asyncio
import json
import os
import random
import re
import socket
import struct
import sys
from collections import Counter
from contextlib import suppress

from bench.faulty.ways import FAULTS, Fault, released, reply

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: close(2) sends RST
_LONGEST_IDLE_SECONDS = 5.0

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_BEARER = re.compile(rb"(?i)\r\nauthorization: *bearer +(\S+)")
_ID = re.compile(r"[?&]id=([0-9a-z-]+)")
_FAULT = re.compile(r"[?&]fault=([a-z-]+)")


class Port:
    """A port that listens, or does what else a port can do; `arrived` counts the requests read, by method and id."""

    def __init__(self, number: int, arrived: Counter[str]) -> None:
        self.number = number
        self.arrived = arrived
        self.connections: set[Connection] = set()
        self.is_closing_idle = self.is_hanging_up = False
        self._server: asyncio.Server | None = None
        self._deaf: list[socket.socket] = []

    async def open(self) -> None:
        """Listen, and answer."""
        await self.close()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), "127.0.0.1", self.number, backlog=1024, reuse_address=True
        )

    async def close(self) -> None:
        """Refuse connections, and reset those that are open, as a process does that has died."""
        self.is_closing_idle = self.is_hanging_up = False
        if self._server:
            self._server.close()
            self._server = None
        for sock in self._deaf:
            sock.close()
        self._deaf.clear()
        for connection in list(self.connections):
            connection.reset()
        await asyncio.sleep(0.01)  # the loop closes its sockets in its next rounds

    async def deafen(self) -> None:
        """Listen with a full backlog: whoever connects hears nothing at all (Linux drops the SYN)."""
        await self.close()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.number))
        listener.listen(0)
        self._deaf.append(listener)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.number))
            self._deaf.append(filler)

    async def hang_up(self) -> None:
        """Take connections, and reset each before a request is read."""
        await self.open()
        self.is_hanging_up = True

    async def close_idle(self) -> None:
        """Close each connection that is idle, after 1 ms to 5 s: half of them before 3 ms have passed."""
        await self.open()
        self.is_closing_idle = True


class Connection(asyncio.Protocol):
    """A connection, and the request that is under way on it."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._received = b""
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember it (asyncio)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._port.connections.add(self)
        if self._port.is_hanging_up:
            self.reset()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget it (asyncio)."""
        self._port.connections.discard(self)
        self._stay_open()
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer, once the request is whole (asyncio)."""
        self._stay_open()
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not blank or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        method, target, _ = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        identity, fault = _ID.search(target), _FAULT.search(target)
        self._port.arrived[f"{method} {identity[1] if identity else '-'}"] += 1
        token = _BEARER.search(head)
        echo = json.dumps(
            {"data": {"token": token[1].decode() if token else None, "target": target, "body": body.decode()}}
        ).encode()
        if method == "HEAD":
            self.write(reply(b"", length=len(echo)))
        elif fault is None:
            self.write(reply(echo))
        else:
            self._task = asyncio.get_running_loop().create_task(self._misbehave(FAULTS[fault[1]], echo))
            return
        self.may_close()

    async def _misbehave(self, fault: Fault, echo: bytes) -> None:
        with suppress(ConnectionError):
            await fault(self, echo)
        self._task = None
        self.may_close()

    def write(self, data: bytes) -> None:
        """Send these bytes, unless nobody is there any more."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def may_close(self) -> None:
        """Close soon, if this is how the port treats what is idle."""
        if self._port.is_closing_idle:
            seconds = 0.001 * (_LONGEST_IDLE_SECONDS / 0.001) ** random.random() ** 3  # noqa: S311
            self._idle = asyncio.get_running_loop().call_later(seconds, self.finish)

    def _stay_open(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None

    def finish(self) -> None:
        """Close in order: FIN, behind what was written."""
        self._transport.close()

    def reset(self) -> None:
        """Close at once: RST."""
        if not self._transport.is_closing():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()


class Commands:
    """What is asked of the backend as a whole: `<command> [port]`."""

    def __init__(self, ports: list[Port], arrived: Counter[str]) -> None:
        self._ports = {str(port.number): port for port in ports}
        self._arrived = arrived

    async def run(self, line: str) -> object:
        """Do what the line says; what there is to tell."""
        command, _, number = line.partition(" ")
        if number:
            port = self._ports[number]
            do = {"open": port.open, "close": port.close, "deafen": port.deafen}
            await {**do, "hang-up": port.hang_up, "close-idle": port.close_idle}[command]()
        elif command == "release":
            released.set()
        elif command == "hold":
            released.clear()
        elif command == "take":
            taken = dict(self._arrived)
            self._arrived.clear()
            return taken
        else:
            raise ValueError(line)
        return None


async def serve(numbers: list[int]) -> None:
    """Until standard input ends."""
    arrived: Counter[str] = Counter()
    ports = [Port(number, arrived) for number in numbers]
    for port in ports:
        await port.open()
    commands = Commands(ports, arrived)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps(os.getpid()), flush=True)
    while line := await reader.readline():
        print(json.dumps(await commands.run(line.decode().strip())), flush=True)


if __name__ == "__main__":
    asyncio.run(serve([int(number) for number in sys.argv[1:]]))

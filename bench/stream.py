"""What streaming through `/api/proxy/*` costs: memory, time, latency and slots, beside the direct way in the same run.

`make bench-stream` prints a table, writes it into RESULTS.md, and ends with 1 where a bound is broken.
"""

import http.client
import os
import platform
import re
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from config import Settings
from tests.backend import Backend
from tests.server import Server

RESULTS = Path(__file__).parent / "RESULTS.md"
TITLE = "## Streaming"
MIB = 2**20
BODY_BYTES = 100 * MIB  # PROXY_MAX_CONTENT_LENGTH, as it is by default
PIECE = bytes(256 * 1024)
ROUNDS = 3
EVENTS = 100
EVENTS_APART_SECONDS = 0.01
DEFAULTS = Settings(app_env="production", api_base_url="http://backend")
SLOTS = DEFAULTS.slots()[0] * 3 // 4  # what one route may have
PROBES = 300
MOST_GROWTH_MIB = 32.0
MOST_EVENT_MS = 100.0
COOKIE = "token=a.b.c"


@dataclass(frozen=True)
class Row:
    """A line of the table; `bound` is what was promised, `is_kept` whether it holds."""

    what: str
    measured: str
    beside: str = ""
    bound: str = ""
    is_kept: bool = True

    def __str__(self) -> str:
        bound = f"{self.bound} {'✓' if self.is_kept else '✗ BROKEN'}" if self.bound else ""
        return f"| {self.what} | {self.measured} | {self.beside} | {bound} |"


@dataclass(frozen=True)
class Way:
    """How a request gets to the backend: a port, and what stands before its paths."""

    port: int
    prefix: str = ""

    def ask(self, request: str) -> socket.socket:
        """A connection on which a request has been begun: its method and path, and fields if any."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        method, _, rest = request.partition(" ")
        path, _, fields = rest.partition("\r\n")
        head = f"{method} {self.prefix}{path} HTTP/1.1\r\nHost: bench\r\nCookie: {COOKIE}\r\nConnection: close\r\n"
        connection.sendall(f"{head}{fields}\r\n".encode())
        return connection


@dataclass
class Streams:
    """The backend: a body each way, events, and streams that go on until they are told to end."""

    first_byte_at: float = 0.0
    end: threading.Event = field(default_factory=threading.Event)

    def tell(self, backend: Backend) -> None:
        """Tell a backend its answers."""
        backend.script("GET /down", _send_body)
        backend.script_early("PUT /up", self._take_body)
        backend.script_early("PUT /up/chunks", self._take_chunks)
        backend.script("GET /events", _send_events)
        backend.script("GET /hold", self._send_until_the_end)

    def _take_body(self, connection: socket.socket) -> None:
        self._take(connection, lambda: _drain(connection, BODY_BYTES - 1))

    def _take_chunks(self, connection: socket.socket) -> None:
        self._take(connection, lambda: _drain_chunks(connection))

    def _take(self, connection: socket.socket, drain: Callable[[], object]) -> None:
        connection.recv(1)
        self.first_byte_at = time.monotonic()
        drain()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_RDWR)

    def _send_until_the_end(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        is_over = False
        while not is_over:
            connection.sendall(b"data: still here\n\n")
            is_over = self.end.wait(1)
        connection.shutdown(socket.SHUT_RDWR)


def _send_body(connection: socket.socket) -> None:
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\nConnection: close\r\n\r\n".encode())
    for _ in range(BODY_BYTES // len(PIECE)):
        connection.sendall(PIECE)
    connection.shutdown(socket.SHUT_RDWR)


def _send_events(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    for _ in range(EVENTS):
        time.sleep(EVENTS_APART_SECONDS)
        connection.sendall(f"data: {time.monotonic()}\n\n".encode())
    connection.shutdown(socket.SHUT_RDWR)


def _drain(connection: socket.socket, most: int) -> int:
    """Read and forget, until so many bytes have come or no more do; how many came."""
    buffer, left = bytearray(MIB), most
    while left and (size := connection.recv_into(buffer, min(left, len(buffer)))):
        left -= size
    return most - left


def _drain_chunks(connection: socket.socket) -> None:
    """Read and forget, until the last chunk has come; the body itself holds zeros alone."""
    end = b"\r\n0\r\n\r\n"
    tail = b""
    while not tail.endswith(end) and (piece := connection.recv(MIB)):
        tail = (tail + piece)[-len(end) :]


@dataclass(frozen=True)
class Transfer:
    """One body of BODY_BYTES on its way: until its first byte came out at the other end, and until all of them had."""

    first_byte_seconds: float
    seconds: float


def download(way: Way, _streams: Streams) -> Transfer:
    """A body from the backend to the browser."""
    started = time.monotonic()
    with way.ask("GET /down") as connection:
        head = connection.recv(65536)
        while b"\r\n\r\n" not in head or head.endswith(b"\r\n\r\n"):
            head += connection.recv(65536)
        first_byte_at = time.monotonic()
        received = len(head.partition(b"\r\n\r\n")[2]) + _drain(connection, BODY_BYTES)
    if received != BODY_BYTES:
        raise RuntimeError(f"{received} bytes came down")
    return Transfer(first_byte_at - started, time.monotonic() - started)


def upload(way: Way, streams: Streams) -> Transfer:
    """A body from the browser to the backend, its length announced."""
    return _upload(way, streams, f"/up\r\nContent-Length: {BODY_BYTES}", b"", b"")


def upload_in_one_chunk(way: Way, streams: Streams) -> Transfer:
    """The same without a length, as one single chunk."""
    return _upload(way, streams, "/up/chunks\r\nTransfer-Encoding: chunked", b"%x\r\n" % BODY_BYTES, b"\r\n0\r\n\r\n")


def _upload(way: Way, streams: Streams, path_and_framing: str, before: bytes, after: bytes) -> Transfer:
    with way.ask(f"PUT {path_and_framing}\r\n") as connection:
        started = time.monotonic()
        connection.sendall(before)
        for _ in range(BODY_BYTES // len(PIECE)):
            connection.sendall(PIECE)
        connection.sendall(after)
        status = connection.recv(12)
    if status != b"HTTP/1.1 200":
        raise RuntimeError(f"the upload was answered {status!r}")
    return Transfer(streams.first_byte_at - started, time.monotonic() - started)


def event_latencies(way: Way) -> list[float]:
    """Of each event, the milliseconds from leaving the backend to reaching the browser."""
    latencies = []
    with way.ask("GET /events") as connection, connection.makefile("rb") as reader:
        for line in reader:
            if line.startswith(b"data: "):
                latencies.append((time.monotonic() - float(line.removeprefix(b"data: "))) * 1000)
    if len(latencies) != EVENTS:
        raise RuntimeError(f"{len(latencies)} events came")
    return latencies


class Memory:
    """The resident memory of a process, in MiB, as the kernel counts it."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def now(self) -> float:
        """What is resident."""
        return self._read("VmRSS")

    def peak(self) -> float:
        """The most that was, since the last `forget_peak`."""
        return self._read("VmHWM")

    def forget_peak(self) -> None:
        """Begin anew (proc_pid_clear_refs(5))."""
        (self._folder / "clear_refs").write_text("5")

    def _read(self, name: str) -> float:
        match = re.search(rf"^{name}:\s+(\d+) kB", (self._folder / "status").read_text(), re.MULTILINE)
        if match is None:
            raise RuntimeError(f"no {name} in {self._folder}")
        return int(match[1]) / 1024


def measure_transfers(direct: Way, proxied: Way, streams: Streams, memory: Memory) -> Iterator[Row]:
    """Bodies of BODY_BYTES in both directions, in turn directly and through the worker."""
    for name, transfer in (("down", download), ("up", upload), ("up, in one chunk", upload_in_one_chunk)):
        before = memory.now()
        memory.forget_peak()
        rounds = [(transfer(direct, streams), transfer(proxied, streams)) for _ in range(ROUNDS)]
        growth = memory.peak() - before
        beside, ours = (list(side) for side in zip(*rounds, strict=True))
        yield Row(
            f"100 MiB {name}: growth of the worker's memory",
            f"{growth:.1f} MiB (from {before:.1f} to {memory.peak():.1f})",
            bound=f"≤ {MOST_GROWTH_MIB:.0f} MiB",
            is_kept=growth <= MOST_GROWTH_MIB,
        )
        yield Row(f"100 MiB {name}: time, throughput", _throughput(ours), _throughput(beside))
        yield Row(f"100 MiB {name}: until the first byte has arrived", _first_byte(ours), _first_byte(beside))


def _throughput(transfers: list[Transfer]) -> str:
    seconds = statistics.median(transfer.seconds for transfer in transfers)
    return f"{seconds:.2f} s, {BODY_BYTES / MIB / seconds:.0f} MiB/s"


def _first_byte(transfers: list[Transfer]) -> str:
    return f"{statistics.median(transfer.first_byte_seconds for transfer in transfers) * 1000:.1f} ms"


def measure_events(direct: Way, proxied: Way) -> Iterator[Row]:
    """Server-sent events, from the backend's `send` to the browser's `recv`."""
    beside, ours = event_latencies(direct), event_latencies(proxied)
    yield Row(f"{EVENTS} events: median latency", _median(ours), _median(beside))
    yield Row(
        f"{EVENTS} events: longest latency",
        f"{max(ours):.1f} ms",
        f"{max(beside):.1f} ms",
        bound=f"≤ {MOST_EVENT_MS:.0f} ms",
        is_kept=max(ours) <= MOST_EVENT_MS,
    )


def measure_slots(proxied: Way, streams: Streams, memory: Memory) -> Iterator[Row]:
    """As many streams as the worker takes, an event a second on each; one more; and the other routes meanwhile."""
    probes = {"`GET /healthz`": "/healthz", "`GET /api/vehicles` (typed)": "/api/vehicles"}
    idle = {name: latencies(proxied.port, path) for name, path in probes.items()}
    before = memory.now()
    with _held(proxied, streams) as (held, refused, seconds):
        meanwhile = {name: latencies(proxied.port, path) for name, path in probes.items()}
        growth = memory.now() - before
    yield Row(
        f"streams that a worker holds (THREADS={DEFAULTS.threads})",
        f"{held}, {growth:.1f} MiB more memory",
        bound=f"= {SLOTS}",
        is_kept=held == SLOTS,
    )
    yield Row(
        "the stream beyond",
        f"{refused} after {seconds * 1000:.1f} ms",
        bound="= 503 saturated",
        is_kept=refused == "503 saturated",
    )
    for name in probes:
        yield Row(f"{name} meanwhile (beside: idle)", _percentiles(meanwhile[name]), _percentiles(idle[name]))


@contextmanager
def _held(proxied: Way, streams: Streams) -> Iterator[tuple[int, str, float]]:
    """Open streams until one is refused: how many were not, what the one was told, and after how many seconds."""
    connections: list[socket.socket] = []
    answer, seconds = "", 0.0
    try:
        while not answer and len(connections) < 2 * SLOTS:
            started = time.monotonic()
            connections.append(proxied.ask("GET /hold"))
            head = connections[-1].recv(65536).decode("latin-1")
            seconds = time.monotonic() - started
            if not head.startswith("HTTP/1.1 200"):
                code = re.search(r"^X-BFF-Error: (.*)\r$", head, re.MULTILINE)
                answer = f"{head.split()[1]} {code[1] if code else ''}"
        yield len(connections) - bool(answer), answer, seconds
    finally:
        streams.end.set()
        for connection in connections:
            connection.close()


def latencies(port: int, path: str) -> list[float]:
    """Milliseconds from request to answer, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    measured = []
    for _ in range(PROBES):
        started = time.monotonic()
        connection.request("GET", path, headers={"Cookie": COOKIE})
        response = connection.getresponse()
        response.read()
        measured.append((time.monotonic() - started) * 1000)
        if response.status != 200:
            raise RuntimeError(f"{path} was answered {response.status}")
    connection.close()
    return measured


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ms"


def _percentiles(values: list[float]) -> str:
    return f"p50 {statistics.median(values):.1f} ms, p99 {statistics.quantiles(values, n=100)[98]:.1f} ms"


def measure() -> Iterator[Row]:
    """All of it, against one live worker with the settings' defaults."""
    streams = Streams()
    with Backend() as typed, Backend() as streaming:
        typed.answer("GET /api/vehicles", json=[])
        streams.tell(streaming)
        direct = Way(int(streaming.url.rpartition(":")[2]))
        environ = {"API_BASE_URL": typed.url, "PROXY_BASE_URL": streaming.url, "PROXY_ALLOW": "*"}
        with Server(environ) as server:
            proxied = Way(server.port, "/api/proxy")
            memory = Memory(_worker(server))
            event_latencies(proxied)  # the first exchange loads what is loaded late
            yield from measure_transfers(direct, proxied, streams, memory)
            yield from measure_events(direct, proxied)
            yield from measure_slots(proxied, streams, memory)


def _worker(server: Server) -> int:
    """The process id of gunicorn's one worker."""
    master = server._process.pid
    return int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[0])


def report(rows: list[Row]) -> str:
    """The section of RESULTS.md."""
    versions = f"Python {platform.python_version()}, " + ", ".join(
        f"{name} {metadata.version(name)}" for name in ("gunicorn", "Flask", "requests", "urllib3")
    )
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    lines = [
        TITLE,
        "",
        f"`make bench-stream`, {datetime.now(UTC):%Y-%m-%d}, {machine}, {versions}. One worker with",
        f"the settings' defaults (THREADS={DEFAULTS.threads}); backend, worker and browser on this one machine, over",
        f"loopback. Times of a transfer are medians of {ROUNDS}; memory is resident memory (VmRSS before, VmHWM at its",
        "highest).",
        "",
        "| what | through `/api/proxy/*` | beside, directly | bound |",
        "| --- | --- | --- | --- |",
        *map(str, rows),
    ]
    return "\n".join(lines) + "\n"


def record(section: str) -> None:
    """Put the section into RESULTS.md, in the place of the one before; others stay as they are."""
    text = RESULTS.read_text("utf-8") if RESULTS.exists() else "# Measured\n"
    others = re.sub(rf"^{TITLE}$.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL).rstrip("\n")
    RESULTS.write_text(f"{others}\n\n{section}", "utf-8")


def main(say: Callable[[str], object] = print) -> int:
    """Measure, print, record; 1 where a bound is broken."""
    rows = list(measure())
    section = report(rows)
    say(section)
    record(section)
    return 0 if all(row.is_kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What the log and the metrics cost: CPU time per request with them and without, in rounds that take turns.

`make bench-overhead` prints the ratio, writes it into RESULTS.md, and ends with 1 where it passes the bound.
"""

import http.client
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tests.backend import Backend
from tests.server import ROOT, free_port

RESULTS = Path(__file__).parent / "RESULTS.md"
TITLE = "## The log and the metrics"
ROUNDS = 11
REQUESTS = 1500  # a round, on each side
CONNECTIONS = 4
MOST = 1.08
_BODY = {"data": ["x" * 64] * 30}  # 2 KB
_TICKS = os.sysconf("SC_CLK_TCK")
_START = "import sys; from gunicorn.app.wsgiapp import run; sys.argv[0] = 'gunicorn'; run()"


@contextmanager
def served(application: str, backend: Backend) -> Iterator[tuple[int, int]]:
    """The port and the worker's process id of a server in production, its log written to a file."""
    port = free_port()
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "API_BASE_URL": backend.url, "WEB_CONCURRENCY": "1"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, "--config", str(ROOT / "gunicorn.conf.py"), application],
            env={**environ, "PORT": str(port)},
            stdout=log,
            stderr=log,
        )
        try:
            while not _answers(port):
                time.sleep(0.05)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield port, int(children[0])
        finally:
            process.terminate()
            process.wait(30)


def _answers(port: int) -> bool:
    try:
        ask(port, 1)
    except OSError:
        return False
    return True


def ask(port: int, count: int) -> None:
    """That many requests, one after the other, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(count):
        connection.request("GET", "/api/vehicles", headers={"Cookie": "token=a.eyJzdWIiOiIxIn0.c"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def microseconds(port: int, pid: int) -> float:
    """CPU time per request of one round."""
    before = cpu_seconds(pid)
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(lambda _: ask(port, REQUESTS // CONNECTIONS), range(CONNECTIONS)))
    return (cpu_seconds(pid) - before) / REQUESTS * 1e6


def measure() -> tuple[float, float, float]:
    """Medians: with, without, and of the ratio of each pair of rounds."""
    with Backend() as backend:
        backend.answer("GET /api/vehicles", json=_BODY)
        with served("wsgi:app", backend) as loud, served("bench.quiet:app", backend) as quiet:
            microseconds(*loud), microseconds(*quiet)
            pairs = [(microseconds(*loud), microseconds(*quiet)) for _ in range(ROUNDS)]
    with_them, without = (statistics.median(side) for side in zip(*pairs, strict=True))
    return with_them, without, statistics.median(loud / quiet for loud, quiet in pairs)


def main() -> int:
    """Measure, tell, and judge."""
    with_them, without, ratio = measure()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("gunicorn", "Flask", "prometheus-client"))
    python = f"Python {platform.python_version()}"
    told = f"""{TITLE}

`make bench-overhead`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {python}, {versions}. One worker, GET of
2 KB over {CONNECTIONS} connections, {ROUNDS} rounds of {REQUESTS} requests in turns; medians.

| CPU time per request | |
| --- | --- |
| with the event (JSON) and the metrics (multiprocess) | {with_them:.0f} µs |
| without both | {without:.0f} µs |
| ratio | {ratio:.3f}, at most {MOST} {"✓" if ratio <= MOST else "✗ BROKEN"} |
"""
    print(told)
    others = re.sub(rf"{TITLE}\n.*?(?=\n## |\Z)", "", RESULTS.read_text("utf-8"), flags=re.DOTALL).rstrip()
    RESULTS.write_text(f"{others}\n\n{told}", "utf-8")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())

"""How capacity, latency and memory grow with users: `make bench-scaling` (needs wrk and nginx).

wrk asks for 2 KB of JSON through the service in production, its log on, with more and more connections; nginx is the
backend. What one core gives is read off the CPU time per request, which other programs on the machine disturb least.
"""

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bench.overhead import cpu_seconds
from tests.server import Server, free_port

RESULTS = Path(__file__).parent / "RESULTS.md"
TITLE = "## Scaling"
CONNECTIONS = (1, 16, 64, 256)
SECONDS = 3
ROUNDS = 3
_COOKIE = "Cookie: token=a.eyJzdWIiOiIxIn0.c"
_NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 100000; client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ default_type application/json; return 200 '{body}'; }}
    }}
}}
"""
_BODY = '{"data":"' + "x" * 2036 + '"}'


@dataclass(frozen=True)
class Round:
    """What one run of wrk gave: per second, milliseconds, MiB, and CPU milliseconds of all workers per request."""

    rate: float
    p50: float
    p99: float
    memory: float
    cpu: float
    errors: int


@contextmanager
def backend() -> Iterator[str]:
    """nginx on loopback, which answers everything with the same 2 KB; its address."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "nginx.conf").write_text(_NGINX.format(port=port, body=_BODY), "utf-8")
        path = f"{os.environ['PATH']}:/usr/sbin"
        command = ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"]
        process = subprocess.Popen(command, env={"PATH": path}, stderr=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def measure(server: Server, connections: int) -> Round:
    """One run."""
    workers = server.workers()
    before = sum(map(cpu_seconds, workers))
    url = f"http://127.0.0.1:{server.port}/api/vehicles"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-H", _COOKIE, url]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    cpu = sum(map(cpu_seconds, workers)) - before
    [(requests, _)] = re.findall(r"(\d+) requests in ([\d.]+)", text)
    errors = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    memory = sum(_resident_mib(pid) for pid in workers)
    return Round(
        int(requests) / SECONDS, _ms(text, "50%"), _ms(text, "99%"), memory, cpu / int(requests) * 1000, errors
    )


def _ms(text: str, share: str) -> float:
    [(number, unit)] = re.findall(rf"{share}\s+([\d.]+)(us|ms|s)\b", text)
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def _resident_mib(pid: int) -> float:
    [pages] = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(pages) / 1024


def rows(workers: int) -> Iterator[str]:
    """A line for each number of connections; medians."""
    with backend() as url, Server({"API_BASE_URL": url, "WEB_CONCURRENCY": str(workers)}) as server:
        measure(server, 16)  # its code and its pool are warm then
        for connections in CONNECTIONS:
            rounds = [measure(server, connections) for _ in range(ROUNDS)]
            figures = [statistics.median(column) for column in zip(*map(astuple, rounds), strict=True)]
            rate, p50, p99, memory, cpu, errors = figures
            told = f"{rate:,.0f} | {p50:.1f} | {p99:.0f} | {cpu:.2f} | {1000 / cpu:,.0f} | {memory:.0f} | {errors:.0f}"
            yield f"| {workers} | {connections} | {told} |"


_HEAD = """`make bench-scaling`, {date}, {cores} cores, Python {python}, {versions}. GET of 2 KB, settings
as they are by default, the log on; wrk and the backend (nginx) share the cores with the service. Medians of {rounds}
runs of {seconds} s.

| workers | connections | requests/s | p50 ms | p99 ms | CPU ms a request | a core: requests/s | workers' MiB | errors |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def main() -> int:
    """Measure, and write."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("gunicorn", "Flask", "requests"))
    head = _HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        cores=os.cpu_count(),
        python=platform.python_version(),
        versions=versions,
        rounds=ROUNDS,
        seconds=SECONDS,
    )
    told = "\n".join([TITLE, "", head, *rows(1), *rows(2), ""])
    print(told)
    others = re.sub(rf"{TITLE}\n.*?(?=\n## |\Z)", "", RESULTS.read_text("utf-8"), flags=re.DOTALL).rstrip()
    RESULTS.write_text(f"{others}\n\n{told}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How capacity, latency and memory grow with users: `make bench-scaling` (needs wrk and nginx).

wrk asks for 2 KB of JSON through the service in production, its log on, with more and more connections; nginx is the
backend. What one core gives is read off the CPU time per request, which other programs on the machine disturb least.
"""

import statistics
import sys
from collections.abc import Iterator
from dataclasses import astuple

from bench.faulty.report import machine, record
from bench.load import GET, await_answer, backend, measure
from bench.peers import OURS
from bench.processes import end_on_sigterm, require

TITLE = "## Scaling"
CONNECTIONS = (1, 16, 64, 256)
SECONDS = 3
ROUNDS = 3


def rows(workers: int) -> Iterator[str]:
    """A line for each number of connections; medians."""
    with backend() as url, OURS.process(url, WEB_CONCURRENCY=str(workers)) as server:
        await_answer(server, GET)
        measure(server, GET, SECONDS)  # its code and its pool are warm then
        for connections in CONNECTIONS:
            rounds = [measure(server, GET.at(connections), SECONDS) for _ in range(ROUNDS)]
            figures = [statistics.median(column) for column in zip(*map(astuple, rounds), strict=True)]
            cpu, rate, p50, p99, errors, memory = figures
            told = f"{rate:,.0f} | {p50:.1f} | {p99:.0f} | {cpu:.2f} | {1000 / cpu:,.0f} | {memory:.0f} | {errors:.0f}"
            yield f"| {workers} | {connections} | {told} |"


_HEAD = """`make bench-scaling`, {machine}. GET of 2 KB, settings
as they are by default, the log on; wrk and the backend (nginx) share the cores with the service. Medians of {rounds}
runs of {seconds} s. CPU and memory are those of gunicorn's master too.

| workers | connections | requests/s | p50 ms | p99 ms | CPU ms a request | a core: requests/s | RSS MB | errors |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def main() -> int:
    """Measure, and write."""
    require("wrk", "nginx")
    end_on_sigterm()
    head = _HEAD.format(machine=machine(), rounds=ROUNDS, seconds=SECONDS)
    told = [head, *rows(1), *rows(2)]
    print("\n".join(told))
    record(TITLE, told)
    return 0


if __name__ == "__main__":
    sys.exit(main())

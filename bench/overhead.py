"""What the log and the metrics cost: CPU time per request with them and without, in rounds that take turns.

`make bench-overhead` prints the ratio, writes it into RESULTS.md, and ends with 1 where it passes the bound.
"""

import statistics
import sys
from dataclasses import replace

from bench.faulty.report import machine, record
from bench.load import GET, await_answer, backend, measure
from bench.peers import OURS, QUIET
from bench.processes import Process, end_on_sigterm, require

TITLE = "## The log and the metrics"
ROUNDS = 11
SECONDS = 2
CASE = replace(GET, connections=4)
MOST = 1.08


def microseconds(process: Process) -> float:
    """CPU time per request of one round."""
    return measure(process, CASE, SECONDS).cpu * 1000


def compare() -> tuple[float, float, float]:
    """Medians: with, without, and of the ratio of each pair of rounds."""
    with backend() as url, OURS.process(url, WEB_CONCURRENCY="1") as loud, QUIET.process(url) as quiet:
        for process in (loud, quiet):
            await_answer(process, CASE)
            microseconds(process)
        pairs = [(microseconds(loud), microseconds(quiet)) for _ in range(ROUNDS)]
    with_them, without = (statistics.median(side) for side in zip(*pairs, strict=True))
    return with_them, without, statistics.median(loud / quiet for loud, quiet in pairs)


def main() -> int:
    """Measure, tell, and judge."""
    require("wrk", "nginx")
    end_on_sigterm()
    with_them, without, ratio = compare()
    told = f"""`make bench-overhead`, {machine()}.
One worker, GET of 2 KB over {CASE.connections} connections, {ROUNDS} rounds of {SECONDS} s in turns; medians.
Both give each request its id, which the backend and the browser are told.

| CPU time per request | |
| --- | --- |
| with the event (JSON) and the metrics (multiprocess) | {with_them:.0f} µs |
| without both | {without:.0f} µs |
| ratio | {ratio:.3f}, at most {MOST} {"✓" if ratio <= MOST else "✗ BROKEN"} |"""
    print(told)
    record(TITLE, told.splitlines())
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())

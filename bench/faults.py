"""The fault bench: the service in production before a backend that misbehaves in every way, promise by promise.

`make bench-faults` prints a row for each fault, writes them into RESULTS.md, and ends with 1 where a promise is broken;
`python -m bench.faults --short` asks the same with fewer requests, and writes nothing.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator

from bench.faulty.control import FaultyBackend
from bench.faulty.encounters import close_idle, endure, fail_to_resolve, recovery
from bench.faulty.kinds import BY_PORT, BY_REQUEST
from bench.faulty.load import Tally
from bench.faulty.outages import NARROW, go_down, hang
from bench.faulty.report import HEAD, Row, machine, record
from bench.faulty.restarts import reload, roll
from bench.faulty.stand import DEADLINE, ROOMY, TIMES, WORKERS, Bench, Sizes

TITLE = "## Faults"
LONG = Sizes(fast=600, slow=240, idle=10_000, hang_seconds=20, down_seconds=10, least=20_000)
SHORT = Sizes(fast=60, slow=40, idle=1000, hang_seconds=5, down_seconds=3, least=4000)


async def rows(bench: Bench) -> AsyncIterator[Row]:
    """A row for each fault."""
    with bench.service(TIMES, ROOMY) as server:
        await recovery(server.port)  # what is loaded late is loaded then
        for fault in BY_REQUEST:
            yield await endure(bench, server.port, fault, by_port=False)
        for fault in BY_PORT:
            yield await endure(bench, server.port, fault, by_port=True)
        yield await close_idle(bench, server.port)
        yield await go_down(bench, server.port)
        yield await reload(bench, server, server.port, "an instance alone")
    with bench.service(TIMES, ROOMY, {"API_BASE_URL": "http://backend.invalid"}) as server:
        yield await fail_to_resolve(bench, server.port)
    with bench.service(NARROW) as server:
        yield await hang(bench, server.port)
    async for row in roll(bench):
        yield row


def summary(bench: Bench, found: list[Row]) -> Row:
    """All faults together; with what the instances have logged of themselves."""
    tally = Tally()
    for row in found:
        tally.add(row.tally)
    whole = Row("all of them", tally, sum(row.duplicates for row in found))
    wrong = sum(tally.wrong.values())
    whole.require(wrong == 0 and whole.duplicates == 0, f"{wrong} wrong answers, {whole.duplicates} duplicates")
    whole.require(tally.requests >= bench.sizes.least, f"only {tally.requests} requests")
    whole.require(not bench.traces, f"{len(bench.traces)} lines of defects in the log, the first: {bench.traces[:1]}")
    return whole


async def measure(sizes: Sizes) -> list[Row]:
    """All rows, each printed when it is there."""
    found = []
    with FaultyBackend() as backend:
        bench = Bench(backend, sizes)
        print(HEAD, flush=True)
        async for row in rows(bench):
            found.append(row)
            print(row, flush=True)
    found.append(summary(bench, found))
    print(found[-1], flush=True)
    return found


_SAID = f"""`make bench-faults`, {{machine}}. {WORKERS} workers; the backend is a
process of ours on raw sockets, the browsers another, all on this one machine. Each fault is met by requests of every
kind (GET, POST and PUT of the typed groups, GET and POST through `/api/proxy/*`), beside healthy ones: 40 a second of
each of five kinds. A wrong answer is any but what the interface says of the fault, in status, code and shape, or one
whose token, query or body is another request's. No failure may take longer than REQUEST_DEADLINE ({DEADLINE:.0f} s
here) and 250 ms; of the 503s, p99 may be 100 ms. To both is added what the machine kept the browsers' own process
waiting at most. Other bounds are of p99 too: the highest of some hundred values is the scheduler's."""


def main() -> int:
    """Measure, tell, and judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer requests; RESULTS.md stays as it is")
    is_short = parser.parse_args().short
    found = asyncio.run(measure(SHORT if is_short else LONG))
    if not is_short:
        record(TITLE, [_SAID.format(machine=machine()), "", HEAD, *map(str, found)])
    broken = [row for row in found if row.broken]
    for row in broken:
        print(f"\nBROKEN {row.fault}", *(f"    {sentence}" for sentence in row.broken), sep="\n")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())

"""The long run: mixed load and every fault, and whether the workers grow: `make soak` (needs half an hour).

`python -m bench.soak [seconds]` takes as long as it is told, prints a row each minute, writes them into RESULTS.md, and
ends with 1 where after the first sixth a worker's memory grows by more than 5 %, where its descriptors or threads do,
where it dies, or where an answer is wrong.
"""

import argparse
import asyncio
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.faulty.browser import LIST, Ask, Browser
from bench.faulty.control import FaultyBackend
from bench.faulty.kinds import ALL, BY_PORT, BY_REQUEST, DOWN, INVALID, RIGHT, TIMEOUT, Fault
from bench.faulty.load import HONEST, Tally
from bench.faulty.report import defects, machine, record
from tests.cluster import wait
from tests.server import Server

TITLE = "## Soak"
SECONDS = 1800
WARM_UP_SHARE = 1 / 6
BROWSERS = 12
RATE = 60.0  # requests a second, of all browsers together: a worker is replaced after 100,000, and none may be here
SAMPLE_SECONDS = 1.0
EPISODE_SECONDS = (2.0, 6.0)  # of the port, and as long again of peace behind each
MOST_GROWTH = 1.05
SLACK = 8  # descriptors: how many connections are open just then, is chance
THREADS = 32
WORKERS = 2
SETTINGS = {
    "WEB_CONCURRENCY": str(WORKERS),
    "THREADS": str(THREADS),
    "CONNECT_TIMEOUT": "0.5",
    "READ_TIMEOUT": "1.5",
    "REQUEST_DEADLINE": "2",
    "PROXY_ALLOW": "*",
}
# Where several things go wrong at once, a request may meet a kept connection that is dead, or an open breaker.
ANYWHERE = frozenset({HONEST, DOWN})
HEAD = """| after | requests | wrong | duplicates | resident MiB of each worker | descriptors | threads |
| --- | --- | --- | --- | --- | --- | --- |"""


@dataclass(frozen=True)
class Sample:
    """A worker at one moment: resident memory in KiB, open descriptors, threads."""

    pid: int
    at: float
    memory: int
    descriptors: int
    threads: int


def sample(pid: int) -> Sample | None:
    """How a process is now; None where it has ended."""
    folder = Path(f"/proc/{pid}")
    try:
        status = (folder / "status").read_text()
        descriptors = len(list((folder / "fd").iterdir()))
    except OSError:
        return None
    memory, threads = (int(re.findall(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[0]) for name in ("VmRSS", "Threads"))
    return Sample(pid, time.monotonic(), memory, descriptors, threads)


class Soak:
    """The load, the faults of the port that come and go, and the samples."""

    def __init__(self, server: Server, backend: FaultyBackend, seconds: float) -> None:
        self._server = server
        self._backend = backend
        self._ends = time.monotonic() + seconds
        self.started = time.monotonic()
        self.seconds = seconds
        self.tally = Tally()
        self.duplicates = self.lost = 0
        self.samples: list[Sample] = []
        self.rows: list[str] = []
        self.workers = server.workers()
        self._arrived: Counter[str] = Counter()

    async def run(self) -> None:
        """Until the time is over."""
        await self._fill_threads()
        async with asyncio.TaskGroup() as group:
            for _ in range(BROWSERS):
                group.create_task(self._browse())
            group.create_task(self._trouble_the_port())
            group.create_task(self._sample())
            group.create_task(self._tell())

    @property
    def is_over(self) -> bool:
        """Whether it is."""
        return time.monotonic() >= self._ends

    async def _fill_threads(self) -> None:
        """Make each worker start all the threads that it may have, so that none is new later."""
        browsers = [Browser(self._server.port) for _ in range(4 * WORKERS * THREADS)]
        await asyncio.gather(*(browser.ask(LIST, "latency") for browser in browsers))
        await asyncio.gather(*(browser.close() for browser in browsers))

    async def _browse(self) -> None:
        """Right requests and such that meet a fault, half and half; now and then a browser hangs up."""
        browser = Browser(self._server.port)
        while not self.is_over:
            started = time.monotonic()
            fault = random.choice(BY_REQUEST) if random.random() < 0.5 else None  # noqa: S311
            ask = random.choice(fault.asks if fault else ALL)  # noqa: S311
            name = fault.name if fault else None
            if random.random() < 0.02:  # noqa: S311
                await browser.leave(ask, random.uniform(0, 0.1), name)  # noqa: S311
            else:
                answer = await browser.ask(ask, name)
                self.tally.note(ask, answer, _expected(fault, ask))
            await asyncio.sleep(max(0.0, started + BROWSERS / RATE - time.monotonic()))
        await browser.close()

    async def _trouble_the_port(self) -> None:
        commands = [*(fault.name for fault in BY_PORT), "close-idle"]
        while not self.is_over:
            seconds = min(random.uniform(*EPISODE_SECONDS), self.seconds / 20)  # noqa: S311
            self._backend.become(random.choice(commands))  # noqa: S311
            await asyncio.sleep(seconds)
            self._backend.become("open")
            await asyncio.sleep(seconds)

    async def _sample(self) -> None:
        while not self.is_over:
            self.samples += filter(None, map(sample, self._server.workers()))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _tell(self) -> None:
        """A row each minute, and one at the end; with it, what has arrived is compared."""
        while not self.is_over:
            await asyncio.sleep(min(60.0, max(0.0, self._ends - time.monotonic())))
            self.count_arrived()
            self.rows.append(self.row())
            print(self.rows[-1], flush=True)

    def count_arrived(self) -> None:
        """Compare what was answered with what has arrived since the last time."""
        done, self.tally.done = self.tally.done, set()
        before, self._arrived = self._arrived, self._backend.take_arrived()
        arrived = before + self._arrived  # what was answered now may have arrived before
        self.duplicates += sum(arrived[key] > 1 for key in self._arrived if key.startswith("POST "))
        self.lost += sum(not arrived[key] for key in done if key.startswith("POST "))
        self.tally.seconds.clear()  # nobody asks for either here, and half an hour has many
        self.tally.refusals.clear()

    def row(self) -> str:
        """How it stands: of each worker, the last ten seconds."""
        after = time.monotonic() - self.started
        recent = [self._of(pid, after - 10, after) for pid in sorted(self.workers)]
        figures = [
            " / ".join(f"{_median(column) / scale:.{digits}f}" for column in columns)
            for columns, scale, digits in (
                ([[sample.memory for sample in worker] for worker in recent], 1024, 1),
                ([[sample.descriptors for sample in worker] for worker in recent], 1, 0),
                ([[sample.threads for sample in worker] for worker in recent], 1, 0),
            )
        ]
        wrong = sum(self.tally.wrong.values())
        return f"| {after:.0f} s | {self.tally.requests:,} | {wrong} | {self.duplicates} | {' | '.join(figures)} |"

    def _of(self, pid: int, begin: float, end: float) -> list[Sample]:
        """A worker's samples within these seconds after the start."""
        return [one for one in self.samples if one.pid == pid and begin <= one.at - self.started <= end]

    def broken(self) -> list[str]:
        """The promises that are, a sentence each."""
        found = [f"{count} × {what}" for what, count in self.tally.wrong.most_common()]
        if self.duplicates or self.lost:
            found.append(f"{self.duplicates} POSTs have arrived twice, {self.lost} were answered and have not arrived")
        if self.workers != self._server.workers():
            found.append("a worker has died")
        for pid in sorted(self.workers):
            found += self._growth(pid)
        return found

    def _growth(self, pid: int) -> list[str]:
        """A worker at its end beside what it was behind the warm-up, as medians over a sixth of the time."""
        share = self.seconds * WARM_UP_SHARE
        first, last = self._of(pid, share, 2 * share), self._of(pid, self.seconds - share, self.seconds)
        if not first or not last:
            return [f"worker {pid} was not there all the time"]
        found = []
        before, after = _median([one.memory for one in first]), _median([one.memory for one in last])
        if after > before * MOST_GROWTH:
            found.append(f"worker {pid}: memory from {before / 1024:.1f} to {after / 1024:.1f} MiB")
        for name in ("descriptors", "threads"):
            slack = SLACK if name == "descriptors" else 0
            before, after = (_median([getattr(one, name) for one in some]) for some in (first, last))
            if after > before + slack:
                found.append(f"worker {pid}: {name} from {before:.0f} to {after:.0f}")
        return found


def _expected(fault: Fault | None, ask: Ask) -> frozenset[str]:
    """The outcomes that are right; the typed groups' port may hear nothing, and break off what is under way."""
    outcomes = ANYWHERE | (fault.expected(ask) if fault else RIGHT)
    if ask.is_proxied:
        return outcomes
    return outcomes | TIMEOUT | (INVALID if fault and fault.is_slow else frozenset())


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


_SAID = f"""`make soak`, {{machine}}. {{seconds:.0f}} s of mixed load,
at most {RATE:.0f} requests a second, on {WORKERS} workers of {THREADS} threads: right requests, every fault of
`bench.faults`, a port that refuses, resets, hears nothing or closes what is idle, browsers that hang up. Between the
second sixth of the time and the last no worker's memory may grow by more than 5 %, nor the number of its threads, nor
that of its descriptors by more than {SLACK}."""


def main() -> int:
    """Run, tell, and judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=SECONDS)
    seconds = parser.parse_args().seconds
    with FaultyBackend() as backend:
        urls = {
            "API_BASE_URL": f"http://127.0.0.1:{backend.fickle}",
            "PROXY_BASE_URL": f"http://127.0.0.1:{backend.steady}",
        }
        with Server(SETTINGS | urls) as server:
            wait(lambda: len(server.workers()) == WORKERS)  # the first has answered already
            print(HEAD, flush=True)
            soak = Soak(server, backend, seconds)
            asyncio.run(soak.run())
            broken = soak.broken()
    broken += defects(server.output)
    told = [f"**BROKEN** {sentence}" for sentence in broken] or ["Every promise is kept."]
    print("", *told, sep="\n")
    record(TITLE, [_SAID.format(machine=machine(), seconds=seconds), "", HEAD, *soak.rows, "", *told])
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())

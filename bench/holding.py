"""Slow exchanges held at once: what becomes of them, and of the fast ones beside them."""

import asyncio
import http.client
import re
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.faulty.browser import Ask, Browser
from bench.load import GET, figures, wrk
from bench.processes import PATH, Process

SLOW = tuple(Ask(path, "GET", path, path) for path in ("/api/refuels", "/api/expenses", "/api/maintenance"))
REFUSED = "503 saturated"
_RAMP_SECONDS = 2.0
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Held:
    """So many browsers `offered` one slow exchange (1 s) after the other.

    `held` is how many were at the backend at once (median), `right`, `refused` and `wrong` what they were answered.
    Beside them `fast_rate` (per second), `fast_p99` (ms; None where not one was answered) and `fast_errors` are those
    of GETs of 2 KB; `memory` is of the process tree, `workers_memory` of its workers (MB).
    """

    offered: int
    held: int
    right: int
    refused: int
    wrong: int
    fast_rate: float
    fast_p99: float | None
    fast_errors: int
    memory: float
    workers_memory: float


async def hold(process: Process, backend: str, offered: int, seconds: float) -> Held:
    """Offer slow exchanges to a process that serves, and send it fast ones for so long."""
    process.forget_log()
    async with _browsers(process.port, offered) as outcomes:
        await asyncio.sleep(_RAMP_SECONDS)
        load = await asyncio.create_subprocess_exec(
            *wrk(process.port, GET, seconds), env={"PATH": PATH}, stdout=asyncio.subprocess.PIPE
        )
        telling = asyncio.ensure_future(load.communicate())
        samples = []
        try:
            while not telling.done():
                samples.append(await asyncio.to_thread(_at_the_backend, backend))
                await asyncio.wait([telling], timeout=_SAMPLE_SECONDS)
        finally:
            if load.returncode is None:
                load.kill()
        memory, workers_memory = process.memory(), process.workers_memory()
    fast = figures((await telling)[0].decode(), GET)
    right, refused = outcomes.pop("200", 0), outcomes.pop(REFUSED, 0)
    return Held(
        offered=offered,
        held=round(statistics.median(samples)),
        right=right,
        refused=refused,
        wrong=outcomes.total(),
        fast_rate=fast.rate,
        fast_p99=fast.p99 if fast.rate else None,
        fast_errors=fast.errors,
        memory=memory,
        workers_memory=workers_memory,
    )


@asynccontextmanager
async def _browsers(port: int, count: int) -> AsyncIterator[Counter[str]]:
    """Browsers that ask until the block ends, begun evenly over a second; what they were answered so far."""
    outcomes: Counter[str] = Counter()
    tasks = [asyncio.create_task(_ask_on(port, number, number / count, outcomes)) for number in range(count)]
    try:
        yield outcomes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ask_on(port: int, number: int, delay: float, outcomes: Counter[str]) -> None:
    browser = Browser(port)
    try:
        await asyncio.sleep(delay)
        while True:
            answer = await browser.ask(SLOW[number % len(SLOW)])
            outcomes[answer.outcome] += 1
            if answer.outcome != "200":
                await asyncio.sleep(1)  # as long as an exchange: a refusal must not become a flood
    finally:
        await browser.close()


def _at_the_backend(backend: str) -> int:
    """How many requests the backend has and has not answered, but for the one that asks this."""
    connection = http.client.HTTPConnection(urlsplit(backend).netloc, timeout=10)
    try:
        connection.request("GET", "/status")
        [writing] = re.findall(r"Writing: (\d+)", connection.getresponse().read().decode())
        return int(writing) - 1
    finally:
        connection.close()


def until_idle(backend: str, most_seconds: float = 30.0) -> None:
    """Wait until the backend has nothing to answer any more."""
    give_up = time.monotonic() + most_seconds
    while _at_the_backend(backend) and time.monotonic() < give_up:
        time.sleep(_SAMPLE_SECONDS)

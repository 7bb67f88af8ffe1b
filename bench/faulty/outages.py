"""Scenes: a path that hangs, and a backend that is down."""

import asyncio
import random
import statistics
import time

from bench.faulty.browser import CREATE, HEALTH, LIST, STATS, Answer, Ask, Browser
from bench.faulty.encounters import recovery, require_quick_refusals
from bench.faulty.kinds import DOWN, UNREACHABLE
from bench.faulty.load import AT_ONCE_SECONDS, HEALTHY, Load, Tally, lag_watched, misdelivered, p99
from bench.faulty.report import Row
from bench.faulty.stand import WORKERS, Bench

NARROW = {"THREADS": "32", "BACKEND_MAX_REQUESTS": "28", "READ_TIMEOUT": "23"}  # a hang of 20 s is no timeout
CAPACITY = WORKERS * int(NARROW["BACKEND_MAX_REQUESTS"])
SATURATED = "503 saturated"
RECOVERS_SECONDS = 1.0
SETTLES_SECONDS = 1.0  # until each worker has seen enough failures to open its breaker
HEALTH_SECONDS = 0.05
SLOWER_AT_MOST = 3  # than unloaded, where another path hangs; below the floor, the scheduler is what is measured
FLOOR_SECONDS = 0.025


async def hang(bench: Bench, port: int) -> Row:
    """One path hangs for 20 s, asked for by four times as many as there is room for; the others, beside unloaded."""
    seconds = bench.sizes.hang_seconds
    async with Load(port) as unloaded:
        await asyncio.sleep(min(seconds, 5))
    bench.backend.take_arrived()
    bench.backend.hold()
    async with lag_watched() as lag:
        flood = Flood(port)
        async with flood:
            async with Load(port, also={SATURATED}) as load:
                await asyncio.sleep(seconds)
            bench.backend.release()
        recovered = await recovery(port)
    tally = Tally()
    tally.add(flood.tally)
    tally.add(load.tally)
    duplicates, lost = misdelivered(bench.backend.take_arrived(), tally)
    row = Row(f"one path hangs, under {4 * CAPACITY}, 4 × the room", tally, duplicates, load.tally.p99(), recovered)
    row.require_right_answers()
    row.require(lost == 0, f"{lost} POSTs were answered, and have not arrived")
    row.require(bool(flood.refusals), "nothing was refused: the flood was none")
    refusals = statistics.median(flood.refusals or [0.0])
    row.require(refusals <= AT_ONCE_SECONDS + lag.longest, f"the flood's 503 take {refusals * 1000:.0f} ms")
    require_quick_refusals(row, load.tally, lag)
    _require_the_others_unharmed(row, load.tally, unloaded.tally)
    row.require(recovered <= RECOVERS_SECONDS, "not recovered within 1 s")
    health = load.tally.p99(HEALTH.name) * 1000
    row.remark = (
        f"unloaded p99 {unloaded.tally.p99() * 1000:.0f} ms; p99 of /healthz {health:.0f} ms; "
        f"{len(flood.refusals)} of the flood refused, median {refusals * 1000:.0f} ms"
    )
    return row


def _require_the_others_unharmed(row: Row, tally: Tally, unloaded: Tally) -> None:
    """Each route by the p99 of its right answers, beside its own without load."""
    for ask in HEALTHY:
        before, now = unloaded.p99(ask.name), tally.p99(ask.name)
        bound = HEALTH_SECONDS if ask is HEALTH else max(SLOWER_AT_MOST * before, FLOOR_SECONDS)
        told = f"p99 of {ask.name} is {now * 1000:.0f} ms, unloaded {before * 1000:.0f} ms"
        row.require(now <= max(bound, SLOWER_AT_MOST * before), told)


class Flood:
    """Browsers that all ask for the path that hangs, and come again when Retry-After says so."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_over = asyncio.Event()
        self.tally = Tally()
        self.refusals: list[float] = []  # seconds

    async def __aenter__(self) -> "Flood":
        self._tasks = [asyncio.create_task(self._run()) for _ in range(4 * CAPACITY)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over.set()
        await asyncio.gather(*self._tasks)

    async def _run(self) -> None:
        browser = Browser(self._port)
        await self._pause(random.random())  # noqa: S311 - users are not in step
        while not self._is_over.is_set():
            answer = await browser.ask(STATS, "hang")
            self.tally.note(STATS, answer, {"200", SATURATED})
            if answer.outcome == SATURATED:
                self.refusals.append(answer.seconds)
                await self._pause(float(answer.retry_after or 1) + random.random() / 4)  # noqa: S311
        await browser.close()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._is_over.wait()
        except TimeoutError:
            return


async def go_down(bench: Bench, port: int) -> Row:
    """The backend dies under load, and comes back."""
    failures: list[tuple[float, float, str]] = []  # when it came, seconds, outcome

    def keep(ask: Ask, answer: Answer) -> None:
        if ask.backend_path and answer.outcome != ask.right:
            failures.append((answer.at, answer.seconds, answer.outcome))

    bench.backend.take_arrived()
    also = UNREACHABLE | {DOWN}
    async with lag_watched() as lag, Load(port, (LIST, CREATE, HEALTH), browsers=4, also=also) as load:
        load.on_answer = keep
        await asyncio.sleep(0.5)
        bench.backend.become("close")
        died = time.monotonic()
        await asyncio.sleep(bench.sizes.down_seconds)
        back = time.monotonic()
        bench.backend.become("open")
        await asyncio.sleep(2 * RECOVERS_SECONDS)
    duplicates, lost = misdelivered(bench.backend.take_arrived(), load.tally)
    recovered = max((at - back for at, _, _ in failures), default=0.0)
    row = Row(f"is down for {bench.sizes.down_seconds:.0f} s", load.tally, duplicates, None, max(0.0, recovered))
    row.require_right_answers()
    row.require(lost == 0, f"{lost} POSTs were answered, and have not arrived")
    meanwhile = [(seconds, outcome) for at, seconds, outcome in failures if died + SETTLES_SECONDS < at < back]
    refused = [seconds for seconds, outcome in meanwhile if outcome == DOWN]
    row.require(len(refused) > 0.8 * len(meanwhile), f"{len(refused)} of {len(meanwhile)} were told {DOWN}")
    slow = p99([seconds for seconds, _ in meanwhile])
    row.require(slow <= AT_ONCE_SECONDS + lag.longest, f"p99 meanwhile is {slow * 1000:.0f} ms")
    row.require(recovered <= RECOVERS_SECONDS, "not recovered within 1 s")
    row.remark = f"p99 meanwhile {slow * 1000:.0f} ms; {len(refused)} of {len(meanwhile)} {DOWN}"
    return row

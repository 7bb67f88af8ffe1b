"""Scenes: requests that meet a fault, beside healthy ones; the row that comes of each."""

import asyncio
import http.client
import random
import time

from bench.faulty.browser import ANONYMOUS, CREATE, HEALTH, LIST, PROXIED, PROXIED_POST, Answer, Browser
from bench.faulty.kinds import DOWN, RIGHT, UNRESOLVABLE, Fault
from bench.faulty.load import AT_ONCE_SECONDS, HEALTHY, HONEST, Lag, Load, Tally, lag_watched, misdelivered, misuse, p99
from bench.faulty.report import Row
from bench.faulty.stand import DEADLINE, METRICS_TOKEN, Bench

GRACE = 0.25  # beyond the deadline, until a browser has read its error
AT_PORT = (PROXIED, PROXIED_POST, HEALTH, ANONYMOUS)  # what is healthy while the other port is not


async def endure(bench: Bench, port: int, fault: Fault, *, by_port: bool) -> Row:
    """Requests that meet the fault, beside healthy ones."""
    count = bench.sizes.slow if fault.is_slow else bench.sizes.fast
    browsers = 40 if fault.is_slow else 6
    bench.backend.take_arrived()
    if by_port:
        bench.backend.become(fault.name)
    also = {DOWN} if fault.opens and not by_port else set()  # the steady port has a breaker of its own
    async with lag_watched() as lag, Load(port, AT_PORT if by_port else HEALTHY, also=also) as load:
        tally = await misuse(port, fault, None if by_port else fault.name, count, browsers)
        if by_port:
            bench.backend.become("open")
        recovered = await recovery(port)
    return judge(bench, fault, tally, load.tally, lag, recovered)


def judge(bench: Bench, fault: Fault, tally: Tally, healthy: Tally, lag: Lag, recovered: float | None) -> Row:
    """The row of a fault, its promises compared with what came."""
    met = set(tally.outcomes)
    tally.add(healthy)
    if fault.closes_kept:
        tally.forgive_honest_posts()
    duplicates, lost = misdelivered(bench.backend.take_arrived(), tally)
    row = Row(fault.said, tally, duplicates, healthy.p99(), recovered)
    row.require_right_answers()
    row.require(lost == 0, f"{lost} POSTs were answered, and have not arrived")
    row.require(bool(met & fault.typed) and (not fault.proxied or bool(met & fault.proxied)), f"met only {sorted(met)}")
    bound = DEADLINE + GRACE + lag.longest
    row.require(tally.slowest_failure <= bound, f"a failure took {tally.slowest_failure:.2f} s")
    require_quick_refusals(row, tally, lag)
    row.remark = f"{tally.honest} of {tally.posts:,} POSTs were told {HONEST}" if tally.honest else ""
    row.require(recovered is None or recovered <= fault.recovers_seconds, f"not within {fault.recovers_seconds:.1f} s")
    return row


def require_quick_refusals(row: Row, tally: Tally, lag: Lag) -> None:
    """A 503 comes at once."""
    refusals = p99(tally.refusals)
    row.require(refusals <= AT_ONCE_SECONDS + lag.longest, f"p99 of the 503s is {refusals * 1000:.0f} ms")


async def recovery(port: int) -> float:
    """Seconds until both ways to the backend are free, in each worker: none has a breaker that is open."""
    started = recovered = time.monotonic()
    while time.monotonic() - started < 10:
        answers = [answer for pair in await asyncio.gather(*(_both(port) for _ in range(8))) for answer in pair]
        wrong = [answer.at for answer in answers if answer.outcome != LIST.right]
        recovered = max([recovered, *wrong])
        if not wrong and not await asyncio.to_thread(_breakers_open, port):
            break
        await asyncio.sleep(0.02)
    return recovered - started


async def _both(port: int) -> list[Answer]:
    browser = Browser(port)
    answers = [await browser.ask(LIST), await browser.ask(PROXIED)]
    await browser.close()
    return answers


def _breakers_open(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    text = connection.getresponse().read()
    connection.close()
    return b"\nbff_breakers_open 0.0\n" not in text


async def close_idle(bench: Bench, port: int) -> Row:
    """A backend that closes idle connections after 1 ms to 5 s, GETs and POSTs in turn."""
    fault = Fault("close-idle", "closes idle connections at random", RIGHT, asks=(LIST, CREATE), closes_kept=True)
    bench.backend.take_arrived()
    bench.backend.become(fault.name)
    async with lag_watched() as lag:
        tally = await _with_pauses(port, bench.sizes.idle)
    bench.backend.become("open")
    row = judge(bench, fault, tally, Tally(), lag, None)
    row.healthy_p99 = tally.p99()
    row.require(tally.has_few_honest_posts, f"{tally.honest} POSTs failed")
    return row


async def _with_pauses(port: int, each: int) -> Tally:
    """So many GETs and POSTs, by browsers that pause for as long as the backend's connections live."""
    tally = Tally()
    asks = iter([LIST, CREATE] * each)

    async def run() -> None:
        browser = Browser(port)
        for ask in asks:
            tally.note(ask, await browser.ask(ask), RIGHT)
            await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311
        await browser.close()

    await asyncio.gather(*(run() for _ in range(10)))
    return tally


async def fail_to_resolve(bench: Bench, port: int) -> Row:
    """The typed groups' backend has a name that nobody knows."""
    bench.backend.take_arrived()
    async with lag_watched() as lag, Load(port, AT_PORT) as load:
        tally = await misuse(port, UNRESOLVABLE, None, bench.sizes.fast, 6)
    return judge(bench, UNRESOLVABLE, tally, load.tally, lag, None)

"""Scenes: instances that are reloaded and replaced, under load."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator

from bench.faulty.browser import CREATE, LIST, PROXIED
from bench.faulty.load import Load, Tally, misdelivered
from bench.faulty.report import Row
from bench.faulty.stand import METRICS_TOKEN, ROOMY, TIMES, WORKERS, Bench, await_workers
from tests.cluster import ask as ask_once
from tests.cluster import wait
from tests.deploy.front import Front
from tests.server import Server


async def reload(bench: Bench, server: Server, port: int, where: str) -> Row:
    """SIGHUP: each worker is replaced, under load."""
    bench.backend.take_arrived()
    before = server.workers()
    async with Load(port, (LIST, CREATE, PROXIED), browsers=4) as load:
        await asyncio.sleep(0.5)
        server.signal(signal.SIGHUP)
        await asyncio.to_thread(wait, lambda: not before & server.workers() and len(server.workers()) == WORKERS)
        await asyncio.sleep(1)
    return _rolled(bench, f"SIGHUP, {where}", load.tally)


async def roll(bench: Bench) -> AsyncIterator[Row]:
    """Two instances behind HAProxy, as shipped: one is reloaded, then both are replaced, one after the other."""
    instances = [bench.instance(TIMES, ROOMY, {"TRUSTED_PROXIES": "1"}) for _ in range(2)]
    ports = [instance.port for instance in instances]
    try:
        for instance in instances:
            instance.__enter__()
            await_workers(instance)
        with Front("haproxy", ports, bench.backend.steady) as front:
            await asyncio.to_thread(wait, lambda: ask_once(front.port, "GET", "/api/auth/session")[0] == 200)
            yield await reload(bench, instances[0], front.port, "one of two behind HAProxy")
            bench.backend.take_arrived()
            async with Load(front.port, (LIST, CREATE, PROXIED), browsers=4) as load:
                for number in range(2):
                    await asyncio.to_thread(_replace, bench, instances, number)
            yield _rolled(bench, "SIGTERM, one after the other behind HAProxy", load.tally)
    finally:
        for instance in instances:
            instance.stop()
            bench.look_through(instance)


def _replace(bench: Bench, instances: list[Server], number: int) -> None:
    """Stop an instance, start another in its place, and wait until HAProxy has found it."""
    old = instances[number]
    old.stop()
    bench.look_through(old)
    new = instances[number] = Server(old.environ, port=old.port)
    new.__enter__()
    wait(lambda: _served(new.port) > 20)


def _served(port: int) -> int:
    """How many answers an instance has given on /api/vehicles."""
    _, _, text = ask_once(port, "GET", "/metrics", Authorization=f"Bearer {METRICS_TOKEN}")
    values = re.findall(r'^bff_requests_total\{.*route="/api/vehicles".*\} (\S+)$', text, re.MULTILINE)
    return int(sum(map(float, values)))


def _rolled(bench: Bench, what: str, tally: Tally) -> Row:
    duplicates, lost = misdelivered(bench.backend.take_arrived(), tally)
    row = Row(what, tally, duplicates, tally.p99())
    row.require_right_answers()
    row.require(lost == 0, f"{lost} POSTs were answered, and have not arrived")
    return row

"""Load by browsers of ours, and what came of it: counted, timed, compared with what is right."""

import asyncio
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from bench.faulty.browser import ANONYMOUS, CREATE, HEALTH, LIST, PROXIED, Answer, Ask, Browser
from bench.faulty.kinds import Fault

HEALTHY = (LIST, CREATE, PROXIED, HEALTH, ANONYMOUS)
PERIOD_SECONDS = 0.05  # between two requests of a browser under healthy load
HONEST = "502 backend_unreachable"
MOST_HONEST = 0.001  # of the POSTs, where the backend closes connections without a word
AT_ONCE_SECONDS = 0.1


class Tally:
    """What came of a number of requests.

    `seconds` are of the right answers, by the kind of request; `wrong` says of every other what it was, and how often.
    """

    def __init__(self) -> None:
        self.requests = self.right = self.posts = self.honest = 0
        self.outcomes: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.slowest_failure = 0.0
        self.refusals: list[float] = []  # of each 503, seconds
        self.done: set[str] = set()  # the keys of what was answered with 2xx
        self.last_failure_at = 0.0

    def note(self, ask: Ask, answer: Answer, expected: Iterable[str]) -> None:
        """Count one answer; `expected` are the outcomes that are right."""
        self.requests += 1
        self.posts += not ask.is_idempotent
        self.outcomes[answer.outcome] += 1
        if answer.outcome in expected:
            self.right += 1
        else:
            self.wrong[f"{ask.name}: {answer.outcome}"] += 1
        if answer.outcome.startswith("2"):
            self.done.add(answer.key)
        if answer.outcome == ask.right:
            self.seconds[ask.name].append(answer.seconds)
            return
        self.last_failure_at = max(self.last_failure_at, answer.at)
        self.slowest_failure = max(self.slowest_failure, answer.seconds)
        if answer.outcome.startswith("503"):
            self.refusals.append(answer.seconds)
            if answer.retry_after is None:
                self.wrong[f"{ask.name}: {answer.outcome} without Retry-After"] += 1

    def forgive_honest_posts(self) -> None:
        """Take from the wrong answers the POSTs that were told an honest 502: they may have arrived, or not."""
        for name in [name for name in self.wrong if name.startswith("POST") and name.endswith(HONEST)]:
            self.honest += self.wrong.pop(name)

    @property
    def has_few_honest_posts(self) -> bool:
        """Whether those are as few as promised of a backend that closes idle connections."""
        return self.honest <= max(1, self.posts * MOST_HONEST)

    def add(self, other: "Tally") -> None:
        """Count another's answers too."""
        self.requests += other.requests
        self.right += other.right
        self.posts += other.posts
        self.honest += other.honest
        self.outcomes += other.outcomes
        self.wrong += other.wrong
        for name, seconds in other.seconds.items():
            self.seconds[name] += seconds
        self.slowest_failure = max(self.slowest_failure, other.slowest_failure)
        self.refusals += other.refusals
        self.last_failure_at = max(self.last_failure_at, other.last_failure_at)
        self.done |= other.done

    def p99(self, *names: str) -> float:
        """Of the right answers to these kinds of request, or to all, in seconds."""
        chosen = names or tuple(self.seconds)
        return p99([seconds for name in chosen for seconds in self.seconds.get(name, [])])


def p99(values: Sequence[float]) -> float:
    """The value that 99 in 100 do not pass; of less than two the highest, of none 0."""
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else max(values, default=0.0)


def misdelivered(arrived: Counter[str], tally: Tally) -> tuple[int, int]:
    """How many POSTs have arrived twice, and how many were answered with 2xx and have not arrived."""
    duplicates = sum(count > 1 for key, count in arrived.items() if key.startswith("POST "))
    lost = sum(1 for key in tally.done if key.startswith("POST ") and not arrived[key])
    return duplicates, lost


class Lag:
    """How long the machine has kept ourselves waiting: nobody's answer is earlier than we are there to read it."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            started = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest = max(self.longest, time.monotonic() - started - 0.01)


@asynccontextmanager
async def lag_watched() -> AsyncIterator[Lag]:
    """The lag within the block."""
    lag = Lag()
    task = asyncio.create_task(lag.watch())
    try:
        yield lag
    finally:
        task.cancel()


class Load:
    """Browsers that ask for what is healthy, each kind by so many, each every 50 ms; entered, it runs.

    Args:
        port: The service's.
        asks: The kinds of request.
        browsers: How many of each kind.
        also: Outcomes that are right besides each kind's own.
    """

    def __init__(self, port: int, asks: Iterable[Ask] = HEALTHY, browsers: int = 2, also: Iterable[str] = ()) -> None:
        self._port = port
        self._asks = [ask for ask in asks for _ in range(browsers)]
        self._also = frozenset(also)
        self._is_over = False
        self.tally = Tally()
        self.on_answer: Callable[[Ask, Answer], None] = lambda _ask, _answer: None

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.create_task(self._run(ask, number)) for number, ask in enumerate(self._asks)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _run(self, ask: Ask, number: int) -> None:
        browser = Browser(self._port)
        expected = self._also | {ask.right} if ask.backend_path else {ask.right}
        due = time.monotonic() + PERIOD_SECONDS * number / len(self._asks)
        while not self._is_over:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + PERIOD_SECONDS, time.monotonic())
            answer = await browser.ask(ask)
            self.tally.note(ask, answer, expected)
            self.on_answer(ask, answer)
        await browser.close()


async def misuse(port: int, fault: Fault, name: str | None, count: int, browsers: int) -> Tally:
    """So many requests that meet the fault, by so many browsers, each asking for the fault of that name, if any."""
    tally = Tally()
    turns = iter(range(count))

    async def run() -> None:
        browser = Browser(port)
        for turn in turns:
            ask = fault.asks[turn % len(fault.asks)]
            answer = await browser.ask(ask, name)
            tally.note(ask, answer, fault.expected(ask))
        await browser.close()

    await asyncio.gather(*(run() for _ in range(browsers)))
    return tally

"""What ours must reach, and what it aims at: a line for each, judged by what was measured."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.load import ANONYMOUS, GET, MEGABYTE, POST, Case
from bench.peers import BARE, MIDDLEWARE, NEXT, OURS
from bench.results import Results

# The original costs 2.20 CPU seconds for 1,000 requests where the minimal app of its pattern costs 1.95; nobody can run
# it here, so what it would cost is computed.
ORIGINAL_TO_MINIMAL = 2.20 / 1.95
HELD = 400  # slow exchanges that are offered where memory and the fast routes are judged
AIM_HELD = 1000


@dataclass(frozen=True)
class Bound:
    """One figure with its bound and its moonshot; `value` is None where it was not measured."""

    figure: str
    value: float | None
    bound: float | None
    moonshot: float | None
    unit: str = ""
    is_least: bool = False

    @property
    def is_broken(self) -> bool:
        """Whether it was measured beyond the bound."""
        return self.value is not None and self.bound is not None and not self._is_within(self.bound)

    @property
    def is_moonshot(self) -> bool:
        """Whether it was measured within the moonshot."""
        return self.moonshot is not None and self._is_within(self.moonshot)

    @property
    def verdict(self) -> str:
        """What the table says of it."""
        if self.value is None or (self.bound is None and not self.is_moonshot):
            return ""
        return "✗ BROKEN" if self.is_broken else "✓ moonshot" if self.is_moonshot else "✓"

    def cells(self) -> list[str]:
        """Its row of a table; nothing stands behind the figure's name where it was not measured."""
        if self.value is None:
            return [self.figure, "", "", "", ""]
        limits = [self._limit(self.bound), self._limit(self.moonshot)]
        return [self.figure, f"**{self._told(self.value)}**", *limits, self.verdict]

    def _is_within(self, limit: float) -> bool:
        if self.value is None:
            return False
        return self.value >= limit if self.is_least else self.value <= limit

    def _limit(self, limit: float | None) -> str:
        return "" if limit is None else f"{'≥' if self.is_least else '≤'} {self._told(limit)}"

    def _told(self, value: float) -> str:
        digits = ",.0f" if abs(value) >= 100 or value == int(value) else ".3g"
        return "none came" if value == math.inf else f"{value:{digits}}{self.unit}"


def judge(results: Results) -> list[Bound]:
    """Every line."""
    return [*_cost(results), *_latency(results), *_holding(results), *_memory(results), _start(results)]


def _cost(results: Results) -> Iterator[Bound]:
    to_next = results.cpu_ratio(GET, NEXT)
    original = None if to_next is None else to_next / ORIGINAL_TO_MINIMAL
    to_bare = results.cpu_ratio(GET, BARE)
    yield Bound("CPU per GET, to the minimal Next.js handler", to_next, 0.40, 0.26)
    yield Bound("CPU per GET, to the original (computed: 2.20/1.95 of the minimal one's)", original, 0.18, 0.12)
    yield Bound("CPU per GET, to http-proxy-middleware", results.cpu_ratio(GET, MIDDLEWARE), 2.0, 1.15)
    share = None if to_bare is None else (to_bare - 1) * 100
    yield Bound("CPU of everything of ours above the bare transport", share, 15, 8, " %")
    yield Bound("CPU per POST of 500 B, to Next.js", results.cpu_ratio(POST, NEXT), 0.28, 0.17)
    yield Bound("CPU per GET of 1 MB, to Next.js", results.cpu_ratio(MEGABYTE, NEXT), 0.07, 0.045)
    refusal = _median(results, ANONYMOUS, "cpu")
    yield Bound("CPU s for 1,000 × 401 without a cookie", refusal, 0.26, 0.18)


def _latency(results: Results) -> Iterator[Bound]:
    rate = results.rate_ratio(GET.at(64), NEXT)
    yield Bound("requests/s at 64 connections, to Next.js", rate, 3.5, 5, " ×", is_least=True)
    yield Bound("p50 at 1 connection", _median(results, GET.at(1), "p50"), 0.7, 0.4, " ms")
    yield Bound("p99 at 64 connections", _median(results, GET.at(64), "p99"), 45, 28, " ms")


def _median(results: Results, case: Case, figure: str) -> float | None:
    run = results.median(case, OURS)
    return getattr(run, figure) if run else None


def _holding(results: Results) -> Iterator[Bound]:
    steps = results.held.get(OURS.key, [])
    held = max((step.held for step in steps if not step.wrong), default=0) if steps else None
    p99 = {step.offered: math.inf if step.fast_p99 is None else step.fast_p99 for step in steps}
    yield Bound("slow exchanges (1 s) held at once by two workers", held, HELD, AIM_HELD, is_least=True)
    yield Bound(f"p99 of fast routes while {HELD} are offered", p99.get(HELD), 60, None, " ms")
    yield Bound(f"p99 of fast routes while {AIM_HELD:,} are offered", p99.get(AIM_HELD), None, 30, " ms")
    yield Bound("wrong or missing answers, in all runs", _errors(results), 0, None)


def _errors(results: Results) -> float | None:
    """Of ours: any but the right one where nothing is too much, and what is neither right nor a refusal elsewhere."""
    runs = [run for (_, peer), found in results.runs.items() if peer == OURS.key for run in found]
    steps = results.held.get(OURS.key, [])
    beside = sum(step.fast_errors + step.refused for step in steps if step.offered == HELD)
    total = sum(run.errors for run in runs) + sum(step.wrong for step in steps) + beside
    return total if runs or steps else None


def _memory(results: Results) -> Iterator[Bound]:
    _, idle = results.idle.get(OURS.key, (None, None))
    holding = {step.offered: step.workers_memory for step in results.held.get(OURS.key, [])}
    yield Bound("RSS of both workers, idle", idle, 125, 90, " MB")
    yield Bound(f"RSS of both workers, while {HELD} are offered", holding.get(HELD), 150, 115, " MB")


def _start(results: Results) -> Bound:
    return Bound("start to first answer", results.start(OURS), 0.4, 0.2, " s")

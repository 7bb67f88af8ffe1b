"""What `bench.compare` has found, and what is read off it: medians, and ratios of runs that were neighbours."""

import statistics
from collections import defaultdict
from dataclasses import astuple, dataclass, field

from bench.holding import Held
from bench.load import Case, Run
from bench.peers import OURS, Peer


@dataclass
class Results:
    """`runs` by the keys of case and peer, in the order of the rounds; `starts` in seconds until the first answer.

    `idle` is, by peer, the memory of the whole tree and of the workers alone before anything is held, in MB; `held`
    what came of each number of slow exchanges that was offered.
    """

    runs: defaultdict[tuple[str, str], list[Run]] = field(default_factory=lambda: defaultdict(list))
    starts: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    idle: dict[str, tuple[float, float]] = field(default_factory=dict)
    held: defaultdict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))

    def median(self, case: Case, peer: Peer) -> Run | None:
        """Of each figure, over the rounds; errors are added up. None where it was not measured."""
        runs = self.runs.get((case.key, peer.key))
        if not runs:
            return None
        cpu, rate, p50, p99, _, memory = (statistics.median(column) for column in zip(*map(astuple, runs), strict=True))
        return Run(cpu, rate, p50, p99, sum(run.errors for run in runs), memory)

    def cpu_ratio(self, case: Case, peer: Peer) -> float | None:
        """Ours to the peer's, in CPU time per request: the median of each round's."""
        return self._ratio([run.cpu for run in self._ours(case)], [run.cpu for run in self._of(case, peer)])

    def rate_ratio(self, case: Case, peer: Peer) -> float | None:
        """Ours to the peer's, in requests per second: the median of each round's."""
        return self._ratio([run.rate for run in self._ours(case)], [run.rate for run in self._of(case, peer)])

    def start(self, peer: Peer) -> float | None:
        """Seconds until the first answer, in the median."""
        return statistics.median(self.starts[peer.key]) if self.starts.get(peer.key) else None

    def _ours(self, case: Case) -> list[Run]:
        return self._of(case, OURS)

    def _of(self, case: Case, peer: Peer) -> list[Run]:
        return self.runs.get((case.key, peer.key), [])

    def _ratio(self, ours: list[float], theirs: list[float]) -> float | None:
        pairs = [one / other for one, other in zip(ours, theirs, strict=True) if other] if ours and theirs else []
        return statistics.median(pairs) if pairs else None

"""Ours against others, in front of one backend, in rounds in which all take turns: `make bench`.

Writes `results.json`, a section of RESULTS.md and the chart, and ends with 1 where a bound falls short.
`python -m bench.compare --quick` measures the main four cases in two minutes, and writes nothing.
"""

import argparse
import asyncio
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench import peers, tables
from bench.bounds import AIM_HELD, HELD, judge
from bench.holding import hold, until_idle
from bench.load import ANONYMOUS, GET, MEGABYTE, POST, Case, await_answer, backend, measure
from bench.peers import BARE, NAIVE, NEXT, OURS, PEERS, TUNED, Peer
from bench.processes import end_on_sigterm, require
from bench.results import Results

_LADDER = (HELD, 600, AIM_HELD)  # slow exchanges that ours is offered; the others have the first

Plan = list[tuple[Case, tuple[Peer, ...]]]
_MAIN: Plan = [
    (GET, (OURS, BARE, *PEERS[1:])),
    (POST, PEERS),
    (MEGABYTE, PEERS),
    (ANONYMOUS, (OURS, NAIVE, NEXT)),
]
_WHOLE: Plan = [
    (GET, (OURS, BARE, *PEERS[1:], *TUNED)),
    (GET.at(1), PEERS),
    (GET.at(64), (*PEERS, *TUNED)),
    (GET.at(256), PEERS),
    *_MAIN[1:],
]


@dataclass(frozen=True)
class Sizes:
    """How much: rounds, the seconds of a run, and of warming up for each kind of request; starts of each; seconds of
    holding slow exchanges (0: none are held).
    """

    rounds: int
    seconds: int
    warm_seconds: int
    starts: int
    hold_seconds: int
    plan: Plan


LONG = Sizes(rounds=7, seconds=2, warm_seconds=3, starts=5, hold_seconds=5, plan=_WHOLE)
QUICK = Sizes(rounds=3, seconds=1, warm_seconds=1, starts=1, hold_seconds=0, plan=_MAIN)


def measure_starts(results: Results, url: str, count: int) -> None:
    """Start each, wait for its first answer from the backend, and stop it; all take turns."""
    for number in range(count):
        _say(f"start {number + 1} of {count}")
        for peer in PEERS:
            begun = time.monotonic()
            with peer.process(url) as process:
                await_answer(process, GET)
                results.starts[peer.key].append(time.monotonic() - begun)


def measure_rounds(results: Results, url: str, sizes: Sizes) -> None:
    """Start all, warm them up, and let them take turns: who begins changes from round to round."""
    everyone = dict.fromkeys(peer for _, some in sizes.plan for peer in some)
    with ExitStack() as stack:
        running = {peer: stack.enter_context(peer.process(url)) for peer in everyone}
        _say("warming up")
        for case, some in sizes.plan:
            for peer in some if case.connections == GET.connections else ():
                await_answer(running[peer], case)
                measure(running[peer], case, sizes.warm_seconds)  # Node.js compiles what is called often
        for number in range(sizes.rounds):
            _say(f"round {number + 1} of {sizes.rounds}")
            for case, some in sizes.plan:
                turn = number % len(some)
                for peer in (*some[turn:], *some[:turn]):
                    results.runs[case.key, peer.key].append(measure(running[peer], case, sizes.seconds))


def measure_holding(results: Results, url: str, seconds: int) -> None:
    """Offer slow exchanges to each, alone and fresh."""
    for peer in PEERS:
        for offered in _LADDER if peer is OURS else _LADDER[:1]:
            _say(f"{offered} slow exchanges for {peer.key}")
            with peer.process(url) as process:
                await_answer(process, GET)
                measure(process, GET, 1)  # its workers are there then, and have loaded what they load late
                if peer.key not in results.idle:
                    results.idle[peer.key] = process.memory(), process.workers_memory()
                results.held[peer.key].append(asyncio.run(hold(process, url, offered, seconds)))
            until_idle(url)


def measure_all(sizes: Sizes) -> Results:
    """Everything, in about eleven minutes when it is long."""
    results = Results()
    with backend() as url:
        measure_starts(results, url, sizes.starts)
        measure_rounds(results, url, sizes)
        if sizes.hold_seconds:
            measure_holding(results, url, sizes.hold_seconds)
    return results


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, tell, and judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the main four cases in two minutes; writes nothing")
    parser.add_argument("--rounds", type=int, help="more or fewer; their number stands in what is written")
    asked = parser.parse_args()
    sizes = QUICK if asked.quick else LONG
    sizes = replace(sizes, rounds=asked.rounds or sizes.rounds)
    require("wrk", "nginx", "node", "npm")
    end_on_sigterm()
    peers.build()
    results = measure_all(sizes)
    bounds = judge(results)
    told = tables.section(results, bounds, sizes.rounds, sizes.seconds)
    print("\n".join(told))
    if not asked.quick:
        tables.write(results, bounds, told)
    return int(any(bound.is_broken for bound in bounds))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

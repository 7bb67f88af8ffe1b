"""The guard against growing slower: what a GET of ours costs, to what it costs the naive app and our bare transport.

Ratios of CPU time in neighbouring runs, never wall time: the machine, and who else is busy on it, are the same for
both. `make bench-guard` ends with 1 where one is above `baseline.json` by more than the tolerance, also when it is
measured again with twice the rounds; `python -m bench.guard --record` writes the baseline anew.
"""

import argparse
import json
import os
import statistics
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.load import GET, await_answer, backend, measure
from bench.peers import BARE, NAIVE, OURS, Peer
from bench.processes import Process, end_on_sigterm, require

BASELINE = Path(__file__).parent / "baseline.json"
TOLERANCE = 1.25
_OTHERS = (NAIVE, BARE)
_ROUNDS = 3
_ROUNDS_TO_RECORD = 15
_CASE = replace(GET, connections=4)

Ratios = dict[str, float]


def start(stack: ExitStack, url: str) -> dict[Peer, Process]:
    """One worker of each, warm, and on one core."""
    core = max(os.sched_getaffinity(0))
    running = {}
    for peer in (OURS, *_OTHERS):
        running[peer] = stack.enter_context(peer.process(url, WEB_CONCURRENCY="1"))
        await_answer(running[peer], _CASE)
        running[peer].pin(core)
        measure(running[peer], _CASE, 1)
    return running


def compare(running: dict[Peer, Process], rounds: int) -> Ratios:
    """Ours to each of the others: the median of the ratios of the rounds."""
    found: dict[str, list[float]] = {peer.key: [] for peer in _OTHERS}
    for _ in range(rounds):
        cpu = {peer: measure(process, _CASE, 1).cpu for peer, process in running.items()}
        for peer in _OTHERS:
            found[peer.key].append(cpu[OURS] / cpu[peer])
    return {key: statistics.median(ratios) for key, ratios in found.items()}


def slower(found: Ratios, recorded: Ratios) -> list[str]:
    """What has grown beyond the tolerance, a sentence each."""
    return [
        f"ours to {key}: {found[key]:.2f}, recorded {ratio:.2f}, at most {ratio * TOLERANCE:.2f}"
        for key, ratio in recorded.items()
        if found[key] > ratio * TOLERANCE
    ]


def guard(running: dict[Peer, Process], recorded: Ratios) -> int:
    """Measure, and once more where it looks slower; 1 where it is."""
    for rounds in (_ROUNDS, 2 * _ROUNDS):
        found = compare(running, rounds)
        print(f"{rounds} rounds:", ", ".join(f"ours to {key} {ratio:.2f}" for key, ratio in found.items()), flush=True)
        if not (sentences := slower(found, recorded)):
            return 0
    print("a GET costs more CPU time than recorded:", *sentences, sep="\n  ")
    return 1


def record(running: dict[Peer, Process]) -> int:
    """Write the baseline anew."""
    ratios = {key: round(ratio, 3) for key, ratio in compare(running, _ROUNDS_TO_RECORD).items()}
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "case": "CPU per GET of 2 KB, ours to theirs",
        "ratios": ratios,
    }
    BASELINE.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    print(f"recorded: {ratios}")
    return 0


def main() -> int:
    """Guard, or record."""
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write baseline.json anew")
    is_recording = parser.parse_args().record
    require("wrk", "nginx")
    end_on_sigterm()
    with ExitStack() as stack:
        running = start(stack, stack.enter_context(backend()))
        return record(running) if is_recording else guard(running, json.loads(BASELINE.read_text("utf-8"))["ratios"])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

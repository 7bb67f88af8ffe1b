"""How a comparison is told: the tables of RESULTS.md, `results.json`, and the chart."""

import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import peers
from bench.bounds import HELD, Bound
from bench.chart import Bar, chart
from bench.faulty.report import record
from bench.holding import Held
from bench.load import ANONYMOUS, GET, MEGABYTE, POST, Case, Run
from bench.peers import (
    BARE,
    MIDDLEWARE,
    MIDDLEWARE_KEPT,
    NAIVE,
    NEXT,
    NEXT_PER_CORE,
    NGINX_PROXY,
    OURS,
    PEERS,
    WORKERS,
    Peer,
)
from bench.processes import PATH
from bench.results import Results
from tests.server import ROOT

TITLE = "## Against others"
RESULTS = Path(__file__).parent / "results.json"
CHART = ROOT / "docs/img/bench.svg"

_CASES = (GET, POST, MEGABYTE, ANONYMOUS)
_BY_CONNECTIONS = (GET.at(1), GET, GET.at(64), GET.at(256))
_EVERYONE = (OURS, BARE, NAIVE, NEXT, NEXT_PER_CORE, MIDDLEWARE, MIDDLEWARE_KEPT, NGINX_PROXY)
_SAID = """`make bench`, {date}, {machine}. {versions}.

Ours has production's defaults, the log and the metrics on, and {workers} workers; the naive Flask app has {workers}, of
16 threads each; `next start`, http-proxy-middleware and nginx are one process each, as their own pages begin. The rows
with … are the same as an expert would have them. All stand in front of the same nginx, on this one machine, and wrk
asks over 16 connections unless said: {rounds} rounds of {seconds} s in which all take turns; medians. CPU is user and
system time of the whole process tree: what other programs on the machine disturb least, and what is paid for. In
brackets, how many of ours cost as much (the median of the rounds' ratios).
"""
_HOLDING = f"""
{HELD} browsers send one slow request after the other (1 s at the backend); beside them wrk asks for 2 KB over 16
connections. *Held* is how many the backend has at once; *wrong* is any answer but the request's own, or a 503 that says
so.
"""


def section(results: Results, bounds: list[Bound], rounds: int, seconds: int) -> list[str]:
    """The lines of the section in RESULTS.md, its title first."""
    told = ", ".join(f"{name} {version}" for name, version in versions().items())
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    said = _SAID.format(date=date, machine=machine(), versions=told, workers=WORKERS, rounds=rounds, seconds=seconds)
    return [
        TITLE,
        "",
        said.rstrip(),
        *_bounds(bounds),
        *_costs(results),
        *_connections(results),
        *_processes(results),
        *(_holding(results) if results.held else ()),
    ]


def write(results: Results, bounds: list[Bound], told: list[str]) -> None:
    """Put the section into RESULTS.md, and the figures into the files beside it."""
    record(TITLE, told[2:])
    RESULTS.write_text(json.dumps(document(results, bounds), indent=1, ensure_ascii=False) + "\n", "utf-8")
    CHART.write_text(picture(results), "utf-8")


def document(results: Results, bounds: list[Bound]) -> dict[str, Any]:
    """All figures: `cases` by case and peer (medians, and the CPU of each round), in the units of `Run` and `Held`."""
    cases: dict[str, dict[str, Any]] = {}
    for case in (*_BY_CONNECTIONS, *_CASES[1:]):
        for peer in _EVERYONE:
            if run := results.median(case, peer):
                figures = {**asdict(run), "cpu_to_ours": _inverse(results.cpu_ratio(case, peer))}
                figures["cpu_of_rounds"] = [one.cpu for one in results.runs[case.key, peer.key]]
                cases.setdefault(case.key, {})[peer.key] = figures
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "versions": versions(),
        "cases": _rounded(cases),
        "start_seconds": _rounded({peer.key: results.start(peer) for peer in PEERS}),
        "idle_mb": _rounded(results.idle),
        "held": _rounded({key: [asdict(step) for step in steps] for key, steps in results.held.items()}),
        "bounds": [_rounded({**asdict(bound), "verdict": bound.verdict}) for bound in bounds],
    }


def picture(results: Results) -> str:
    """The chart: CPU time, and requests per second at 64 connections."""
    shown = [peer for peer in PEERS if peer is not NGINX_PROXY]
    costs = {peer: run for peer in shown if (run := results.median(GET, peer))}
    rates = {peer: run for peer in shown if (run := results.median(GET.at(64), peer))}
    panels = [
        (
            "CPU seconds for 1,000 requests (less is better)",
            [_bar(peer, run.cpu, ".2f") for peer, run in costs.items()],
        ),
        (
            "requests/s at 64 connections (more is better)",
            [_bar(peer, run.rate, ",.0f") for peer, run in rates.items()],
        ),
    ]
    told = "; ".join(f"{title}: " + ", ".join(f"{bar.label} {bar.told}" for bar in bars) for title, bars in panels)
    return chart(panels, f"GET of 2 KB. {told}")


def machine() -> str:
    """What it was measured on."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores" + (f" ({model[1]})" if model else "")


def versions() -> dict[str, str]:
    """Of everything that was measured, or measured it."""
    found = {"Python": platform.python_version()}
    found |= {name: metadata.version(name) for name in ("Flask", "requests", "urllib3", "gunicorn")}
    for name, command in {"Node.js": ("node", "-v"), "nginx": ("nginx", "-v"), "wrk": ("wrk", "-v")}.items():
        done = subprocess.run(command, env={"PATH": PATH}, capture_output=True, text=True, check=False)
        [found[name]] = re.findall(r"\d+\.\d+\.\d+", done.stdout + done.stderr)[:1]
    packages = json.loads((peers.HERE / "package.json").read_text("utf-8"))["dependencies"]
    return found | {"Next.js": packages["next"], "http-proxy-middleware": packages["http-proxy-middleware"]}


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """A table, less the rows in which nothing stands behind the first cell."""
    yield ""
    yield f"| {' | '.join(head)} |"
    yield "| --- " * len(head) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows if any(row[1:]))


def _bounds(bounds: list[Bound]) -> Iterator[str]:
    return _table(["figure", "measured", "bound", "moonshot", ""], (bound.cells() for bound in bounds))


def _costs(results: Results) -> Iterator[str]:
    """CPU of every case, and how it compares."""
    rows = ([peer.title, *(_cost(results, case, peer) for case in _CASES)] for peer in _EVERYONE)
    return _table(["CPU s for 1,000 requests", *(case.title for case in _CASES)], rows)


def _cost(results: Results, case: Case, peer: Peer) -> str:
    run, ratio = results.median(case, peer), _inverse(results.cpu_ratio(case, peer))
    if run is None:
        return ""
    return f"{run.cpu:.3g}" if peer is OURS or ratio is None else f"{run.cpu:.3g} ({ratio:.2g} ×)"


def _connections(results: Results) -> Iterator[str]:
    """Speed, by the number of connections."""
    cases = [case for case in _BY_CONNECTIONS if results.median(case, OURS)]
    rows = ([peer.title, *(_each(results, case, peer, _speed) for case in cases)] for peer in _EVERYONE)
    return _table(["GET 2 KB: requests/s; p50 / p99 ms", *(f"{case.connections} conn." for case in cases)], rows)


def _each(results: Results, case: Case, peer: Peer, tell: Callable[[Run], str]) -> str:
    run = results.median(case, peer)
    return tell(run) if run else ""


def _speed(run: Run) -> str:
    errors = f"; {run.errors} errors" if run.errors else ""
    return f"{run.rate:,.0f}; {_ms(run.p50)} / {_ms(run.p99)}{errors}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if milliseconds >= 10 else f"{milliseconds:.2g}"


def _processes(results: Results) -> Iterator[str]:
    rows = []
    for peer in PEERS:
        start, idle, run = results.start(peer), results.idle.get(peer.key), results.median(GET, peer)
        cells = [start and f"{start:.2f} s", idle and f"{idle[0]:.0f} MB", run and f"{run.memory:.0f} MB"]
        rows.append([peer.title, *(cell or "" for cell in cells)])
    return _table(["the whole process tree", "start to first answer", "RSS idle", "RSS under load"], rows)


def _holding(results: Results) -> Iterator[str]:
    yield _HOLDING.rstrip()
    head = ["slow exchanges offered", "held", "right / refused / wrong", "fast: requests/s", "p99 ms", "errors", "RSS"]
    yield from _table(head, (_held(peer, step) for peer in PEERS for step in results.held.get(peer.key, [])))


def _held(peer: Peer, step: Held) -> list[str]:
    answers = f"{step.right:,} / {step.refused:,} / {step.wrong:,}"
    p99 = "none came" if step.fast_p99 is None else f"{step.fast_p99:.0f}"
    fast = [f"{step.fast_rate:,.0f}", p99, f"{step.fast_errors}"]
    return [f"{peer.title}: {step.offered:,}", f"{step.held}", answers, *fast, f"{step.memory:.0f} MB"]


def _bar(peer: Peer, value: float, digits: str) -> Bar:
    return Bar(peer.title.strip("*"), value, f"{value:{digits}}", peer is OURS)


def _inverse(ratio: float | None) -> float | None:
    return 1 / ratio if ratio else None


def _rounded(found: Any) -> Any:
    """The same with every number to four digits: more are noise. Null stands for a wait without an end."""
    if isinstance(found, float):
        return float(f"{found:.4g}") if math.isfinite(found) else None
    if isinstance(found, dict):
        return {key: _rounded(value) for key, value in found.items()}
    return [_rounded(value) for value in found] if isinstance(found, list | tuple) else found

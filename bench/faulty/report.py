"""How a promise is told: a row of a table, and the section of RESULTS.md that the table stands in."""

import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bench.faulty.load import Tally

RESULTS = Path(__file__).parent.parent / "RESULTS.md"
HEAD = """| fault | requests | right answers | wrong | duplicates | p99 of the healthy | recovered after | promise |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


@dataclass
class Row:
    """One fault: what came of it, and which promises are broken, a sentence each.

    `healthy_p99` and `recovered` are in seconds; None where there is nothing to measure.
    """

    fault: str
    tally: Tally
    duplicates: int = 0
    healthy_p99: float | None = None
    recovered: float | None = None
    remark: str = ""
    broken: list[str] = field(default_factory=list)

    def require(self, is_kept: bool, otherwise: str) -> None:
        """Note a promise that is broken."""
        if not is_kept:
            self.broken.append(otherwise)

    def require_right_answers(self) -> None:
        """No answer is wrong, and no POST has arrived twice."""
        for what, count in self.tally.wrong.most_common():
            self.broken.append(f"{count} × {what}")
        self.require(self.duplicates == 0, f"{self.duplicates} POSTs have arrived twice")

    def __str__(self) -> str:
        tally = self.tally
        wrong = sum(tally.wrong.values())
        p99 = "" if self.healthy_p99 is None else f"{self.healthy_p99 * 1000:.0f} ms"
        recovered = "" if self.recovered is None else f"{self.recovered:.2f} s"
        promise = f"BROKEN: {'; '.join(self.broken)}" if self.broken else "kept"
        told = f"{promise} ({self.remark})" if self.remark else promise
        return (
            f"| {self.fault} | {tally.requests:,} | {tally.right:,} | {wrong} | {self.duplicates} "
            f"| {p99} | {recovered} | {told} |"
        )


def defects(log: str) -> list[str]:
    """What an instance has logged of defects of ours."""
    return re.findall(r'^.*(?:"event": ?"defect"|"code": ?"internal"|Traceback|WORKER TIMEOUT).*$', log, re.MULTILINE)


def machine() -> str:
    """The day, the machine, and the versions that were measured."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("gunicorn", "Flask", "requests", "urllib3"))
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def record(title: str, lines: Iterable[str]) -> None:
    """Put a section into RESULTS.md, in the place of the one before; others stay as they are."""
    told = "\n".join([title, "", *lines, ""])
    text = RESULTS.read_text("utf-8")
    others = re.sub(rf"^{title}\n.*?(?=^## |\Z)", "", text, flags=re.DOTALL | re.MULTILINE).rstrip()
    RESULTS.write_text(f"{others}\n\n{told}", "utf-8")

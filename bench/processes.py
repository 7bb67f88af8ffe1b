"""Processes that a load run starts and ends, and what such a tree of processes costs, as the kernel counts it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.server import free_port

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"  # Debian keeps nginx there, out of a user's reach
_STOPS_WITHIN_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")


def require(*programs: str) -> None:
    """End with one line where a program is not installed."""
    missing = [program for program in programs if shutil.which(program, path=PATH) is None]
    if missing:
        sys.exit(f"needed, and not installed: {', '.join(missing)}")


def end_on_sigterm() -> None:
    """Let SIGTERM unwind like Ctrl-C does, so that what was started is stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@dataclass
class Process:
    """A program on a free port of loopback, in a folder and a session of its own; it ends with the `with` block.

    Args:
        command: `{port}` and `{folder}` in it are filled in.
        environ: All of its environment but PATH and PORT.
        files: By name, written into its folder first; `@port@` in them is filled in.
    """

    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        folder.chmod(0o711)  # nginx, started by root, leaves root before it reads and writes there
        for name, text in self.files.items():
            (folder / name).write_text(text.replace("@port@", str(self.port)), "utf-8")
        self._log = (folder / "log").open("ab")  # appended to, so that it can be emptied meanwhile
        self._process = subprocess.Popen(
            [part.format(port=self.port, folder=folder) for part in self.command],
            cwd=folder,
            env={"PATH": PATH, "PORT": str(self.port), **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # children that outlived it
        self._log.close()
        self._folder.cleanup()

    def require_alive(self) -> None:
        """See that it has not ended.

        Raises:
            RuntimeError: It has; with the end of what it printed.
        """
        if self._process.poll() is not None:
            text = Path(self._log.name).read_text("utf-8", "replace")[-2000:]
            raise RuntimeError(f"{' '.join(self.command)} has ended:\n{text}")

    def forget_log(self) -> None:
        """Empty what it has printed: minutes of load would fill the disk."""
        self._log.truncate(0)

    def pin(self, core: int) -> None:
        """Keep it on one core: threads that hop between cores cost more, and how much depends on who else is there."""
        for pid in self.pids():
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})

    def pids(self) -> list[int]:
        """Its process ids, the children's and theirs: the first is the one that was started."""
        return list(_tree(self._process.pid))

    def cpu_seconds(self) -> float:
        """User and system time of the tree so far, children that have ended included."""
        return sum(map(cpu_seconds, self.pids()))

    def memory(self) -> float:
        """Resident memory of the tree, in MB."""
        return sum(map(resident_mb, self.pids()))

    def workers_memory(self) -> float:
        """Resident memory of all but the process that was started, in MB."""
        return sum(map(resident_mb, self.pids()[1:]))

    def settle(self, most_seconds: float = 5.0) -> None:
        """Wait until it has finished what it was asked: the next measurement is another's."""
        give_up = time.monotonic() + most_seconds
        before = -1.0
        while (now := self.cpu_seconds()) > before + 1 / _TICKS and time.monotonic() < give_up:
            before = now
            time.sleep(0.05)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its ended children so far (proc(5)); 0 of one that has ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS
    return 0.0


def resident_mb(pid: int) -> float:
    """Resident memory of a process (proc(5)), in MB; 0 of one that has ended."""
    with suppress(OSError, ValueError):
        [kilobytes] = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(kilobytes) * 1024 / 1e6
    return 0.0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                yield from _tree(int(child))

"""The faulty backend from outside: started, commanded, asked what has arrived there, ended."""

import json
import subprocess
import sys
from collections import Counter
from types import TracebackType
from typing import Any, Self

from tests.server import ROOT, free_port


class FaultyBackend:
    """`bench.faulty.backend` in a process of its own, on two ports; entered, both answer.

    `fickle` is the one whose port is closed, deafened and so on; `steady` is always open. The command's methods return
    when it is done.
    """

    def __init__(self) -> None:
        self.fickle, self.steady = free_port(), free_port()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.faulty.backend", str(self.fickle), str(self.steady)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def become(self, command: str) -> None:
        """Do with the fickle port: `open`, `close`, `deafen`, `hang-up`, `close-idle`."""
        self._tell(f"{command} {self.fickle}")

    def hold(self) -> None:
        """Let requests that ask for it hang from now on, for 20 s each."""
        self._tell("hold")

    def release(self) -> None:
        """Let no request hang any longer."""
        self._tell("release")

    def take_arrived(self) -> Counter[str]:
        """How often each request has arrived since the last time, by method and id: `POST 17`."""
        return Counter(self._tell("take"))

    def _tell(self, line: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the faulty backend has ended")
        return json.loads(line)

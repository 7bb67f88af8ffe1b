"""A real Redis on loopback, for as long as a test needs it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.server import free_port

REDIS = shutil.which("redis-server")


@dataclass
class Redis:
    """`redis-server` in a process of its own, without a file on disk; it can be halted, and go on."""

    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        assert REDIS is not None, "Redis is missing: apt-get install redis-server"
        self._folder = tempfile.TemporaryDirectory()
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([REDIS, *options], cwd=self._folder.name, stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 10
        while not self._listens():
            assert time.monotonic() < give_up, "Redis does not start"
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        """End it: its port refuses from now on."""
        self._process.kill()
        self._process.wait(timeout=10)

    def halt(self) -> None:
        """Stop its process: connections stay open, and nothing answers."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

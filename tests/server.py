"""The service as users run it: gunicorn with our configuration, in a process of its own, on a free port."""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent
_STARTS_WITHIN_SECONDS = 20.0
_DEFAULTS = {"WEB_CONCURRENCY": "1", "RATELIMIT_AUTH": "1000000 per minute"}  # tests sign in more often than people do


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to no connection meanwhile (RFC 6335 §6)."""
    while True:
        port = random.randint(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port


@dataclass
class Server:
    """The service as the Procfile starts it, in a folder of its own; `environ` is the whole of its configuration.

    Used as a context manager: entered, it serves; left, it is stopped and `output` holds what it printed.
    """

    environ: dict[str, str]
    port: int = field(default_factory=free_port)
    root: Path = ROOT
    output: str = ""

    def start(self) -> Self:
        """Start the process, without waiting for it to serve."""
        self._folder = tempfile.TemporaryDirectory()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            [sys.executable, str(self.root / "serve.py")],
            cwd=self._folder.name,  # a developer's .env and sandbox are none of ours
            env={"PATH": os.environ["PATH"], "PORT": str(self.port), **_DEFAULTS, **self.environ},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def wait(self) -> int:
        """Wait for the process to end by itself; its exit status."""
        return self._process.wait(timeout=_STARTS_WITHIN_SECONDS)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End the process, and keep what it printed; its exit status. SIGINT reaches the workers too, like Ctrl-C."""
        if self._log.closed:
            return self._process.returncode
        if self._process.poll() is None:
            signal_to = os.killpg if with_signal == signal.SIGINT else os.kill
            signal_to(self._process.pid, with_signal)
        status = self._process.wait(timeout=30)
        self._log.seek(0)
        self.output = self._log.read()
        self._log.close()
        self._folder.cleanup()
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the master alone."""
        os.kill(self._process.pid, number)

    def workers(self) -> set[int]:
        """The process ids of the workers that live now."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def kill(self, worker: int) -> None:
        """End one worker at once, as the kernel does when memory runs out."""
        assert worker in self.workers()
        os.kill(worker, signal.SIGKILL)

    def __enter__(self) -> Self:
        if not hasattr(self, "_process"):
            self.start()
        give_up = time.monotonic() + _STARTS_WITHIN_SECONDS
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise RuntimeError(f"gunicorn does not serve:\n{self.output}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serves(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

"""Lines to stdout. A worker process writes them in batches: a write lets go of Python's lock, and every request waits.

(One write a request cost 12 % of its CPU time; `make bench-overhead` compares.)
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

_EVERY_SECONDS = 0.05
_PAUSE_SECONDS = 1.0
_MOST_LINES = 10_000  # then stdout is stuck: whoever has one more waits for it, rather than use up the memory
# PIPE_BUF (pipe(7)): what is longer may be torn apart by the lines of another process.
_LARGEST_WRITE = 4096


class Lines:
    """A binary file of whole lines, as `structlog` and `logging` want it: written at once, until `batch`.

    Args:
        file: Where they go.
    """

    def __init__(self, file: Callable[[], BinaryIO]) -> None:
        self._file = file
        self._lines: deque[bytes | Callable[[], bytes]] = deque()
        self._is_batching = False
        self._has_lines = threading.Event()
        self._writes = threading.Lock()

    def batch(self, also: Callable[[], None] = lambda: None) -> None:
        """Write from now on in a thread, up to 50 ms later; to be called behind a fork.

        Args:
            also: Called in that thread before each write, and each second without one.
        """
        self._also = also
        self._has_lines, self._writes = threading.Event(), threading.Lock()
        self._is_batching = True
        threading.Thread(target=self._write_forever, name="stdout", daemon=True).start()

    def stop(self) -> None:
        """Write what there is, and every further line at once: the process ends."""
        self._is_batching = False
        self._write()

    def write(self, line: bytes | Callable[[], bytes]) -> None:
        """Take one line, or some, or what makes it when it is written."""
        self._lines.append(line)
        if not self._is_batching or len(self._lines) > _MOST_LINES:
            self._write()
        elif not self._has_lines.is_set():
            self._has_lines.set()

    def flush(self) -> None:
        """Nothing: `write` sees to it."""

    def _write_forever(self) -> None:
        while self._is_batching:
            self._has_lines.wait(_PAUSE_SECONDS)
            time.sleep(_EVERY_SECONDS)
            self._also()
            self._has_lines.clear()
            self._write()

    def _write(self) -> None:
        """Everything that waits, in their order."""
        # A stop "at once" comes as a signal, perhaps amid a write: no waiting for oneself.
        if not self._writes.acquire(timeout=1):
            return
        try:
            for some in self._batches():
                with suppress(OSError, ValueError):  # whoever read has gone: no reason to fail a request
                    self._file().write(some)
                    self._file().flush()
        finally:
            self._writes.release()

    def _batches(self) -> Iterator[bytes]:
        """The lines, joined as far as one write may go."""
        batch = b""
        while self._lines:
            taken = self._lines.popleft()
            line = taken if isinstance(taken, bytes) else taken()
            if batch and len(batch) + len(line) > _LARGEST_WRITE:
                yield batch
                batch = b""
            batch += line
        if batch:
            yield batch


class Text:
    """The same for text, as `logging` writes it."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def write(self, text: str) -> None:
        """Take one line, or some."""
        self._lines.write(text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Nothing: `write` sees to it."""


stdout = Lines(lambda: sys.stdout.buffer)

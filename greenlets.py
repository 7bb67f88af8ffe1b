"""Under WORKER_CLASS=gevent, greenlets in the place of threads: a thousand of them cost what some threads do."""

import select
from typing import Any

from gevent import monkey
from gevent.select import poll


class ExactPoll(poll):
    """gevent's, but for a look that does not wait: the kernel answers that one.

    gevent's loop hears of so many sockets in one turn (64 at first); where more are ready at once, its poll(0) finds
    nothing on the others (gevent 26.9.0). A pool would take connections for sound that were closed, many at a time.
    """

    _KernelPoll = select.poll  # Python's own: nothing is patched when this file is imported

    def __init__(self) -> None:
        super().__init__()
        self._kernels = self._KernelPoll()

    def register(self, fd: Any, *events: int) -> None:
        """Watch a file (select.poll)."""
        super().register(fd, *events)
        self._kernels.register(fd, *events)

    def unregister(self, fd: Any) -> None:
        """Watch it no more (select.poll)."""
        super().unregister(fd)
        self._kernels.unregister(fd)

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """What is ready, within so many milliseconds; None or less waits for ever (select.poll)."""
        ready: list[tuple[int, int]] = self._kernels.poll(0) if timeout == 0 else super().poll(timeout)
        return ready


def patch() -> None:
    """Put gevent's sockets, locks and threads into the places of Python's, before anybody keeps one of those.

    Not what gunicorn's master lives on: its forks, and its signals.
    """
    monkey.patch_all(os=False, signal=False)
    select.poll = ExactPoll  # type: ignore[misc]


def is_patched() -> bool:
    """Whether `patch` has been called."""
    return select.poll is ExactPoll

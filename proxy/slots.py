"""How many requests of a process may be the backend's at once: some threads are left for all others. Pure."""

import threading
import time
from collections.abc import Callable

from proxy.errors import BackendSaturated


class Slot:
    """Room for one exchange; `waited` is how many seconds it took to get it."""

    def __init__(self, slots: "Slots", route: str, waited: float) -> None:
        self._slots = slots
        self._route = route
        self._is_taken = True
        self.waited = waited

    def give_back(self) -> None:
        """Let another have it; a second time (a hook closes a response, and so does the server) does nothing."""
        if self._is_taken:
            self._is_taken = False
            self._slots.take_back(self._route)


class Slots:
    """Room for exchanges with the backend: a bulkhead, with a short queue in front.

    Args:
        total: Exchanges at once.
        queue: Requests that may wait for one to end; each waits in a thread.
        wait_seconds: How long.
        on_wait: Told how long a request has waited that got one then.
    """

    def __init__(
        self,
        total: int,
        queue: int,
        wait_seconds: float,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._total = self._left = total
        self._per_route = total - max(1, total // 4) or total  # one path that hangs leaves the others a quarter
        self._queue = queue
        self._wait = wait_seconds
        self._on_wait = on_wait
        self._of_route: dict[str, int] = {}
        self._waiting = 0
        self._given_back = threading.Condition(threading.Lock())

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._total - self._left

    def take(self, route: str, most_seconds: float) -> Slot:
        """Take a slot, which must be given back.

        Args:
            route: Whose it is to be; one route may have three quarters of them.
            most_seconds: What the request has left to wait.

        Raises:
            BackendSaturated: There is none in time.
        """
        with self._given_back:
            if self._is_free(route):
                return self._give(route, 0.0)
            if self._waiting >= self._queue:
                raise BackendSaturated("no slot, and the queue is full")
            return self._wait_for_one(route, min(self._wait, most_seconds))

    def _wait_for_one(self, route: str, seconds: float) -> Slot:
        started = time.monotonic()
        self._waiting += 1
        try:
            if not self._given_back.wait_for(lambda: self._is_free(route), seconds):
                raise BackendSaturated("no slot in time")
        finally:
            self._waiting -= 1
        waited = time.monotonic() - started
        self._on_wait(waited)
        return self._give(route, waited)

    def take_back(self, route: str) -> None:
        """Let another have a slot of the route (called by the slot)."""
        with self._given_back:
            self._left += 1
            left = self._of_route[route] - 1
            if left:
                self._of_route[route] = left
            else:
                del self._of_route[route]
            if self._waiting:
                self._given_back.notify_all()  # whoever is first may want a route that is still full

    def _is_free(self, route: str) -> bool:
        return self._left > 0 and self._of_route.get(route, 0) < self._per_route

    def _give(self, route: str, waited: float) -> Slot:
        self._left -= 1
        self._of_route[route] = self._of_route.get(route, 0) + 1
        return Slot(self, route, waited)

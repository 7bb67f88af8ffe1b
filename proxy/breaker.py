"""When not to ask the backend, and when not to ask it again. Pure: the clock is passed in.

Released It! (Nygard) has the pattern; the numbers are between those of Envoy and of HAProxy.
"""

import threading
from collections.abc import Callable
from typing import Literal

from proxy.errors import BackendDown

State = Literal["closed", "open", "half_open"]


class Breaker:
    """Stops requests to a backend that did not answer several times in a row, but for one now and then that tries.

    Closed, it costs a comparison. Half-open lasts as long as a trial may be under way; the next follows `pause_seconds`
    behind it whether or not it has come back, so that one that hangs does not keep a sound backend from us.

    Args:
        failures: In a row, after which it opens; 0: never.
        pause_seconds: Between one trial and the next.
        clock: Monotonic seconds.
        on_change: Told each new state, open or closed.
    """

    def __init__(
        self,
        failures: int,
        pause_seconds: float,
        clock: Callable[[], float],
        on_change: Callable[[State], None] = lambda _: None,
    ) -> None:
        self._most = failures
        self._pause = pause_seconds
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._failures = 0
        self._is_open = False
        self._is_trying = False
        self._next_trial = 0.0

    @property
    def state(self) -> State:
        """What it does now."""
        if not self._is_open:
            return "closed"
        return "half_open" if self._is_trying else "open"

    def admit(self) -> None:
        """Let a request to the backend pass.

        Raises:
            BackendDown: There is no use in it now.
        """
        if not self._is_open:
            return
        with self._lock:
            if self._is_open and self._clock() < self._next_trial:
                raise BackendDown("the breaker is open")
            self._next_trial = self._clock() + self._pause
            self._is_trying = True

    def succeeded(self) -> None:
        """The backend has answered, whatever it said."""
        if self._failures == 0 and not self._is_open:
            return
        with self._lock:
            has_changed = self._is_open
            self._failures, self._is_open, self._is_trying = 0, False, False
        if has_changed:
            self._on_change("closed")

    def failed(self) -> None:
        """No connection came about, or no answer in time."""
        with self._lock:
            self._failures += 1
            has_changed = not self._is_open and 0 < self._most <= self._failures
            self._is_open = self._is_open or has_changed
            self._is_trying = False
            if has_changed:
                self._next_trial = self._clock() + self._pause
        if has_changed:
            self._on_change("open")


class RetryBudget:
    """How many requests may be sent a second time: a share of the recent ones, or an outage would be multiplied.

    Args:
        share: Of a retry, that each request adds.
        most: Retries that can be saved up; as many are there at the start.
    """

    def __init__(self, share: float = 0.2, most: float = 10.0) -> None:
        self._share = share
        self._most = most
        self._left = most
        self._lock = threading.Lock()

    def add_request(self) -> None:
        """A request is sent for the first time."""
        if self._left < self._most:
            with self._lock:
                self._left = min(self._most, self._left + self._share)

    def take(self) -> bool:
        """Whether a request may be sent again."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True

"""For the platform: /healthz, the process is alive; /readyz, the backend can be reached."""

import threading
import time
from collections.abc import Callable

from flask import Blueprint, Response, current_app, jsonify

from proxy.fetch import public

_CACHED_SECONDS = 1.0
_PROBE_SECONDS = 0.8  # a Kubernetes probe gives up after 1 s

bp = Blueprint("health", __name__)


class Readiness:
    """Whether the backend can be reached, asked at most once a second however often we are probed.

    Args:
        probe: Asks the backend; its argument is the seconds it may take.
        clock: Monotonic seconds.
    """

    def __init__(self, probe: Callable[[float], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._probe = probe
        self._clock = clock
        self._lock = threading.Lock()
        self._is_ready = False
        self._good_until = float("-inf")

    def is_ready(self) -> bool:
        """The last answer while it is fresh, else a new one; whoever comes meanwhile waits for the same."""
        with self._lock:
            if self._clock() >= self._good_until:
                self._is_ready = self._probe(_PROBE_SECONDS)
                self._good_until = self._clock() + _CACHED_SECONDS
            return self._is_ready


@bp.get("/healthz")
@public
def get_health() -> Response:
    """The process serves; the backend is not asked."""
    return jsonify(status="ok")


@bp.get("/readyz")
@public
def get_readiness() -> tuple[Response, int]:
    """Whether traffic makes sense here: 200, or 503 while the backend cannot be reached."""
    readiness: Readiness = current_app.extensions["readiness"]
    return (jsonify(status="ok"), 200) if readiness.is_ready() else (jsonify(status="backend unreachable"), 503)

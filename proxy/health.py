"""For the platform: /healthz, the process is alive; /readyz, the backend can be reached; /metrics, what happens."""

import threading
import time
from collections.abc import Callable
from secrets import compare_digest

from flask import Blueprint, Response, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from config import Settings
from proxy.errors import BackendDown, NotFound, NotSignedIn
from proxy.fetch import public
from proxy.metrics import Metrics
from proxy.upstream import Upstream

_NEVER = float("-inf")
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
        self.is_serving: Callable[[], bool] = lambda: True  # the server that runs us knows better
        self._good_until = _NEVER

    def is_ready(self) -> bool:
        """The last answer while it is fresh, else a new one; whoever comes meanwhile gets the last."""
        if not self.is_serving():
            return False
        is_first = self._good_until == _NEVER
        if self._clock() >= self._good_until and self._lock.acquire(blocking=is_first):
            try:
                self._ask_once()
            finally:
                self._lock.release()
        return self._is_ready

    def _ask_once(self) -> None:
        if self._clock() >= self._good_until:
            self._is_ready = self._probe(_PROBE_SECONDS)
            self._good_until = self._clock() + _CACHED_SECONDS


@bp.get("/healthz")
@public
def get_health() -> Response:
    """The process serves; the backend is not asked."""
    return jsonify(status="ok")


@bp.get("/readyz")
@public
def get_readiness() -> Response:
    """Whether traffic makes sense here: 200, or 503 while the backend cannot be reached or we are stopping.

    `breaker` is that of this worker process, to be seen and not judged: if an open one were a reason to send nobody,
    nobody would close it.
    """
    readiness: Readiness = current_app.extensions["readiness"]
    upstream: Upstream = current_app.extensions["upstream"]
    breaker = upstream.breaker.state
    if not readiness.is_ready():
        raise BackendDown("the backend does not answer" if readiness.is_serving() else "stopping", breaker=breaker)
    return jsonify(status="ok", breaker=breaker)


@bp.get("/metrics")
@public
def get_metrics() -> Response:
    """Counts and durations of all workers, in Prometheus's text format; in production for METRICS_TOKEN alone."""
    _require_metrics_token(current_app.extensions["settings"])
    metrics: Metrics = current_app.extensions["metrics"]
    return Response(metrics.text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _require_metrics_token(settings: Settings) -> None:
    expected = settings.metrics_token
    if expected is None and settings.app_env == "production":
        raise NotFound("METRICS_TOKEN is not set")
    sent = request.headers.get("Authorization", "")
    if expected and not compare_digest(sent.encode(), f"Bearer {expected.value}".encode()):
        raise NotSignedIn("not the METRICS_TOKEN")

"""What Prometheus is told: counts and durations, of all worker processes together. Nothing here knows of Flask.

No label has values that a browser can make up: routes are URL rules, methods those of RFC 9110, codes our own.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)


class Metrics:
    """The instruments of one application.

    Args:
        folder: Where each worker process keeps its values, so that any can show those of all; the library has read it
            from `PROMETHEUS_MULTIPROC_DIR` at its import. None: this process is the only one.
    """

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        registry = self._registry = CollectorRegistry()
        self._requests = Counter("bff_requests", "Requests answered.", ["route", "method", "status"], registry=registry)
        self._seconds = Histogram(
            "bff_request_seconds", "Until the response's head.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._refusals = Counter("bff_refusals", "Requests refused by the BFF itself.", ["code"], registry=registry)
        self.ratelimit_storage_failures = Counter(
            "bff_ratelimit_storage_failures", "Attempts let through uncounted: no storage.", registry=registry
        )

    def answered(self, route: str, method: str, status: int, code: str | None, seconds: float) -> None:
        """Count a request.

        Args:
            route: Its URL rule.
            method: As sent.
            status: Of the response.
            code: Of `X-BFF-Error`; None when the answer is the backend's.
            seconds: Until the response's head.
        """
        self._requests.labels(route, method if method in _METHODS else "other", status).inc()
        self._seconds.labels(route).observe(seconds)
        if code:
            self._refusals.labels(code).inc()

    def text(self) -> bytes:
        """Everything in Prometheus's text format."""
        if self._folder is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

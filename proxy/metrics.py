"""What Prometheus is told: counts and durations, of all worker processes together. Nothing here knows of Flask.

No label has values that a browser can make up: routes are URL rules, methods those of RFC 9110, codes our own.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from proxy import errors

_KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BffError)]
_METHODS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)


_PROBE = "/readyz"  # its 503 refuses nobody


class _Process:
    """Which one this is. The library would ask the system five times a request: a fifth of what the metrics cost."""

    pid = os.getpid()

    @classmethod
    def begin(cls) -> None:
        """Behind a fork, it is another."""
        cls.pid = os.getpid()


os.register_at_fork(after_in_child=_Process.begin)
if values.ValueClass is not values.MutexValue:  # more processes than one
    values.ValueClass = values.MultiProcessValue(lambda: _Process.pid)  # type: ignore[no-untyped-call]


class _Told(NamedTuple):
    requests: Counter
    seconds: Histogram
    backend_seconds: Histogram


class Metrics:
    """The instruments of one application.

    Args:
        folder: Where each worker process keeps its values, so that any can show those of all; the library has read it
            from `PROMETHEUS_MULTIPROC_DIR` at its import. None: this process is the only one.
    """

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._told: dict[tuple[str, str, int], _Told] = {}
        ours = self._registry = CollectorRegistry()
        self._requests = Counter("bff_requests", "Requests answered.", ["route", "method", "status"], registry=ours)
        self._seconds = Histogram(
            "bff_request_seconds", "To the response's end.", ["route"], buckets=_SECONDS, registry=ours
        )
        self._backend_seconds = Histogram(
            "bff_backend_seconds", "The part at the backend.", ["route"], buckets=_SECONDS, registry=ours
        )
        self._threads = Gauge(
            "bff_threads", "Requests that may be under way at once.", registry=ours, multiprocess_mode="livesum"
        )
        self.worker_exits = Counter("bff_worker_exits", "Worker processes that have ended.", registry=ours)
        self._refusals = Counter("bff_refusals", "Requests the BFF itself refused or failed.", ["code"], registry=ours)
        for kind in _KINDS:
            self._refusals.labels(kind.code)  # begins at 0, or the first of each would not be seen to be one
        self.under_way: set[object] = set()
        self.slots_taken: Callable[[], int] = lambda: 0
        self._in_flight = Gauge(
            "bff_requests_in_flight", "Requests under way.", registry=ours, multiprocess_mode="livesum"
        )
        self._at_the_backend = Gauge(
            "bff_backend_requests_in_flight",
            "Requests that are the backend's: slots taken.",
            registry=ours,
            multiprocess_mode="livesum",
        )
        self.backend_connections = Counter(
            "bff_backend_connections_opened", "Connections to the backend that were opened.", registry=ours
        )
        self.retries = Counter("bff_retries", "Requests sent to the backend a second time.", ["why"], registry=ours)
        for why in ("connect", "stale"):
            self.retries.labels(why)
        self.breakers_open = Gauge(
            "bff_breakers_open",
            "Breakers, one a worker and backend, that are open.",
            registry=ours,
            multiprocess_mode="livesum",
        )
        self._waits = Counter("bff_backend_waits", "Requests that waited for a slot, and got one.", registry=ours)
        self._wait_seconds = Counter("bff_backend_wait_seconds", "How long they waited.", registry=ours)
        self.ratelimit_storage_failures = Counter(
            "bff_ratelimit_storage_failures", "Attempts let through uncounted: no storage.", registry=ours
        )

        runs_on = {name: version(name) for name in ("flask", "gunicorn", "requests", "urllib3")} | {
            "python": python_version()
        }
        build = Gauge("bff_build_info", "What runs here.", list(runs_on), registry=ours, multiprocess_mode="livemax")
        build.labels(**runs_on).set(1)

    def worker_serves(self, threads: int) -> None:
        """A worker process begins, with that many threads."""
        self._threads.set(threads)

    def answered(self, fields: Mapping[str, Any], seconds: float, backend_seconds: float | None) -> None:
        """Count a request.

        Args:
            fields: Of its event in the log: `route`, `method`, `status`, and `code` where the answer is ours.
            seconds: To the end of the response.
            backend_seconds: The part of them at the backend; None when it was not asked.
        """
        key = fields["route"], fields["method"] if fields["method"] in _METHODS else "other", fields["status"]
        told = self._told.get(key) or self._tell(*key)
        told.requests.inc()
        told.seconds.observe(seconds)
        if backend_seconds is not None:
            told.backend_seconds.observe(backend_seconds)
        if fields["code"] and fields["route"] != _PROBE:
            self.refused(fields["code"])

    def waited(self, seconds: float) -> None:
        """Count a request that waited for a slot."""
        self._waits.inc()
        self._wait_seconds.inc(seconds)

    def _tell(self, route: str, method: str, status: int) -> "_Told":
        """The instruments for one kind of request; to find them by their labels takes longer than to count."""
        requests = self._requests.labels(route, method, status)
        told = _Told(requests, self._seconds.labels(route), self._backend_seconds.labels(route))
        self._told[route, method, status] = told
        return told

    def refused(self, code: str) -> None:
        """Count a request that was answered by the BFF itself; alone, of one that was not understood."""
        self._refusals.labels(code).inc()

    def publish(self) -> None:
        """Show the other processes how much is under way; not by each request, which writes five values already."""
        self._in_flight.set(len(self.under_way))
        self._at_the_backend.set(self.slots_taken())

    def text(self) -> bytes:
        """Everything in Prometheus's text format; how much is under way in other processes, as of a second ago."""
        self.publish()
        if self._folder is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        with _locked(Path(self._folder)):
            return generate_latest(registry)


def retire(folder: Path, pid: int) -> None:
    """Keep the counts of a process that has ended, and nothing else of it.

    They are added to one file, or there would be more with each restart. What was true of the process while it lived
    (gauges) goes.
    """
    with _locked(folder):
        for file in folder.glob(f"*_{pid}.db"):
            kind = file.name.partition("_")[0]
            if kind != "gauge":
                _add(file, folder / f"{kind}_ended.db")
            file.unlink()


def _add(file: Path, to: Path) -> None:
    total = MmapedDict(str(to))  # type: ignore[no-untyped-call]
    for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
        total.write_value(key, total.read_value(key)[0] + value, timestamp)  # type: ignore[no-untyped-call]
    total.close()  # type: ignore[no-untyped-call]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone among all processes: counts that are being moved would be seen twice, or not at all."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

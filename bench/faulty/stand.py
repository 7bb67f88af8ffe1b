"""What a scene of the fault bench stands on: the backend, instances of the service, and how much is asked of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.faulty.control import FaultyBackend
from bench.faulty.report import defects
from tests.cluster import wait
from tests.server import Server

WORKERS = 2
DEADLINE = 2.0
TIMES = {"CONNECT_TIMEOUT": "0.5", "READ_TIMEOUT": "1.5", "REQUEST_DEADLINE": f"{DEADLINE}"}
ROOMY = {"THREADS": "128"}
METRICS_TOKEN = "bench"


@dataclass(frozen=True)
class Sizes:
    """How much of each: requests that meet a fault (`fast` and `slow` ones), of each method to a backend that closes
    idle connections, seconds of hanging and of being down, and how many requests there must be in all.
    """

    fast: int
    slow: int
    idle: int
    hang_seconds: float
    down_seconds: float
    least: int


class Bench:
    """The backend, how much is asked, and what stopped instances have logged of defects of ours (`traces`)."""

    def __init__(self, backend: FaultyBackend, sizes: Sizes) -> None:
        self.backend = backend
        self.sizes = sizes
        self.traces: list[str] = []

    @contextmanager
    def service(self, *settings: dict[str, str]) -> Iterator[Server]:
        """The service in production before the two ports; its log is looked through at its end."""
        server = self.instance(*settings)
        try:
            with server:
                await_workers(server)
                yield server
        finally:
            self.look_through(server)

    def instance(self, *settings: dict[str, str]) -> Server:
        """One that is not yet started."""
        environ = {
            "API_BASE_URL": f"http://127.0.0.1:{self.backend.fickle}",
            "PROXY_BASE_URL": f"http://127.0.0.1:{self.backend.steady}",
            "PROXY_ALLOW": "*",
            "WEB_CONCURRENCY": str(WORKERS),
            "METRICS_TOKEN": METRICS_TOKEN,
        }
        for some in settings:
            environ |= some
        return Server(environ)

    def look_through(self, server: Server) -> None:
        """Keep what a stopped instance has logged of defects of ours."""
        self.traces += defects(server.output)


def await_workers(server: Server) -> None:
    """An instance counts as started with its first worker."""
    wait(lambda: len(server.workers()) == WORKERS)

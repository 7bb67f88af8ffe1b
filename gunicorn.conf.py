"""gunicorn: threads that wait for the backend, connections that stay open, and nothing a proxy in front could abuse."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_OWN_FOLDER = "bff-metrics-"

# Where each worker keeps its metrics, so that any can show those of all; prometheus_client reads this at its import, so
# it stands before ours. Of an earlier run nothing may be in the folder; on a reload it is this run's already.
METRICS = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or tempfile.gettempdir())
if not METRICS.name.startswith(_OWN_FOLDER):
    METRICS = Path(tempfile.mkdtemp(prefix=_OWN_FOLDER, dir=METRICS))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS)

    @atexit.register
    def _leave_nothing_behind(master: int = os.getpid()) -> None:
        if os.getpid() == master:
            shutil.rmtree(METRICS, ignore_errors=True)


# ruff: noqa: E402
import errno
import resource
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import structlog

from config import SettingsError, load
from proxy import logs
from proxy.metrics import retire
from proxy.stdout import stdout
from strictness import QuietLogger

if TYPE_CHECKING:
    from flask import Flask
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

log = structlog.get_logger()

try:
    settings = load()
except SettingsError as error:
    print(error, file=sys.stderr)
    sys.exit(1)

# The sandbox's accounts have printed passwords: development is for this machine alone.
bind = f"{'127.0.0.1' if settings.app_env == 'development' else '0.0.0.0'}:{settings.port}"  # noqa: S104
workers = settings.web_concurrency
worker_class: type["Worker"]
if settings.worker_class == "gevent":
    import greenlets
    import strict_gevent

    if not greenlets.is_patched():
        sys.exit("WORKER_CLASS=gevent is for serve.py, which patches what waits before gunicorn is loaded")
    worker_class = strict_gevent.StrictGeventWorker
else:
    import strict_worker

    worker_class = strict_worker.StrictWorker  # with keep-alive, unlike gunicorn's sync worker
threads = settings.threads  # to gevent, which has none, exchanges at once
worker_connections = threads + 4096  # gunicorn's 1000, once they are taken, takes nobody: silent ones for READ_TIMEOUT
# As nginx and Go do: with the usual 1024, a connection too many ends the worker (gunicorn's accept raises EMFILE).
files, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
files = max(files, 65_536 if most_files == resource.RLIM_INFINITY else min(most_files, 65_536))
resource.setrlimit(resource.RLIMIT_NOFILE, (files, most_files))

# Made once, before the fork: what cannot start says so once, and each worker is smaller (3 of 21 MB). Connections,
# threads and metrics' files come with a worker's first request. The sandbox's thread would not survive the fork.
preload_app = settings.app_env != "development"
max_requests, max_requests_jitter = 100_000, 20_000  # whatever leaks in a library ends here, not in all workers at once
if Path("/dev/shm").is_dir():  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108 - the sign of life is a file; on a disk that stalls, a worker would be killed

keepalive = 95  # longer than the routers in front keep theirs (Heroku 90 s): whoever closes first must not be us
graceful_timeout = 25  # inside the 30 s that Heroku and Kubernetes give
timeout = 30  # a worker that shows no life is replaced; REQUEST_DEADLINE, not this, ends a request

sendfile = False  # nothing here is a file; the head leaves with the body
limit_request_line = 8190
limit_request_field_size = 16_384  # two chunks of a next-auth session in one Cookie line
http_parser = "python"  # what ours is proven with; gunicorn would take any gunicorn_h1c that it finds
header_map = "dangerous"  # StrictWorker judges names with underscores: some are refused, the others dropped
control_socket_disable = True  # nobody needs to steer a running server through a file

# Forwarding fields are ProxyFix's, by TRUSTED_PROXIES; gunicorn would believe any neighbour on loopback.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}

logger_class = QuietLogger
logs.configure(settings)
logconfig_dict = logs.of_libraries(settings)  # gunicorn's own lines like ours


def on_starting(_server: "Arbiter") -> None:
    """Say at once, in one line, that the port is taken; gunicorn would try for five seconds."""
    if "GUNICORN_FD" in os.environ:  # an upgrade in place inherits the socket
        return
    host, port = bind.split(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            print(f"PORT {port} {reason}: stop what listens there, or set PORT to another", file=sys.stderr)
            sys.exit(1)


def child_exit(server: "Arbiter", worker: "Worker") -> None:
    """Count a worker that has ended, and keep its counts."""
    if preload_app:
        cast("Flask", server.app.wsgi()).extensions["metrics"].worker_exits.inc()
    retire(METRICS, worker.pid)


def when_ready(_server: "Arbiter") -> None:
    """Say with what the service starts."""
    told = {"app_env": settings.app_env, "port": settings.port, "workers": workers, "threads": threads}
    log.info("started", **told)


def on_reload(_server: "Arbiter") -> None:
    """Say that new workers take over (SIGHUP)."""
    log.info("reloaded")


def on_exit(_server: "Arbiter") -> None:
    """Say so."""
    log.info("stopped")


_STOP_NOW = (signal.SIGINT, signal.SIGQUIT)
_CPUS = sorted(os.sched_getaffinity(0)) if settings.cpu_affinity and hasattr(os, "sched_getaffinity") else []


def pre_fork(server: "Arbiter", worker: "Worker") -> None:
    """Choose the worker's processor: the one that fewest of the others have."""
    taken = [other.cpu for other in server.WORKERS.values()]
    worker.cpu = min(_CPUS, key=taken.count, default=None)


def post_fork(_server: "Arbiter", worker: "Worker") -> None:
    """Hold back the signals to stop at once until the worker has loaded: half a load would end in a trace."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_NOW)
    # A thread that wakes up does not push aside the one that runs: it would only wait for Python's lock, which that one
    # holds (16 connections: 0.77 of the CPU time a request, 64: 0.88; sched(7)).
    with suppress(AttributeError, OSError):  # not Linux, or not allowed
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    if worker.cpu is not None:
        os.sched_setaffinity(0, {worker.cpu})


def _end_now(*_: object) -> None:
    stdout.stop()
    os._exit(0)


def worker_exit(_server: "Arbiter", _worker: "Worker") -> None:
    """Write what the log still holds."""
    stdout.stop()


def post_worker_init(worker: "Worker") -> None:
    """Make a stop at once be one, tell /readyz when we stop, and greet a developer once the first worker serves."""
    # A terminal sends SIGINT to the workers too, and the master SIGQUIT on top. gthread's handler for both interrupts
    # itself inside ThreadPoolExecutor.shutdown, or waits for every thread that waits for the backend (gunicorn 27.0.1).
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, _end_now)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_NOW)

    app = cast("Flask", worker.wsgi)
    stdout.batch(app.extensions["metrics"].publish)
    app.extensions["metrics"].worker_serves(threads)
    app.extensions["readiness"].is_serving = lambda: worker.alive
    if worker.age == 1 and settings.app_env == "development":
        print(app.extensions["welcome"], flush=True)

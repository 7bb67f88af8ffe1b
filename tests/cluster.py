"""Two instances, one Redis, the sandbox and HAProxy, without containers, and what they do together: `make cluster`."""

import http.client
import json
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.fernet import Fernet

import sandbox
from tests.backend import Backend
from tests.deploy.front import Front
from tests.redis_server import Redis
from tests.server import Server

ATTEMPTS = 10
LOADERS = 8
_ACCOUNT = next(account for account in sandbox.DEMO_ACCOUNTS if account.role == "write")
_CREDENTIALS = json.dumps({"email": _ACCOUNT.email, "password": _ACCOUNT.password})


class Cluster:
    """HAProxy as shipped in `deploy/haproxy`, in front of two production instances that share a Redis."""

    def __init__(self, api: str, redis: Redis, page: Backend) -> None:
        self.environ = {
            "APP_ENV": "production",
            "API_BASE_URL": api,
            "TRUSTED_PROXIES": "1",
            "TOKEN_COOKIE_SECURE": "off",  # plain http here
            "TOKEN_COOKIE_KEYS": Fernet.generate_key().decode(),
            "RATELIMIT_AUTH": f"{ATTEMPTS} per minute",
            "RATELIMIT_STORAGE_URI": redis.url,
            "METRICS_TOKEN": "cluster",
        }
        self.instances = [Server(self.environ), Server(self.environ)]
        self.front = Front("haproxy", [instance.port for instance in self.instances], int(page.url.rpartition(":")[2]))

    def restart(self, number: int, with_signal: signal.Signals) -> None:
        """Stop an instance, and start another in its place; both are waited for, as a rolling deploy does."""
        self.instances[number].stop(with_signal)
        self.instances[number] = Server(self.environ, port=self.instances[number].port)
        self.instances[number].__enter__()
        wait(lambda: ask(self.instances[number].port, "GET", "/readyz")[0] == 200)

    def served_by_each(self) -> list[int]:
        """How many answers each instance has given on /api/vehicles."""
        return [_counted(instance.port) for instance in self.instances]


@contextmanager
def running() -> Iterator[Cluster]:
    """Everything started; everything stopped at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        backend = stack.enter_context(sandbox.start(folder / "sandbox.sqlite3"))
        cluster = Cluster(backend.url, stack.enter_context(Redis()), stack.enter_context(Backend()))
        for instance in cluster.instances:
            instance.__enter__()
        stack.callback(lambda: [instance.stop() for instance in cluster.instances])
        stack.enter_context(cluster.front)
        yield cluster


def ask(port: int, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str, str]:
    """Status, the cookie that was set, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        return answer.status, cookie, answer.read().decode()
    finally:
        connection.close()


def sign_in(port: int) -> str:
    """The cookie of the demo account."""
    status, cookie, _ = ask(port, "POST", "/api/auth/login", _CREDENTIALS)
    assert status == 200, status
    return cookie


def wait(until: "object", seconds: float = 30) -> None:
    """Until it is so."""
    give_up = time.monotonic() + seconds
    while not _holds(until):
        assert time.monotonic() < give_up, "it never came to be"
        time.sleep(0.05)


def _holds(until: object) -> bool:
    try:
        return bool(until())  # type: ignore[operator]
    except OSError:
        return False


def _counted(port: int) -> int:
    _, _, text = ask(port, "GET", "/metrics", Authorization="Bearer cluster")
    values = re.findall(r'^bff_requests_total\{.*route="/api/vehicles".*\} (\S+)$', text, re.MULTILINE)
    return int(sum(map(float, values)))


class Load:
    """A steady load through HAProxy, by threads that each keep their connection; entered, it runs."""

    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(LOADERS)]
        self.answers: Counter[int | str] = Counter()

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        wait(lambda: self.answers[200] > 50)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> int:
        return sum(self.answers.values()) - self.answers[200]

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._over.is_set():
            try:
                connection.request("GET", "/api/vehicles?limit=1", headers={"Cookie": self._cookie})
                answer = connection.getresponse()
                answer.read()
                self.answers[answer.status] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[type(error).__name__] += 1
                connection.close()
        connection.close()


def show_sessions(cluster: Cluster) -> str:
    """A cookie that one instance has set is good at the other."""
    one, other = cluster.instances
    cookie = sign_in(one.port)
    answers = [
        ask(port, "GET", "/api/auth/me", Cookie=cookie)[0] for port in (one.port, other.port, cluster.front.port)
    ]
    assert answers == [200, 200, 200], answers
    return "signed in at the first; the first, the second and HAProxy answer 200"


def show_limits(cluster: Cluster) -> str:
    """Attempts are counted together, wherever they arrive, and whatever a client writes into X-Forwarded-For."""
    wrong = json.dumps({"email": "nobody@example.com", "password": "wrong-password"})
    statuses = [
        ask(cluster.front.port, "POST", "/api/auth/login", wrong, **{"X-Forwarded-For": f"10.0.0.{n}"})[0]
        for n in range(ATTEMPTS + 10)
    ]
    # Counted apart, all would be made. (A Redis that is slow for once, on a busy machine, lets one through.)
    made = statuses.count(401)
    assert made <= ATTEMPTS, statuses
    assert set(statuses) == {401, 429}, statuses
    return f"{len(statuses)} attempts with forged addresses, over both: {made} were made, {statuses.count(429)} are 429"


def show_a_death(cluster: Cluster, cookie: str) -> str:
    """One instance is killed under load: no request fails but those it was holding."""
    with Load(cluster.front.port, cookie) as load:
        before = load.answers[200]
        master = cluster.instances[0]
        for worker in master.workers():
            master.kill(worker)
        master.stop(signal.SIGKILL)
        wait(lambda: load.answers[200] > before + 500)
        cluster.restart(0, signal.SIGKILL)
    assert load.failed <= LOADERS, load.answers
    return (
        f"{load.answers[200]} answered, {load.failed} failed of {LOADERS} that could be under way: {dict(load.answers)}"
    )


def show_a_rolling_deploy(cluster: Cluster, cookie: str) -> str:
    """Both instances are replaced, one after the other, under load: nothing is lost."""
    with Load(cluster.front.port, cookie) as load:
        for number in range(2):
            cluster.restart(number, signal.SIGTERM)
            before = cluster.served_by_each()[number]
            wait(lambda number=number, before=before: cluster.served_by_each()[number] > before + 50)
    assert load.failed == 0, load.answers
    return f"{load.answers[200]} answered, 0 failed; since then the instances have answered {cluster.served_by_each()}"


def main() -> int:
    """Show all; 1 where something does not hold."""
    with running() as cluster:
        cookie = sign_in(cluster.front.port)
        shows = {
            "sessions work on both": lambda: show_sessions(cluster),
            "an instance dies": lambda: show_a_death(cluster, cookie),
            "a rolling deploy": lambda: show_a_rolling_deploy(cluster, cookie),
            "limits are shared": lambda: show_limits(cluster),
        }
        is_good = True
        for name, show in shows.items():
            try:
                print(f"ok    {name}: {show()}", flush=True)
            except AssertionError as error:
                is_good = False
                print(f"WRONG {name}: {error}", flush=True)
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())

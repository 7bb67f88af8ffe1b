"""A sandbox with the four demo accounts, a clock that tests may move, and a caller for each role."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import DEMO_ACCOUNTS, Sandbox, start

CHEAP_HASH = "pbkdf2:sha256:1"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 5, 15, 10, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        """Move on, by the words of `timedelta`."""
        self.now += timedelta(**span)


class Caller:
    """Sends requests to a sandbox, with a token once there is one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def send(self, method: str, path: str, json: Any = None, **options: Any) -> requests.Response:
        """Send one request; `path` is what follows `/api/`."""
        return self.session.request(method, f"{self.url}/api/{path}", json=json, timeout=10, **options)

    def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        response = self.send("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def data(self, path: str) -> Any:
        """The `data` of a GET that must succeed."""
        return self.get(path)["data"]

    def add(self, path: str, **fields: object) -> Any:
        """The `data` of a POST that must create something."""
        response = self.send("POST", path, fields)
        assert response.status_code == 201, response.text
        return response.json()["data"]

    def sign_in(self, email: str, password: str) -> "Caller":
        """Keep the token of a login for the requests to come."""
        response = self.send("POST", "auth/login", {"email": email, "password": password})
        self.session.headers["Authorization"] = f"Bearer {response.json()['data']['token']}"
        return self


@pytest.fixture
def clock() -> Clock:
    """15 May 2026, 10:30 UTC."""
    return Clock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: Clock) -> Iterator[Sandbox]:
    """A running sandbox in which there are users, and nothing else."""
    with start(tmp_path / "sandbox.sqlite3", seed="accounts", clock=clock, hash_method=CHEAP_HASH) as running:
        yield running


@pytest.fixture
def anonymous(sandbox: Sandbox) -> Iterator[Caller]:
    """A caller without a token."""
    caller = Caller(sandbox.url)
    with caller.session:
        yield caller


def _signed_in(sandbox: Sandbox, role: str) -> Iterator[Caller]:
    [account] = [account for account in DEMO_ACCOUNTS if account.role == role]
    caller = Caller(sandbox.url)
    with caller.session:
        yield caller.sign_in(account.email, account.password)


@pytest.fixture
def reader(sandbox: Sandbox) -> Iterator[Caller]:
    """The user with the role `read`."""
    yield from _signed_in(sandbox, "read")


@pytest.fixture
def writer(sandbox: Sandbox) -> Iterator[Caller]:
    """The user with the role `write`."""
    yield from _signed_in(sandbox, "write")


@pytest.fixture
def admin(sandbox: Sandbox) -> Iterator[Caller]:
    """The user with the role `admin`."""
    yield from _signed_in(sandbox, "admin")


@pytest.fixture
def root(sandbox: Sandbox) -> Iterator[Caller]:
    """The user with the role `root`."""
    yield from _signed_in(sandbox, "root")


@pytest.fixture
def corolla(writer: Caller) -> Any:
    """A vehicle of the writer, with 1000 km on its odometer."""
    return writer.add("vehicles", alias="COROLLA", marca="Toyota", modelo=2020, kilometrajeInicial=1000)

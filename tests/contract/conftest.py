"""Two services that run throughout: the BFF in front of the sandbox, and the BFF in front of a backend that is told.

`driver`, `neighbour`, `reader`, `admin`, `root` and `visitor` are people of the first; `client` and `anonymous` are
browsers of the second.
"""

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import sandbox
from tests.backend import Backend
from tests.contract.accounts import Account, Accounts
from tests.contract.browser import Browser
from tests.server import Server

# So far ahead that no token of the sandbox is over for the BFF, which has a clock of its own.
NOW = datetime(2098, 11, 5, 16, 20, 30, tzinfo=UTC)
TOKEN = "a.b.c"


class SandboxClock:
    """The sandbox's time: it stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The time, as the sandbox asks for it."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.now += by


class Mail:
    """What the sandbox would have mailed; it writes that to its log."""

    def __init__(self, log: pytest.LogCaptureFixture) -> None:
        self._log = log

    @property
    def reset_token(self) -> str:
        """The token of the latest password-reset link."""
        return self._latest(r"/reset-password/([0-9a-f]{64})\b")

    @property
    def delete_code(self) -> str:
        """The latest code for a permanent delete."""
        return self._latest(r"Delete code for \w+: (\d{6})\b")

    def _latest(self, pattern: str) -> str:
        found: list[str] = re.findall(pattern, self._log.text)
        return found[-1]


def _bff(api_base_url: str) -> Server:
    return Server(
        {
            "APP_ENV": "production",
            "API_BASE_URL": api_base_url,
            "TOKEN_COOKIE_SECURE": "off",
            "RATELIMIT_AUTH": "100000 per minute",
        }
    )


@pytest.fixture(scope="session")
def session_clock() -> SandboxClock:
    """The one clock of the running sandbox; a test that moves it takes `sandbox_clock`."""
    return SandboxClock()


@pytest.fixture(scope="session")
def sandbox_url(session_clock: SandboxClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sandbox, with the demo accounts and no vehicle; passwords are hashed cheaply."""
    database = tmp_path_factory.mktemp("contract") / "sandbox.sqlite3"
    with sandbox.start(database, seed="accounts", clock=session_clock, hash_method="pbkdf2:sha256:1") as backend:
        yield backend.url


@pytest.fixture(scope="session")
def bff(sandbox_url: str) -> Iterator[str]:
    """The BFF in front of the sandbox, as users run it."""
    with _bff(sandbox_url) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="session")
def accounts(bff: str, sandbox_url: str) -> Accounts:
    """Whoever else a test needs."""
    return Accounts(bff, sandbox_url)


@pytest.fixture
def sandbox_clock(session_clock: SandboxClock) -> Iterator[SandboxClock]:
    """The sandbox's clock; what a test moves is moved back after it."""
    yield session_clock
    session_clock.now = NOW


@pytest.fixture
def visitor(bff: str) -> Browser:
    """A browser without a session."""
    return Browser(bff)


@pytest.fixture
def driver(accounts: Accounts) -> Account:
    """A new user with the role `write`, and nothing in the account yet."""
    return accounts.register()


@pytest.fixture
def neighbour(accounts: Accounts) -> Account:
    """Another user with the role `write`."""
    return accounts.register()


@pytest.fixture
def reader(accounts: Accounts) -> Account:
    """A new user with the role `read`."""
    return accounts.register("read")


@pytest.fixture
def admin(accounts: Accounts) -> Account:
    """A new user with the role `admin`."""
    return accounts.register("admin")


@pytest.fixture
def root(accounts: Accounts) -> Account:
    """The root user of the demo accounts: the API makes no other."""
    [demo] = [account for account in sandbox.DEMO_ACCOUNTS if account.role == "root"]
    return accounts.sign_in(demo.email, demo.password)


@pytest.fixture
def mail(caplog: pytest.LogCaptureFixture) -> Mail:
    """What the sandbox mails during this test."""
    caplog.set_level(logging.INFO, logger="sandbox")
    return Mail(caplog)


@pytest.fixture(scope="session")
def session_backend() -> Iterator[Backend]:
    """The one backend that is told; a test takes `backend`."""
    with Backend() as backend:
        yield backend


@pytest.fixture(scope="session")
def told_bff(session_backend: Backend) -> Iterator[str]:
    """The BFF in front of the backend that is told."""
    with _bff(session_backend.url) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def backend(session_backend: Backend) -> Backend:
    """The backend behind `client` and `anonymous`; it has heard nothing yet."""
    session_backend.requests.clear()
    session_backend.connections = 0
    return session_backend


@pytest.fixture
def anonymous(told_bff: str) -> Browser:
    """A browser without a session, in front of `backend`."""
    return Browser(told_bff)


@pytest.fixture
def client(told_bff: str) -> Browser:
    """A browser whose token cookie holds `a.b.c`, in front of `backend`."""
    return Browser(told_bff, TOKEN)

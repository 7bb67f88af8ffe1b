"""The fixtures that every test may use: settings, a backend, and a browser that is signed in or is not."""

from collections.abc import Iterator, MutableMapping
from typing import Any

import hypothesis
import pytest
import structlog
from flask.testing import FlaskClient

from app import create_app
from config import Settings
from tests.backend import Backend

TOKEN = "a.b.c"

hypothesis.settings.register_profile("house", deadline=None)  # a busy machine is no defect
hypothesis.settings.load_profile("house")


_LOG = structlog.testing.LogCapture()
structlog.configure(processors=[_LOG])


@pytest.fixture(autouse=True)
def events() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged during a test: each event with its name under `event`, its level, and its fields."""
    yield _LOG.entries
    _LOG.entries.clear()


@pytest.fixture
def backend() -> Iterator[Backend]:
    """A server on loopback that answers as told."""
    with Backend() as backend:
        yield backend


@pytest.fixture
def settings(backend: Backend) -> Settings:
    """Settings whose backend is `backend`."""
    return Settings(
        app_env="testing", api_base_url=backend.url, token_cookie_secure=False, ratelimit_auth="1000000 per minute"
    )


@pytest.fixture
def anonymous(settings: Settings) -> FlaskClient:
    """A browser without a session."""
    return create_app(settings).test_client()


@pytest.fixture
def client(anonymous: FlaskClient) -> FlaskClient:
    """A browser whose token cookie holds `a.b.c`."""
    anonymous.set_cookie("token", TOKEN)
    return anonymous

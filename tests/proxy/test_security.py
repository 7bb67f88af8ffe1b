"""The headers that every answer carries, and who may call from another origin."""

from dataclasses import replace

import pytest

from app import create_app

PAGE = "https://app.example.com"


@pytest.fixture
def browser(settings):
    return create_app(replace(settings, cors_origins=(PAGE,))).test_client()


@pytest.mark.parametrize("path", ["/api/auth/session", "/api/vehicles", "/api/nope", "/healthz"])
def test_no_answer_is_stored_or_guessed_at(anonymous, path):
    """Answers are per user (RFC 9111 §5.2.2.5), and are JSON whatever they look like."""
    response = anonymous.get(path)

    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/auth/session"), ("GET", "/api/vehicles"), ("GET", "/nope")])
def test_a_page_of_a_configured_origin_may_read_every_answer(browser, method, path):
    """With credentials, errors included: else a page could not tell a 401 from a broken network."""
    response = browser.open(path, method=method, headers={"Origin": PAGE})

    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert "X-BFF-Error" in response.headers["Access-Control-Expose-Headers"]
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com"]
)
def test_a_page_of_another_origin_may_not(browser, origin):
    """Exact origins only."""
    response = browser.get("/api/auth/session", headers={"Origin": origin})

    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_preflight_is_answered_without_token_or_backend(browser, backend):
    """Fetch §4.8: it carries no cookie."""
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}

    response = browser.options("/api/vehicles/X", headers=preflight)

    assert (response.status_code, response.headers["Access-Control-Max-Age"]) == (200, "600")
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    assert backend.connections == 0


def test_without_cors_origins_nobody_may(anonymous):
    """Same-origin only is the default."""
    response = anonymous.get("/api/auth/session", headers={"Origin": PAGE})

    assert "Access-Control-Allow-Origin" not in response.headers

"""The parts put together, and development's own backend."""

import pytest

import app
from config import Settings, SettingsError


@pytest.fixture
def development(tmp_path, monkeypatch):
    """The service in development, without a backend of its own."""
    monkeypatch.setattr(app, "SANDBOX_DATABASE", tmp_path / "sandbox.sqlite3")
    return app.create_app(Settings(app_env="development", token_cookie_secure=False, port=8123))


def test_the_sandbox_comes_with_its_page(development):
    """At the address that the greeting prints."""
    browser = development.test_client()

    assert browser.get("/").mimetype == "text/html"
    assert browser.get("/web/js/main.js").status_code == 200
    assert browser.get("/nothing").json == {"error": "No encontrado"}


def test_development_without_a_backend_uses_the_sandbox(development):
    """The demo account signs in, and its vehicles are there."""
    browser = development.test_client()

    signed_in = browser.post("/api/auth/login", json={"email": "demo@kilometracker.test", "password": "Kilometros123"})
    vehicles = browser.get("/api/vehicles").json

    assert signed_in.status_code == 200
    assert vehicles["count"] == 3


def test_the_greeting_has_all_that_a_newcomer_needs(development):
    """The address, the accounts, and a command to try."""
    greeting = development.extensions["welcome"]

    assert "http://localhost:8123" in greeting
    assert greeting.count("@kilometracker.test") == 5
    assert "curl -c cookies.txt" in greeting


def test_a_database_that_is_none_ends_the_start_in_one_line(tmp_path, monkeypatch):
    """With the remedy."""
    monkeypatch.setattr(app, "SANDBOX_DATABASE", tmp_path)

    with pytest.raises(SettingsError, match=r"^The sandbox cannot use .*: remove it, or set API_BASE_URL$"):
        app.create_app(Settings(app_env="development", token_cookie_secure=False))


def test_with_a_backend_no_sandbox_is_started(monkeypatch):
    """Not even loaded."""
    monkeypatch.setattr("sandbox.start", None)

    service = app.create_app(Settings(app_env="development", api_base_url="http://backend.test"))

    assert service.extensions["settings"].api_base_url == "http://backend.test"

"""The one place where the parts meet."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix

import config
import proxy
from client_address import ClientAddress
from config import Settings, SettingsError
from lean_flask import LeanFlask
from proxy import logs
from proxy.hooks import Hooks
from raw_path import RawPath

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SANDBOX_DATABASE = Path("var/sandbox.sqlite3")


def create_app(settings: Settings | None = None, hooks: Hooks | None = None) -> Flask:
    """The service as a WSGI application.

    Args:
        settings: The environment's when None. Without an `api_base_url`, which only development allows, the sandbox is
            started in this process and used.
        hooks: The team's own.

    Raises:
        SettingsError: The environment cannot be used.
    """
    settings = settings or config.load()
    logs.configure(settings)
    app = LeanFlask("bff", static_folder=None)
    if settings.app_env == "production":
        app.debug = False  # whatever FLASK_DEBUG says
    app.extensions["welcome"] = f"KilomeTracker BFF: http://localhost:{settings.port}"
    if settings.api_base_url is None:
        settings = _with_sandbox(app, settings)

    app.extensions["settings"] = settings
    # One more than is taken: of a chunked body Werkzeug keeps what fits, and does not say that there was more.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_content_length + 1
    app.json = _Json(app)
    app.url_map.merge_slashes = False  # a path is answered or refused, never redirected
    proxy.init_app(app, settings, hooks or Hooks())

    hops = settings.trusted_proxies
    served: WSGIApplication = RawPath(app.wsgi_app)
    if hops:
        served = ProxyFix(ClientAddress(served), x_for=hops, x_proto=hops, x_host=hops)
    app.wsgi_app = served  # type: ignore[method-assign, assignment]
    if settings.app_env == "development":
        _with_commands(app)
    return app


class _Json(DefaultJSONProvider):
    """Compact, in UTF-8; half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes a question mark."""

    ensure_ascii = False
    sort_keys = False
    compact = True

    def dumps(self, obj: Any, **options: Any) -> str:
        """`obj` as JSON."""
        return super().dumps(obj, **options).encode("utf-8", "replace").decode()


def _with_commands(app: Flask) -> None:
    """`flask new-group` and `flask remove-group`; an image has no use for them, and does not hold them."""
    if find_spec("scaffold") is None:
        return
    from scaffold.commands import new_group, remove_group  # noqa: PLC0415 - as the sandbox below

    app.cli.add_command(new_group)
    app.cli.add_command(remove_group)


def _with_sandbox(app: Flask, settings: Settings) -> Settings:
    """Settings whose backend is the sandbox, served on a free port of loopback for as long as this process lives."""
    import sandbox  # noqa: PLC0415 - development only: production has no use for it
    from sandbox import web  # noqa: PLC0415

    try:
        url = sandbox.start(SANDBOX_DATABASE).url
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(
            f"The sandbox cannot use {SANDBOX_DATABASE} ({error}): remove it, or set API_BASE_URL"
        ) from error
    web.init_app(app)
    app.extensions["welcome"] += "\n" + _demonstration(settings.port, sandbox.DEMO_ACCOUNTS)
    return replace(settings, api_base_url=url, proxy_base_url=settings.proxy_base_url or url)


def _demonstration(port: int, accounts: Sequence[Any]) -> str:
    """What a newcomer can do now, ready to copy."""
    rows = [f"  {account.role:<6} {account.email:<32} {account.password}" for account in accounts]
    writer = next(account for account in accounts if account.role == "write")
    credentials = json.dumps({"email": writer.email, "password": writer.password})
    login = f"curl -c cookies.txt -H 'Content-Type: application/json' -d '{credentials}' http://localhost:{port}/api/auth/login"
    return "\n".join(["Behind it the sandbox, with these accounts:", *rows, "Try it:", f"  {login}"])

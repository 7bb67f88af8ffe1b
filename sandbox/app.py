"""create_app: the one place where the parts of the backend meet."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from joserfc.jwk import OctKey

from raw_path import RawPath
from sandbox import context, wire
from sandbox.api import GROUPS
from sandbox.db import connect, setting
from sandbox.instants import Clock
from sandbox.ratelimit import RateLimiter
from sandbox.replies import handle_errors


def create_app(database: Path, *, rate_limits: bool, clock: Clock, hash_method: str) -> Flask:
    """The backend on a database that `db.prepare` has made ready.

    Args:
        database: The SQLite file.
        rate_limits: Whether too many requests are refused.
        clock: Tells the time, with its zone.
        hash_method: How passwords are hashed, in the words of `werkzeug.security`.
    """
    app = Flask(__name__, static_folder=None)
    app.json = _Json(app)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions["sandbox"] = context.Parts(database, clock, hash_method, _jwt_key(database))
    _add_steps(app, RateLimiter(clock) if rate_limits else None)
    for group in GROUPS:
        app.register_blueprint(group)
    handle_errors(app)
    app.wsgi_app = RawPath(wire.CaseInsensitivePaths(app.wsgi_app, _words(app)))  # type: ignore[method-assign]
    return app


class _Json(DefaultJSONProvider):
    ensure_ascii = False
    sort_keys = False
    compact = True

    def dumps(self, obj: Any, **options: Any) -> str:
        """As JavaScript writes it: null for an infinite number, which JSON does not have."""
        try:
            return super().dumps(obj, allow_nan=False, **options)
        except ValueError:
            finite = json.loads(super().dumps(obj, **options), parse_constant=lambda _name: None)
            return super().dumps(finite, **options)


def _add_steps(app: Flask, limiter: RateLimiter | None) -> None:
    """What happens before and after a view, in the order in which a request meets it."""
    app.before_request(wire.adopt_request_id)
    app.before_request(wire.check_origin)
    app.after_request(wire.finish)
    if limiter is not None:
        app.before_request(limiter.check)
        app.after_request(limiter.show)
    app.before_request(wire.read_body)
    app.before_request(wire.decode_parameters)
    app.teardown_request(context.close_db)


def _jwt_key(database: Path) -> OctKey:
    with closing(connect(database)) as connection:
        return OctKey.import_key(setting(connection, "jwtSecret"))


def _words(app: Flask) -> frozenset[str]:
    """Every fixed segment of a URL rule."""
    rules = (rule.rule for rule in app.url_map.iter_rules())
    return frozenset(segment for rule in rules for segment in rule.split("/") if segment and "<" not in segment)

"""The BFF itself: every part of `proxy/`, put together in the order in which a request meets them."""

from collections.abc import Iterable

from flask import Blueprint, Flask

import config
from config import Settings, SettingsError
from proxy import fetch, health, observability, ratelimit, relay, security, telemetry
from proxy.api import GROUPS, passthrough
from proxy.hooks import Hooks
from proxy.metrics import Metrics
from proxy.nextauth import NextAuthSession
from proxy.slots import Slots
from proxy.tokens import TokenCookie
from proxy.upstream import Upstream


def init_app(app: Flask, settings: Settings, hooks: Hooks) -> None:
    """Make `app` serve the BFF's endpoints."""
    if settings.api_base_url is None:
        raise ValueError("api_base_url is None")
    metrics = app.extensions["metrics"] = Metrics(config.metrics_folder())
    upstream = Upstream(settings.api_base_url, settings, observability.watch(metrics, "api"))
    app.extensions["upstream"] = upstream
    slots = app.extensions["slots"] = Slots(*settings.slots(), settings.backend_queue_timeout, metrics.waited)
    metrics.slots_taken = lambda: slots.taken
    app.extensions["hooks"] = hooks
    token_cookie = TokenCookie(settings)
    app.extensions["token_cookie"] = token_cookie
    app.extensions["token_source"] = NextAuthSession(settings) if settings.token_source == "nextauth" else token_cookie
    app.extensions["readiness"] = health.Readiness(upstream.is_reachable)

    observability.init_app(app, settings, metrics)
    security.init_app(app, settings)
    ratelimit.init_app(app, settings, metrics)
    fetch.init_app(app)
    for group in (*_served(settings), health.bp):
        app.register_blueprint(group)
    if settings.docs:
        from proxy.explorer import bp as explorer  # noqa: PLC0415 - where it is not shown, nothing of it is loaded

        app.register_blueprint(explorer)
    passthrough.init_app(app, settings, observability.watch(metrics, "proxy"))
    relay.init_app(app, hooks)
    telemetry.init_app(app, settings.otel)


def _served(settings: Settings) -> Iterable[Blueprint]:
    """The groups that ROUTE_GROUPS names; all of them where it names none."""
    known = {group.name: group for group in GROUPS}
    if not set(settings.route_groups) <= known.keys():
        raise SettingsError(f"ROUTE_GROUPS takes names of route groups: {', '.join(known)}")
    return [known[name] for name in settings.route_groups] or GROUPS

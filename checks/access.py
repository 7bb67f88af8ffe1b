"""Who may ask for what: pages of other origins, `/api/proxy/*`, `/metrics`."""

from collections.abc import Iterator

from checks.findings import Finding, ok, warn
from checks.network import is_this_machine
from config import Settings
from setting_types import is_weak


def check_origins(settings: Settings) -> Iterator[Finding]:
    """Who may call from another origin, and whether the cookie comes along."""
    for origin in dict.fromkeys(settings.cors_origins + settings.csrf_trusted_origins):
        if origin.startswith("http:") and not is_this_machine(origin):
            yield warn("CORS_ORIGINS", f"{origin}: a page sent over http may be anyone's on the way; https://")
    for origin in settings.cors_origins:
        if origin not in settings.csrf_trusted_origins:
            yield warn("CSRF_TRUSTED_ORIGINS", f"lacks {origin} of CORS_ORIGINS: what it changes is refused (403)")
    same_site = settings.token_cookie_samesite if settings.token_source == "cookie" else "Lax"
    if not settings.cors_origins:
        yield ok("CORS_ORIGINS", "none: pages of the same origin alone")
    elif same_site != "None":
        yield ok(
            "CORS_ORIGINS", f"with a page of another site than this service's comes no SameSite={same_site} cookie"
        )


def check_passthrough(settings: Settings) -> Iterator[Finding]:
    """What `/api/proxy/*` lets through."""
    patterns = [rule.pattern for rule in settings.proxy_allow]
    if "*" in patterns:
        yield warn("PROXY_ALLOW", "* opens every path of the backend to the browser; name those that are needed")
    else:
        yield ok("PROXY_ALLOW", f"paths that are let through: {len(patterns)}")


def check_metrics(settings: Settings) -> Iterator[Finding]:
    """Who may read `/metrics`."""
    token = settings.metrics_token
    if token and is_weak(token.value):
        yield warn("METRICS_TOKEN", "can be guessed; openssl rand -hex 32")
    else:
        yield ok("METRICS_TOKEN", "/metrics wants it" if token else "not set: /metrics answers 404")

"""What keeps a browser out of trouble: requests of other sites, who may call across origins, and response headers."""

import re
from collections.abc import Container, Iterable, Mapping
from functools import partial

import structlog
from flask import Flask, Response, g, request
from flask_cors import CORS

from config import Settings
from proxy.errors import CrossSite
from proxy.headers import ON_EVERY_RESPONSE

_Field = tuple[str, str]

log = structlog.get_logger()

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110 §9.2.1
# RFC 6797 §6.1. Not includeSubDomains: whether all hosts below ours have TLS is for whoever owns them to say.
_OVER_TLS = (("Strict-Transport-Security", "max-age=31536000"),)
# Both decide what is answered. A line of its own: a backend's lines are not read, merged or lost.
_VARY = ("Vary", "Origin, Sec-Fetch-Site")


def init_app(app: Flask, settings: Settings) -> None:
    """Refuse requests of other sites, let the pages of CORS_ORIGINS call, mark every answer as this user's alone."""
    # A mere link brings another cookie along, like next-auth's.
    is_strict = settings.token_source == "cookie" and settings.token_cookie_samesite == "Strict"
    app.before_request(partial(_refuse_cross_site, _SAFE if is_strict else frozenset(), settings.csrf_trusted_origins))
    if settings.cors_origins:
        CORS(
            app,
            # Exact ones: flask-cors would take `*`, with credentials, and a text in any case.
            origins=[re.compile(rf"{re.escape(origin)}\Z") for origin in settings.cors_origins],
            supports_credentials=True,
            expose_headers=["X-Request-ID", "X-BFF-Error", "Retry-After"],
            max_age=600,
        )
    over_tls = _OVER_TLS if settings.app_env == "production" else ()
    app.after_request(partial(_harden, _by_name(ON_EVERY_RESPONSE), _by_name(ON_EVERY_RESPONSE + over_tls)))


def _by_name(fields: Iterable[_Field]) -> dict[str, _Field]:
    return {field[0].lower(): field for field in fields}


def _refuse_cross_site(harmless: Container[str], trusted: Container[str]) -> None:
    """What a page of another site makes a browser send carries the user's cookie, and is not the user's wish.

    The browser says where a request comes from in `Sec-Fetch-Site`, which no script can set; an old browser, or one on
    plain HTTP, in `Origin`; curl says neither, and has no cookie that it was not given. A sibling subdomain is another
    site too.

    Args:
        harmless: The methods that pass: the safe ones, where the cookie is SameSite=Strict.
        trusted: CSRF_TRUSTED_ORIGINS.

    Raises:
        CrossSite: It comes from elsewhere, and not from a trusted origin.
    """
    # By what was matched: a path can be written in more ways than one.
    if request.method in harmless or request.blueprint == "health":
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site in {"same-origin", "none"} or origin in trusted:
        return
    if site or (origin and origin.partition("://")[2] != request.host):
        fields = {"site": site, "origin": origin, "host": request.host, "client": request.remote_addr}
        log.warning("cross_site_refused", **fields, request_id=g.request_id)
        raise CrossSite("Sec-Fetch-Site says so" if site else "Origin is not our host")


def _harden(plain: Mapping[str, _Field], over_tls: Mapping[str, _Field], response: Response) -> Response:
    """Add what every response has, unless a view or a hook has said otherwise."""
    lines = response.headers._list  # by `extend`, each of these constants would be checked anew: 5 % of a request
    said = {name.lower() for name, _ in lines}
    fields = over_tls if request.is_secure else plain
    lines += [field for name, field in fields.items() if name not in said]
    lines.append(_VARY)
    return response

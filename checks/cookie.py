"""The cookie that holds the token: our own, or next-auth's."""

import base64
from collections.abc import Iterator

from checks.findings import Finding, ok, warn, wrong
from config import Settings


def check_cookie(settings: Settings) -> Iterator[Finding]:
    """The token cookie's name and attributes (OAuth 2.0 for Browser-Based Applications, §6.1.3.2)."""
    if settings.token_source == "nextauth":
        return
    name, domain = settings.token_cookie_name, settings.token_cookie_domain
    days = settings.token_cookie_max_age / 86_400
    if name.lower().startswith("__host-"):
        yield ok("TOKEN_COOKIE_NAME", f'"{name}" cannot be set by a sibling subdomain')
    else:
        text = f'"{name}" can be set by a sibling subdomain; __Host-token, unless the front end looks for "{name}"'
        yield warn("TOKEN_COOKIE_NAME", text)
    if not settings.token_cookie_secure:
        yield warn("TOKEN_COOKIE_SECURE", "off: the cookie goes over http too, where anyone can read it; on")
    if domain:
        yield warn("TOKEN_COOKIE_DOMAIN", f"gives the token to every host below {domain}; leave it out")
    if days > 30:
        yield warn("TOKEN_COOKIE_MAX_AGE", f"{days:.0f} days, in which a stolen cookie is good; 7 is the default")
    if settings.token_cookie_samesite == "None" and not settings.cors_origins:
        yield warn("TOKEN_COOKIE_SAMESITE", "None sends the cookie for any site, and CORS_ORIGINS lets none in; Strict")


def check_keys(settings: Settings) -> Iterator[Finding]:
    """Whether a copy of the cookie is a copy of the token."""
    if settings.token_source == "nextauth":
        return
    keys = [base64.urlsafe_b64decode(key.value) for key in settings.token_cookie_keys]
    remedy = "openssl rand -base64 32 | tr +/ -_"
    if any(len(set(key)) < 10 or key.isascii() for key in keys):  # typed, not drawn
        yield wrong("TOKEN_COOKIE_KEYS", f"one is not random, and so no secret; {remedy}")
    elif keys:
        yield ok("TOKEN_COOKIE_KEYS", f"the cookie is encrypted; keys that read it: {len(keys)}")
    else:
        yield warn("TOKEN_COOKIE_KEYS", f"none: who copies the browser's cookie file has the token; {remedy}")


def check_nextauth(settings: Settings) -> Iterator[Finding]:
    """Whether next-auth's session is read; how strong its secret is, `config` has judged."""
    if settings.token_source == "nextauth":
        yield ok("TOKEN_SOURCE", f"nextauth; secrets to try: {len(settings.auth_secrets)}")
    elif settings.auth_secrets:
        yield warn("TOKEN_SOURCE", "is cookie, though a next-auth secret is set; nextauth reads its session")

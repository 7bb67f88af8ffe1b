"""How the service is run: its stage, what stands in front of it, and where attempts to sign in are counted."""

from collections.abc import Iterator
from contextlib import suppress

from limits.storage import storage_from_string

from checks.findings import Finding, ok, warn, wrong
from checks.network import in_time
from config import Settings

_STORAGE_SECONDS = 2.0


def check_stage(settings: Settings, platform: str) -> Iterator[Finding]:
    """Whether a server runs as one."""
    if settings.app_env == "production":
        yield ok("APP_ENV", "production; `APP_ENV=development make doctor` is for your own machine")
    elif platform:
        text = f"{settings.app_env}, but {platform} is set: the cookie is not Secure, a weak secret passes; production"
        yield warn("APP_ENV", text)
    else:
        yield ok("APP_ENV", f"{settings.app_env}; what production alone needs is not checked")


def check_proxies(settings: Settings, platform: str) -> Iterator[Finding]:
    """Whether the client's address is the client's."""
    hops = settings.trusted_proxies
    if platform and not hops:
        yield warn("TRUSTED_PROXIES", f"0, but {platform} is set: all users share a router's address and rate limit; 1")
    else:
        yield ok("TRUSTED_PROXIES", f"{hops}; as many as are in front, else clients share an address, or choose it")


def check_storage(settings: Settings) -> Iterator[Finding]:
    """Where attempts to sign in are counted; of a Redis nothing is shown, for its address may hold the password."""
    uri = settings.ratelimit_storage_uri.value
    if uri.startswith("memory://"):
        if settings.web_concurrency > 1:
            text = f"memory:// counts in each of {settings.web_concurrency} processes by itself; a redis:// address"
            yield warn("RATELIMIT_STORAGE_URI", text)
    elif _answers(uri):
        yield ok("RATELIMIT_STORAGE_URI", "Redis answers")
    else:
        text = "Redis does not answer, or refuses the password: attempts are not counted; is the address right?"
        yield wrong("RATELIMIT_STORAGE_URI", text)


def _answers(uri: str) -> bool:
    with suppress(Exception):  # whose text may quote the password
        return in_time(lambda: storage_from_string(uri).check() is True, _STORAGE_SECONDS)
    return False

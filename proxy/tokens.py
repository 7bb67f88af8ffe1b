"""The user's token, and the cookie of ours that holds it, plain or encrypted. Nothing here knows of Flask."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from config import Settings
from proxy.errors import NotSignedIn, SessionExpired
from setting_types import BEARER

_END_OF_TIME = 2**53  # seconds; every number below is exact as a float


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    `expires_at` is its own `exp` in seconds since 1970, None when it names none; `subject` is whose it is by its own
    word, and good for a log line at most.
    """

    value: str
    expires_at: float | None
    subject: str | None = None

    def __repr__(self) -> str:
        return "Token(***)"

    @property
    def claims(self) -> dict[str, Any]:
        """What the token says, if it is a JWT; read without the signature's key, so nothing to decide by here."""
        return _claims(self.value)

    def seconds_left(self, now: float) -> float:
        """How long it may still be used; infinite when it does not say."""
        return math.inf if self.expires_at is None else self.expires_at - now


class TokenSource(Protocol):
    """Where a request's token is looked for; TOKEN_SOURCE chooses one."""

    def find(self, cookies: Mapping[str, str | None], now: float) -> Token:
        """The token in the request's cookies (see `parse_cookies`), still good at `now` (seconds since 1970).

        Raises:
            NotSignedIn: There is none.
            SessionExpired: There is one, and it is over.
        """


class TokenCookie:
    """The cookie's value: the token itself, or, once TOKEN_COOKIE_KEYS is set, the token encrypted.

    Encryption is Fernet's (AES-CBC, HMAC-SHA256, a version byte); with a new key in front, old cookies stay readable.
    """

    def __init__(self, settings: Settings) -> None:
        self._name = settings.token_cookie_name
        keys = [Fernet(key.value) for key in settings.token_cookie_keys]
        self._fernet = MultiFernet(keys) if keys else None

    def write(self, token: Token) -> str:
        """The cookie's value for `token`, in characters that a cookie may have."""
        return self._fernet.encrypt(token.value.encode()).decode() if self._fernet else token.value

    def find(self, cookies: Mapping[str, str | None], now: float) -> Token:
        """The token in the request's cookies (see `parse_cookies`), still good at `now` (seconds since 1970).

        Raises:
            NotSignedIn: No cookie, or one that cannot be a token, or two that differ.
            SessionExpired: The token's own `exp` has passed.
        """
        value = cookies.get(self._name)
        if value is None and self._name in cookies:
            raise NotSignedIn("two token cookies that differ")
        if not value:
            raise NotSignedIn("no token cookie")
        token = parse_token(self._decrypt(value))
        if token.seconds_left(now) <= 0:
            raise SessionExpired
        return token

    def _decrypt(self, value: str) -> str:
        if self._fernet is None:
            return value
        try:
            raw = base64.urlsafe_b64decode(value)
            token = self._fernet.decrypt(value).decode()
        except (InvalidToken, ValueError):  # the latter for what is not ASCII, before and after
            raise NotSignedIn("the token cookie was not encrypted with one of the keys") from None
        if base64.urlsafe_b64encode(raw).decode() != value:  # the decoder reads past what is not base64
            raise NotSignedIn("the token cookie is not as we wrote it")
        return token


def parse_token(value: object) -> Token:
    """A token from what a cookie or a login answer holds. Whether it is valid is for the backend to say.

    Raises:
        NotSignedIn: It cannot stand behind `Authorization: Bearer`.
    """
    if not isinstance(value, str) or not BEARER.fullmatch(value):
        raise NotSignedIn("the token cookie cannot be a token")
    claims = _claims(value)
    # RFC 7519 §4.1.4, read without the signature's key: a courtesy to the user, not a check. `id` is what backends of
    # the Express kind say for `sub` (§4.1.2).
    subject = claims.get("sub", claims.get("id"))
    return Token(value, number(claims.get("exp")), str(subject) if isinstance(subject, str | int) else None)


def number(claim: object) -> float | None:
    """A claim that is a number and fits into a date; None for any other."""
    if not isinstance(claim, int | float) or isinstance(claim, bool):
        return None
    return float(claim) if abs(claim) < _END_OF_TIME else None  # to Python, NaN and 10**400 are JSON


def _claims(jwt: str) -> dict[str, Any]:
    _, _, payload = jwt.partition(".")
    payload = payload.partition(".")[0]
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}

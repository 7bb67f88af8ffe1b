"""Where the user's token is found when next-auth v4 or Auth.js v5 signs users in: inside its session cookie.

The cookie is a JWT in a compact JWE (RFC 7516 §3.1), encrypted with a key made from next-auth's secret. It is read and
never written: to refresh a session from here would race with Next.js, which does it too.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, decrypt_compact
from joserfc.jwk import OctKey, thumbprint
from joserfc.util import json_b64decode

from config import Settings
from proxy.errors import NotSignedIn, SessionExpired
from proxy.tokens import Token, number, parse_token

_NAMES = ("authjs.session-token", "next-auth.session-token")  # v5, v4
_MAX_CHUNKS = 5  # of 3936 characters (v5) or 3933 (v4)
_MAX_LENGTH = 20 * 1024
_REGISTRY = JWERegistry(algorithms=["dir", "A256CBC-HS512", "A256GCM"])
_TOLERANCE_SECONDS = 15  # as both versions allow
_REFRESH_FAILED = ("RefreshTokenError", "RefreshAccessTokenError")  # what the guides of v5 and v4 put into `error`
_MILLISECONDS = 1e11  # in seconds, the year 5138; in milliseconds, 1973


class _Key(NamedTuple):
    oct: OctKey
    kid: str | None  # v5 names the key in the header, v4 does not


class NextAuthSession:
    """The access token in the session cookie of next-auth v4 or Auth.js v5; the header tells which version wrote it.

    Production reads the `__Secure-` names alone: a sibling subdomain can set the plain ones over http. Elsewhere those
    are read too, after the others. NEXTAUTH_COOKIE_NAME is taken exactly as written.
    """

    def __init__(self, settings: Settings) -> None:
        secrets = [secret.value for secret in settings.auth_secrets]
        v4_keys = [_v4_key(secret) for secret in secrets]
        self._claim_paths = [path.split(".") for path in settings.nextauth_token_claim]
        self._names = _cookie_names(settings)
        self._keys: dict[tuple[str, str], list[_Key]] = {}  # by name and `enc`; never changed later, so no lock
        for name in self._names:
            self._keys[name, "A256CBC-HS512"] = [_v5_key(secret, name, 64) for secret in secrets]
            self._keys[name, "A256GCM"] = v4_keys + [_v5_key(secret, name, 32) for secret in secrets]

    def find(self, cookies: Mapping[str, str | None], now: float) -> Token:
        """The access token in the request's cookies, still good at `now` (seconds since 1970).

        Returns:
            The token; it expires with the session around it, or before, as far as its own expiry is known.

        Raises:
            NotSignedIn: No session cookie, or none that can be read and holds a token.
            SessionExpired: The session or its access token is over, or next-auth could not refresh it.
        """
        failure = NotSignedIn("session cookie: none")
        for name, pieces in self._found(cookies):
            try:
                return self._token(self._claims(name, pieces), now)
            except NotSignedIn as error:  # a leftover, perhaps, and the next one is the session
                failure = failure if isinstance(failure, SessionExpired) else error
        raise failure

    def _found(self, cookies: Mapping[str, str | None]) -> Iterator[tuple[str, list[str]]]:
        """Each session cookie in its pieces: whole, under the bare name; in chunks `.0`, `.1`, … up to the first gap.

        Where both exist the chunks are likely stale. Any other name, even one that begins like ours, is not ours.
        """
        for name in self._names:
            if whole := cookies.get(name):
                yield name, [whole]
            chunks = (cookies.get(f"{name}.{index}") or "" for index in range(_MAX_CHUNKS + 1))
            if pieces := list(takewhile(bool, chunks)):
                yield name, pieces

    def _claims(self, name: str, pieces: list[str]) -> dict[str, object]:
        value = "".join(pieces)
        if len(pieces) > _MAX_CHUNKS or len(value) > _MAX_LENGTH:
            raise NotSignedIn("session cookie: too long")
        try:
            claims = json.loads(self._decrypt(name, value))
        except (ValueError, RecursionError):
            claims = None
        if not isinstance(claims, dict):
            raise NotSignedIn("session cookie: no claims in it")
        return claims

    def _decrypt(self, name: str, value: str) -> bytes:
        enc, kid = _header(value)
        for key in self._keys[name, enc]:
            if kid is not None and kid != key.kid:
                continue
            try:
                return decrypt_compact(value, key.oct, registry=_REGISTRY).plaintext or b""
            except (JoseError, ValueError):  # not kept as a cause: its text may quote the cookie
                continue
        raise NotSignedIn("session cookie: no secret fits")

    def _token(self, claims: dict[str, object], now: float) -> Token:
        """The access token, once the session's dates (RFC 7519 §4.1.4, §4.1.5) and its own are found good."""
        session_expiry, not_before = number(claims.get("exp")), number(claims.get("nbf", now))
        if session_expiry is None:
            raise NotSignedIn("session cookie: no exp")
        if session_expiry + _TOLERANCE_SECONDS <= now:
            raise SessionExpired("session cookie: its exp has passed")
        if not_before is None or not_before > now + _TOLERANCE_SECONDS:
            raise NotSignedIn("session cookie: not valid yet")
        if claims.get("error") in _REFRESH_FAILED:
            raise SessionExpired("session cookie: refresh failed")
        token = self._access_token(claims)
        expiries = [token.expires_at, _moment(claims.get("accessTokenExpires")), _moment(claims.get("expires_at"))]
        known = [expiry for expiry in expiries if expiry is not None]
        if known and min(known) <= now:
            raise SessionExpired("session cookie: the access token has expired")
        subject = claims.get("sub")
        return Token(token.value, min([session_expiry, *known]), subject if isinstance(subject, str) else token.subject)

    def _access_token(self, claims: dict[str, object]) -> Token:
        """Whatever else is encrypted with the same key has none: next-auth's state was, once (CVE-2023-48309)."""
        found = (value for path in self._claim_paths if (value := _at(claims, path)) is not None)
        try:
            return parse_token(next(found, None))
        except NotSignedIn:
            raise NotSignedIn("session cookie: no token in the claim") from None


def _cookie_names(settings: Settings) -> tuple[str, ...]:
    if settings.nextauth_cookie_name is not None:
        return (settings.nextauth_cookie_name,)
    secure = tuple(f"__Secure-{name}" for name in _NAMES)
    return secure if settings.app_env == "production" else secure + _NAMES


def _v4_key(secret: str) -> _Key:
    return _Key(_derived(secret, "", "NextAuth.js Generated Encryption Key", 32), kid=None)


def _v5_key(secret: str, name: str, size: int) -> _Key:
    """The key for one cookie; its `kid` is the thumbprint of RFC 7638, by a hash that is as long as the key."""
    key = _derived(secret, name, f"Auth.js Generated Encryption Key ({name})", size)
    return _Key(key, kid=thumbprint(key.as_dict(), "sha512" if size == 64 else "sha256"))


def _derived(secret: str, salt: str, info: str, size: int) -> OctKey:
    return OctKey.import_key(HKDF(SHA256(), size, salt.encode(), info.encode()).derive(secret.encode()))


def _header(value: str) -> tuple[str, object]:
    """The `enc` and `kid` of a JWE whose header says no more than either version writes: no zip, no crit, no p2c."""
    parts = value.split(".")
    if len(parts) != 5:
        raise NotSignedIn("session cookie: not an encrypted JWT")  # next-auth with a database keeps a UUID there
    try:
        header = json_b64decode(parts[0].encode())
    except (ValueError, RecursionError):
        header = None
    match header:
        case {"alg": "dir", "enc": "A256CBC-HS512" | "A256GCM" as enc, **rest} if rest.keys() <= {"kid"}:
            return enc, rest.get("kid")
    raise NotSignedIn("session cookie: header not allowed")


def _at(value: object, path: list[str]) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _moment(value: object) -> float | None:
    """Seconds since 1970, from seconds or milliseconds: applications put either into either claim."""
    moment = number(value)
    return moment / 1000 if moment is not None and moment > _MILLISECONDS else moment

"""The JWT: HS256, with the claims `id`, `iat` and `exp`; pure."""

from datetime import datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

LIFETIME = timedelta(days=7)


def issue(user_id: str, key: OctKey, now: datetime) -> str:
    """A token that lets this user in for seven days."""
    claims = {"id": user_id, "iat": int(now.timestamp()), "exp": int((now + LIFETIME).timestamp())}
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, key)


def user_id_of(token: str, key: OctKey, now: datetime) -> str | None:
    """The user that a token names, or None where it is malformed, foreign or expired."""
    try:
        claims = jwt.decode(token, key, algorithms=["HS256"]).claims
    except (JoseError, ValueError):
        return None
    expires = claims.get("exp")
    if not isinstance(expires, int) or expires <= now.timestamp():
        return None
    return str(claims.get("id"))

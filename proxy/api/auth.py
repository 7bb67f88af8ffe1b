"""/api/auth: sign-in, sign-out, the signed-in user's own account. The only file that writes the token cookie."""

import time
from typing import Any, TypedDict

import structlog
from flask import Blueprint, Response, current_app, g, jsonify, request

from config import Settings
from proxy.errors import BackendInvalid, BadRequest, NotFound, NotSignedIn
from proxy.fetch import JsonBody, backend_path, bff_fetch, is_signed_in, json_body, needs_token, public, sent_cookies
from proxy.logs import Pseudonyms
from proxy.relay import relay, without_token
from proxy.tokens import Token, TokenCookie, parse_token

log = structlog.get_logger()

bp = Blueprint("auth", __name__, url_prefix="/api/auth")
bp.after_request(without_token)

_SHORTEST_PASSWORD = 6
_LONGEST_COOKIE = 4096  # name and value (RFC 6265bis §5.6); browsers drop a longer one without a word
# What the next user of this browser could find (OWASP ASVS 5.0, 14.3.1). Not "cookies": that would sign the user out of
# every application below the same registrable domain.
_LEFT_BEHIND = '"cache", "storage"'
# Where a 401 of the backend is about the form, or not ours to judge.
_OTHER_401S = ("auth.update_password", "passthrough")
_ROLES = ("read", "write")  # who registers as more has found a hole, not a form


class _CookieAttributes(TypedDict):
    path: str
    domain: str | None
    secure: bool
    httponly: bool
    samesite: str


@bp.post("/login")
@public
def login() -> Response:
    """The user; their token goes into the cookie."""
    _require_own_cookie()
    credentials = _credentials()
    reply = bff_fetch("POST", "/api/auth/login", body=credentials)
    return _sign_in(relay(reply, otherwise="Error de autenticación"), credentials.fields["email"])


@bp.post("/register")
@public
def register() -> Response:
    """The new account; nobody is signed in by it."""
    body = json_body("username", "email", "password")
    if body.fields.get("role", "read") not in _ROLES:
        raise BadRequest("a role that is not given away", message="Rol inválido")
    reply = bff_fetch("POST", "/api/auth/register", body=body.only("username", "email", "password", "role"))
    return relay(reply, otherwise="Error al registrar usuario")


@bp.post("/logout")
@public
def logout() -> Response:
    """Success, with or without a session; the backend keeps none, so it is not asked."""
    _require_own_cookie()
    response = _delete_cookie(jsonify(success=True))
    response.headers["Clear-Site-Data"] = _LEFT_BEHIND
    return response


@bp.get("/session")
@public
def get_session() -> Response:
    """Whether the token cookie is good, and for how many seconds; the backend is not asked."""
    if not is_signed_in():
        return _delete_sent_cookie(jsonify(authenticated=False))
    token: Token = g.token
    seconds_left = None if token.expires_at is None else max(0, int(token.seconds_left(time.time())))
    return jsonify(authenticated=True, expiresIn=seconds_left)


@bp.get("/me")
def get_profile() -> Response:
    """The signed-in user."""
    reply = bff_fetch("GET", "/api/auth/me")
    return relay(reply, otherwise="Error al obtener perfil")


@bp.put("/updateprofile")
def update_profile() -> Response:
    """The signed-in user, changed."""
    reply = bff_fetch("PUT", "/api/auth/updateprofile", body=json_body())
    return relay(reply, otherwise="Error al actualizar perfil")


@bp.put("/updatepassword")
def update_password() -> Response:
    """Success; a 401 here means that the current password is wrong, and the session goes on."""
    body = json_body("currentPassword", "newPassword", missing="Contraseña actual y nueva son requeridas")
    if len(str(body.fields["newPassword"])) < _SHORTEST_PASSWORD:
        raise BadRequest("too short", message="La nueva contraseña debe tener al menos 6 caracteres")
    reply = bff_fetch("PUT", "/api/auth/updatepassword", body=body)
    return relay(reply, otherwise="Error al cambiar contraseña")


@bp.post("/forgot-password")
@public
def request_password_reset() -> Response:
    """The same answer whether or not the account exists; the backend sends the mail."""
    body = json_body()
    if not isinstance(body.fields.get("email", ""), str):  # a 500 of the backend's, with its words for programmers
        raise BadRequest("the address is not text", message="Email inválido")
    reply = bff_fetch("POST", "/api/auth/forgotpassword", body=body)
    return relay(reply, otherwise="Error al procesar la solicitud")


@bp.put("/reset-password/<reset_token>")
@public
def reset_password(reset_token: str) -> Response:
    """The user whose password is new; nobody is signed in by it."""
    reply = bff_fetch("PUT", backend_path("/api/auth/resetpassword/{}", reset_token), body=json_body())
    return relay(reply, otherwise="Error al restablecer la contraseña")


@bp.after_app_request
def delete_dead_cookie(response: Response) -> Response:
    """Delete the cookie of a token that is no longer taken: pages send its owner to the sign-in form, and the front
    end's middleware, which looks at the cookie's presence alone, sends them back.
    """
    if response.status_code != NotSignedIn.status or "HTTP_COOKIE" not in request.environ:
        return response
    is_not_about_token = request.endpoint in _OTHER_401S and "X-BFF-Error" not in response.headers
    return _delete_sent_cookie(response) if needs_token() and not is_not_about_token else response


def _credentials() -> JsonBody:
    """What a login passes on: two texts. An object in the place of one is a query to some databases."""
    missing = "Email y password son requeridos"
    credentials = json_body("email", "password", missing=missing).only("email", "password")
    if not all(isinstance(value, str) for value in credentials.fields.values()):
        raise BadRequest("a credential is not text", message=missing)
    return credentials


def _require_own_cookie() -> None:
    settings: Settings = current_app.extensions["settings"]
    if settings.token_source != "cookie":
        raise NotFound("next-auth signs in and out where TOKEN_SOURCE=nextauth")


def _sign_in(response: Response, email: str) -> Response:
    """The backend's answer to a login, its token moved into the cookie."""
    pseudonyms: Pseudonyms = current_app.extensions["pseudonyms"]
    fields = {"account": pseudonyms.of(email.strip().casefold()), "client": request.remote_addr}
    fields["request_id"] = g.request_id
    if response.status_code >= 400:
        log.warning("sign_in_failed", **fields, status=response.status_code)
        return response
    session = _object(response.get_json())
    data = _object(session.get("data"))
    try:
        token = parse_token(session.get("token") or data.get("token"))
    except NotSignedIn as error:
        raise BackendInvalid(str(error), message="La API no devolvió un token válido") from error
    response = _set_cookie(jsonify(success=True, user=session.get("user", data.get("user"))), token)
    log.info("signed_in", **fields, user=pseudonyms.of(token.subject or token.value))
    return response


def _object(document: object) -> dict[str, Any]:
    return document if isinstance(document, dict) else {}


def _set_cookie(response: Response, token: Token) -> Response:
    settings: Settings = current_app.extensions["settings"]
    cookie: TokenCookie = current_app.extensions["token_cookie"]
    max_age_seconds = int(min(settings.token_cookie_max_age, token.seconds_left(time.time())))
    if max_age_seconds <= 0:
        raise BackendInvalid("the token has expired already", message="La API no devolvió un token válido")
    value = cookie.write(token)
    size = len(settings.token_cookie_name) + len(value)
    if size > _LONGEST_COOKIE:
        detail = f"the token is too long for a cookie: {size} bytes, and browsers take {_LONGEST_COOKIE}"
        raise BackendInvalid(detail, message="La API no devolvió un token válido")
    response.set_cookie(settings.token_cookie_name, value, max_age=max_age_seconds, **_cookie_attributes(settings))
    return response


def _delete_cookie(response: Response) -> Response:
    """Browsers match name, domain and path, and ignore the deletion of a `__Host-` cookie without Secure."""
    settings: Settings = current_app.extensions["settings"]
    response.delete_cookie(settings.token_cookie_name, **_cookie_attributes(settings))
    return response


def _delete_sent_cookie(response: Response) -> Response:
    """Delete the cookie if the request has it, readable or not.

    Not one of two: whoever planted the other would have its owner go on in a session of theirs.
    """
    settings: Settings = current_app.extensions["settings"]
    was_sent = sent_cookies().get(settings.token_cookie_name) is not None
    return _delete_cookie(response) if was_sent and settings.token_source == "cookie" else response


def _cookie_attributes(settings: Settings) -> _CookieAttributes:
    return {
        "path": "/",
        "domain": settings.token_cookie_domain,
        "secure": settings.token_cookie_secure,
        "httponly": True,
        "samesite": settings.token_cookie_samesite,
    }

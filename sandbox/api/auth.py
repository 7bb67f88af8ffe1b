"""/api/auth: registering, signing in, the own profile and passwords."""

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta

from flask import Blueprint, Response, g
from werkzeug.security import check_password_hash, generate_password_hash

from sandbox import store, tokens
from sandbox.access import sign_in
from sandbox.api.account_fields import (
    EMAIL,
    KNOWN_ROLE,
    LONG_ENOUGH,
    MIN_PASSWORD,
    PASSWORD_GIVEN,
    SHORT_PASSWORD,
    USERNAME,
    public,
)
from sandbox.context import check, current_user, db, log, now, parts, sent_fields
from sandbox.db import transaction
from sandbox.emails import normalised
from sandbox.errors import ApiError
from sandbox.instants import iso_text
from sandbox.models import USER, Document
from sandbox.replies import success
from sandbox.validation import Field, min_length, required
from sandbox.values import as_text, is_falsy

FRONTEND_URL = "http://localhost:3000"

_NEW_PASSWORD_LENGTH = min_length(MIN_PASSWORD, f"La nueva contraseña debe tener al menos {MIN_PASSWORD} caracteres")
_RESET_LIFETIME = timedelta(hours=1)
_RESET_SENT = "Si el email existe, recibirás un enlace para restablecer tu contraseña"

bp = Blueprint("auth", __name__, url_prefix="/api/auth")


@bp.post("/register")
def register() -> Response:
    """The new user and a token."""
    values = check(
        USERNAME,
        EMAIL,
        Field("password", (PASSWORD_GIVEN, LONG_ENOUGH)),
        Field("role", (KNOWN_ROLE,), optional=True),
    ).body
    stored = USER.cast({**values, "email": normalised(values["email"])})
    stored["password"] = _hash(stored["password"])
    with transaction(db()):
        user = store.insert(db(), USER, stored, now())
    return _session(user, status=201)


@bp.post("/login")
def login() -> Response:
    """The user and a token; the address is looked up in lower case, but not normalised."""
    values = check(EMAIL, Field("password", (PASSWORD_GIVEN,))).body
    user = store.find(db(), USER, email=values["email"].lower())
    if user is None or not check_password_hash(user["password"], as_text(values["password"])):
        raise ApiError(401, "Credenciales inválidas")
    if not user["isActive"]:
        raise ApiError(401, "Usuario inactivo")
    return _session(user)


@bp.get("/me")
def get_profile() -> Response:
    """The signed-in user."""
    sign_in()
    return success(public(current_user()))


@bp.put("/updateprofile")
def update_profile() -> Response:
    """The user with the new name or address; nothing else can be changed here."""
    sign_in()
    values = USER.cast(check(replace(USERNAME, optional=True), replace(EMAIL, optional=True)).body)
    if "email" in values:
        values["email"] = normalised(values["email"])
    with transaction(db()):
        user = store.change(db(), USER, current_user(), {**values, "updatedAt": iso_text(now())}, now())
    return success(public(user))


@bp.put("/updatepassword")
def update_password() -> Response:
    """A message; the tokens that are out stay good."""
    sign_in()
    values = check(
        Field("currentPassword", (required("La contraseña actual es requerida"),)),
        Field("newPassword", (required("La nueva contraseña es requerida"), _NEW_PASSWORD_LENGTH)),
    ).body
    if not check_password_hash(current_user()["password"], as_text(values["currentPassword"])):
        raise ApiError(401, "Contraseña actual incorrecta")
    _change(current_user(), {"password": _hash(as_text(values["newPassword"]))})
    return success(message="Contraseña actualizada correctamente")


@bp.post("/forgotpassword")
def forgot_password() -> Response:
    """The same message whoever asks; the link goes to the log, there is no mail."""
    email = sent_fields("email")["email"]
    if is_falsy(email):
        raise ApiError(400, "El email es requerido")
    if not isinstance(email, str):
        raise ApiError(500, "email.toLowerCase is not a function")
    user = store.find(db(), USER, email=email.lower(), isActive=True)
    if user is not None:
        token = secrets.token_hex(32)
        expires = iso_text(now() + _RESET_LIFETIME)
        _change(user, {"resetPasswordToken": _digest(token), "resetPasswordExpire": expires})
        log.info("Password reset for %s: %s/reset-password/%s", user["email"], FRONTEND_URL, token)
    return success(message=_RESET_SENT)


@bp.put("/resetpassword/<token>")
def reset_password() -> Response:
    """The user and a token, for whoever has the link of the last hour; once."""
    password = sent_fields("password")["password"]
    if not isinstance(password, str) or len(password) < MIN_PASSWORD:
        raise ApiError(400, SHORT_PASSWORD)
    with transaction(db()):
        user = store.find(db(), USER, resetPasswordToken=_digest(g.params["token"]))
        if user is None or user["resetPasswordExpire"] <= iso_text(now()):
            raise ApiError(400, "Token inválido o expirado")
        changes = {"password": _hash(password), "resetPasswordToken": None, "resetPasswordExpire": None}
        user = store.change(db(), USER, user, changes, now())
    return _session(user)


def _session(user: Document, status: int = 200) -> Response:
    shown = {"id": user["_id"], **{name: user[name] for name in ("username", "email", "role")}}
    token = tokens.issue(user["_id"], parts().jwt_key, now())
    return success({"user": shown, "token": token}, status=status)


def _change(user: Document, changes: Document) -> None:
    with transaction(db()):
        store.change(db(), USER, user, changes, now())


def _hash(password: str) -> str:
    return generate_password_hash(password, method=parts().hash_method)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

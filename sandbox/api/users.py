"""/api/auth/users: the administration of accounts, for admin and root."""

import secrets
from datetime import datetime, timedelta

from flask import Blueprint, Response, request

from sandbox import listing, store
from sandbox.access import ADMINS, allow, sign_in
from sandbox.api.account_fields import KNOWN_ROLE, public
from sandbox.context import check, current_user, db, log, now, sent_fields
from sandbox.db import transaction
from sandbox.errors import ApiError
from sandbox.instants import iso_text
from sandbox.models import USER, Document
from sandbox.replies import success
from sandbox.store import Where
from sandbox.validation import ID, Checked, Field, required

_CODE_LIFETIME = timedelta(minutes=10)
_NO_REQUEST = "No hay una solicitud de eliminación activa. Inicia el proceso nuevamente."

bp = Blueprint("users", __name__, url_prefix="/api/auth/users")
bp.before_request(sign_in)


@bp.get("")
@allow(*ADMINS)
def list_users() -> Response:
    """Every user, newest first; root users only for root."""
    where = Where()
    listing.add_flag(where, request.args, "isActive")
    if current_user()["role"] != "root":
        where.add("role <> 'root'")
    users = store.select(db(), USER, where, "createdAt DESC, rowid DESC")
    return success([public(user) for user in users], count=len(users))


@bp.get("/<id>")
@allow(*ADMINS)
def get_user() -> Response:
    """One user, whatever their role."""
    return success(public(_user(check(ID))))


@bp.put("/<id>/role")
@allow(*ADMINS)
def update_role() -> Response:
    """The user with the new role; what an admin gave to an admin, only root takes back."""
    checked = check(ID, Field("role", (required("El rol es requerido"), KNOWN_ROLE)))
    with transaction(db()):
        user = _user(checked)
        _must_outrank(user, "No tienes permisos para modificar el rol de este usuario")
        user = store.change(db(), USER, user, {**checked.body, "updatedAt": iso_text(now())}, now())
    return success(public(user))


@bp.delete("/<id>")
@allow(*ADMINS)
def deactivate_user() -> Response:
    """The user, now inactive; nothing is lost."""
    checked = check(ID)
    with transaction(db()):
        user = _user(checked)
        if _is_oneself(user):
            raise ApiError(400, "No puedes desactivar tu propia cuenta")
        _must_outrank(user, "No tienes permisos para desactivar este usuario")
        user = store.change(db(), USER, user, {"isActive": False}, now())
    return success(public(user), message="Usuario desactivado correctamente")


@bp.patch("/<id>/reactivate")
@allow(*ADMINS)
def reactivate_user() -> Response:
    """The user, active again; an admin may do this for anyone."""
    checked = check(ID)
    with transaction(db()):
        user = store.change(db(), USER, _user(checked), {"isActive": True}, now())
    return success(public(user), message="Usuario reactivado correctamente")


@bp.post("/<id>/permanent/request")
@allow("root")
def request_permanent_delete() -> Response:
    """A message; the code goes to the log, there is no mail. It replaces an earlier one of this root user."""
    user = _user(check(ID))
    if _is_oneself(user):
        raise ApiError(400, "No puedes eliminar tu propia cuenta")
    code = f"{secrets.randbelow(1_000_000):06d}"
    values = (current_user()["_id"], user["_id"], code, iso_text(now() + _CODE_LIFETIME))
    with transaction(db()):
        db().execute("INSERT OR REPLACE INTO delete_requests VALUES (?, ?, ?, ?)", values)
    log.info("Delete code for %s: %s", user["username"], code)
    return success(message="Código de confirmación enviado a tu correo")


@bp.delete("/<id>/permanent")
@allow("root")
def delete_permanently() -> Response:
    """A message; the user is gone, with all vehicles and records."""
    checked = check(ID)
    sent = sent_fields("code", "confirmWord")
    with transaction(db()):
        _must_be_confirmed(sent, checked.params["id"].lower(), now())
        user = _user(checked)
        store.delete(db(), USER, user)
        db().execute("DELETE FROM delete_requests WHERE requestedBy = ?", (current_user()["_id"],))
    return success(message=f"Usuario {user['username']} eliminado permanentemente")


def _user(checked: Checked) -> Document:
    user = store.find(db(), USER, _id=checked.params["id"].lower())
    if user is None:
        raise ApiError(404, "Usuario no encontrado")
    return user


def _is_oneself(user: Document) -> bool:
    return bool(user["_id"] == current_user()["_id"])


def _must_outrank(user: Document, otherwise: str) -> None:
    if current_user()["role"] != "root" and user["role"] in ADMINS:
        raise ApiError(403, otherwise)


def _must_be_confirmed(sent: Document, target: str, moment: datetime) -> None:
    if sent["confirmWord"] != "ELIMINAR":
        raise ApiError(400, "Palabra de confirmación incorrecta. Escribe ELIMINAR")
    statement = "SELECT target, code, expires FROM delete_requests WHERE requestedBy = ?"
    pending = db().execute(statement, (current_user()["_id"],)).fetchone()
    if pending is None:
        raise ApiError(400, _NO_REQUEST)
    if pending["expires"] <= iso_text(moment):
        raise ApiError(400, "El código ha expirado. Inicia el proceso nuevamente.")
    if pending["target"] != target:
        raise ApiError(400, "El código no corresponde a este usuario.")
    if pending["code"] != sent["code"]:
        raise ApiError(400, "Código incorrecto.")

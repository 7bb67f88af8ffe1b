"""/api/auth/users: the administration of accounts; who may do what is the backend's to say."""

from flask import Blueprint, Response

from proxy.fetch import backend_path, bff_fetch, json_body
from proxy.relay import relay, without_token

bp = Blueprint("users", __name__, url_prefix="/api/auth/users")
bp.after_request(without_token)


@bp.get("")
def list_users() -> Response:
    """Every user; `isActive` narrows the list."""
    reply = bff_fetch("GET", "/api/auth/users")
    return relay(reply, otherwise="Error al obtener usuarios")


@bp.get("/<user_id>")
def get_user(user_id: str) -> Response:
    """One user."""
    reply = bff_fetch("GET", backend_path("/api/auth/users/{}", user_id))
    return relay(reply, otherwise="Error al obtener usuario")


@bp.delete("/<user_id>")
def deactivate_user(user_id: str) -> Response:
    """The user, deactivated; nothing of theirs is lost."""
    reply = bff_fetch("DELETE", backend_path("/api/auth/users/{}", user_id))
    return relay(reply, otherwise="Error al desactivar usuario")


@bp.patch("/<user_id>")
def reactivate_user(user_id: str) -> Response:
    """The user, active again."""
    reply = bff_fetch("PATCH", backend_path("/api/auth/users/{}/reactivate", user_id))
    return relay(reply, otherwise="Error al reactivar usuario")


@bp.put("/<user_id>/role")
def update_role(user_id: str) -> Response:
    """The user in their new role."""
    reply = bff_fetch("PUT", backend_path("/api/auth/users/{}/role", user_id), body=json_body())
    return relay(reply, otherwise="Error al cambiar rol")


@bp.post("/<user_id>/permanent/request")
def request_permanent_deletion(user_id: str) -> Response:
    """Success; the code that `delete_user` wants is on its way by mail."""
    reply = bff_fetch("POST", backend_path("/api/auth/users/{}/permanent/request", user_id))
    return relay(reply, otherwise="Error al enviar código de verificación")


@bp.delete("/<user_id>/permanent")
def delete_user(user_id: str) -> Response:
    """Success; the user and all their records are gone. A DELETE with a body: the code."""
    reply = bff_fetch("DELETE", backend_path("/api/auth/users/{}/permanent", user_id), body=json_body())
    return relay(reply, otherwise="Error al eliminar usuario permanentemente")

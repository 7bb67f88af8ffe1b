"""Who is calling, and whether their role may."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, g, request

from sandbox import store
from sandbox.context import current_user, db, now, parts
from sandbox.errors import ApiError
from sandbox.models import USER
from sandbox.tokens import user_id_of

P = ParamSpec("P")
View = Callable[P, Response]

WRITERS = ("write", "admin", "root")
ADMINS = ("admin", "root")


def sign_in() -> None:
    """Find the user of the bearer token; user and role are read afresh each time.

    Raises:
        ApiError: 401, without a token, with one that is no good, or for a user who is gone or inactive.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token.strip():
        raise ApiError(401, "No autorizado - Token no proporcionado")
    user_id = user_id_of(token, parts().jwt_key, now())
    if user_id is None:
        raise ApiError(401, "No autorizado - Token inválido")
    user = store.find(db(), USER, _id=user_id)
    if user is None or not user["isActive"]:
        raise ApiError(401, "Usuario no encontrado o inactivo")
    g.user = user


def allow(*roles: str) -> Callable[[View[P]], View[P]]:
    """Let only these roles pass; for a view behind `sign_in`."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
            role = current_user()["role"]
            if role not in roles:
                raise ApiError(403, f"El rol {role} no tiene permisos para esta acción")
            return view(*args, **kwargs)

        return guarded

    return decorate

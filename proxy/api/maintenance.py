"""/api/maintenance: maintenance records, and what is due."""

from flask import Blueprint, Response

from proxy.fetch import backend_path, bff_fetch, json_body
from proxy.relay import relay

bp = Blueprint("maintenance", __name__, url_prefix="/api/maintenance")


@bp.get("")
def list_maintenance() -> Response:
    """A page of records, by vehicle, kind and dates."""
    reply = bff_fetch("GET", "/api/maintenance")
    return relay(reply, otherwise="Error al obtener mantenimientos")


@bp.post("")
def create_maintenance() -> Response:
    """The new record; what it must hold is the backend's to say."""
    reply = bff_fetch("POST", "/api/maintenance", body=json_body())
    return relay(reply, otherwise="Error al crear el mantenimiento")


@bp.get("/upcoming")
def list_upcoming_maintenance() -> Response:
    """Every record with a next service."""
    reply = bff_fetch("GET", "/api/maintenance/upcoming")
    return relay(reply, otherwise="Error al obtener mantenimientos próximos")


@bp.get("/<record_id>")
def get_maintenance(record_id: str) -> Response:
    """One record."""
    reply = bff_fetch("GET", backend_path("/api/maintenance/{}", record_id))
    return relay(reply, otherwise="Error al obtener mantenimiento")


@bp.put("/<record_id>")
def update_maintenance(record_id: str) -> Response:
    """The record, changed."""
    reply = bff_fetch("PUT", backend_path("/api/maintenance/{}", record_id), body=json_body())
    return relay(reply, otherwise="Error al actualizar mantenimiento")


@bp.delete("/<record_id>")
def delete_maintenance(record_id: str) -> Response:
    """Success; the record is gone."""
    reply = bff_fetch("DELETE", backend_path("/api/maintenance/{}", record_id))
    return relay(reply, otherwise="Error al eliminar mantenimiento")

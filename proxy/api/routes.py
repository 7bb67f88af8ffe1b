"""/api/routes: trips driven ("route" is the product's word; a URL rule is an endpoint)."""

from flask import Blueprint, Response

from proxy.fetch import backend_path, bff_fetch, json_body
from proxy.relay import relay

bp = Blueprint("routes", __name__, url_prefix="/api/routes")


@bp.get("")
def list_routes() -> Response:
    """A page of trips, by vehicle and dates."""
    reply = bff_fetch("GET", "/api/routes")
    return relay(reply, otherwise="Error al obtener rutas")


@bp.post("")
def create_route() -> Response:
    """The new trip; its distance is added to the odometer."""
    body = json_body("vehicleAlias", "distanciaRecorrida", "fecha")
    reply = bff_fetch("POST", "/api/routes", body=body)
    return relay(reply, otherwise="Error al crear la ruta")


@bp.get("/<route_id>")
def get_route(route_id: str) -> Response:
    """One trip."""
    reply = bff_fetch("GET", backend_path("/api/routes/{}", route_id))
    return relay(reply, otherwise="Error al obtener la ruta")


@bp.put("/<route_id>")
def update_route(route_id: str) -> Response:
    """The trip, changed; the odometer follows."""
    reply = bff_fetch("PUT", backend_path("/api/routes/{}", route_id), body=json_body())
    return relay(reply, otherwise="Error al actualizar la ruta")


@bp.delete("/<route_id>")
def delete_route(route_id: str) -> Response:
    """Success; the trip is gone, and its distance off the odometer."""
    reply = bff_fetch("DELETE", backend_path("/api/routes/{}", route_id))
    return relay(reply, otherwise="Error al eliminar la ruta")

"""/api/refuels: refuels, and the fuel analysis of a vehicle."""

from flask import Blueprint, Response

from proxy.fetch import backend_path, bff_fetch, json_body
from proxy.relay import relay

bp = Blueprint("refuels", __name__, url_prefix="/api/refuels")


@bp.get("")
def list_refuels() -> Response:
    """A page of refuels, by vehicle, fuel and dates."""
    reply = bff_fetch("GET", "/api/refuels")
    return relay(reply, otherwise="Error al obtener reabastecimientos")


@bp.post("")
def create_refuel() -> Response:
    """The new refuel."""
    body = json_body("vehicleAlias", "tipoCombustible", "cantidadGastada")
    reply = bff_fetch("POST", "/api/refuels", body=body)
    return relay(reply, otherwise="Error al crear el reabastecimiento")


@bp.get("/<refuel_id>")
def get_refuel(refuel_id: str) -> Response:
    """One refuel."""
    reply = bff_fetch("GET", backend_path("/api/refuels/{}", refuel_id))
    return relay(reply, otherwise="Error al obtener el reabastecimiento")


@bp.put("/<refuel_id>")
def update_refuel(refuel_id: str) -> Response:
    """The refuel, changed."""
    reply = bff_fetch("PUT", backend_path("/api/refuels/{}", refuel_id), body=json_body())
    return relay(reply, otherwise="Error al actualizar el reabastecimiento")


@bp.delete("/<refuel_id>")
def delete_refuel(refuel_id: str) -> Response:
    """Success; the refuel is gone."""
    reply = bff_fetch("DELETE", backend_path("/api/refuels/{}", refuel_id))
    return relay(reply, otherwise="Error al eliminar el reabastecimiento")


@bp.get("/vehicle/<alias>/analysis")
def get_fuel_analysis(alias: str) -> Response:
    """What an active vehicle drank, by fuel."""
    reply = bff_fetch("GET", backend_path("/api/refuels/vehicle/{}/analysis", alias))
    return relay(reply, otherwise="Error al obtener análisis de consumo")

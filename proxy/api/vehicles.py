"""/api/vehicles: the vehicles of the signed-in user, each known by its alias."""

from flask import Blueprint, Response

from proxy.fetch import backend_path, bff_fetch, json_body
from proxy.relay import relay

bp = Blueprint("vehicles", __name__, url_prefix="/api/vehicles")


@bp.get("")
def list_vehicles() -> Response:
    """Every vehicle; `isActive` narrows the list."""
    reply = bff_fetch("GET", "/api/vehicles")
    return relay(reply, otherwise="Error al obtener vehículos")


@bp.post("")
def create_vehicle() -> Response:
    """The new vehicle."""
    body = json_body("alias", "marca", "modelo", "plates")
    reply = bff_fetch("POST", "/api/vehicles", body=body)
    return relay(reply, otherwise="Error al crear el vehículo")


@bp.get("/<alias>")
def get_vehicle(alias: str) -> Response:
    """One vehicle, inactive ones too."""
    reply = bff_fetch("GET", backend_path("/api/vehicles/{}", alias))
    return relay(reply, otherwise="Error al obtener el vehículo")


@bp.put("/<alias>")
def update_vehicle(alias: str) -> Response:
    """The vehicle, changed; whether this user may is the backend's to say."""
    reply = bff_fetch("PUT", backend_path("/api/vehicles/{}", alias), body=json_body())
    return relay(reply, otherwise="Error al actualizar el vehículo")


@bp.delete("/<alias>")
def deactivate_vehicle(alias: str) -> Response:
    """The vehicle, deactivated; its records stay."""
    reply = bff_fetch("DELETE", backend_path("/api/vehicles/{}", alias))
    return relay(reply, otherwise="Error al eliminar el vehículo")


@bp.patch("/<alias>/reactivate")
def reactivate_vehicle(alias: str) -> Response:
    """The vehicle, active again."""
    reply = bff_fetch("PATCH", backend_path("/api/vehicles/{}/reactivate", alias))
    return relay(reply, otherwise="Error al reactivar el vehículo")


@bp.get("/<alias>/stats")
def get_stats(alias: str) -> Response:
    """All-time counts, costs and consumption."""
    reply = bff_fetch("GET", backend_path("/api/vehicles/{}/stats", alias))
    return relay(reply, otherwise="Error al obtener estadísticas")


@bp.get("/<alias>/fuel-efficiency")
def get_fuel_efficiency(alias: str) -> Response:
    """Consumption between `startDate` and `endDate`."""
    reply = bff_fetch("GET", backend_path("/api/vehicles/{}/fuel-efficiency", alias))
    return relay(reply, otherwise="Error al obtener eficiencia de combustible")


@bp.get("/<alias>/analytics")
def get_analytics(alias: str) -> Response:
    """Monthly series over `period`."""
    reply = bff_fetch("GET", backend_path("/api/vehicles/{}/analytics", alias))
    return relay(reply, otherwise="Error al obtener analíticas")

"""/api/vehicles: the vehicles of the signed-in user, each known by its alias, and the figures about them."""

from flask import Blueprint, Response, request

from sandbox import figures, listing, store, totals
from sandbox.access import WRITERS, allow, sign_in
from sandbox.context import check, current_user, db, now
from sandbox.db import transaction
from sandbox.fleet import ALIAS, brief, own_vehicle
from sandbox.instants import iso_text, month_start
from sandbox.models import MAINTENANCE, REFUEL, ROUTE, VEHICLE, Document
from sandbox.replies import success
from sandbox.store import Where
from sandbox.validation import Field, Rule, at_least, integer, max_length, required

bp = Blueprint("vehicles", __name__, url_prefix="/api/vehicles")
bp.before_request(sign_in)

_ALIAS_LENGTH = max_length(20, "El alias no puede exceder 20 caracteres")
_MAKE_LENGTH = max_length(50, "La marca no puede exceder 50 caracteres")
_OPTIONAL = (
    Field("plates", (max_length(20, "Las placas no pueden exceder 20 caracteres"),), trimmed=True, optional=True),
    Field(
        "kilometrajeInicial",
        (at_least(0, "El kilometraje inicial debe ser mayor o igual a 0"),),
        optional=True,
    ),
    Field("isActive", (), optional=True),
)
_MONTHS_OF_PERIOD = {"3m": 3, "6m": 6, "12m": 12}


def _year() -> Rule:
    latest = now().year + 1
    return integer(1900, latest, f"El año debe estar entre 1900 y {latest}")


@bp.get("")
def list_vehicles() -> Response:
    """One page of the vehicles, newest first; `isActive` narrows the list."""
    where = Where(["owner = ?"], [current_user()["_id"]])
    listing.add_flag(where, request.args, "isActive")
    page = listing.requested_page(request.args)
    vehicles, pagination = listing.fetch_page(db(), VEHICLE, where, "createdAt DESC, rowid DESC", page)
    return success(vehicles, count=len(vehicles), pagination=pagination)


@bp.post("")
@allow(*WRITERS)
def create_vehicle() -> Response:
    """The new vehicle; its odometer begins at `kilometrajeInicial`."""
    values = check(
        Field("alias", (required(VEHICLE.required["alias"]), _ALIAS_LENGTH), trimmed=True),
        Field("marca", (required(VEHICLE.required["marca"]), _MAKE_LENGTH), trimmed=True),
        Field("modelo", (required("El modelo es requerido"), _year())),
        *_OPTIONAL,
    ).body
    stored = VEHICLE.cast(values)
    kept_by_server = {"kilometrajeTotal": stored.get("kilometrajeInicial", 0), "owner": current_user()["_id"]}
    with transaction(db()):
        vehicle = store.insert(db(), VEHICLE, {**stored, **kept_by_server}, now())
    return success(vehicle, status=201)


@bp.get("/<alias>")
def get_vehicle() -> Response:
    """The vehicle, active or not."""
    return success(own_vehicle(check(ALIAS).params["alias"]))


@bp.put("/<alias>")
@allow(*WRITERS)
def update_vehicle() -> Response:
    """The changed vehicle; its records keep the alias that they were made under."""
    checked = check(
        ALIAS,
        Field("alias", (_ALIAS_LENGTH,), trimmed=True, optional=True),
        Field("marca", (_MAKE_LENGTH,), trimmed=True, optional=True),
        Field("modelo", (_year(),), optional=True),
        *_OPTIONAL,
    )
    return success(_changed(checked.params["alias"], checked.body))


@bp.delete("/<alias>")
@allow(*WRITERS)
def deactivate_vehicle() -> Response:
    """The vehicle, now inactive; nothing is lost."""
    vehicle = _changed(check(ALIAS).params["alias"], {"isActive": False})
    return success(vehicle, message="Vehículo desactivado correctamente")


@bp.patch("/<alias>/reactivate")
@allow(*WRITERS)
def reactivate_vehicle() -> Response:
    """The vehicle, active again."""
    vehicle = _changed(check(ALIAS).params["alias"], {"isActive": True})
    return success(vehicle, message="Vehículo reactivado correctamente")


@bp.get("/<alias>/stats")
def get_statistics() -> Response:
    """Counts, costs and consumption of the vehicle over all time."""
    vehicle = own_vehicle(check(ALIAS).params["alias"])
    shown = brief(vehicle, "plates", "kilometrajeInicial", "kilometrajeTotal", "isActive")
    return success({"vehicle": shown, **figures.vehicle_statistics(totals.between(db(), vehicle["_id"]))})


@bp.get("/<alias>/fuel-efficiency")
def get_fuel_efficiency() -> Response:
    """Consumption of the vehicle between `startDate` and `endDate`."""
    checked = check(ALIAS, *listing.DATE_RANGE)
    vehicle = own_vehicle(checked.params["alias"])
    within = totals.between(db(), vehicle["_id"], checked.query)
    period = {
        "startDate": checked.query.get("startDate", "Inicio"),
        "endDate": checked.query.get("endDate", "Presente"),
        "totalRefuels": within.refuels,
        "totalRoutes": within.routes,
    }
    return success({"vehicle": brief(vehicle), "period": period, "efficiency": figures.fuel_efficiency(within)})


@bp.get("/<alias>/analytics")
def get_analytics() -> Response:
    """Monthly figures of the vehicle; an unknown `period` means six months."""
    vehicle = own_vehicle(check(ALIAS).params["alias"])
    asked = request.args.get("period", "")
    period = asked if asked in _MONTHS_OF_PERIOD else "6m"
    start = iso_text(month_start(now(), _MONTHS_OF_PERIOD[period]))
    series = _series(vehicle["_id"], start)
    return success({"vehicle": brief(vehicle), "period": period, "series": series})


def _changed(alias: str, changes: Document) -> Document:
    with transaction(db()):
        vehicle = own_vehicle(alias)
        return store.change(db(), VEHICLE, vehicle, VEHICLE.cast(changes), now())


def _series(vehicle_id: str, start: str) -> dict[str, object]:
    km = totals.by_month(db(), ROUTE, "distanciaRecorrida", vehicle_id, start)
    fuel_cost = totals.by_month(db(), REFUEL, "cantidadGastada", vehicle_id, start)
    gallons = totals.by_month(db(), REFUEL, "galones", vehicle_id, start)
    maintenance_cost = totals.by_month(db(), MAINTENANCE, "costo", vehicle_id, start)
    return {
        "distancia": figures.monthly_series(km),
        "costoCombustible": figures.monthly_series(fuel_cost),
        "costoMantenimiento": figures.monthly_series(maintenance_cost),
        "eficiencia": figures.monthly_efficiency(km, gallons, fuel_cost),
    }

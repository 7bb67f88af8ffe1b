"""/api/refuels: fuel bought, and the fuel analysis of a vehicle."""

from flask import Response

from sandbox import figures, store
from sandbox.api.records import FECHA, NEW_VEHICLE_ALIAS, NEWEST_FIRST, VEHICLE_ALIAS, RecordKind, record_blueprint
from sandbox.context import check, db
from sandbox.fleet import ALIAS, active_vehicle, brief
from sandbox.models import REFUEL, Document
from sandbox.replies import success
from sandbox.store import Where
from sandbox.validation import Field, at_least, one_of, required

FUELS = ("Regular", "Premium", "Diesel", "Eléctrico", "Híbrido", "V-Power")

_FUEL = one_of(FUELS, "Tipo de combustible inválido")
_SPENT = at_least(0, "La cantidad gastada debe ser mayor o igual a 0")
_OPTIONAL = (
    Field("galones", (at_least(0, "Los galones deben ser mayores o iguales a 0"),), optional=True, nullable=True),
    FECHA,
)


def _price(refuel: Document) -> Document:
    return {"precioPorGalon": figures.price_per_gallon(refuel["cantidadGastada"], refuel["galones"])}


KIND = RecordKind(
    REFUEL,
    create=(
        VEHICLE_ALIAS,
        Field("tipoCombustible", (required("El tipo de combustible es requerido"), _FUEL)),
        Field("cantidadGastada", (required("La cantidad gastada es requerida"), _SPENT)),
        *_OPTIONAL,
    ),
    update=(
        NEW_VEHICLE_ALIAS,
        Field("tipoCombustible", (_FUEL,), optional=True),
        Field("cantidadGastada", (_SPENT,), optional=True),
        *_OPTIONAL,
    ),
    not_found="Reabastecimiento no encontrado",
    deleted="Reabastecimiento eliminado correctamente",
    any_of_filters=("tipoCombustible",),
    zero_is_null=("galones",),
    falsy_is_ignored=("vehicleAlias", "cantidadGastada"),
    computed=_price,
)

bp = record_blueprint("refuels", KIND)


@bp.get("/vehicle/<alias>/analysis")
def analyse_fuel() -> Response:
    """What an active vehicle has consumed so far, in all and by type of fuel."""
    vehicle = active_vehicle(check(ALIAS).params["alias"])
    refuels = store.select(db(), REFUEL, Where(["vehicle = ?"], [vehicle["_id"]]), NEWEST_FIRST)
    return success({"vehicle": brief(vehicle), **figures.fuel_analysis(refuels)})

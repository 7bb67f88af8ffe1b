"""/api/maintenance: services done, and those that are due."""

from flask import Response

from sandbox import store
from sandbox.api.records import (
    DESCRIPTION,
    FECHA,
    NEW_DESCRIPTION,
    NEW_VEHICLE_ALIAS,
    NOTES,
    VEHICLE_ALIAS,
    RecordKind,
    record_blueprint,
)
from sandbox.context import current_user, db
from sandbox.fleet import with_vehicles
from sandbox.models import MAINTENANCE
from sandbox.replies import success
from sandbox.store import Where
from sandbox.validation import Field, at_least, iso_date, max_length, one_of, required

SERVICES = (
    "Cambio de aceite",
    "Rotación de llantas",
    "Frenos",
    "Inspección",
    "Reparación",
    "Batería",
    "Filtros",
    "Transmisión",
    "Suspensión",
    "Alineación",
    "Otro",
)

_SERVICE = one_of(SERVICES, "Tipo de mantenimiento inválido")
_COST = at_least(0, "El costo debe ser mayor o igual a 0")
_ODOMETER = at_least(0, "El kilometraje debe ser mayor o igual a 0")
_NEXT_DATE = iso_date("Fecha de próximo servicio inválida")
_NEXT_KM = at_least(0, "El kilometraje del próximo servicio debe ser mayor o igual a 0")
_OPTIONAL = (
    FECHA,
    Field("proveedor", (max_length(100, "El proveedor no puede exceder 100 caracteres"),), trimmed=True, optional=True),
    Field("proximoServicioFecha", (_NEXT_DATE,), optional=True, nullable=True),
    Field("proximoServicioKm", (_NEXT_KM,), optional=True, nullable=True),
    NOTES,
)

KIND = RecordKind(
    MAINTENANCE,
    create=(
        VEHICLE_ALIAS,
        Field("tipo", (required("El tipo de mantenimiento es requerido"), _SERVICE)),
        DESCRIPTION,
        Field("costo", (required("El costo es requerido"), _COST)),
        Field("kilometraje", (required("El kilometraje es requerido"), _ODOMETER)),
        *_OPTIONAL,
    ),
    update=(
        NEW_VEHICLE_ALIAS,
        Field("tipo", (_SERVICE,), optional=True),
        NEW_DESCRIPTION,
        Field("costo", (_COST,), optional=True),
        Field("kilometraje", (_ODOMETER,), optional=True),
        *_OPTIONAL,
    ),
    not_found="Mantenimiento no encontrado",
    deleted="Mantenimiento eliminado correctamente",
    any_of_filters=("tipo",),
    zero_is_null=("proximoServicioKm",),
)

bp = record_blueprint("maintenance", KIND)


@bp.get("/upcoming")
def list_upcoming() -> Response:
    """Every record that names a next service, those without a date first."""
    where = Where(["owner = ?"], [current_user()["_id"]])
    where.add("(proximoServicioFecha IS NOT NULL OR proximoServicioKm IS NOT NULL)")
    records = store.select(db(), MAINTENANCE, where, "proximoServicioFecha ASC NULLS FIRST, rowid DESC")
    return success(with_vehicles(records, "kilometrajeTotal"), count=len(records))

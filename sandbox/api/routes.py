"""/api/routes: trips driven; each moves the odometer of its vehicle."""

from dataclasses import replace

from sandbox.api.records import FECHA, NOTES, VEHICLE_ALIAS, RecordKind, record_blueprint
from sandbox.models import ROUTE
from sandbox.odometer import follow
from sandbox.validation import Field, at_least, required

_FAR_ENOUGH = at_least(0.1, "La distancia debe ser mayor a 0")
_DISTANCE = Field("distanciaRecorrida", (required("La distancia recorrida es requerida"), _FAR_ENOUGH))
_OPTIONAL = (FECHA, replace(NOTES, name="notasAdicionales"))

KIND = RecordKind(
    ROUTE,
    create=(VEHICLE_ALIAS, _DISTANCE, *_OPTIONAL),
    update=(
        replace(VEHICLE_ALIAS, optional=True),
        replace(_DISTANCE, rules=(_FAR_ENOUGH,), optional=True),
        *_OPTIONAL,
    ),
    not_found="Ruta no encontrada",
    deleted="Ruta eliminada correctamente",
    follow=follow,
)

bp = record_blueprint("routes", KIND)

"""/api/expenses: other costs, their summary by category, and what falls due soon."""

from datetime import timedelta

from flask import Response, request

from sandbox import figures, listing, store
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
from sandbox.context import check, current_user, db, now
from sandbox.fleet import with_vehicles
from sandbox.instants import iso_text
from sandbox.models import EXPENSE
from sandbox.replies import success
from sandbox.store import Where
from sandbox.validation import Field, at_least, boolean, iso_date, one_of, required

CATEGORIES = (
    "Seguro",
    "Impuestos",
    "Registro",
    "Estacionamiento",
    "Peajes",
    "Lavado",
    "Multas",
    "Financiamiento",
    "Otro",
)
FREQUENCIES = ("Mensual", "Trimestral", "Semestral", "Anual")

_CATEGORY = one_of(CATEGORIES, "Categoría inválida")
_AMOUNT = at_least(0, "El monto debe ser mayor o igual a 0")
_FREQUENCY = one_of(FREQUENCIES, "Frecuencia de recurrencia inválida")
_NEXT_PAYMENT = iso_date("Fecha de próximo pago inválida")
_OPTIONAL = (
    FECHA,
    Field("esRecurrente", (boolean("esRecurrente debe ser verdadero o falso"),), optional=True),
    Field("frecuenciaRecurrencia", (_FREQUENCY,), optional=True, nullable=True),
    Field("proximoPago", (_NEXT_PAYMENT,), optional=True, nullable=True),
    Field("esDeducibleImpuestos", (boolean("esDeducibleImpuestos debe ser verdadero o falso"),), optional=True),
    NOTES,
)

KIND = RecordKind(
    EXPENSE,
    create=(
        VEHICLE_ALIAS,
        Field("categoria", (required("La categoría es requerida"), _CATEGORY)),
        Field("monto", (required("El monto es requerido"), _AMOUNT)),
        DESCRIPTION,
        *_OPTIONAL,
    ),
    update=(
        NEW_VEHICLE_ALIAS,
        Field("categoria", (_CATEGORY,), optional=True),
        Field("monto", (_AMOUNT,), optional=True),
        NEW_DESCRIPTION,
        *_OPTIONAL,
    ),
    not_found="Gasto no encontrado",
    deleted="Gasto eliminado correctamente",
    any_of_filters=("categoria",),
    flag_filters=("esDeducibleImpuestos",),
)

# What is due counts from this moment: a payment dated today lies at midnight, and so in the past.
_DUE_WITHIN = timedelta(days=30)

bp = record_blueprint("expenses", KIND)


@bp.get("/summary")
def summarise() -> Response:
    """What was spent by category, the largest first."""
    dates = check(*listing.DATE_RANGE).query
    where = Where(["owner = ?"], [current_user()["_id"]])
    listing.add_alias(where, request.args)
    listing.add_dates(where, EXPENSE, dates)
    rows = store.sums_by(db(), EXPENSE, "categoria", "monto", where)
    summary = [{"_id": key, "totalMonto": figures.plain(total), "cantidad": n} for key, total, n in rows]
    spent = figures.plain(sum(total for _, total, _ in rows))
    return success({"summary": summary, "totalGastos": spent, "categorias": len(summary)})


@bp.get("/upcoming")
def list_upcoming() -> Response:
    """The recurrent expenses to be paid within 30 days, the next one first."""
    where = Where(["owner = ?", "esRecurrente"], [current_user()["_id"]])
    where.add("proximoPago BETWEEN ? AND ?", iso_text(now()), iso_text(now() + _DUE_WITHIN))
    records = store.select(db(), EXPENSE, where, "proximoPago ASC, rowid ASC")
    return success(with_vehicles(records), count=len(records))

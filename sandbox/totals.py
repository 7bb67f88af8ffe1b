"""Sums over the records of a vehicle, as the formulas in `figures` want them."""

import sqlite3
from collections.abc import Mapping

from sandbox import store
from sandbox.figures import Totals
from sandbox.listing import add_dates
from sandbox.models import EXPENSE, MAINTENANCE, REFUEL, ROUTE, Model
from sandbox.store import Where

EVER: Mapping[str, str] = {}


def between(db: sqlite3.Connection, vehicle_id: str, dates: Mapping[str, str] = EVER) -> Totals:
    """Everything recorded for a vehicle within `startDate` and `endDate`; either may be missing.

    Raises:
        ApiError: 500, where a date passed its check and still is none.
    """

    def total(model: Model, column: str) -> float:
        return store.total(db, model, column, _records(vehicle_id, model, dates))

    def count(model: Model) -> int:
        return store.count(db, model, _records(vehicle_id, model, dates))

    return Totals(
        routes=count(ROUTE),
        km=total(ROUTE, "distanciaRecorrida"),
        refuels=count(REFUEL),
        fuel_cost=total(REFUEL, "cantidadGastada"),
        gallons=total(REFUEL, "galones"),
        maintenances=count(MAINTENANCE),
        maintenance_cost=total(MAINTENANCE, "costo"),
        expenses=count(EXPENSE),
        expense_cost=total(EXPENSE, "monto"),
    )


def by_month(db: sqlite3.Connection, model: Model, column: str, vehicle_id: str, start: str) -> dict[str, float]:
    """A column summed up by month (`YYYY-MM`, UTC), for the months that have records."""
    where = _records(vehicle_id, model, {"startDate": start})
    return {month: total for month, total, _ in store.sums_by(db, model, "substr(fecha, 1, 7)", column, where)}


def _records(vehicle_id: str, model: Model, dates: Mapping[str, str]) -> Where:
    where = Where(["vehicle = ?"], [vehicle_id])
    add_dates(where, model, dates)
    return where

"""/api/dashboard: the one-page overview of the active vehicles."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from flask import Blueprint, Response

from sandbox import figures, store, totals
from sandbox.access import sign_in
from sandbox.context import current_user, db, now
from sandbox.fleet import own_vehicles
from sandbox.instants import iso_text, month_start
from sandbox.models import MAINTENANCE, Document
from sandbox.replies import success
from sandbox.store import Limit, Where

bp = Blueprint("dashboard", __name__, url_prefix="/api/dashboard")
bp.before_request(sign_in)

_A_WHILE = timedelta(days=30)
_MAX_ALERTS = 5


@bp.get("")
def get_dashboard() -> Response:
    """Distances, costs and due services; what is dated in the future counts as well."""
    moment = now()
    vehicles = own_vehicles("createdAt ASC, rowid ASC", active_only=True)
    lately = [_totals(vehicle, {"startDate": iso_text(moment - _A_WHILE)}) for vehicle in vehicles]
    this_month = [_totals(vehicle, {"startDate": iso_text(month_start(moment))}) for vehicle in vehicles]
    spent = sum(t.fuel_cost + t.maintenance_cost + t.expense_cost for t in lately)
    summary = {
        "totalVehicles": len(vehicles),
        "totalKmAllVehicles": figures.rounded(sum(v["kilometrajeTotal"] for v in vehicles), 2),
        "totalSpentLast30Days": figures.rounded(spent, 2),
        "kmThisMonth": figures.rounded(sum(t.km for t in this_month), 2),
    }
    shown = [_shown(vehicle, month) for vehicle, month in zip(vehicles, this_month, strict=True)]
    return success({"summary": summary, "vehicles": shown, "alerts": _alerts(moment)})


def _totals(vehicle: Document, dates: Mapping[str, str] = totals.EVER) -> figures.Totals:
    return totals.between(db(), vehicle["_id"], dates)


def _shown(vehicle: Document, this_month: figures.Totals) -> Document:
    ever = _totals(vehicle)
    return {
        **{name: vehicle[name] for name in ("alias", "marca", "modelo", "kilometrajeTotal")},
        "spentThisMonth": figures.rounded(this_month.fuel_cost, 2),
        "efficiency": {"kmPorLitro": figures.km_per_litre(ever.km, ever.gallons)},
    }


def _alerts(moment: datetime) -> list[Document]:
    where = Where(["owner = ?"], [current_user()["_id"]])
    where.add("vehicle IN (SELECT _id FROM vehicles WHERE isActive)")
    where.add("proximoServicioFecha BETWEEN ? AND ?", iso_text(moment), iso_text(moment + _A_WHILE))
    due = store.select(db(), MAINTENANCE, where, "proximoServicioFecha ASC, rowid ASC", Limit(_MAX_ALERTS))
    return [_alert(record, moment) for record in due]


def _alert(record: Document, moment: datetime) -> Document:
    due = datetime.fromisoformat(record["proximoServicioFecha"])
    message = figures.service_alert(record["tipo"], due, moment)
    return {"type": "maintenance", "vehicleAlias": record["vehicleAlias"], "message": message}

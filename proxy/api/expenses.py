"""/api/expenses: expenses, their summary, and what recurs soon."""

from flask import Blueprint, Response

from proxy.fetch import backend_path, bff_fetch, json_body
from proxy.relay import relay

bp = Blueprint("expenses", __name__, url_prefix="/api/expenses")


@bp.get("")
def list_expenses() -> Response:
    """A page of expenses, by vehicle, category, dates and tax."""
    reply = bff_fetch("GET", "/api/expenses")
    return relay(reply, otherwise="Error al obtener gastos")


@bp.post("")
def create_expense() -> Response:
    """The new expense."""
    body = json_body("vehicleAlias", "categoria", "monto", "descripcion")
    reply = bff_fetch("POST", "/api/expenses", body=body)
    return relay(reply, otherwise="Error al crear gasto")


@bp.get("/summary")
def get_summary() -> Response:
    """Sums by category."""
    reply = bff_fetch("GET", "/api/expenses/summary")
    return relay(reply, otherwise="Error al obtener resumen de gastos")


@bp.get("/upcoming")
def list_upcoming_expenses() -> Response:
    """Recurring expenses due in the next 30 days."""
    reply = bff_fetch("GET", "/api/expenses/upcoming")
    return relay(reply, otherwise="Error al obtener gastos próximos")


@bp.get("/<expense_id>")
def get_expense(expense_id: str) -> Response:
    """One expense."""
    reply = bff_fetch("GET", backend_path("/api/expenses/{}", expense_id))
    return relay(reply, otherwise="Error al obtener gasto")


@bp.put("/<expense_id>")
def update_expense(expense_id: str) -> Response:
    """The expense, changed."""
    reply = bff_fetch("PUT", backend_path("/api/expenses/{}", expense_id), body=json_body())
    return relay(reply, otherwise="Error al actualizar gasto")


@bp.delete("/<expense_id>")
def delete_expense(expense_id: str) -> Response:
    """Success; the expense is gone."""
    reply = bff_fetch("DELETE", backend_path("/api/expenses/{}", expense_id))
    return relay(reply, otherwise="Error al eliminar gasto")

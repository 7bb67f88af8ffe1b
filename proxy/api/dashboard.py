"""/api/dashboard: the one-page overview."""

from flask import Blueprint, Response

from proxy.fetch import bff_fetch
from proxy.relay import relay

bp = Blueprint("dashboard", __name__, url_prefix="/api/dashboard")


@bp.get("")
def get_dashboard() -> Response:
    """Totals, a line for each active vehicle, and what is due."""
    reply = bff_fetch("GET", "/api/dashboard")
    return relay(reply, otherwise="Error al obtener datos del dashboard")

"""The odometer of a vehicle follows its routes; always inside the transaction that writes the route."""

import sqlite3

from sandbox.models import Document


def follow(db: sqlite3.Connection, before: Document | None, after: Document | None) -> None:
    """Move the odometers from one version of a route to the next; None where there is no route."""
    if before and after and before["vehicle"] == after["vehicle"]:
        _drive(db, after["vehicle"], after["distanciaRecorrida"] - before["distanciaRecorrida"])
        return
    if before:
        _drive(db, before["vehicle"], -before["distanciaRecorrida"])
    if after:
        _drive(db, after["vehicle"], after["distanciaRecorrida"])


def _drive(db: sqlite3.Connection, vehicle_id: str, km: float) -> None:
    db.execute("UPDATE vehicles SET kilometrajeTotal = kilometrajeTotal + ? WHERE _id = ?", (km, vehicle_id))

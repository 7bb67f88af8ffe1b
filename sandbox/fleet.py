"""The vehicles of the signed-in user, as every route group needs them."""

from sandbox import store
from sandbox.context import current_user, db
from sandbox.errors import ApiError
from sandbox.models import VEHICLE, Document
from sandbox.store import Where
from sandbox.validation import Field, required

ALIAS = Field("alias", (required(VEHICLE.required["alias"]),), location="params", trimmed=True)
BRIEF = ("alias", "marca", "modelo")


def own_vehicle(alias: str) -> Document:
    """The user's vehicle of that name, in any case of its letters; an inactive one too.

    Raises:
        ApiError: 404, also for the vehicle of another user.
    """
    vehicle = store.find(db(), VEHICLE, alias=alias.upper(), owner=current_user()["_id"])
    if vehicle is None:
        raise ApiError(404, "Vehículo no encontrado")
    return vehicle


def active_vehicle(alias: str, otherwise: str = "Vehículo no encontrado") -> Document:
    """The user's vehicle of that name, as long as it is active.

    Raises:
        ApiError: 404, with the text of `otherwise`.
    """
    vehicle = store.find(db(), VEHICLE, alias=alias.upper(), owner=current_user()["_id"], isActive=True)
    if vehicle is None:
        raise ApiError(404, otherwise)
    return vehicle


def own_vehicles(order: str, *, active_only: bool = False) -> list[Document]:
    """All vehicles of the user."""
    where = Where(["owner = ?"], [current_user()["_id"]])
    if active_only:
        where.add("isActive")
    return store.select(db(), VEHICLE, where, order)


def brief(vehicle: Document, *more: str) -> Document:
    """What names a vehicle: alias, make and year, and whatever other fields are asked for."""
    return {name: vehicle[name] for name in (*BRIEF, *more)}


def with_vehicles(records: list[Document], *more: str) -> list[Document]:
    """The records of the user, each with its vehicle in the place of the vehicle's id."""
    vehicles = {vehicle["_id"]: brief(vehicle, "_id", *more) for vehicle in own_vehicles("_id")}
    return [{**record, "vehicle": vehicles[record["vehicle"]]} for record in records]

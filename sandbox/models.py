"""The documents: how each field is stored, and what the model itself insists on.

A request has passed its validation when it comes here; what still fails is worded as Mongoose words it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import ApiError
from sandbox.instants import iso_text, parse_iso
from sandbox.values import as_number, as_text, type_name

Document = dict[str, Any]
Cast = Callable[[Any], Any]


def _upper(value: object) -> str:
    return as_text(value).upper()


def _date(value: object) -> str:
    instant = parse_iso(as_text(value))
    if instant is None:
        raise ValueError("date")
    return iso_text(instant)


def _number(value: object) -> float:
    number = as_number(value)
    if number is None:
        raise ValueError("Number")
    return number


def _boolean(value: object) -> bool:
    text = as_text(value)
    if text in ("true", "1", "yes"):
        return True
    if text in ("false", "0", "no"):
        return False
    raise ValueError("Boolean")


def _or_null(cast: Cast) -> Cast:
    return lambda value: None if value is None else cast(value)


@dataclass(frozen=True)
class Model:
    """One kind of document: its name in texts, its table, its fields and what must not be empty."""

    name: str
    table: str
    casts: Mapping[str, Cast]
    required: Mapping[str, str] = field(default_factory=dict)

    def cast(self, values: Mapping[str, object]) -> Document:
        """The values as they are stored.

        Raises:
            ApiError: 400, where a value cannot become what the field holds, or is empty and must not be.
        """
        return {path: self._cast(path, value) for path, value in values.items()}

    def _cast(self, path: str, value: object) -> object:
        try:
            stored: object = self.casts[path](value)
        except ValueError as error:
            given = f'"{as_text(value)}" (type {type_name(value)})'
            raise self._invalid(path, f'Cast to {error} failed for value {given} at path "{path}"') from error
        if stored == "" and path in self.required:
            raise self._invalid(path, self.required[path])
        return stored

    def _invalid(self, path: str, text: str) -> ApiError:
        return ApiError(400, f"{self.name} validation failed: {path}: {text}")


NO_DESCRIPTION = "La descripción es requerida"

USER = Model("User", "users", {"username": as_text, "email": as_text, "password": as_text, "role": as_text})

VEHICLE = Model(
    "Vehicle",
    "vehicles",
    {
        "alias": _upper,
        "marca": as_text,
        "modelo": _number,
        "plates": _upper,
        "kilometrajeInicial": _number,
        "isActive": _boolean,
    },
    required={"alias": "El alias es requerido", "marca": "La marca es requerida"},
)

ROUTE = Model(
    "Route",
    "routes",
    {"vehicleAlias": _upper, "distanciaRecorrida": _number, "fecha": _date, "notasAdicionales": as_text},
)

REFUEL = Model(
    "Refuel",
    "refuels",
    {
        "vehicleAlias": _upper,
        "tipoCombustible": as_text,
        "cantidadGastada": _number,
        "galones": _or_null(_number),
        "fecha": _date,
    },
)

MAINTENANCE = Model(
    "Maintenance",
    "maintenance",
    {
        "vehicleAlias": _upper,
        "tipo": as_text,
        "descripcion": as_text,
        "costo": _number,
        "fecha": _date,
        "kilometraje": _number,
        "proveedor": as_text,
        "proximoServicioFecha": _or_null(_date),
        "proximoServicioKm": _or_null(_number),
        "notas": as_text,
    },
    required={"descripcion": NO_DESCRIPTION},
)

EXPENSE = Model(
    "Expense",
    "expenses",
    {
        "vehicleAlias": _upper,
        "categoria": as_text,
        "monto": _number,
        "descripcion": as_text,
        "fecha": _date,
        "esRecurrente": _boolean,
        "frecuenciaRecurrencia": _or_null(as_text),
        "proximoPago": _or_null(_date),
        "esDeducibleImpuestos": _boolean,
        "notas": as_text,
    },
    required={"descripcion": NO_DESCRIPTION},
)

"""The first data of a new database: the demo accounts, and eighteen months of four vehicles, up to today."""

import random
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from werkzeug.security import generate_password_hash

from sandbox import store
from sandbox.accounts import DEMO_ACCOUNTS
from sandbox.instants import iso_text
from sandbox.models import EXPENSE, MAINTENANCE, REFUEL, ROUTE, USER, VEHICLE, Document, Model

Seed = Literal["everything", "accounts", "nothing"]

_DAYS = 548
_ERRANDS = ("Trabajo", "Oficina y regreso", "Supermercado", "Visita a la familia", "Antigua Guatemala", "")


@dataclass(frozen=True)
class _Vehicle:
    """A vehicle, and how it is used."""

    role: str
    alias: str
    marca: str
    age: int
    plates: str | None
    km: int
    fuel: str
    quetzales_per_gallon: float
    km_per_gallon: float
    tank: float
    trips_per_day: float
    trip_km: tuple[int, int]


_VEHICLES = (
    _Vehicle("write", "COROLLA", "Toyota Corolla", 6, "P-482FKD", 48_200, "Regular", 31.2, 41, 11, 0.75, (8, 46)),
    _Vehicle("write", "PICKUP", "Toyota Hilux", 4, "P-917JQB", 61_500, "Diesel", 28.9, 33, 18, 0.4, (15, 140)),
    _Vehicle("write", "MOTO", "Honda XR 150L", 2, "M-305CDH", 3_400, "Premium", 33.4, 118, 2.6, 0.6, (5, 24)),
    _Vehicle("read", "PICANTO", "Kia Picanto", 3, None, 22_750, "Regular", 31.2, 47, 8, 0.5, (6, 32)),
)


@dataclass(frozen=True)
class _Service:
    """A service so many days ago; the next one so many days after today, or kilometres after this one."""

    days_ago: int
    tipo: str
    descripcion: str
    costo: float
    proveedor: str = ""
    next_in_days: int | None = None
    next_after_km: int | None = None


_SERVICES = (
    _Service(410, "Inspección", "Revisión general de 100 puntos", 350, "Taller El Volante"),
    _Service(300, "Cambio de aceite", "Aceite sintético 5W-30 y filtro", 485.5, "Lubricentro Roosevelt"),
    _Service(210, "Batería", "Batería nueva con 18 meses de garantía", 890, "Baterías del Sur"),
    _Service(190, "Frenos", "Pastillas delanteras", 620, "Taller El Volante", -20, None),
    _Service(150, "Cambio de aceite", "Aceite sintético 5W-30 y filtro", 495, "Lubricentro Roosevelt", 12, 5000),
    _Service(75, "Alineación", "Alineación y balanceo", 225, "Llantas y Más", 100, None),
    _Service(40, "Rotación de llantas", "Rotación y revisión de presión", 120, "Llantas y Más", None, 8000),
)


@dataclass(frozen=True)
class _Cost:
    """An expense that comes every so many days; `next_in_days` makes it a recurrent one."""

    every_days: int
    categoria: str
    descripcion: str
    monto: float
    next_in_days: int | None = None
    frequency: str | None = None
    deducible: bool = False


_COSTS = (
    _Cost(30, "Seguro", "Seguro contra todo riesgo", 415.25, 9, "Mensual", deducible=True),
    _Cost(365, "Impuestos", "Impuesto de circulación", 642, 75, "Anual", deducible=True),
    _Cost(45, "Lavado", "Lavado completo", 60),
    _Cost(38, "Estacionamiento", "Parqueo en zona 10", 35),
    _Cost(60, "Peajes", "Autopista Palín-Escuintla", 30),
    _Cost(400, "Multas", "Estacionarse en línea roja", 300),
)


def fill(connection: sqlite3.Connection, what: Seed, now: datetime, hash_method: str) -> None:
    """Put the first data into an empty database; the caller's transaction is what makes it happen once."""
    if what == "nothing":
        return
    owners = {}
    for account in DEMO_ACCOUNTS:
        values = {"username": account.username, "email": account.email, "role": account.role}
        values["password"] = generate_password_hash(account.password, method=hash_method)
        owners[account.role] = store.insert(connection, USER, values, now - timedelta(days=_DAYS))["_id"]
    if what == "everything":
        today = datetime(now.year, now.month, now.day, tzinfo=UTC)
        chance = random.Random(2024)  # noqa: S311 -- the same data every time is what is wanted
        for vehicle in _VEHICLES:
            _History(connection, vehicle, owners[vehicle.role], today, chance).write()


class _History:
    """All that happened to one vehicle."""

    def __init__(
        self, connection: sqlite3.Connection, vehicle: _Vehicle, owner: str, today: datetime, chance: random.Random
    ) -> None:
        self._connection = connection
        self._vehicle = vehicle
        self._today = today
        self._chance = chance
        document = store.insert(connection, VEHICLE, self._registration(owner), self._day(_DAYS))
        self._belongs = {"vehicle": document["_id"], "vehicleAlias": vehicle.alias, "owner": owner}
        self._odometer = {_DAYS: float(vehicle.km)}

    def write(self) -> None:
        self._drive()
        for service in _SERVICES:
            self._add(MAINTENANCE, service.days_ago, self._maintenance(service))
        for cost in _COSTS:
            self._pay(cost)

    def _drive(self) -> None:
        km, since_refuel = float(self._vehicle.km), 0.0
        range_km = self._vehicle.tank * self._vehicle.km_per_gallon
        for days_ago, trip in self._trips():
            km, since_refuel = km + trip, since_refuel + trip
            errand = self._chance.choice(_ERRANDS)
            self._add(ROUTE, days_ago, {"distanciaRecorrida": trip, "notasAdicionales": errand})
            if since_refuel > range_km * self._chance.uniform(0.6, 0.85):
                self._add(REFUEL, days_ago, self._refuel(since_refuel))
                since_refuel = 0.0
            self._odometer[days_ago] = km

    def _trips(self) -> Iterator[tuple[int, float]]:
        for days_ago in range(_DAYS, -1, -1):
            if self._chance.random() < self._vehicle.trips_per_day:
                yield days_ago, round(self._chance.uniform(*self._vehicle.trip_km), 1)

    def _registration(self, owner: str) -> Document:
        vehicle = self._vehicle
        return {
            "alias": vehicle.alias,
            "marca": vehicle.marca,
            "modelo": self._today.year - vehicle.age,
            "plates": vehicle.plates,
            "kilometrajeInicial": vehicle.km,
            "kilometrajeTotal": vehicle.km,
            "owner": owner,
        }

    def _refuel(self, km: float) -> Document:
        gallons = round(km / self._vehicle.km_per_gallon * self._chance.uniform(0.93, 1.08), 3)
        price = self._vehicle.quetzales_per_gallon + self._chance.uniform(-1.8, 1.8)
        spent = round(gallons * price, 2)
        return {"tipoCombustible": self._vehicle.fuel, "cantidadGastada": spent, "galones": gallons}

    def _maintenance(self, service: _Service) -> Document:
        km = round(max(km for day, km in self._odometer.items() if day >= service.days_ago))
        return {
            "tipo": service.tipo,
            "descripcion": service.descripcion,
            "costo": service.costo,
            "kilometraje": km,
            "proveedor": service.proveedor,
            "proximoServicioFecha": self._future(service.next_in_days),
            "proximoServicioKm": km + service.next_after_km if service.next_after_km else None,
        }

    def _pay(self, cost: _Cost) -> None:
        """Every payment of the past; the latest one alone names the next."""
        latest = self._chance.randrange(1, 15)
        for days_ago in range(latest, _DAYS, cost.every_days):
            values: Document = {
                "categoria": cost.categoria,
                "descripcion": cost.descripcion,
                "monto": cost.monto,
                "esDeducibleImpuestos": cost.deducible,
            }
            if days_ago == latest and cost.frequency:
                values |= {"esRecurrente": True, "frecuenciaRecurrencia": cost.frequency}
                values["proximoPago"] = self._future(cost.next_in_days)
            self._add(EXPENSE, days_ago, values)

    def _add(self, model: Model, days_ago: int, values: Mapping[str, object]) -> None:
        day = self._day(days_ago)
        store.insert(self._connection, model, {**self._belongs, "fecha": iso_text(day), **values}, day)

    def _day(self, days_ago: int) -> datetime:
        return self._today - timedelta(days=days_ago)

    def _future(self, days: int | None) -> str | None:
        return None if days is None else iso_text(self._today + timedelta(days=days))

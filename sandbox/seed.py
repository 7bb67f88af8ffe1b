"""The first data of a new database: the demo accounts, three vehicles of the writer's and one of the reader's.

The records of a vehicle cover the eighteen months up to the day that the clock shows.
"""

import random
import sqlite3
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from werkzeug.security import generate_password_hash

from sandbox import store
from sandbox.accounts import DEMO_ACCOUNTS
from sandbox.demo_vehicles import MONTHS, VEHICLES, DemoVehicle, Occasional, Recurring, Service
from sandbox.instants import iso_text, month_start
from sandbox.models import EXPENSE, MAINTENANCE, REFUEL, ROUTE, USER, VEHICLE, Document, Model

Seed = Literal["everything", "accounts", "nothing"]

_DAYS = 548


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
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        chance = random.Random(2024)  # noqa: S311 -- the same data every time is what is wanted
        for vehicle in VEHICLES:
            _History(connection, vehicle, owners[vehicle.role], today, chance).write()


class _History:
    """All that happened to one vehicle."""

    def __init__(
        self, connection: sqlite3.Connection, vehicle: DemoVehicle, owner: str, today: datetime, chance: random.Random
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
        for service in self._vehicle.services:
            self._add(MAINTENANCE, self._day(service.days_ago), self._maintenance(service))
        for expense in self._vehicle.expenses:
            for day, values in self._payments(expense):
                self._add(EXPENSE, day, values)

    def _drive(self) -> None:
        km, since_refuel = float(self._vehicle.km), 0.0
        range_km = self._vehicle.tank_gallons * self._vehicle.km_per_gallon
        for days_ago, trip in self._trips():
            km, since_refuel = km + trip, since_refuel + trip
            errand = self._chance.choice(self._vehicle.errands)
            self._add(ROUTE, self._day(days_ago), {"distanciaRecorrida": trip, "notasAdicionales": errand})
            if since_refuel > range_km * self._chance.uniform(0.6, 0.85):
                self._add(REFUEL, self._day(days_ago), self._refuel(since_refuel))
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

    def _maintenance(self, service: Service) -> Document:
        km = round(max(km for day, km in self._odometer.items() if day >= service.days_ago))
        next_day = service.next_after_days and self._day(service.days_ago - service.next_after_days)
        return {
            "tipo": service.tipo,
            "descripcion": service.descripcion,
            "costo": service.costo,
            "kilometraje": km,
            "proveedor": service.proveedor,
            "proximoServicioFecha": iso_text(next_day) if next_day else None,
            "proximoServicioKm": km + service.next_after_km if service.next_after_km else None,
        }

    def _payments(self, expense: Recurring | Occasional) -> Iterator[tuple[datetime, Document]]:
        """The payments of an expense, the latest first; a recurring one names the day of the next."""
        values = {"categoria": expense.categoria, "descripcion": expense.descripcion, "monto": expense.monto}
        if isinstance(expense, Occasional):
            for day in self._now_and_then(expense.every_days):
                yield day, values
            return
        values |= {"esRecurrente": True, "frecuenciaRecurrencia": expense.frecuencia}
        values |= {"esDeducibleImpuestos": expense.deducible}
        for day, next_day in self._every(MONTHS[expense.frecuencia], self._day(-expense.next_in_days)):
            yield day, {**values, "proximoPago": iso_text(next_day)}

    def _now_and_then(self, days: int) -> Iterator[datetime]:
        days_ago = round(days * self._chance.uniform(0.2, 0.8))
        while days_ago < _DAYS:
            yield self._day(days_ago)
            days_ago += round(days * self._chance.uniform(0.75, 1.25))

    def _every(self, months: int, last: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Each day that lies whole periods before the last, and the day one period after it."""
        periods, next_day = 1, last
        while (day := _months_before(last, months * periods)) >= self._day(_DAYS):
            yield day, next_day
            periods, next_day = periods + 1, day

    def _add(self, model: Model, day: datetime, values: Mapping[str, object]) -> None:
        store.insert(self._connection, model, {**self._belongs, "fecha": iso_text(day), **values}, day)

    def _day(self, days_ago: int) -> datetime:
        return self._today - timedelta(days=days_ago)


def _months_before(day: datetime, months: int) -> datetime:
    """The same day of an earlier month, or the last one of that month where it is shorter."""
    first = month_start(day, months)
    return first.replace(day=min(day.day, monthrange(first.year, first.month)[1]))

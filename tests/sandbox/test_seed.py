"""The demo data could be somebody's: costs, distances and dates that fit the vehicles, whatever day it is."""

import sqlite3
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from sandbox import start
from sandbox.api.expenses import CATEGORIES, FREQUENCIES
from sandbox.api.maintenance import SERVICES
from sandbox.db import connect
from sandbox.instants import iso_text
from tests.sandbox.conftest import CHEAP_HASH

ALIASES = {"write": ["COROLLA", "PICKUP", "MOTO"], "read": ["PICANTO"]}
TOKYO = timezone(timedelta(hours=9))
CLOCKS = [
    datetime(2026, 5, 15, 10, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 0, 0, tzinfo=UTC),
    datetime(2027, 3, 27, 23, 59, 59, tzinfo=UTC),  # some payments are due on the 31st
    datetime(2027, 1, 1, 5, 0, tzinfo=TOKYO),  # the day before, in UTC
]


@pytest.fixture(scope="module", params=CLOCKS, ids=str)
def now(request) -> datetime:
    """The moment of the first start."""
    moment: datetime = request.param
    return moment


@pytest.fixture(scope="module")
def seeded(now, tmp_path_factory) -> Iterator[sqlite3.Connection]:
    """A database that was seeded then."""
    database = tmp_path_factory.mktemp("seed") / "sandbox.sqlite3"
    start(database, clock=lambda: now, hash_method=CHEAP_HASH).stop()
    with closing(connect(database)) as connection:
        yield connection


def rows(seeded: sqlite3.Connection, statement: str) -> list[dict[str, Any]]:
    return seeded.execute(statement).fetchall()


def by_alias(seeded: sqlite3.Connection, statement: str) -> dict[str, dict[str, Any]]:
    return {row["vehicleAlias"]: row for row in rows(seeded, statement)}


@pytest.mark.parametrize("role", ALIASES)
def test_the_writer_has_three_vehicles_and_the_reader_one(seeded, role):
    statement = "SELECT alias FROM vehicles v JOIN users u ON u._id = v.owner WHERE u.role = ? ORDER BY v.rowid"

    assert [row["alias"] for row in seeded.execute(statement, (role,))] == ALIASES[role]


def test_a_gallon_costs_25_to_40_quetzales(seeded):
    statement = "SELECT MIN(cantidadGastada / galones) AS least, MAX(cantidadGastada / galones) AS most FROM refuels"
    [prices] = rows(seeded, statement)

    assert 25 < prices["least"] < prices["most"] < 40


@pytest.mark.parametrize(
    ("alias", "tank_gallons", "least", "most"),
    [("COROLLA", 13.2, 9, 13), ("PICKUP", 21.1, 7, 10), ("MOTO", 3.1, 25, 40), ("PICANTO", 9.2, 11, 15)],
)
def test_a_vehicle_consumes_what_its_kind_does(seeded, alias, tank_gallons, least, most):
    km = by_alias(seeded, "SELECT vehicleAlias, SUM(distanciaRecorrida) AS km FROM routes GROUP BY 1")
    fuel = by_alias(seeded, "SELECT vehicleAlias, SUM(galones) AS sum, MAX(galones) AS max FROM refuels GROUP BY 1")

    assert least < km[alias]["km"] / (fuel[alias]["sum"] * 3.78541) < most
    assert fuel[alias]["max"] <= tank_gallons


def test_the_odometer_is_where_the_trips_have_taken_it(seeded):
    vehicles = rows(seeded, "SELECT alias AS vehicleAlias, kilometrajeInicial, kilometrajeTotal FROM vehicles")
    km = by_alias(seeded, "SELECT vehicleAlias, SUM(distanciaRecorrida) AS km FROM routes GROUP BY 1")

    totals = [vehicle["kilometrajeInicial"] + km[vehicle["vehicleAlias"]]["km"] for vehicle in vehicles]
    assert [vehicle["kilometrajeTotal"] for vehicle in vehicles] == pytest.approx(totals)


@pytest.mark.parametrize("table", ["routes", "refuels", "maintenance", "expenses"])
def test_records_cover_eighteen_months_up_to_today(seeded, now, table):
    ends = rows(seeded, f"SELECT MIN(fecha) AS first, MAX(fecha) AS last FROM {table} GROUP BY vehicleAlias")

    begin = iso_text(now - timedelta(days=549))
    assert min(row["first"] for row in ends) >= begin
    assert max(row["first"] for row in ends) < iso_text(now - timedelta(days=420))
    assert min(row["last"] for row in ends) > iso_text(now - timedelta(days=110))
    assert max(row["last"] for row in ends) <= iso_text(now)


def test_somebody_has_just_driven(seeded, now):
    [trip] = rows(seeded, "SELECT MAX(fecha) AS fecha FROM routes")

    assert trip["fecha"] > iso_text(now - timedelta(days=4))


def payments(seeded: sqlite3.Connection) -> list[list[dict[str, Any]]]:
    """Those of each recurring expense, in the order of their dates."""
    series = defaultdict(list)
    for row in rows(seeded, "SELECT * FROM expenses WHERE esRecurrente ORDER BY fecha"):
        series[row["vehicleAlias"], row["descripcion"]].append(row)
    return list(series.values())


def months(fecha: str) -> int:
    return int(fecha[:4]) * 12 + int(fecha[5:7])


def test_a_recurring_expense_recurs(seeded, now):
    """A period after each payment comes the next, from the first months of the data to the one that is still due."""
    series = payments(seeded)
    paid = [payment for one in series for payment in one]
    every = {"Mensual": 1, "Trimestral": 3, "Semestral": 6, "Anual": 12}

    assert {(one[0]["vehicleAlias"], one[0]["categoria"]) for one in series} >= {
        (alias, category) for alias in ("COROLLA", "PICKUP", "MOTO", "PICANTO") for category in ("Seguro", "Impuestos")
    }
    assert [months(p["proximoPago"]) - months(p["fecha"]) for p in paid] == [
        every[p["frecuenciaRecurrencia"]] for p in paid
    ]
    assert all(earlier["proximoPago"] == later["fecha"] for one in series for earlier, later in pairwise(one))
    assert all(one[-1]["fecha"] <= iso_text(now) < one[-1]["proximoPago"] for one in series)
    begin = months(iso_text(now - timedelta(days=548)))
    assert all(months(one[0]["fecha"]) - every[one[0]["frecuenciaRecurrencia"]] <= begin for one in series)


def test_a_payment_keeps_its_day_except_in_a_month_too_short_for_it(seeded):
    paid = [(payment["fecha"], int(one[-1]["proximoPago"][8:10])) for one in payments(seeded) for payment in one]

    lengths = [monthrange(int(fecha[:4]), int(fecha[5:7]))[1] for fecha, _ in paid]
    assert [int(fecha[8:10]) for fecha, _ in paid] == [
        min(due, length) for (_, due), length in zip(paid, lengths, strict=True)
    ]


@pytest.mark.parametrize("role", ALIASES)
def test_each_account_has_something_done_due_and_overdue(seeded, now, role):
    owned = f"owner = (SELECT _id FROM users WHERE role = '{role}')"
    services = rows(seeded, f"SELECT fecha, proximoServicioFecha AS due FROM maintenance WHERE {owned}")
    unpaid = rows(
        seeded, f"SELECT MAX(proximoPago) AS due FROM expenses WHERE {owned} AND esRecurrente GROUP BY categoria"
    )

    moment, soon = iso_text(now), iso_text(now + timedelta(days=30))
    assert [service for service in services if service["due"] is None]
    assert [service for service in services if service["due"] and service["due"] < moment]
    assert [service for service in services if service["due"] and moment < service["due"] < soon]
    assert [expense for expense in unpaid if moment < expense["due"] < soon]


def test_only_the_latest_service_of_a_kind_names_the_next(seeded):
    """What has been done since is not overdue."""
    last = "SELECT MAX(fecha) FROM maintenance m WHERE m.vehicle = maintenance.vehicle AND m.tipo = maintenance.tipo"
    named = "proximoServicioFecha IS NOT NULL OR proximoServicioKm IS NOT NULL"

    assert rows(seeded, f"SELECT * FROM maintenance WHERE ({named}) AND fecha < ({last})") == []


def test_a_service_comes_at_the_odometer_of_its_day(seeded):
    """What the trips up to that day make it, and the next one further on."""
    until = "SELECT TOTAL(distanciaRecorrida) FROM routes r WHERE r.vehicle = v._id AND r.fecha <= m.fecha"
    services = rows(
        seeded,
        f"SELECT kilometraje, proximoServicioKm, kilometrajeInicial + ({until}) AS driven"
        " FROM maintenance m JOIN vehicles v ON v._id = m.vehicle",
    )

    assert [s["kilometraje"] for s in services] == pytest.approx([s["driven"] for s in services], abs=0.51)
    assert all(s["proximoServicioKm"] is None or s["proximoServicioKm"] > s["kilometraje"] for s in services)


def test_each_vehicle_has_services_of_its_own(seeded):
    services = rows(seeded, "SELECT DISTINCT vehicleAlias, descripcion, costo, proveedor FROM maintenance")
    days = rows(seeded, "SELECT DISTINCT vehicleAlias, fecha FROM maintenance")
    workshops = {(row["vehicleAlias"], row["proveedor"]) for row in services}

    assert len({(row["descripcion"], row["costo"]) for row in services}) == len(services)
    assert len({row["fecha"] for row in days}) == len(days)
    assert len({workshop for _, workshop in workshops}) == len(workshops)


def test_the_motorcycle_is_not_kept_like_a_car(seeded):
    """One hundred and fifty cubic centimetres: small bills, and no wheels to rotate or align."""
    kinds = {row["tipo"] for row in rows(seeded, "SELECT tipo FROM maintenance WHERE vehicleAlias = 'MOTO'")}
    dearest = by_alias(seeded, "SELECT vehicleAlias, MAX(costo) AS costo FROM maintenance GROUP BY 1")
    insurance = rows(seeded, "SELECT DISTINCT monto FROM expenses WHERE categoria = 'Seguro'")

    assert kinds.isdisjoint({"Rotación de llantas", "Alineación", "Batería"})
    assert dearest["MOTO"]["costo"] < 500 < dearest["PICANTO"]["costo"] < dearest["PICKUP"]["costo"]
    assert len(insurance) == 4


def test_the_api_would_have_taken_the_records(seeded):
    kinds = {row["tipo"] for row in rows(seeded, "SELECT tipo FROM maintenance")}
    expenses = rows(seeded, "SELECT categoria, frecuenciaRecurrencia AS every FROM expenses")

    assert kinds <= set(SERVICES)
    assert {row["categoria"] for row in expenses} <= set(CATEGORIES)
    assert {row["every"] for row in expenses} == {None, *FREQUENCIES}

"""The odometer follows the routes: exactly, and under any number of requests at once."""

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import start
from tests.sandbox.conftest import CHEAP_HASH


@pytest.fixture
def pickup(writer):
    """A second vehicle, with 500 km on its odometer."""
    return writer.add("vehicles", alias="PICKUP", marca="Toyota", modelo=2021, kilometrajeInicial=500)


def total(caller, alias):
    return caller.data(f"vehicles/{alias}")["kilometrajeTotal"]


def test_a_route_drives_the_odometer(writer, corolla):
    route = writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=60)
    driven = total(writer, "COROLLA")
    writer.send("PUT", f"routes/{route['_id']}", {"distanciaRecorrida": 100})
    corrected = total(writer, "COROLLA")
    writer.send("DELETE", f"routes/{route['_id']}")

    assert (driven, corrected, total(writer, "COROLLA")) == (1060, 1100, 1000)


@pytest.mark.parametrize(("changes", "km"), [({}, 560), ({"distanciaRecorrida": 25}, 525)])
def test_a_route_that_moves_takes_its_distance_along(writer, corolla, pickup, changes, km):
    route = writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=60)

    writer.send("PUT", f"routes/{route['_id']}", {"vehicleAlias": "pickup", **changes})

    assert (total(writer, "COROLLA"), total(writer, "PICKUP")) == (1000, km)


def test_a_change_that_fails_leaves_the_odometer(writer, corolla, pickup):
    route = writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=60)

    refused = writer.send(
        "PUT", f"routes/{route['_id']}", {"vehicleAlias": "PICKUP", "distanciaRecorrida": 5, "fecha": "2025-W10"}
    )

    assert refused.status_code == 400
    assert (total(writer, "COROLLA"), total(writer, "PICKUP")) == (1060, 500)


def test_a_month_of_routes_at_once_is_counted_exactly(writer, corolla):
    """The page for new routes sends one request per day of a range, all together."""

    def post(day: int) -> int:
        fields: dict[str, Any] = {"vehicleAlias": "COROLLA", "distanciaRecorrida": 10.5, "fecha": f"2026-05-{day:02d}"}
        return requests.post(f"{writer.url}/api/routes", json=fields, headers=headers, timeout=20).status_code

    headers = {"Authorization": str(writer.session.headers["Authorization"])}
    with ThreadPoolExecutor(31) as pool:
        statuses = list(pool.map(post, range(1, 32)))

    assert statuses == [201] * 31
    assert total(writer, "COROLLA") == 1000 + 31 * 10.5


def serve(database: Path, pipe: Connection) -> None:
    """Run a second sandbox, in a process of its own, until told to stop."""
    with start(database, hash_method=CHEAP_HASH) as second:
        pipe.send(second.url)
        pipe.recv()


def test_two_processes_on_one_database_count_together(tmp_path):
    database = tmp_path / "shared.sqlite3"
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(database, there))
    process.start()

    with start(database, hash_method=CHEAP_HASH) as first, requests.Session() as session:
        second_url = here.recv()
        account = {"email": "demo@kilometracker.test", "password": "Kilometros123"}
        token = session.post(f"{first.url}/api/auth/login", json=account).json()["data"]["token"]
        headers = {"Authorization": f"Bearer {token}"}

        def read() -> float:
            reply = session.get(f"{first.url}/api/vehicles/MOTO", headers=headers).json()
            return float(reply["data"]["kilometrajeTotal"])

        def post(url: str) -> int:
            fields: dict[str, Any] = {"vehicleAlias": "MOTO", "distanciaRecorrida": 8}
            return requests.post(f"{url}/api/routes", json=fields, headers=headers, timeout=20).status_code

        before = read()
        with ThreadPoolExecutor(20) as pool:
            statuses = list(pool.map(post, [first.url, second_url] * 10))
        after = read()
        here.send("stop")
    process.join()

    assert statuses == [201] * 20
    assert after - before == pytest.approx(160)


@pytest.mark.parametrize(("off_by", "left"), [(7, 0), (-7, 0), (0.02, 0), (0.005, 0.005), (-0.005, -0.005)])
def test_the_start_puts_a_wrong_odometer_right(tmp_path, off_by, left):
    """After a new `kilometrajeInicial`, say; a difference below 0.01 is rounding, and stays."""
    database = tmp_path / "sandbox.sqlite3"
    start(database, hash_method=CHEAP_HASH).stop()
    with closing(sqlite3.connect(database)) as connection:
        right = dict(connection.execute("SELECT alias, kilometrajeTotal FROM vehicles"))
        connection.execute(
            "UPDATE vehicles SET kilometrajeTotal = kilometrajeTotal + ? WHERE alias = 'MOTO'", (off_by,)
        )
        connection.commit()

        start(database, hash_method=CHEAP_HASH).stop()

        found = dict(connection.execute("SELECT alias, kilometrajeTotal FROM vehicles"))
        assert found == pytest.approx({**right, "MOTO": right["MOTO"] + left}, abs=1e-6)

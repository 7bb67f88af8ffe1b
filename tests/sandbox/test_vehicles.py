"""Vehicles: their aliases, their fields, their life."""

import http.client
import json
from contextlib import closing

import pytest

CAR = {"marca": "Toyota", "modelo": 2020}


@pytest.mark.parametrize(
    ("alias", "stored", "path"),
    [
        ("ñandú é", "ÑANDÚ É", "%C3%B1and%C3%BA%20%C3%A9"),
        (" np ", "NP", "%20np%20"),
        ("A/B", "A/B", "A%2FB"),
        ("50%", "50%", "50%25"),
        ("Q?X#Y", "Q?X#Y", "Q%3FX%23Y"),
        ("straße", "STRASSE", "straße"),
        ("🚗" * 20, "🚗" * 20, "🚗" * 20),
        ("stats", "STATS", "Stats"),
    ],
)
def test_an_alias_is_one_segment_whatever_it_holds(writer, alias, stored, path):
    writer.add("vehicles", alias=alias, **CAR)

    assert writer.data(f"vehicles/{path}")["alias"] == stored


@pytest.mark.parametrize("alias", [".", ".."])
def test_dots_are_an_alias(writer, alias):
    assert writer.add("vehicles", alias=alias, **CAR)["alias"] == alias


def test_an_alias_in_two_segments_is_unknown(writer):
    response = writer.send("GET", "vehicles/A/B")

    assert (response.status_code, response.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("path", ["50%", "%zz", "%FF"])
def test_a_broken_escape_is_refused(anonymous, writer, path):
    """Sent by hand: every client would mend it first."""
    host, _, port = writer.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    token = str(writer.session.headers["Authorization"])

    with closing(connection):
        connection.request("GET", f"/api/vehicles/{path}", headers={"Authorization": token})
        response = connection.getresponse()
        error = json.load(response)["error"]

    assert (response.status, error) == (400, f"Failed to decode param '{path}'")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"alias": ""}, "El alias es requerido"),
        ({"alias": "A" * 21}, "El alias no puede exceder 20 caracteres"),
        ({"marca": "x" * 51}, "La marca no puede exceder 50 caracteres"),
        ({"modelo": 1899}, "El año debe estar entre 1900 y 2027"),
        ({"modelo": 2028}, "El año debe estar entre 1900 y 2027"),
        ({"modelo": 2020.5}, "El año debe estar entre 1900 y 2027"),
        ({"modelo": None}, "El modelo es requerido, El año debe estar entre 1900 y 2027"),
        ({"kilometrajeInicial": -1}, "El kilometraje inicial debe ser mayor o igual a 0"),
        ({"kilometrajeInicial": None}, "El kilometraje inicial debe ser mayor o igual a 0"),
        (
            {"isActive": None},
            'Vehicle validation failed: isActive: Cast to Boolean failed for value "" (type object) at path "isActive"',
        ),
        ({"kilometrajeInicial": "12,5"}, "El kilometraje inicial debe ser mayor o igual a 0"),
        (
            {"isActive": "quizás"},
            "Vehicle validation failed: isActive: "
            'Cast to Boolean failed for value "quizás" (type string) at path "isActive"',
        ),
    ],
)
def test_a_vehicle_that_breaks_a_rule_is_refused(writer, fields, error):
    response = writer.send("POST", "vehicles", {"alias": "A", **CAR, **fields})

    assert (response.status_code, response.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({}, {"plates": None, "kilometrajeInicial": 0, "kilometrajeTotal": 0, "isActive": True, "__v": 0}),
        ({"kilometrajeInicial": "12.5"}, {"kilometrajeInicial": 12.5, "kilometrajeTotal": 12.5}),
        ({"modelo": 2027}, {"modelo": 2027}),
        ({"modelo": "2020"}, {"modelo": 2020}),
        ({"plates": " p-1ab "}, {"plates": "P-1AB"}),
        ({"plates": None}, {"plates": ""}),
        ({"isActive": "no"}, {"isActive": False}),
        ({"kilometrajeTotal": 9, "_id": "x", "color": "rojo"}, {"kilometrajeTotal": 0}),
    ],
)
def test_a_vehicle_is_stored_with_its_defaults(writer, fields, stored):
    vehicle = writer.add("vehicles", alias="A", **{**CAR, **fields})

    assert {name: vehicle[name] for name in stored} == stored
    assert len(vehicle["_id"]) == 24
    assert "color" not in vehicle


def test_an_alias_is_taken_for_everyone(writer, admin, corolla):
    refusals = [caller.send("POST", "vehicles", {"alias": "Corolla", **CAR}) for caller in (writer, admin)]

    text = 'E11000 duplicate key error collection: kilometracker.vehicles index: alias_1 dup key: { alias: "COROLLA" }'
    assert [(refusal.status_code, refusal.json()["error"]) for refusal in refusals] == [(400, text), (400, text)]


def test_a_new_alias_leaves_the_copies_in_the_records(writer, corolla):
    route = writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=1)

    writer.send("PUT", "vehicles/COROLLA", {"alias": "nuevo"})

    renamed = writer.data(f"routes/{route['_id']}")
    assert (renamed["vehicleAlias"], renamed["vehicle"]["alias"]) == ("COROLLA", "NUEVO")


def test_a_new_start_of_the_odometer_counts_from_the_next_start_of_the_backend(writer, corolla):
    changed = writer.send("PUT", "vehicles/COROLLA", {"kilometrajeInicial": 2000}).json()["data"]

    assert (changed["kilometrajeInicial"], changed["kilometrajeTotal"]) == (2000, 1000)


@pytest.mark.parametrize("field", ["alias", "marca"])
def test_the_model_refuses_what_the_validation_lets_through(writer, corolla, field):
    response = writer.send("PUT", "vehicles/COROLLA", {field: " "})

    assert response.status_code == 400
    assert response.json()["error"].startswith(f"Vehicle validation failed: {field}: ")


def test_an_update_that_changes_nothing_leaves_its_time(writer, corolla, clock):
    clock.advance(hours=1)

    same = writer.send("PUT", "vehicles/COROLLA", {"marca": "Toyota"}).json()["data"]
    other = writer.send("PUT", "vehicles/COROLLA", {"marca": "Kia"}).json()["data"]

    assert (same["updatedAt"], other["updatedAt"]) == ("2026-05-15T10:30:00.000Z", "2026-05-15T11:30:00.000Z")


def test_deleting_deactivates_and_may_be_repeated(writer, corolla):
    first, second = (writer.send("DELETE", "vehicles/corolla") for _ in range(2))
    back = writer.send("PATCH", "vehicles/corolla/reactivate")

    assert [first.status_code, second.status_code, back.status_code] == [200, 200, 200]
    assert first.json()["message"] == "Vehículo desactivado correctamente"
    assert (second.json()["data"]["isActive"], back.json()["data"]["isActive"]) == (False, True)


def test_only_the_fuel_analysis_needs_an_active_vehicle(writer, corolla):
    writer.send("DELETE", "vehicles/COROLLA")

    paths = ("", "/stats", "/analytics", "/fuel-efficiency")
    assert [writer.send("GET", f"vehicles/COROLLA{path}").status_code for path in paths] == [200] * 4
    assert writer.send("GET", "refuels/vehicle/COROLLA/analysis").status_code == 404


def test_a_foreign_vehicle_is_unknown(admin, corolla):
    response = admin.send("GET", "vehicles/COROLLA")

    assert (response.status_code, response.json()["error"]) == (404, "Vehículo no encontrado")


def test_vehicles_come_newest_first_and_ten_at_a_time(writer, clock):
    [writer.add("vehicles", alias=f"V{number}", **CAR) for number in range(11)]

    listed = writer.get("vehicles")

    assert [vehicle["alias"] for vehicle in listed["data"]][:2] == ["V10", "V9"]
    assert (listed["count"], listed["pagination"]["total"]) == (10, 11)


@pytest.mark.parametrize(
    ("query", "found"), [("", 2), ("?isActive=true", 1), ("?isActive=false", 1), ("?isActive=", 1)]
)
def test_is_active_narrows_the_list(writer, corolla, query, found):
    writer.add("vehicles", alias="VIEJO", isActive=False, **CAR)

    assert writer.get(f"vehicles{query}")["count"] == found

"""What routes, refuels, maintenance and expenses accept, keep and show."""

import pytest

ROUTE = {"vehicleAlias": "corolla", "distanciaRecorrida": 10}
REFUEL = {"vehicleAlias": "corolla", "tipoCombustible": "Regular", "cantidadGastada": 250}
SERVICE = {"vehicleAlias": "corolla", "tipo": "Frenos", "descripcion": "Pastillas", "costo": 600, "kilometraje": 1000}
EXPENSE = {"vehicleAlias": "corolla", "categoria": "Seguro", "monto": 400, "descripcion": "Cuota"}
KINDS = [("routes", ROUTE), ("refuels", REFUEL), ("maintenance", SERVICE), ("expenses", EXPENSE)]
DELETED = {
    "routes": "Ruta eliminada correctamente",
    "refuels": "Reabastecimiento eliminado correctamente",
    "maintenance": "Mantenimiento eliminado correctamente",
    "expenses": "Gasto eliminado correctamente",
}
UNKNOWN = {
    "routes": "Ruta no encontrada",
    "refuels": "Reabastecimiento no encontrado",
    "maintenance": "Mantenimiento no encontrado",
    "expenses": "Gasto no encontrado",
}
pytestmark = pytest.mark.usefixtures("corolla")


@pytest.mark.parametrize(("path", "fields"), KINDS)
def test_a_record_is_created_shown_changed_and_deleted(writer, corolla, path, fields):
    created = writer.add(path, **fields)
    one = f"{path}/{created['_id'].upper()}"
    shown = writer.data(one)
    changed = writer.send("PUT", one, {"fecha": "2026-01-02", "owner": "x", "vehicle": "y"}).json()["data"]
    first, second = (writer.send("DELETE", one) for _ in range(2))

    assert (created["vehicleAlias"], created["vehicle"]) == ("COROLLA", corolla["_id"])
    assert created["fecha"] == "2026-05-15T10:30:00.000Z"
    named = {"_id": corolla["_id"], "alias": "COROLLA", "marca": "Toyota", "modelo": 2020}
    assert shown == {**created, "vehicle": named}
    assert changed == {**created, "fecha": "2026-01-02T00:00:00.000Z"}
    assert first.json() == {"success": True, "message": DELETED[path]}
    assert (second.status_code, second.json()["error"]) == (404, UNKNOWN[path])


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_id_is_checked_before_it_is_looked_up(writer, path):
    malformed = writer.send("GET", f"{path}/..%2F..%2Fauth%2Fusers")
    missing = writer.send("GET", f"{path}/{'0' * 24}")

    assert (malformed.status_code, malformed.json()["error"]) == (400, "ID inválido")
    assert malformed.json()["details"][0]["location"] == "params"
    assert (missing.status_code, missing.json()["error"]) == (404, UNKNOWN[path])


@pytest.mark.parametrize(("path", "fields"), KINDS)
def test_a_foreign_record_is_unknown(writer, admin, path, fields):
    theirs = f"{path}/{writer.add(path, **fields)['_id']}"

    assert [admin.send(method, theirs, {}).status_code for method in ("GET", "PUT", "DELETE")] == [404, 404, 404]


@pytest.mark.parametrize("path", UNKNOWN)
def test_a_reader_may_not_write_whatever_they_send(reader, path):
    """403 comes before the body and the id are looked at."""
    refusals = [reader.send("POST", path, {}), reader.send("PUT", f"{path}/x", {}), reader.send("DELETE", f"{path}/x")]

    assert [refusal.status_code for refusal in refusals] == [403, 403, 403]
    assert refusals[0].json()["error"] == "El rol read no tiene permisos para esta acción"


@pytest.mark.parametrize(("path", "fields"), KINDS)
def test_an_inactive_vehicle_gets_no_new_records_but_keeps_the_old(writer, path, fields):
    record = writer.add(path, **fields)
    writer.send("DELETE", "vehicles/COROLLA")

    refused = writer.send("POST", path, fields)
    changed = writer.send("PUT", f"{path}/{record['_id']}", {"vehicleAlias": "COROLLA", "fecha": "2026-01-02"})
    deletion = writer.send("DELETE", f"{path}/{record['_id']}")

    assert (refused.status_code, refused.json()["error"]) == (404, "Vehículo no encontrado")
    assert (changed.status_code, deletion.status_code) == (200, 200)


@pytest.mark.parametrize(("path", "fields"), KINDS)
def test_a_record_does_not_move_to_a_vehicle_that_is_not_there(writer, path, fields):
    record = writer.add(path, **fields)

    response = writer.send("PUT", f"{path}/{record['_id']}", {"vehicleAlias": "OTRO"})

    assert (response.status_code, response.json()["error"]) == (404, "Nuevo vehículo no encontrado")


@pytest.mark.parametrize(
    ("path", "fields", "stored"),
    [
        ("routes", {**ROUTE, "distanciaRecorrida": 0.1}, {"distanciaRecorrida": 0.1, "notasAdicionales": ""}),
        ("routes", {**ROUTE, "notasAdicionales": None}, {"notasAdicionales": ""}),
        ("routes", {**ROUTE, "notasAdicionales": " 12 "}, {"notasAdicionales": "12"}),
        ("routes", {**ROUTE, "fecha": "2025-02-30"}, {"fecha": "2025-03-02T00:00:00.000Z"}),
        ("routes", {**ROUTE, "fecha": "2026-11-05T10:20:30-06:00"}, {"fecha": "2026-11-05T16:20:30.000Z"}),
        ("refuels", {**REFUEL, "cantidadGastada": 0}, {"cantidadGastada": 0, "precioPorGalon": None}),
        ("refuels", {**REFUEL, "galones": 8}, {"galones": 8, "precioPorGalon": "31.25"}),
        ("refuels", {**REFUEL, "galones": 0}, {"galones": None, "precioPorGalon": None}),
        ("refuels", {**REFUEL, "galones": None}, {"galones": None}),
        ("refuels", {**REFUEL, "notasAdicionales": "x"}, {"galones": None}),
        ("maintenance", {**SERVICE, "costo": 0, "kilometraje": 0}, {"costo": 0, "kilometraje": 0, "notas": ""}),
        ("maintenance", {**SERVICE, "proximoServicioKm": 0}, {"proximoServicioKm": None}),
        ("maintenance", {**SERVICE, "proximoServicioFecha": None}, {"proximoServicioFecha": None, "proveedor": ""}),
        ("expenses", {**EXPENSE, "monto": 0}, {"monto": 0, "esRecurrente": False, "esDeducibleImpuestos": False}),
        ("expenses", {**EXPENSE, "esRecurrente": "true"}, {"esRecurrente": True, "frecuenciaRecurrencia": None}),
        ("expenses", {**EXPENSE, "frecuenciaRecurrencia": "Anual", "proximoPago": None}, {"proximoPago": None}),
    ],
)
def test_what_is_created_is_stored_as_its_model_says(writer, path, fields, stored):
    record = writer.add(path, **fields)

    assert {name: record[name] for name in stored} == stored


@pytest.mark.parametrize(
    ("path", "fields", "error"),
    [
        (
            "routes",
            {},
            "El alias del vehículo es requerido, La distancia recorrida es requerida, La distancia debe ser mayor a 0",
        ),
        ("routes", {**ROUTE, "distanciaRecorrida": 0}, "La distancia debe ser mayor a 0"),
        ("routes", {**ROUTE, "distanciaRecorrida": 0.05}, "La distancia debe ser mayor a 0"),
        ("routes", {**ROUTE, "distanciaRecorrida": -5}, "La distancia debe ser mayor a 0"),
        ("routes", {**ROUTE, "distanciaRecorrida": "abc"}, "La distancia debe ser mayor a 0"),
        ("routes", {**ROUTE, "fecha": "11/05/2026"}, "Fecha inválida"),
        ("routes", {**ROUTE, "fecha": ""}, "Fecha inválida"),
        ("routes", {**ROUTE, "fecha": None}, "Fecha inválida"),
        ("routes", {**ROUTE, "notasAdicionales": "x" * 501}, "Las notas no pueden exceder 500 caracteres"),
        (
            "routes",
            {**ROUTE, "fecha": "2025-W10"},
            'Route validation failed: fecha: Cast to date failed for value "2025-W10" (type string) at path "fecha"',
        ),
        ("refuels", {**REFUEL, "tipoCombustible": "regular"}, "Tipo de combustible inválido"),
        ("refuels", {**REFUEL, "cantidadGastada": -1}, "La cantidad gastada debe ser mayor o igual a 0"),
        ("refuels", {**REFUEL, "galones": ""}, "Los galones deben ser mayores o iguales a 0"),
        ("refuels", {**REFUEL, "galones": -1}, "Los galones deben ser mayores o iguales a 0"),
        ("maintenance", {**SERVICE, "costo": -1}, "El costo debe ser mayor o igual a 0"),
        ("maintenance", {**SERVICE, "proximoServicioFecha": ""}, "Fecha de próximo servicio inválida"),
        ("expenses", {**EXPENSE, "monto": -1}, "El monto debe ser mayor o igual a 0"),
        ("expenses", {**EXPENSE, "frecuenciaRecurrencia": ""}, "Frecuencia de recurrencia inválida"),
        ("expenses", {**EXPENSE, "proximoPago": ""}, "Fecha de próximo pago inválida"),
        ("expenses", {**EXPENSE, "esRecurrente": None}, "esRecurrente debe ser verdadero o falso"),
    ],
)
def test_what_breaks_a_rule_is_refused(writer, path, fields, error):
    response = writer.send("POST", path, fields)

    assert (response.status_code, response.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("path", "fields", "changes", "stored"),
    [
        ("refuels", REFUEL, {"cantidadGastada": 0, "vehicleAlias": ""}, {"cantidadGastada": 250}),
        ("refuels", {**REFUEL, "galones": 8}, {"galones": 0}, {"galones": 0, "precioPorGalon": None}),
        ("refuels", {**REFUEL, "galones": 8}, {"galones": None}, {"galones": None}),
        ("maintenance", SERVICE, {"costo": 0, "proximoServicioKm": 0}, {"costo": 0, "proximoServicioKm": 0}),
        ("maintenance", {**SERVICE, "proveedor": "X"}, {"proveedor": "", "vehicleAlias": ""}, {"proveedor": ""}),
        ("expenses", {**EXPENSE, "esRecurrente": True}, {"esRecurrente": 0, "monto": 0}, {"esRecurrente": False}),
        ("expenses", {**EXPENSE, "proximoPago": "2026-06-01"}, {"proximoPago": None}, {"proximoPago": None}),
    ],
)
def test_a_change_stores_what_counts_as_one(writer, path, fields, changes, stored):
    """Zero, the empty text and null are a value in some fields, and mean nothing in others."""
    record = writer.add(path, **fields)

    changed = writer.send("PUT", f"{path}/{record['_id']}", changes).json()["data"]

    assert {name: changed[name] for name in stored} == stored


@pytest.mark.parametrize(
    ("path", "fields", "changes"),
    [
        ("routes", ROUTE, {"vehicleAlias": ""}),
        ("routes", ROUTE, {"distanciaRecorrida": None}),
        ("refuels", REFUEL, {"tipoCombustible": ""}),
        ("refuels", REFUEL, {"tipoCombustible": None}),
        ("refuels", REFUEL, {"tipoCombustible": 0}),
        ("refuels", REFUEL, {"cantidadGastada": None}),
        ("maintenance", SERVICE, {"descripcion": ""}),
        ("maintenance", SERVICE, {"costo": None}),
        ("expenses", EXPENSE, {"frecuenciaRecurrencia": ""}),
        ("expenses", EXPENSE, {"esDeducibleImpuestos": None}),
    ],
)
def test_a_change_that_breaks_a_rule_is_refused(writer, path, fields, changes):
    record = writer.add(path, **fields)

    assert writer.send("PUT", f"{path}/{record['_id']}", changes).status_code == 400


def test_a_refuel_has_an_id_when_it_is_alone(writer):
    refuel = writer.add("refuels", **REFUEL)

    assert refuel["id"] == writer.data(f"refuels/{refuel['_id']}")["id"] == refuel["_id"]
    assert "id" not in writer.data("refuels")[0]
    assert "precioPorGalon" in writer.data("refuels")[0]

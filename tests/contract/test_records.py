"""Rows 21, 22 and 24 to 30: records, whose they are and what they may hold."""

import pytest

from tests.contract.accounts import Account, Accounts, record

KINDS = ("routes", "refuels", "maintenance", "expenses")
UNKNOWN_ID = "0123456789abcdef01234567"


@pytest.fixture(scope="session")
def owner(accounts: Accounts) -> Account:
    """The owner of ACTIVO and of DORMIDO, which is inactive; AJENO belongs to somebody else."""
    owner = accounts.register()
    owner.add_vehicle("ACTIVO")
    owner.add_vehicle("DORMIDO")
    owner.browser.delete("/api/vehicles/DORMIDO")
    accounts.register().add_vehicle("AJENO")
    return owner


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alias", ["DORMIDO", "NADIE", "AJENO"])
def test_row_21_a_new_record_wants_an_own_active_vehicle(owner: Account, kind: str, alias: str) -> None:
    """Inactive, unknown or somebody else's: the answer is the same, and tells nothing."""
    refused = owner.browser.post(f"/api/{kind}", json=record(kind, alias))

    assert (refused.status, refused.error) == (404, "Vehículo no encontrado")


@pytest.mark.parametrize("kind", KINDS)
def test_row_22_the_records_of_an_inactive_vehicle_can_be_changed(driver: Account, kind: str) -> None:
    """And deleted."""
    driver.add_vehicle(f"JUBILADO {kind}")
    path = f"/api/{kind}/{driver.add(kind, f'JUBILADO {kind}')['_id']}"
    driver.browser.delete(f"/api/vehicles/JUBILADO%20{kind}")

    changed = driver.browser.put(path, json={"fecha": "2098-10-01"})
    deleted = driver.browser.delete(path)

    assert (changed.status, changed.data["fecha"]) == (200, "2098-10-01T00:00:00.000Z")
    assert deleted.status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_row_24_the_record_of_another_user_is_not_found(
    owner: Account, neighbour: Account, admin: Account, kind: str
) -> None:
    """Not even by an admin; a 403 would tell that it exists."""
    path = f"/api/{kind}/{owner.add(kind, 'ACTIVO')['_id']}"

    for_neighbour = neighbour.browser.get(path)
    for_admin = admin.browser.delete(path)
    for_owner = owner.browser.get(path)

    assert (for_neighbour.status, for_admin.status, for_owner.status) == (404, 404, 200)


@pytest.mark.parametrize("kind", KINDS)
def test_row_25_an_id_is_24_hex_digits_in_any_case(owner: Account, kind: str) -> None:
    """What cannot be one is told apart from what is not there."""
    own_id = owner.add(kind, "ACTIVO")["_id"]

    malformed = owner.browser.get(f"/api/{kind}/xyz")
    unknown = owner.browser.get(f"/api/{kind}/{UNKNOWN_ID}")
    own = owner.browser.get(f"/api/{kind}/{own_id.upper()}")

    assert (malformed.status, malformed.error) == (400, "ID inválido")
    assert unknown.status == 404
    assert (own.status, own.data["_id"]) == (200, own_id)


@pytest.mark.parametrize("distance", [0, 0.05, -5, "abc"])
def test_row_26_a_distance_below_a_tenth_is_refused_by_the_backend(owner: Account, distance: object) -> None:
    """Zero is there, so the BFF lets the backend judge it."""
    refused = owner.browser.post("/api/routes", json=record("routes", "ACTIVO", distanciaRecorrida=distance))

    assert refused.status == 400
    assert "La distancia debe ser mayor a 0" in refused.error


def test_row_26_a_tenth_is_a_distance(owner: Account) -> None:
    """The smallest one."""
    created = owner.browser.post("/api/routes", json=record("routes", "ACTIVO", distanciaRecorrida=0.1))

    assert (created.status, created.data["distanciaRecorrida"]) == (201, 0.1)


def test_row_26_a_distance_of_null_is_missing(owner: Account) -> None:
    """So the BFF refuses it by itself."""
    route = record("routes", "ACTIVO", distanciaRecorrida=None)

    refused = owner.browser.post("/api/routes", json=route)
    at_sandbox = owner.direct.post("/api/routes", json=route)

    assert (refused.status, refused.error, refused.code) == (400, "Faltan campos requeridos", "bad_request")
    assert at_sandbox.status == 400


@pytest.mark.parametrize(
    ("kind", "field"), [("expenses", "monto"), ("refuels", "cantidadGastada"), ("maintenance", "costo")]
)
def test_row_27_an_amount_may_be_zero(owner: Account, kind: str, field: str) -> None:
    """Zero is not missing, though JavaScript takes both for false."""
    created = owner.browser.post(f"/api/{kind}", json=record(kind, "ACTIVO", **{field: 0}))

    assert (created.status, created.data[field]) == (201, 0)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("expenses", "monto"),
        ("refuels", "cantidadGastada"),
        ("maintenance", "costo"),
        ("maintenance", "kilometraje"),
        ("maintenance", "proximoServicioKm"),
    ],
)
def test_row_28_an_amount_cannot_be_negative(owner: Account, kind: str, field: str) -> None:
    """The backend says so, in its own words."""
    refused = owner.browser.post(f"/api/{kind}", json=record(kind, "ACTIVO", **{field: -1}))

    assert refused.status == 400
    assert refused.code is None
    assert refused.error.endswith("debe ser mayor o igual a 0")


@pytest.mark.parametrize("gallons", [0, None])
def test_row_29_no_gallons_are_stored_as_null(owner: Account, gallons: object) -> None:
    """The page sends 0 for a field left blank."""
    created = owner.browser.post("/api/refuels", json=record("refuels", "ACTIVO", galones=gallons))

    assert (created.status, created.data["galones"], created.data["precioPorGalon"]) == (201, None, None)


@pytest.mark.parametrize("gallons", ["", -1])
def test_row_29_gallons_are_a_number_that_is_not_negative(owner: Account, gallons: object) -> None:
    """A blank text is none."""
    refused = owner.browser.post("/api/refuels", json=record("refuels", "ACTIVO", galones=gallons))

    assert refused.status == 400
    assert refused.code is None


def test_row_30_a_refuel_keeps_its_amount_when_told_zero(owner: Account) -> None:
    """The original ignores what JavaScript takes for false."""
    refuel = owner.add("refuels", "ACTIVO", cantidadGastada=250)

    changed = owner.browser.put(f"/api/refuels/{refuel['_id']}", json={"cantidadGastada": 0})

    assert (changed.status, changed.data["cantidadGastada"]) == (200, 250)


def test_row_30_a_refuel_takes_zero_gallons(owner: Account) -> None:
    """Here zero is stored, and there is no price by the gallon any more."""
    refuel = owner.add("refuels", "ACTIVO", galones=10)

    changed = owner.browser.put(f"/api/refuels/{refuel['_id']}", json={"galones": 0})

    assert refuel["precioPorGalon"] == "10.00"
    assert (changed.status, changed.data["galones"], changed.data["precioPorGalon"]) == (200, 0, None)

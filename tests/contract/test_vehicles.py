"""Rows 12 to 20: vehicles, created, changed and put away."""

import pytest

from tests.contract.accounts import Account, Accounts, vehicle


@pytest.mark.parametrize(("taken", "alias"), [("DOBLE 1", "DOBLE 1"), ("doble 2", "Doble 2 "), ("DOBLE Ñ", "doble ñ")])
def test_row_12_an_alias_is_taken_for_everyone(driver: Account, neighbour: Account, taken: str, alias: str) -> None:
    """In any case of its letters. The database's own words, with the names of its indexes, stop at the BFF."""
    driver.add_vehicle(taken)

    own = driver.browser.post("/api/vehicles", json=vehicle(alias))
    foreign = neighbour.browser.post("/api/vehicles", json=vehicle(alias))
    at_sandbox = neighbour.direct.post("/api/vehicles", json=vehicle(alias))

    assert (own.status, own.error) == (400, "El alias ya existe")
    assert (foreign.status, foreign.error) == (400, "El alias ya existe")
    assert at_sandbox.status == 400
    assert at_sandbox.error.startswith("E11000 duplicate key error collection: ")
    assert at_sandbox.error.endswith('.vehicles index: alias_1 dup key: { alias: "' + taken.upper() + '" }')


def test_row_13_the_bff_alone_demands_plates(driver: Account) -> None:
    """The form does; the backend has them optional."""
    without_plates = {"alias": "SIN PLACAS", "marca": "Toyota", "modelo": 2020}

    refused = driver.browser.post("/api/vehicles", json=without_plates)
    at_sandbox = driver.direct.post("/api/vehicles", json=without_plates)

    assert (refused.status, refused.error, refused.code) == (400, "Faltan campos requeridos", "bad_request")
    assert (at_sandbox.status, at_sandbox.data["plates"]) == (201, None)


@pytest.mark.parametrize("modelo", [1899, 2100, 2020.5])
def test_row_14_a_model_year_is_whole_and_at_most_next_year(driver: Account, modelo: float) -> None:
    """The sandbox's clock stands in 2098."""
    refused = driver.browser.post("/api/vehicles", json=vehicle("MODELO", modelo=modelo))

    assert (refused.status, refused.error) == (400, "El año debe estar entre 1900 y 2099")


@pytest.mark.parametrize(("alias", "modelo", "stored"), [("DEL OTRO AÑO", 2099, 2099), ("EN LETRAS", "2020", 2020)])
def test_row_14_a_model_year_may_be_next_year_or_a_text(
    driver: Account, alias: str, modelo: object, stored: int
) -> None:
    """A text that spells a number is stored as the number."""
    created = driver.browser.post("/api/vehicles", json=vehicle(alias, modelo=modelo))

    assert (created.status, created.data["modelo"]) == (201, stored)


@pytest.mark.parametrize("km", [-1, None, "12,5"])
def test_row_15_an_odometer_cannot_start_below_zero_or_at_no_number(driver: Account, km: object) -> None:
    """Null is refused; absent is not."""
    refused = driver.browser.post("/api/vehicles", json=vehicle("KM", kilometrajeInicial=km))

    assert refused.status == 400
    assert refused.code is None


@pytest.mark.parametrize(
    ("alias", "fields", "stored"), [("KM EN LETRAS", {"kilometrajeInicial": "12.5"}, 12.5), ("KM AUSENTE", {}, 0)]
)
def test_row_15_an_odometer_starts_at_zero_unless_told(
    driver: Account, alias: str, fields: dict[str, object], stored: float
) -> None:
    """A text that spells a number is stored as the number."""
    created = driver.browser.post("/api/vehicles", json=vehicle(alias, **fields))

    assert (created.status, created.data["kilometrajeInicial"]) == (201, stored)
    assert created.data["kilometrajeTotal"] == stored


def test_row_16_what_the_server_keeps_itself_is_ignored(driver: Account, neighbour: Account) -> None:
    """Nobody sets an odometer by hand, or makes somebody else the owner."""
    forged = {"kilometrajeTotal": 999, "owner": neighbour.id, "color": "rojo", "kilometrajeInicial": 5}

    created = driver.browser.post("/api/vehicles", json=vehicle("FORJADO", **forged))

    assert created.status == 201
    assert (created.data["kilometrajeTotal"], created.data["owner"]) == (5, driver.id)
    assert "color" not in created.data


def test_row_17_a_new_initial_odometer_leaves_the_total(driver: Account) -> None:
    """As the original has it, until its next start."""
    driver.add_vehicle("INICIAL", kilometrajeInicial=1000)

    changed = driver.browser.put("/api/vehicles/INICIAL", json={"kilometrajeInicial": 2000})

    assert changed.status == 200
    assert (changed.data["kilometrajeInicial"], changed.data["kilometrajeTotal"]) == (2000, 1000)


def test_row_18_the_records_of_a_renamed_vehicle_keep_the_old_alias(driver: Account) -> None:
    """Lists filter by the copy, and show the vehicle's new name beside it."""
    driver.add_vehicle("VIEJO")
    driver.add("routes", "VIEJO")

    renamed = driver.browser.put("/api/vehicles/VIEJO", json={"alias": "nuevo"})
    by_old_alias = driver.browser.get("/api/routes?vehicleAlias=VIEJO")
    by_new_alias = driver.browser.get("/api/routes?vehicleAlias=NUEVO")

    assert (renamed.status, renamed.data["alias"]) == (200, "NUEVO")
    assert (by_old_alias.data[0]["vehicleAlias"], by_old_alias.data[0]["vehicle"]["alias"]) == ("VIEJO", "NUEVO")
    assert by_new_alias.data == []


def test_row_19_a_vehicle_can_be_deactivated_again(driver: Account) -> None:
    """The second time changes nothing, and is no error."""
    driver.add_vehicle("DOS VECES")

    first = driver.browser.delete("/api/vehicles/DOS%20VECES")
    second = driver.browser.delete("/api/vehicles/DOS%20VECES")

    assert (first.status, first.data["isActive"]) == (200, False)
    assert (second.status, second.data["isActive"]) == (200, False)


@pytest.fixture(scope="session")
def inactive(accounts: Accounts) -> Account:
    """The owner of INACTIVO, a vehicle that is not active any more."""
    owner = accounts.register()
    owner.add_vehicle("INACTIVO")
    owner.browser.delete("/api/vehicles/INACTIVO")
    return owner


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/vehicles/INACTIVO", 200),
        ("/api/vehicles/INACTIVO/stats", 200),
        ("/api/vehicles/INACTIVO/fuel-efficiency", 200),
        ("/api/vehicles/INACTIVO/analytics", 200),
        ("/api/refuels/vehicle/INACTIVO/analysis", 404),
    ],
)
def test_row_20_only_the_fuel_analysis_wants_an_active_vehicle(inactive: Account, path: str, status: int) -> None:
    """Everything else can be read on."""
    answer = inactive.browser.get(path)

    assert answer.status == status

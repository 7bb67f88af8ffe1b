"""Rows 34 to 38, 59 and 62: which records a list has, and which page of them."""

import pytest

from tests.contract.accounts import Account, Accounts


@pytest.fixture(scope="session")
def traveller(accounts: Accounts) -> Account:
    """Somebody with twelve trips, on the 1st to the 12th of October, each at midnight; the 5th has one at 10:20 too."""
    traveller = accounts.register()
    traveller.add_vehicle("VIAJERO")
    for day in range(1, 13):
        traveller.add("routes", "VIAJERO", fecha=f"2098-10-{day:02d}")
    traveller.add("routes", "VIAJERO", fecha="2098-10-05T10:20:00Z")
    return traveller


@pytest.mark.parametrize("path", ["routes", "refuels", "maintenance", "expenses", "expenses/summary"])
@pytest.mark.parametrize("query", ["startDate=foo", "startDate="])
def test_row_34_a_date_of_a_query_is_one(traveller: Account, path: str, query: str) -> None:
    """A blank one is none."""
    refused = traveller.browser.get(f"/api/{path}?{query}")

    assert (refused.status, refused.error) == (400, "startDate debe ser una fecha válida")


def test_row_34_nothing_lies_between_dates_in_the_wrong_order(traveller: Account) -> None:
    """It is no error either."""
    listed = traveller.browser.get("/api/routes?startDate=2098-10-12&endDate=2098-10-01")

    assert (listed.status, listed.data, listed.json["pagination"]["total"]) == (200, [], 0)


def test_row_35_a_day_as_start_and_end_has_the_records_of_its_midnight(traveller: Account) -> None:
    """Both are instants; the trip at 10:20 lies after the second."""
    listed = traveller.browser.get("/api/routes?startDate=2098-10-05&endDate=2098-10-05")

    assert [route["fecha"] for route in listed.data] == ["2098-10-05T00:00:00.000Z"]


@pytest.mark.parametrize("page", ["0", "-1", "abc"])
def test_row_36_a_page_that_makes_no_sense_is_the_first(traveller: Account, page: str) -> None:
    """Never an error."""
    listed = traveller.browser.get(f"/api/routes?page={page}")

    assert (listed.status, listed.json["pagination"]["page"], len(listed.data)) == (200, 1, 10)


def test_row_36_a_page_beyond_the_end_is_empty(traveller: Account) -> None:
    """It still knows the way back."""
    listed = traveller.browser.get("/api/routes?page=99")

    assert (listed.status, listed.data) == (200, [])
    assert listed.json["pagination"] == {
        "total": 13,
        "page": 99,
        "limit": 10,
        "totalPages": 2,
        "hasNextPage": False,
        "hasPrevPage": True,
        "nextPage": None,
        "prevPage": 98,
    }


@pytest.mark.parametrize(
    ("limit", "used", "count"),
    [
        ("1000", 10, 10),
        ("101", 10, 10),
        ("0", 10, 10),
        ("abc", 10, 10),
        ("100", 100, 13),
        ("3abc", 3, 3),
    ],
)
def test_row_37_a_limit_is_at_most_100_and_10_otherwise(traveller: Account, limit: str, used: int, count: int) -> None:
    """The number at the beginning counts, as in JavaScript's parseInt."""
    listed = traveller.browser.get(f"/api/routes?limit={limit}")

    assert (listed.status, listed.json["pagination"]["limit"], listed.json["count"]) == (200, used, count)


@pytest.mark.parametrize("path", ["vehicles", "routes", "refuels", "maintenance", "expenses"])
def test_row_38_the_lists_of_an_empty_account_are_empty(driver: Account, path: str) -> None:
    """A list all the same, with all that belongs to it."""
    listed = driver.browser.get(f"/api/{path}")

    assert (listed.status, listed.data, listed.json["count"]) == (200, [], 0)
    assert (listed.json["pagination"]["total"], listed.json["pagination"]["totalPages"]) == (0, 0)


def test_row_38_the_statistics_of_a_new_vehicle_are_zeros(driver: Account) -> None:
    """Nothing is divided by a distance that nobody drove."""
    driver.add_vehicle("SIN NADA")

    stats = driver.browser.get("/api/vehicles/SIN%20NADA/stats").data

    assert set(stats["statistics"].values()) == {0}
    assert set(stats["costs"].values()) == {0}
    assert set(stats["efficiency"].values()) == {0}


def test_row_38_the_overviews_of_an_empty_account_are_zeros(driver: Account) -> None:
    """The pages call methods of these numbers."""
    dashboard = driver.browser.get("/api/dashboard")
    summary = driver.browser.get("/api/expenses/summary")

    assert dashboard.data == {
        "summary": {"totalVehicles": 0, "totalKmAllVehicles": 0, "totalSpentLast30Days": 0, "kmThisMonth": 0},
        "vehicles": [],
        "alerts": [],
    }
    assert summary.data == {"summary": [], "totalGastos": 0, "categorias": 0}


@pytest.mark.parametrize("query", ["vehicleAlias=A&vehicleAlias=B", "startDate=2025-W10"])
def test_row_59_an_exception_of_the_backend_keeps_its_text(traveller: Account, query: str) -> None:
    """A week passes the check and is no date to the model; two aliases have no upper case."""
    failed = traveller.browser.get(f"/api/routes?{query}")
    at_sandbox = traveller.direct.get(f"/api/routes?{query}")

    assert (failed.status, at_sandbox.status) == (500, 500)
    assert failed.error == at_sandbox.error
    assert failed.code is None


def test_row_62_an_empty_flag_means_the_inactive(accounts: Accounts, admin: Account) -> None:
    """Whatever is not `true` is false."""
    gone, here = accounts.register(), accounts.register()
    admin.browser.delete(f"/api/auth/users/{gone.id}")

    listed = admin.browser.get("/api/auth/users?isActive=")

    assert listed.status == 200
    assert gone.id in [user["_id"] for user in listed.data]
    assert here.id not in [user["_id"] for user in listed.data]
    assert {user["isActive"] for user in listed.data} == {False}

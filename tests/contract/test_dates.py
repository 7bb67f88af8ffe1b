"""Rows 31 to 33 and 42 to 45: dates, and the figures that hang on them; the sandbox's clock says 5 November 2098."""

import pytest

from tests.contract.accounts import Account, record


def test_row_31_a_date_to_come_counts_as_this_month(driver: Account) -> None:
    """Neither the month nor the last thirty days have an upper end."""
    driver.add_vehicle("FUTURO")

    route = driver.browser.post("/api/routes", json=record("routes", "FUTURO", fecha="2130-01-15"))
    driver.add("expenses", "FUTURO", monto=75, fecha="2130-01-15")
    summary = driver.browser.get("/api/dashboard").data["summary"]

    assert (route.status, route.data["fecha"]) == (201, "2130-01-15T00:00:00.000Z")
    assert (summary["kmThisMonth"], summary["totalSpentLast30Days"]) == (10, 75)


def test_row_31_a_month_and_thirty_days_have_a_beginning(driver: Account) -> None:
    """The first day of the month at midnight, and this very time of day thirty days ago."""
    driver.add_vehicle("PASADO")
    driver.add("routes", "PASADO", fecha="2098-10-31", distanciaRecorrida=10)
    driver.add("routes", "PASADO", fecha="2098-11-01", distanciaRecorrida=20)
    driver.add("expenses", "PASADO", fecha="2098-10-06T16:20:29Z", monto=75)
    driver.add("expenses", "PASADO", fecha="2098-10-06T16:20:30Z", monto=80)

    summary = driver.browser.get("/api/dashboard").data["summary"]

    assert (summary["kmThisMonth"], summary["totalSpentLast30Days"]) == (20, 80)


@pytest.mark.parametrize(
    ("fecha", "stored"),
    [
        ("2025-02-30", "2025-03-02T00:00:00.000Z"),
        ("2026-11-05T10:20:30-06:00", "2026-11-05T16:20:30.000Z"),
        ("2026-11-05", "2026-11-05T00:00:00.000Z"),
    ],
)
def test_row_32_a_date_is_stored_as_an_instant_in_utc(driver: Account, fecha: str, stored: str) -> None:
    """A day that its month does not have runs on into the next."""
    driver.add_vehicle(f"D {fecha[:16]}")

    created = driver.browser.post("/api/routes", json=record("routes", f"D {fecha[:16]}", fecha=fecha))

    assert (created.status, created.data["fecha"]) == (201, stored)


@pytest.mark.parametrize("fecha", ["11/05/2026", ""])
def test_row_32_a_date_is_written_as_iso_8601(driver: Account, fecha: str) -> None:
    """Day and month in any other order could be mistaken for each other."""
    refused = driver.browser.post("/api/expenses", json=record("expenses", "NADIE", fecha=fecha))

    assert (refused.status, refused.error, refused.code) == (400, "Fecha inválida", None)


def test_row_32_a_blank_date_of_a_new_route_is_missing(driver: Account) -> None:
    """The page demands one, so the BFF does too."""
    route = record("routes", "NADIE", fecha="")

    refused = driver.browser.post("/api/routes", json=route)
    at_sandbox = driver.direct.post("/api/routes", json=route)

    assert (refused.status, refused.error, refused.code) == (400, "Faltan campos requeridos", "bad_request")
    assert (at_sandbox.status, at_sandbox.error) == (400, "Fecha inválida")


def test_row_33_the_bff_alone_demands_the_date_of_a_route(driver: Account) -> None:
    """At the backend a route without one is of now."""
    driver.add_vehicle("SIN FECHA")
    route = {"vehicleAlias": "SIN FECHA", "distanciaRecorrida": 10}

    refused = driver.browser.post("/api/routes", json=route)
    at_sandbox = driver.direct.post("/api/routes", json=route)

    assert (refused.status, refused.error, refused.code) == (400, "Faltan campos requeridos", "bad_request")
    assert (at_sandbox.status, at_sandbox.data["fecha"]) == (201, "2098-11-05T16:20:30.000Z")


@pytest.mark.parametrize(
    ("alias", "due", "count"),
    [
        ("VENCIDO", "2098-11-04", 0),
        ("PARA HOY", "2098-11-05", 0),
        ("EN 30 DÍAS", "2098-12-05", 1),
        ("EN 31 DÍAS", "2098-12-06", 0),
    ],
)
def test_row_42_a_payment_is_upcoming_for_thirty_days(driver: Account, alias: str, due: str, count: int) -> None:
    """By the time of day: what is due today was so at midnight already."""
    driver.add_vehicle(alias)
    driver.add("expenses", alias, esRecurrente=True, frecuenciaRecurrencia="Mensual", proximoPago=due)

    listed = driver.browser.get("/api/expenses/upcoming")

    assert (listed.status, listed.json["count"], len(listed.data)) == (200, count, count)


@pytest.mark.parametrize("field", ["frecuenciaRecurrencia", "proximoPago"])
def test_row_43_a_recurrence_may_be_null_but_not_blank(driver: Account, field: str) -> None:
    """The page leaves both out unless the expense recurs."""
    driver.add_vehicle(f"RE {field[:15]}")

    blank = driver.browser.post("/api/expenses", json=record("expenses", f"RE {field[:15]}", **{field: ""}))
    null = driver.browser.post("/api/expenses", json=record("expenses", f"RE {field[:15]}", **{field: None}))

    assert (blank.status, blank.code) == (400, None)
    assert (null.status, null.data[field]) == (201, None)


def test_row_44_a_service_due_by_distance_comes_first(driver: Account) -> None:
    """It has no date, and no date sorts first; the filter of the page is ignored."""
    driver.add_vehicle("TALLER")
    driver.add("maintenance", "TALLER", descripcion="por fecha", proximoServicioFecha="2098-11-06")
    driver.add("maintenance", "TALLER", descripcion="por km", proximoServicioKm=5000)

    listed = driver.browser.get("/api/maintenance/upcoming?vehicleAlias=ZZ")

    assert listed.status == 200
    assert [service["descripcion"] for service in listed.data] == ["por km", "por fecha"]


def test_row_45_an_unknown_period_is_six_months(driver: Account) -> None:
    """The page's own button for a year is one; the answer says what it shows."""
    driver.add_vehicle("UN AÑO")
    driver.add("routes", "UN AÑO", fecha="2098-05-01")
    driver.add("routes", "UN AÑO", fecha="2098-04-30")

    analytics = driver.browser.get("/api/vehicles/UN%20A%C3%91O/analytics?period=1y")

    assert (analytics.status, analytics.data["period"]) == (200, "6m")
    assert analytics.data["series"]["distancia"] == [{"period": "2098-05", "label": "May 2098", "value": 10}]

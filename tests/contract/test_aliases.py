"""Rows 1 to 11: an alias may hold nearly anything, and is one segment of a path."""

import pytest

from tests.backend import Backend
from tests.contract.accounts import Account, record, vehicle
from tests.contract.browser import Browser


def test_row_01_an_alias_is_stored_in_capitals(driver: Account) -> None:
    """Upper-casing is that of Unicode; letters outside ASCII reach the backend as they were typed."""
    created = driver.browser.post("/api/vehicles", json=vehicle("ñandú é"))

    assert (created.status, created.data["alias"]) == (201, "ÑANDÚ É")


def test_row_02_an_alias_in_a_path_is_utf_8(driver: Account) -> None:
    """Decoded once and encoded again, it is still the same alias."""
    driver.add_vehicle("ñandú é 2")

    found = driver.browser.get("/api/vehicles/%C3%B1and%C3%BA%20%C3%A9%202")

    assert (found.status, found.data["alias"]) == (200, "ÑANDÚ É 2")


def test_row_03_an_alias_is_found_in_any_case(driver: Account) -> None:
    """In the path, in the body and in the query."""
    driver.add_vehicle("ALTO")

    in_path = driver.browser.get("/api/vehicles/alto")
    in_body = driver.browser.post("/api/expenses", json=record("expenses", "Alto"))
    in_query = driver.browser.get("/api/expenses?vehicleAlias=alTO")

    assert (in_path.status, in_path.data["alias"]) == (200, "ALTO")
    assert (in_body.status, in_body.data["vehicleAlias"]) == (201, "ALTO")
    assert (in_query.status, in_query.json["count"]) == (200, 1)


@pytest.mark.parametrize(
    ("alias", "path", "stored"), [("MI CARRO", "MI%20CARRO", "MI CARRO"), (" NP ", "%20NP%20", "NP")]
)
def test_row_04_blanks_around_an_alias_do_not_count(driver: Account, alias: str, path: str, stored: str) -> None:
    """Those within it do."""
    driver.add_vehicle(alias)

    found = driver.browser.get(f"/api/vehicles/{path}")

    assert (found.status, found.data["alias"]) == (200, stored)


def test_row_05_an_alias_with_a_slash_is_one_segment(driver: Account) -> None:
    """WSGI decodes `%2F` before routing (PEP 3333); both services match on the raw path instead."""
    created = driver.browser.post("/api/vehicles", json=vehicle("A/B"))

    found = driver.browser.get("/api/vehicles/A%2FB")
    at_sandbox = driver.direct.get("/api/vehicles/A%2FB")

    assert (created.status, created.data["alias"]) == (201, "A/B")
    assert (found.status, found.data["alias"]) == (200, "A/B")
    assert (at_sandbox.status, at_sandbox.data["alias"]) == (200, "A/B")


def test_row_06_an_unencoded_slash_makes_two_segments(driver: Account, client: Browser, backend: Backend) -> None:
    """No such path: the sandbox says so in HTML, the BFF in JSON and without a call."""
    at_sandbox = driver.direct.get("/api/vehicles/A/B")
    refused = client.get("/api/vehicles/A/B")

    assert (at_sandbox.status, at_sandbox.headers.get_content_type()) == (404, "text/html")
    assert (refused.status, refused.headers.get_content_type(), refused.code) == (404, "application/json", "not_found")
    assert (backend.requests, backend.connections) == ([], 0)


def test_row_07_a_percent_sign_in_an_alias_is_encoded(driver: Account) -> None:
    """`%25` is a percent sign, and the rest of the path is not decoded twice."""
    driver.add_vehicle("50%")

    found = driver.browser.get("/api/vehicles/50%25")

    assert (found.status, found.data["alias"]) == (200, "50%")


def test_row_07_a_broken_escape_does_not_go_out(driver: Account, client: Browser, backend: Backend) -> None:
    """The sandbox refuses to decode it; the BFF does not even ask."""
    at_sandbox = driver.direct.get("/api/vehicles/50%")
    refused = client.get("/api/vehicles/50%")

    assert (at_sandbox.status, at_sandbox.error) == (400, "Failed to decode param '50%'")
    assert (refused.status, refused.code) == (400, "bad_request")
    assert (backend.requests, backend.connections) == ([], 0)


def test_row_08_an_alias_is_never_cut_at_a_question_mark_or_hash(driver: Account) -> None:
    """Cut, the DELETE would deactivate another vehicle."""
    driver.add_vehicle("Q")
    driver.add_vehicle("Q?X#Y")

    found = driver.browser.get("/api/vehicles/Q%3FX%23Y")
    deactivated = driver.browser.delete("/api/vehicles/Q%3FX%23Y")
    other = driver.browser.get("/api/vehicles/Q")

    assert (found.status, found.data["alias"]) == (200, "Q?X#Y")
    assert (deactivated.status, deactivated.data["alias"], deactivated.data["isActive"]) == (200, "Q?X#Y", False)
    assert other.data["isActive"] is True


@pytest.mark.parametrize("alias", [".", ".."])
def test_row_09_an_alias_may_be_dots_alone(driver: Account, alias: str) -> None:
    """Only in a path do they mean something else."""
    created = driver.browser.post("/api/vehicles", json=vehicle(alias))

    assert (created.status, created.data["alias"]) == (201, alias)


@pytest.mark.parametrize("segment", [".", "..", "%2E", "%2E%2E", "%2e%2e", ".%2e"])
def test_row_09_a_dot_segment_does_not_go_out(client: Browser, backend: Backend, segment: str) -> None:
    """HTTP clients and servers fold them away (RFC 3986 §5.2.4), encoded or not."""
    refused = client.get(f"/api/vehicles/{segment}")
    refused_within = client.get(f"/api/vehicles/{segment}/stats")

    assert (refused.status, refused.code) == (404, "not_found")
    assert (refused_within.status, refused_within.code) == (404, "not_found")
    assert (backend.requests, backend.connections) == ([], 0)


def test_row_10_an_id_cannot_leave_its_route(admin: Account, client: Browser, backend: Backend) -> None:
    """An admin may list the users, so only the id can be the reason that no list comes."""
    refused = admin.browser.get("/api/expenses/..%2F..%2Fauth%2Fusers")
    at_sandbox = admin.direct.get("/api/expenses/..%2F..%2Fauth%2Fusers")
    client.get("/api/expenses/..%2F..%2Fauth%2Fusers")

    assert (refused.status, refused.error) == (400, "ID inválido")
    assert (at_sandbox.status, at_sandbox.error) == (400, "ID inválido")
    assert backend.last.target == "/api/expenses/..%2F..%2Fauth%2Fusers"


@pytest.mark.parametrize(("alias", "stored"), [("🚗" * 20, "🚗" * 20), ("straße", "STRASSE")])
def test_row_11_an_alias_is_measured_before_it_is_upper_cased(driver: Account, alias: str, stored: str) -> None:
    """In code points: an emoji is one."""
    created = driver.browser.post("/api/vehicles", json=vehicle(alias))

    assert (created.status, created.data["alias"]) == (201, stored)


def test_row_11_an_alias_of_21_letters_is_too_long(driver: Account) -> None:
    """Twenty is the limit."""
    refused = driver.browser.post("/api/vehicles", json=vehicle("ABCDEFGHIJKLMNOPQRSTU"))

    assert refused.status == 400
    assert refused.code is None

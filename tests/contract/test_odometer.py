"""Rows 39 to 41: what routes do to the odometer of their vehicle."""

from concurrent.futures import ThreadPoolExecutor

from tests.contract.accounts import Account, record


def test_row_39_a_route_takes_its_distance_along_once(driver: Account) -> None:
    """Deleted again, it is not there, and the odometer stays."""
    driver.add_vehicle("RESTA", kilometrajeInicial=1000)
    path = f"/api/routes/{driver.add('routes', 'RESTA', distanciaRecorrida=60)['_id']}"
    before = driver.odometer("RESTA")

    deleted = driver.browser.delete(path)
    after = driver.odometer("RESTA")
    deleted_again = driver.browser.delete(path)

    assert (deleted.status, deleted_again.status) == (200, 404)
    assert (before, after, driver.odometer("RESTA")) == (1060, 1000, 1000)


def test_row_40_a_route_that_moves_takes_its_old_distance_and_brings_the_new(driver: Account) -> None:
    """Both odometers follow."""
    driver.add_vehicle("ORIGEN", kilometrajeInicial=1000)
    driver.add_vehicle("DESTINO", kilometrajeInicial=500)
    route = driver.add("routes", "ORIGEN", distanciaRecorrida=60)

    moved = driver.browser.put(
        f"/api/routes/{route['_id']}", json={"vehicleAlias": "destino", "distanciaRecorrida": 25}
    )

    assert (moved.status, moved.data["vehicleAlias"]) == (200, "DESTINO")
    assert (driver.odometer("ORIGEN"), driver.odometer("DESTINO")) == (1000, 525)


def test_row_41_a_month_of_routes_can_be_added_at_once(driver: Account) -> None:
    """The page sends one request a day of the range, all of them in parallel."""
    driver.add_vehicle("MES", kilometrajeInicial=1000)
    routes = [record("routes", "MES", distanciaRecorrida=day, fecha=f"2098-10-{day:02d}") for day in range(1, 32)]

    with ThreadPoolExecutor(31) as pages:
        created = list(pages.map(lambda route: driver.browser.post("/api/routes", json=route), routes))

    assert [answer.status for answer in created] == [201] * 31
    assert driver.odometer("MES") == 1000 + 496

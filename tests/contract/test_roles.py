"""Row 23: who may only read changes nothing, whatever the request looks like."""

import pytest

from tests.contract.accounts import Account, record, vehicle

SOME_ID = "0123456789abcdef01234567"
FORBIDDEN = "El rol read no tiene permisos para esta acción"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/vehicles", vehicle("LECTURA")),
        ("POST", "/api/vehicles", vehicle("ABCDEFGHIJKLMNOPQRSTU", modelo="nunca")),
        ("PUT", "/api/vehicles/NADIE", {"marca": ""}),
        ("DELETE", "/api/vehicles/NADIE", None),
        ("PATCH", "/api/vehicles/NADIE/reactivate", None),
        ("POST", "/api/routes", record("routes", "NADIE", distanciaRecorrida=-5)),
        ("PUT", f"/api/routes/{SOME_ID}", {"fecha": "ayer"}),
        ("DELETE", "/api/routes/xyz", None),
        ("POST", "/api/refuels", record("refuels", "NADIE", tipoCombustible="Agua")),
        ("PUT", f"/api/refuels/{SOME_ID}", {"galones": -1}),
        ("DELETE", "/api/refuels/xyz", None),
        ("POST", "/api/maintenance", {}),
        ("PUT", f"/api/maintenance/{SOME_ID}", {"costo": "nada"}),
        ("DELETE", "/api/maintenance/xyz", None),
        ("POST", "/api/expenses", record("expenses", "NADIE", monto="abc")),
        ("PUT", f"/api/expenses/{SOME_ID}", {"monto": -1}),
        ("DELETE", "/api/expenses/xyz", None),
    ],
)
def test_row_23_a_reader_changes_nothing(reader: Account, method: str, path: str, body: object) -> None:
    """The role is judged before body and id, so these may be bad as well."""
    refused = reader.browser.send(method, path, json=body)

    assert (refused.status, refused.error) == (403, FORBIDDEN)


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/routes", "/api/refuels", "/api/expenses"])
def test_row_23_a_reader_who_leaves_a_field_out_hears_of_that_first(reader: Account, path: str) -> None:
    """The BFF looks for required fields before it calls, and does not know of roles."""
    refused = reader.browser.post(path, json={})
    at_sandbox = reader.direct.post(path, json={})

    assert (refused.status, refused.error, refused.code) == (400, "Faltan campos requeridos", "bad_request")
    assert (at_sandbox.status, at_sandbox.error) == (403, FORBIDDEN)

"""The people of these tests: each has a browser in front of the BFF, and a client beside it at the sandbox."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.contract.browser import Answer, Browser, Direct

PASSWORD = "Secreto1"

_RECORDS: dict[str, dict[str, object]] = {
    "routes": {"distanciaRecorrida": 10, "fecha": "2098-11-01"},
    "refuels": {"tipoCombustible": "Regular", "cantidadGastada": 100, "galones": 4, "fecha": "2098-11-01"},
    "maintenance": {
        "tipo": "Frenos",
        "descripcion": "Pastillas",
        "costo": 300,
        "kilometraje": 1000,
        "fecha": "2098-11-01",
    },
    "expenses": {"categoria": "Peajes", "monto": 30, "descripcion": "Autopista", "fecha": "2098-11-01"},
}


def vehicle(alias: str, **fields: object) -> dict[str, object]:
    """The body of a vehicle that nothing is wrong with, but for what `fields` say."""
    return {"alias": alias, "marca": "Toyota", "modelo": 2020, "plates": "P-1", **fields}


def record(kind: str, alias: str, **fields: object) -> dict[str, object]:
    """The body of a record of that kind; the kinds are the route groups."""
    return {"vehicleAlias": alias, **_RECORDS[kind], **fields}


@dataclass(frozen=True)
class Account:
    """A signed-in user; browser and direct client hold the same token."""

    id: str
    username: str
    email: str
    browser: Browser
    direct: Direct

    def add_vehicle(self, alias: str, **fields: object) -> dict[str, Any]:
        """A new vehicle, as it was stored."""
        return _created(self.browser.post("/api/vehicles", json=vehicle(alias, **fields)))

    def add(self, kind: str, alias: str, **fields: object) -> dict[str, Any]:
        """A new record of that kind, as it was stored."""
        return _created(self.browser.post(f"/api/{kind}", json=record(kind, alias, **fields)))

    def odometer(self, alias: str) -> Any:
        """What the odometer of a vehicle shows; the alias goes into the path as it is."""
        return self.browser.get(f"/api/vehicles/{alias}").data["kilometrajeTotal"]


class Accounts:
    """Makes users of any role but root, all of them different."""

    def __init__(self, bff_url: str, sandbox_url: str) -> None:
        self.bff_url = bff_url
        self.sandbox_url = sandbox_url
        self._numbers: Iterator[int] = count(1)

    def newcomer(self, role: str = "write") -> dict[str, object]:
        """The form of somebody who is not registered yet."""
        name = f"{role}{next(self._numbers)}"
        return {"username": name, "email": f"{name}@example.gt", "password": PASSWORD, "role": role}

    def register(self, role: str = "write") -> Account:
        """A new user, signed in."""
        return self._account(Direct(self.sandbox_url).post("/api/auth/register", json=self.newcomer(role)))

    def sign_in(self, email: str, password: str) -> Account:
        """A user who exists."""
        credentials = {"email": email, "password": password}
        return self._account(Direct(self.sandbox_url).post("/api/auth/login", json=credentials))

    def _account(self, answer: Answer) -> Account:
        assert answer.status in {200, 201}, answer.body
        user, token = answer.data["user"], answer.data["token"]
        browser, direct = Browser(self.bff_url, token), Direct(self.sandbox_url, token)
        return Account(user["id"], user["username"], user["email"], browser, direct)


def _created(answer: Answer) -> dict[str, Any]:
    assert answer.status == 201, answer.body
    data: dict[str, Any] = answer.data
    return data

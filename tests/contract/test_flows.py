"""The ways of a person through the service, as the pages go them."""

import json
from http.cookies import SimpleCookie

from tests.backend import Backend
from tests.contract.accounts import PASSWORD, Account, Accounts
from tests.contract.browser import Browser
from tests.contract.conftest import Mail


def test_the_first_drive_of_a_new_driver(visitor: Browser) -> None:
    """Register, sign in, add a vehicle and a route: the front end's own acceptance test."""
    form = {"username": "primera", "email": "primera@example.gt", "password": "Secreto1", "role": "write"}
    car = {"alias": "PRIMERO", "marca": "Toyota", "modelo": 2020, "plates": "P-1", "kilometrajeInicial": 50_000}
    drive = {"vehicleAlias": "PRIMERO", "distanciaRecorrida": 250, "fecha": "2098-11-05", "notasAdicionales": ""}

    registered = visitor.post("/api/auth/register", json=form)
    signed_in = visitor.post("/api/auth/login", json={"email": "primera@example.gt", "password": "Secreto1"})
    vehicle = visitor.post("/api/vehicles", json={**car, "isActive": True})
    route = visitor.post("/api/routes", json=drive)
    stats = visitor.get("/api/vehicles/PRIMERO/stats")

    assert (registered.status, signed_in.status, vehicle.status, route.status) == (201, 200, 201, 201)
    assert stats.data["vehicle"]["kilometrajeTotal"] == 50_250
    assert stats.data["statistics"]["totalDistancia"] == 250


def test_a_login_puts_the_token_into_a_cookie_alone(visitor: Browser, driver: Account) -> None:
    """Out of the reach of scripts, for this site alone, for as long as the token is good."""
    signed_in = visitor.post("/api/auth/login", json={"email": driver.email, "password": PASSWORD})

    [line] = signed_in.headers.get_all("Set-Cookie", [])
    morsel = SimpleCookie(line)["token"]
    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Strict", "/")
    assert (morsel["max-age"], morsel["domain"], morsel["secure"]) == ("604800", "", "")
    assert morsel.value not in signed_in.body.decode()
    assert signed_in.json == {
        "success": True,
        "user": {"id": driver.id, "username": driver.username, "email": driver.email, "role": "write"},
    }
    assert visitor.get("/api/auth/me").data["_id"] == driver.id


def test_a_login_passes_on_address_and_password_alone(anonymous: Browser, backend: Backend) -> None:
    """Whatever else a page sends is not the backend's business."""
    backend.answer("POST /api/auth/login", json={"token": "a.b.c", "user": {"id": "1"}})

    anonymous.post("/api/auth/login", json={"email": "ana@example.gt", "password": "Secreto1", "role": "root"})

    assert json.loads(backend.last.body) == {"email": "ana@example.gt", "password": "Secreto1"}
    assert anonymous.cookies == {"token": "a.b.c"}


def test_a_registration_passes_on_four_fields_alone(anonymous: Browser, backend: Backend) -> None:
    """What the form has, and nothing that a future backend might believe."""
    form = {"username": "ana", "email": "ana@example.gt", "password": "Secreto1", "role": "write"}
    backend.answer("POST /api/auth/register", 201, json={"token": "a.b.c", "data": {"token": "a.b.c"}})

    registered = anonymous.post("/api/auth/register", json={**form, "isActive": True, "owner": "x"})

    assert json.loads(backend.last.body) == form
    assert (registered.status, registered.json) == (201, {"data": {}})
    assert anonymous.cookies == {}


def test_the_session_is_told_without_the_backend(driver: Account, visitor: Browser) -> None:
    """Whether there is one can be read from the cookie."""
    with_session = driver.browser.get("/api/auth/session")
    without_session = visitor.get("/api/auth/session")

    assert with_session.json["authenticated"] is True
    assert without_session.json == {"authenticated": False}


def test_a_logout_deletes_the_cookie(driver: Account) -> None:
    """The backend keeps no session; the token would still be good for who has it."""
    signed_out = driver.browser.post("/api/auth/logout")

    assert (signed_out.status, signed_out.json) == (200, {"success": True})
    assert driver.browser.cookies == {}
    assert driver.browser.get("/api/auth/me").status == 401


def test_a_logout_works_without_a_session(visitor: Browser) -> None:
    """Twice is no error."""
    signed_out = visitor.post("/api/auth/logout")

    assert (signed_out.status, signed_out.json) == (200, {"success": True})


def test_a_new_password_keeps_the_session(driver: Account, visitor: Browser) -> None:
    """And is the one that counts from then on."""
    passwords = {"currentPassword": PASSWORD, "newPassword": "OtraClave1"}

    changed = driver.browser.put("/api/auth/updatepassword", json=passwords)
    with_old = visitor.post("/api/auth/login", json={"email": driver.email, "password": PASSWORD})
    with_new = visitor.post("/api/auth/login", json={"email": driver.email, "password": "OtraClave1"})

    assert (changed.status, changed.json["success"]) == (200, True)
    assert (with_old.status, with_new.status) == (401, 200)
    assert driver.browser.get("/api/auth/me").status == 200


def test_a_forgotten_password_is_replaced_by_mail(visitor: Browser, driver: Account, mail: Mail) -> None:
    """The link leads to a page, which sends the token and the new password."""
    asked = visitor.post("/api/auth/forgot-password", json={"email": driver.email})
    reset = visitor.put(f"/api/auth/reset-password/{mail.reset_token}", json={"password": "NuevaClave1"})
    signed_in = visitor.post("/api/auth/login", json={"email": driver.email, "password": "NuevaClave1"})

    assert (asked.status, reset.status, signed_in.status) == (200, 200, 200)


def test_nobody_learns_by_a_reset_who_has_an_account(visitor: Browser, driver: Account) -> None:
    """The answer is the same, to the byte."""
    known = visitor.post("/api/auth/forgot-password", json={"email": driver.email})
    unknown = visitor.post("/api/auth/forgot-password", json={"email": "nadie@example.gt"})
    without_address = visitor.post("/api/auth/forgot-password", json={})

    assert (known.status, known.body) == (unknown.status, unknown.body)
    assert (without_address.status, without_address.error) == (400, "El email es requerido")


def test_a_deactivated_user_comes_back_with_the_old_token(admin: Account, accounts: Accounts) -> None:
    """No token is ever revoked; the user is looked up each time."""
    somebody = accounts.register()

    deactivated = admin.browser.delete(f"/api/auth/users/{somebody.id}")
    while_inactive = somebody.direct.get("/api/auth/me")
    reactivated = admin.browser.patch(f"/api/auth/users/{somebody.id}")
    afterwards = somebody.browser.get("/api/auth/me")

    assert (deactivated.status, deactivated.data["isActive"]) == (200, False)
    assert while_inactive.status == 401
    assert (reactivated.status, reactivated.data["isActive"]) == (200, True)
    assert (afterwards.status, afterwards.data["_id"]) == (200, somebody.id)


def test_a_profile_is_changed_but_not_the_role(driver: Account) -> None:
    """Whatever else the body says is ignored."""
    changed = driver.browser.put("/api/auth/updateprofile", json={"username": "renombrada", "role": "admin"})

    assert (changed.status, changed.data["username"], changed.data["role"]) == (200, "renombrada", "write")

"""Rows 51 to 54 and 61: accounts, made, changed and deleted."""

from datetime import timedelta

import pytest

from tests.backend import Backend
from tests.contract.accounts import Account, Accounts
from tests.contract.browser import Browser, Direct
from tests.contract.conftest import Mail, SandboxClock

BAD_RESET = "Token inválido o expirado"


@pytest.mark.parametrize("field", ["username", "email"])
def test_row_51_a_name_or_address_is_taken_once(
    visitor: Browser, sandbox_url: str, accounts: Accounts, driver: Account, field: str
) -> None:
    """The database's own words stop at the BFF."""
    form = {**accounts.newcomer(), field: getattr(driver, field)}

    refused = visitor.post("/api/auth/register", json=form)
    at_sandbox = Direct(sandbox_url).post("/api/auth/register", json=form)

    assert (refused.status, refused.error) == (400, f"El {field} ya existe")
    assert at_sandbox.status == 400
    assert at_sandbox.error.startswith("E11000 duplicate key error collection: ")
    assert f".users index: {field}_1 dup key: " in at_sandbox.error


def test_row_51_nobody_registers_as_root(visitor: Browser, sandbox_url: str, accounts: Accounts) -> None:
    """Neither service lets them."""
    form = accounts.newcomer("root")

    refused = visitor.post("/api/auth/register", json=form)
    at_sandbox = Direct(sandbox_url).post("/api/auth/register", json=form)

    assert (refused.status, refused.error) == (400, "Rol inválido")
    assert (at_sandbox.status, at_sandbox.error) == (400, "Rol inválido")


def test_row_51_nobody_registers_as_admin_through_the_bff(
    anonymous: Browser, backend: Backend, sandbox_url: str, accounts: Accounts
) -> None:
    """The backend would let anyone."""
    form = accounts.newcomer("admin")

    refused = anonymous.post("/api/auth/register", json=form)
    at_sandbox = Direct(sandbox_url).post("/api/auth/register", json=form)

    assert (refused.status, refused.error, refused.code) == (400, "Rol inválido", "bad_request")
    assert (backend.requests, backend.connections) == ([], 0)
    assert (at_sandbox.status, at_sandbox.data["user"]["role"]) == (201, "admin")


def test_row_52_who_registers_is_not_signed_in(visitor: Browser, sandbox_url: str, accounts: Accounts) -> None:
    """The backend answers with a token, which no script of a page may ever see."""
    registered = visitor.post("/api/auth/register", json=accounts.newcomer())
    at_sandbox = Direct(sandbox_url).post("/api/auth/register", json=accounts.newcomer())

    assert (registered.status, set(registered.data)) == (201, {"user"})
    assert b"token" not in registered.body
    assert visitor.cookies == {}
    assert (at_sandbox.status, set(at_sandbox.data)) == (201, {"user", "token"})


def test_row_52_who_resets_a_password_is_not_signed_in(
    visitor: Browser, sandbox_url: str, driver: Account, neighbour: Account, mail: Mail
) -> None:
    """As with registering."""
    visitor.post("/api/auth/forgot-password", json={"email": driver.email})
    reset = visitor.put(f"/api/auth/reset-password/{mail.reset_token}", json={"password": "NuevaClave1"})
    visitor.post("/api/auth/forgot-password", json={"email": neighbour.email})
    at_sandbox = Direct(sandbox_url).put(
        f"/api/auth/resetpassword/{mail.reset_token}", json={"password": "NuevaClave1"}
    )

    assert (reset.status, set(reset.data)) == (200, {"user"})
    assert b"token" not in reset.body
    assert visitor.cookies == {}
    assert (at_sandbox.status, set(at_sandbox.data)) == (200, {"user", "token"})


def test_row_53_a_reset_token_is_good_once(visitor: Browser, driver: Account, mail: Mail) -> None:
    """Whoever finds the mail later has nothing."""
    visitor.post("/api/auth/forgot-password", json={"email": driver.email})

    first = visitor.put(f"/api/auth/reset-password/{mail.reset_token}", json={"password": "NuevaClave1"})
    second = visitor.put(f"/api/auth/reset-password/{mail.reset_token}", json={"password": "OtraClave1"})

    assert first.status == 200
    assert (second.status, second.error) == (400, BAD_RESET)


def test_row_53_a_reset_token_cannot_be_made_up(visitor: Browser) -> None:
    """Nor does one reach another path."""
    made_up = visitor.put(f"/api/auth/reset-password/{'0' * 64}", json={"password": "NuevaClave1"})
    climbing = visitor.put("/api/auth/reset-password/..%2Fupdateprofile", json={"password": "NuevaClave1"})

    assert (made_up.status, made_up.error) == (400, BAD_RESET)
    assert (climbing.status, climbing.error) == (400, BAD_RESET)


def test_row_53_a_reset_token_is_good_for_an_hour(
    visitor: Browser, driver: Account, mail: Mail, sandbox_clock: SandboxClock
) -> None:
    """The link of yesterday's mail opens nothing."""
    visitor.post("/api/auth/forgot-password", json={"email": driver.email})
    sandbox_clock.advance(timedelta(hours=1, seconds=1))

    late = visitor.put(f"/api/auth/reset-password/{mail.reset_token}", json={"password": "NuevaClave1"})

    assert (late.status, late.error) == (400, BAD_RESET)


def test_row_54_a_permanent_delete_is_confirmed_to_the_letter(
    root: Account, driver: Account, neighbour: Account, mail: Mail
) -> None:
    """Word, target and code; a wrong try does not use up the code."""
    path = f"/api/auth/users/{driver.id}/permanent"
    root.browser.post(f"{path}/request")
    code = mail.delete_code

    number = root.browser.delete(path, json={"code": int(code), "confirmWord": "ELIMINAR"})
    lower_case = root.browser.delete(path, json={"code": code, "confirmWord": "eliminar"})
    other_target = root.browser.delete(
        f"/api/auth/users/{neighbour.id}/permanent", json={"code": code, "confirmWord": "ELIMINAR"}
    )
    right = root.browser.delete(path, json={"code": code, "confirmWord": "ELIMINAR"})

    assert (number.status, number.error) == (400, "Código incorrecto.")
    assert (lower_case.status, lower_case.error) == (400, "Palabra de confirmación incorrecta. Escribe ELIMINAR")
    assert (other_target.status, other_target.error) == (400, "El código no corresponde a este usuario.")
    assert (right.status, right.json["message"]) == (200, f"Usuario {driver.username} eliminado permanentemente")
    assert (driver.browser.get("/api/auth/me").status, neighbour.browser.get("/api/auth/me").status) == (401, 200)


def test_row_61_an_admin_cannot_deactivate_itself(admin: Account) -> None:
    """That is judged before rank is."""
    refused = admin.browser.delete(f"/api/auth/users/{admin.id}")

    assert (refused.status, refused.error) == (400, "No puedes desactivar tu propia cuenta")


def test_row_61_an_admin_cannot_deactivate_another(admin: Account, accounts: Accounts) -> None:
    """Only root may; the session of who tried goes on."""
    refused = admin.browser.delete(f"/api/auth/users/{accounts.register('admin').id}")

    assert (refused.status, refused.error) == (403, "No tienes permisos para desactivar este usuario")
    assert set(admin.browser.cookies) == {"token"}


def test_row_61_an_admin_can_promote_to_admin(admin: Account, driver: Account) -> None:
    """And not take it back."""
    promoted = admin.browser.put(f"/api/auth/users/{driver.id}/role", json={"role": "admin"})
    taken_back = admin.browser.put(f"/api/auth/users/{driver.id}/role", json={"role": "write"})

    assert (promoted.status, promoted.data["role"]) == (200, "admin")
    assert (taken_back.status, taken_back.error) == (403, "No tienes permisos para modificar el rol de este usuario")

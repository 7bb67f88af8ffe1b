"""Rows 46 to 50: tokens that are good for nothing, and credentials that are wrong."""

from datetime import timedelta

import pytest

from tests.backend import Backend
from tests.contract.accounts import PASSWORD, Account, Accounts
from tests.contract.browser import Answer, Browser, Direct
from tests.contract.conftest import SandboxClock

NO_TOKEN = "No autorizado - Token no proporcionado"
BAD_TOKEN = "No autorizado - Token inválido"
NOBODY = "Usuario no encontrado o inactivo"
EXPIRED = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln"  # its payload is {"exp":1}


def login(client: Browser | Direct, email: str, password: str = PASSWORD) -> Answer:
    """Send the sign-in form."""
    return client.post("/api/auth/login", json={"email": email, "password": password})


@pytest.mark.parametrize("path", ["/api/auth/me", "/api/dashboard", "/api/vehicles/X", "/api/auth/users"])
def test_row_46_without_a_cookie_the_backend_is_not_asked(
    anonymous: Browser, backend: Backend, sandbox_url: str, path: str
) -> None:
    """There is nothing to ask it with."""
    refused = anonymous.get(path)
    at_sandbox = Direct(sandbox_url).get(path)

    assert (refused.status, refused.error, refused.code) == (401, "No autorizado", "no_session")
    assert (at_sandbox.status, at_sandbox.error) == (401, NO_TOKEN)
    assert (backend.requests, backend.connections) == ([], 0)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/vehicles"), ("PUT", "/api/auth/updatepassword"), ("DELETE", "/api/auth/users/X/permanent")],
)
def test_row_46_without_a_cookie_not_even_the_body_is_looked_at(
    anonymous: Browser, backend: Backend, method: str, path: str
) -> None:
    """Who is asking comes first."""
    refused = anonymous.send(method, path, body=b"{")

    assert (refused.status, refused.error, refused.code) == (401, "No autorizado", "no_session")
    assert (backend.requests, backend.connections) == ([], 0)


def test_row_46_a_garbage_token_is_thrown_away(bff: str, sandbox_url: str) -> None:
    """A dead cookie that stays locks its owner out of the sign-in form."""
    browser = Browser(bff, "a.b.c")

    refused = browser.get("/api/auth/me")
    at_sandbox = Direct(sandbox_url, "a.b.c").get("/api/auth/me")

    assert (refused.status, refused.error, refused.code) == (401, BAD_TOKEN, None)
    assert browser.cookies == {}
    assert (at_sandbox.status, at_sandbox.error) == (401, BAD_TOKEN)


def test_row_46_an_expired_token_is_thrown_away(driver: Account, sandbox_clock: SandboxClock) -> None:
    """It is good for seven days."""
    sandbox_clock.advance(timedelta(days=7))

    refused = driver.browser.get("/api/auth/me")
    at_sandbox = driver.direct.get("/api/auth/me")

    assert (refused.status, refused.error, refused.code) == (401, BAD_TOKEN, None)
    assert driver.browser.cookies == {}
    assert (at_sandbox.status, at_sandbox.error) == (401, BAD_TOKEN)


def test_row_46_a_token_that_says_itself_that_it_is_over_is_not_sent(told_bff: str, backend: Backend) -> None:
    """The answer is known."""
    browser = Browser(told_bff, EXPIRED)

    refused = browser.get("/api/auth/me")

    assert (refused.status, refused.code) == (401, "session_expired")
    assert browser.cookies == {}
    assert (backend.requests, backend.connections) == ([], 0)


def test_row_46_the_token_of_a_deactivated_user_is_thrown_away(driver: Account, admin: Account) -> None:
    """The backend looks the user up with every request."""
    admin.browser.delete(f"/api/auth/users/{driver.id}")

    refused = driver.browser.get("/api/vehicles")
    at_sandbox = driver.direct.get("/api/vehicles")

    assert (refused.status, refused.error, refused.code) == (401, NOBODY, None)
    assert driver.browser.cookies == {}
    assert (at_sandbox.status, at_sandbox.error) == (401, NOBODY)


def test_row_47_a_wrong_current_password_keeps_the_session(driver: Account) -> None:
    """This 401 is not about the token."""
    passwords = {"currentPassword": "Equivocada1", "newPassword": "OtraClave1"}

    refused = driver.browser.put("/api/auth/updatepassword", json=passwords)
    still_there = driver.browser.get("/api/auth/me")

    assert (refused.status, refused.error, refused.code) == (401, "Contraseña actual incorrecta", None)
    assert refused.headers.get_all("Set-Cookie") is None
    assert still_there.status == 200


def test_row_48_a_wrong_password_signs_nobody_in(visitor: Browser, driver: Account) -> None:
    """Nor does an address that nobody has; the answers are the same."""
    wrong_password = login(visitor, driver.email, "Equivocada1")
    unknown = login(visitor, "nadie@example.gt")

    assert (wrong_password.status, wrong_password.error) == (401, "Credenciales inválidas")
    assert (unknown.status, unknown.error) == (401, "Credenciales inválidas")
    assert visitor.cookies == {}


def test_row_48_an_inactive_user_is_told_so_after_the_right_password(
    visitor: Browser, driver: Account, admin: Account
) -> None:
    """Not before, or anybody could ask."""
    admin.browser.delete(f"/api/auth/users/{driver.id}")

    right_password = login(visitor, driver.email)
    wrong_password = login(visitor, driver.email, "Equivocada1")

    assert (right_password.status, right_password.error) == (401, "Usuario inactivo")
    assert (wrong_password.status, wrong_password.error) == (401, "Credenciales inválidas")
    assert visitor.cookies == {}


@pytest.mark.parametrize(("email", "password"), [("", PASSWORD), ("  ", PASSWORD), ("ana@example.gt", "")])
def test_row_48_a_blank_field_of_the_sign_in_form_is_missing(
    anonymous: Browser, backend: Backend, sandbox_url: str, email: str, password: str
) -> None:
    """The BFF says so by itself."""
    refused = login(anonymous, email, password)
    at_sandbox = login(Direct(sandbox_url), email, password)

    assert (refused.status, refused.error, refused.code) == (400, "Email y password son requeridos", "bad_request")
    assert anonymous.cookies == {}
    assert (backend.requests, backend.connections) == ([], 0)
    assert at_sandbox.status == 400


def test_row_49_an_address_is_trimmed_and_lower_cased_at_login(visitor: Browser, driver: Account) -> None:
    """As phones like to capitalise the first letter, and to add a blank."""
    signed_in = login(visitor, f"{driver.email.title()} ")

    assert (signed_in.status, signed_in.json["user"]["email"]) == (200, driver.email)
    assert set(visitor.cookies) == {"token"}


def test_row_50_an_address_is_normalised_at_registration_alone(visitor: Browser, accounts: Accounts) -> None:
    """So who registers with dots at Gmail cannot sign in with them: known, and the backend's to change."""
    form = {**accounts.newcomer(), "email": "Ana.Lopez@gmail.com"}

    registered = visitor.post("/api/auth/register", json=form)
    as_typed = login(visitor, "Ana.Lopez@gmail.com")
    as_stored = login(visitor, "analopez@gmail.com")

    assert (registered.status, registered.data["user"]["email"]) == (201, "analopez@gmail.com")
    assert (as_typed.status, as_typed.error) == (401, "Credenciales inválidas")
    assert as_stored.status == 200

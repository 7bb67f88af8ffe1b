"""/api/auth: the life of the token cookie, and the tokens that must not get past it."""

import base64
import json
import re
import time
from dataclasses import replace

import pytest
from flask import Flask

from app import create_app
from setting_types import Secret
from tests.proxy.test_nextauth import SECRET, V4, V4_COOKIE

SIGN_IN = {"email": "ana@example.com", "password": "secret-1"}
USER = {"id": "1", "username": "ana", "email": "ana@example.com", "role": "write"}


def jwt(**claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl"


def set_cookies(response) -> list[str]:
    """The Set-Cookie fields, less the date that repeats what Max-Age says."""
    return [re.sub(r"Expires=[^;]+; ", "", field) for field in response.headers.getlist("Set-Cookie")]


def with_cookie(app: Flask, value: str, path: str, method: str = "GET"):
    """Ask with this very Cookie field; a test client's own jar would quote the value."""
    return app.test_client(use_cookies=False).open(path, method=method, headers={"Cookie": f"token={value}"})


@pytest.mark.parametrize(
    "reply",
    [
        {"success": True, "data": {"user": USER, "token": "x.y.z"}},
        {"token": "x.y.z", "user": USER},
        {"token": "x.y.z", "user": USER, "data": {"token": "not.this.one"}},
    ],
)
def test_login_moves_the_token_into_the_cookie(anonymous, backend, reply):
    """Both forms of the backend's answer; the token is in no body."""
    backend.answer("POST /api/auth/login", json=reply)

    response = anonymous.post("/api/auth/login", json=SIGN_IN)

    assert (response.status_code, response.json) == (200, {"success": True, "user": USER})
    assert set_cookies(response) == ["token=x.y.z; Max-Age=604800; HttpOnly; Path=/; SameSite=Strict"]


def test_a_user_whose_name_is_half_a_pair_can_sign_in(anonymous, backend):
    """JSON can spell it, UTF-8 cannot."""
    backend.answer("POST /api/auth/login", body=b'{"token": "x.y.z", "user": {"username": "\\ud800"}}')

    response = anonymous.post("/api/auth/login", json=SIGN_IN)

    assert (response.status_code, response.json["user"]) == (200, {"username": "?"})


def test_an_infinite_number_is_ours_to_refuse(anonymous, backend):
    """`1e999` is JSON, and to Python it is infinite: written anew it would not be JSON any more."""
    body = b'{"email": 1e999, "password": "secret-1"}'

    response = anonymous.post("/api/auth/login", data=body, content_type="application/json")

    assert response.status_code == 400
    assert backend.requests == []


def test_the_cookie_signs_the_next_request(anonymous, backend):
    """What login set is what `bff_fetch` reads."""
    backend.answer("POST /api/auth/login", json={"token": "x.y.z", "user": USER})
    backend.answer("GET /api/auth/me", json={"data": USER})

    anonymous.post("/api/auth/login", json=SIGN_IN)
    anonymous.get("/api/auth/me")

    assert backend.last.headers["Authorization"] == "Bearer x.y.z"


def test_the_cookie_lives_no_longer_than_the_token(anonymous, backend):
    """Min(TOKEN_COOKIE_MAX_AGE, what `exp` leaves)."""
    backend.answer("POST /api/auth/login", json={"token": jwt(exp=int(time.time()) + 100), "user": USER})

    response = anonymous.post("/api/auth/login", json=SIGN_IN)

    [cookie] = set_cookies(response)
    max_age = int(cookie.partition("Max-Age=")[2].partition(";")[0])
    assert 90 <= max_age <= 100


@pytest.mark.parametrize(
    "reply",
    [
        {"success": True, "data": {"user": USER}},
        {"token": "", "user": USER},
        {"token": 7, "user": USER},
        {"token": "a b", "user": USER},
        {"token": "a; Domain=evil.example", "user": USER},
        {"token": jwt(exp=1), "user": USER},
        {"token": "x" * 4092, "user": USER},
        {"data": "x"},
        ["x"],
        None,
    ],
)
def test_a_login_without_a_usable_token_fails(anonymous, backend, reply):
    """502 with the contract's text, and no cookie: a success that signs nobody in would only confuse."""
    backend.answer("POST /api/auth/login", json=reply)

    response = anonymous.post("/api/auth/login", json=SIGN_IN)

    assert (response.status_code, response.json) == (502, {"error": "La API no devolvió un token válido"})
    assert response.headers["X-BFF-Error"] == "backend_invalid"
    assert set_cookies(response) == []


@pytest.mark.parametrize("status", [400, 401, 403, 429])
def test_a_login_that_is_refused_leaves_the_cookie_alone(client, backend, status):
    """The 401 of a wrong password says nothing about the session that may be there."""
    backend.answer("POST /api/auth/login", status=status, json={"error": "Credenciales inválidas"})

    response = client.post("/api/auth/login", json=SIGN_IN)

    assert (response.status_code, response.json) == (status, {"error": "Credenciales inválidas"})
    assert set_cookies(response) == []


@pytest.mark.parametrize(
    ("method", "path", "backend_route"),
    [
        ("POST", "/api/auth/register", "POST /api/auth/register"),
        ("PUT", "/api/auth/reset-password/f00d", "PUT /api/auth/resetpassword/f00d"),
        ("GET", "/api/auth/me", "GET /api/auth/me"),
        ("GET", "/api/auth/users", "GET /api/auth/users"),
    ],
)
def test_no_answer_of_the_auth_group_holds_a_token(client, backend, method, path, backend_route):
    """The backend puts one into the answers to register and reset; wherever it stands, it is taken out."""
    reply = {"token": "x.y.z", "data": {"user": USER, "token": "x.y.z", "more": [{"token": "x.y.z", "km": 1.5}]}}
    backend.answer(backend_route, status=201, json=reply)

    response = client.open(path, method=method, json={"username": "ana", **SIGN_IN})

    assert response.status_code == 201
    assert response.json == {"data": {"user": USER, "more": [{"km": 1.5}]}}
    assert set_cookies(response) == []


def test_register_passes_on_the_fields_of_the_form_alone(anonymous, backend):
    """Whatever else a script adds stays here."""
    backend.answer("POST /api/auth/register", status=201, json={})

    anonymous.post("/api/auth/register", json={"username": "ana", "role": "write", "isActive": True, **SIGN_IN})

    assert json.loads(backend.last.body) == {"username": "ana", "role": "write", **SIGN_IN}


@pytest.mark.parametrize("role", ["admin", "root", "", None, ["read"]])
def test_nobody_registers_as_more_than_a_writer(anonymous, backend, role):
    """The backend would take `admin` (section 7 of the contract, decision 2)."""
    response = anonymous.post("/api/auth/register", json={"username": "ana", "role": role, **SIGN_IN})

    assert (response.status_code, response.json) == (400, {"error": "Rol inválido"})
    assert backend.requests == []


def test_logout_deletes_the_cookie_and_asks_nobody(client, backend):
    """The backend has no such path."""
    response = client.post("/api/auth/logout")

    assert (response.status_code, response.json) == (200, {"success": True})
    assert "Max-Age=0" in set_cookies(response)[0]
    assert response.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert backend.connections == 0
    assert client.get("/api/auth/me").status_code == 401


def test_logout_without_a_session_succeeds(anonymous):
    """It is idempotent."""
    response = anonymous.post("/api/auth/logout")

    assert (response.status_code, response.json) == (200, {"success": True})


def test_a_wrong_current_password_keeps_the_cookie(client, backend):
    """This 401 is about the form (row 47 of the contract)."""
    backend.answer("PUT /api/auth/updatepassword", status=401, json={"error": "Contraseña actual incorrecta"})

    response = client.put("/api/auth/updatepassword", json={"currentPassword": "wrong-1", "newPassword": "secret-2"})

    assert (response.status_code, response.json) == (401, {"error": "Contraseña actual incorrecta"})
    assert set_cookies(response) == []


def test_a_new_password_that_is_too_short_is_ours_to_refuse(client, backend):
    """Six characters, as the old front end's handler demanded."""
    response = client.put("/api/auth/updatepassword", json={"currentPassword": "secret-1", "newPassword": "12345"})

    assert response.json == {"error": "La nueva contraseña debe tener al menos 6 caracteres"}
    assert backend.requests == []


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/auth/me", "/api/auth/updatepassword"])
def test_an_expired_token_is_a_401_without_a_call(anonymous, backend, path):
    """Its own `exp` says so; the cookie goes, also where a 401 of the backend would leave it."""
    anonymous.set_cookie("token", jwt(exp=int(time.time()) - 1))

    response = anonymous.open(path, method="PUT" if "password" in path else "GET")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (401, "session_expired")
    assert "Max-Age=0" in set_cookies(response)[0]
    assert backend.connections == 0


@pytest.mark.parametrize("value", ["", "not a token", "ñ", "a\\054b"])
def test_a_cookie_that_cannot_be_a_token_is_deleted(anonymous, backend, value):
    """It would not fit behind `Bearer`, and while it is there the user is locked out."""
    response = with_cookie(anonymous.application, value, "/api/vehicles")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (401, "no_session")
    assert "Max-Age=0" in set_cookies(response)[0]
    assert backend.connections == 0


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/auth/session"])
def test_of_two_different_cookies_neither_is_taken_nor_deleted(anonymous, backend, path):
    """A sibling subdomain may have planted one; without the other, its owner would go on in the planter's session."""
    response = with_cookie(anonymous.application, "a.b.c; token=x.y.z", path)

    assert response.json in ({"error": "No autorizado"}, {"authenticated": False})
    assert set_cookies(response) == []
    assert backend.requests == []


@pytest.mark.parametrize(
    ("cookie", "answer"),
    [
        ("", {"authenticated": False}),
        ("not a token", {"authenticated": False}),
        (jwt(exp=1), {"authenticated": False}),
        ("opaque", {"authenticated": True, "expiresIn": None}),
        (jwt(id="1"), {"authenticated": True, "expiresIn": None}),
        (jwt(exp="soon"), {"authenticated": True, "expiresIn": None}),
        (jwt(exp=True), {"authenticated": True, "expiresIn": None}),
    ],
)
def test_the_session_is_read_from_the_cookie_alone(anonymous, backend, cookie, answer):
    """No call to the backend."""
    response = with_cookie(anonymous.application, cookie, "/api/auth/session")

    assert (response.status_code, response.json) == (200, answer)
    assert backend.connections == 0


def test_the_session_says_how_long_it_lasts(anonymous):
    """Whole seconds, from the token's own `exp`."""
    anonymous.set_cookie("token", jwt(exp=time.time() + 100))

    answer = anonymous.get("/api/auth/session").json

    assert answer["authenticated"] is True
    assert 90 <= answer["expiresIn"] <= 100


def test_a_host_cookie_is_set_and_deleted_so_that_browsers_obey(settings, backend):
    """Without Secure, or with a Domain, the deletion of a `__Host-` cookie is ignored: logout would do nothing."""
    strict = replace(settings, token_cookie_name="__Host-token", token_cookie_secure=True)
    browser = create_app(strict).test_client()
    backend.answer("POST /api/auth/login", json={"token": "x.y.z", "user": USER})

    signed_in = browser.post("/api/auth/login", json=SIGN_IN, base_url="https://localhost")
    signed_out = browser.post("/api/auth/logout", base_url="https://localhost")

    assert set_cookies(signed_in) == ["__Host-token=x.y.z; Max-Age=604800; Secure; HttpOnly; Path=/; SameSite=Strict"]
    assert set_cookies(signed_out) == ["__Host-token=; Max-Age=0; Secure; HttpOnly; Path=/; SameSite=Strict"]


def test_the_cookies_domain_is_on_its_deletion_too(settings):
    """Browsers match name, domain and path."""
    shared = replace(settings, token_cookie_domain="example.com")

    response = with_cookie(create_app(shared), "a.b.c", "/api/auth/logout", "POST")

    assert "Domain=example.com" in set_cookies(response)[0]


def test_with_keys_the_cookie_is_encrypted(settings, backend):
    """The token is neither in the cookie nor taken from a plain one; what the first key wrote, any key reads."""
    old, new = Secret("A" * 43 + "="), Secret("B" * 43 + "=")
    browser = create_app(replace(settings, token_cookie_keys=(old,))).test_client()
    rotated = create_app(replace(settings, token_cookie_keys=(new, old)))
    backend.answer("POST /api/auth/login", json={"token": "x.y.z", "user": USER})
    backend.answer("GET /api/auth/me", json={"data": USER})

    [cookie] = set_cookies(browser.post("/api/auth/login", json=SIGN_IN))
    value = cookie.partition("=")[2].partition(";")[0]
    read = with_cookie(rotated, value, "/api/auth/me")
    plain = with_cookie(rotated, "x.y.z", "/api/auth/me")

    assert "x.y.z" not in value
    assert (read.status_code, backend.last.headers["Authorization"]) == (200, "Bearer x.y.z")
    assert (plain.status_code, plain.headers["X-BFF-Error"]) == (401, "no_session")


@pytest.mark.parametrize("value", ["\xff", "\xe9", "a", "gAAAA"])
def test_with_keys_any_other_cookie_is_no_session(settings, value):
    """Whatever its bytes; it is deleted, as any dead cookie is."""
    app = create_app(replace(settings, token_cookie_keys=(Secret("A" * 43 + "="),)))

    response = with_cookie(app, value, "/api/vehicles")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (401, "no_session")
    assert "Max-Age=0" in set_cookies(response)[0]


@pytest.fixture
def beside_next_auth(settings):
    secrets = (Secret(SECRET),)
    return create_app(replace(settings, token_source="nextauth", auth_secrets=secrets)).test_client()


def test_a_next_auth_session_signs_every_group(beside_next_auth, backend):
    """It is a token source like the other."""
    beside_next_auth.set_cookie(V4, V4_COOKIE)
    backend.answer("GET /api/vehicles", json=[])

    vehicles = beside_next_auth.get("/api/vehicles")
    session = beside_next_auth.get("/api/auth/session").json

    assert (vehicles.status_code, backend.last.headers["Authorization"]) == (200, "Bearer AT-v4-123")
    assert session["authenticated"] is True


@pytest.mark.parametrize("path", ["/api/vehicles", "/api/auth/session"])
def test_next_auths_cookie_is_its_own_to_delete(beside_next_auth, backend, path):
    """To refresh or end a session here would race with Next.js."""
    beside_next_auth.set_cookie(V4, V4_COOKIE)
    beside_next_auth.set_cookie("token", "left.over.cookie")
    backend.answer("GET /api/vehicles", status=401, json={"error": "no"})

    response = beside_next_auth.get(path)

    assert set_cookies(response) == []


def test_our_own_cookie_counts_for_nothing_then(beside_next_auth, backend):
    """One source, not two."""
    beside_next_auth.set_cookie("token", "a.b.c")

    response = beside_next_auth.get("/api/vehicles")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (401, "no_session")
    assert backend.connections == 0


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/auth/logout"])
def test_where_next_auth_signs_in_we_do_not(settings, backend, path):
    """TOKEN_SOURCE=nextauth: our own login and logout answer 404."""
    nextauth = replace(settings, token_source="nextauth", auth_secrets=(Secret("s" * 32),))

    response = create_app(nextauth).test_client().post(path, json=SIGN_IN)

    assert (response.status_code, response.headers["X-BFF-Error"]) == (404, "not_found")
    assert backend.requests == []


@pytest.mark.parametrize("depth", [800, 900, 940, 960, 970, 980, 985, 990, 995, 1000, 1200])
def test_no_depth_of_a_reply_is_a_defect_of_ours(anonymous, backend, depth):
    """At some depth it can be read, and not written again without its token."""
    body = b'{"token": "x.y.z", "data": ' + b"[" * depth + b"]" * depth + b"}"
    backend.answer("POST /api/auth/register", 201, body=body)

    response = anonymous.post("/api/auth/register", json={"username": "a", "email": "a@b.c", "password": "secret"})

    assert response.status_code in {201, 502}
    assert "x.y.z" not in response.text

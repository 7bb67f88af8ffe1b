"""Users: signing in, passwords, roles, and the two ways to remove somebody."""

import logging
import re

import pytest

ANA = {"username": "ana", "email": "ana@correo.gt", "password": "secreto"}
SECRETS = {"password", "resetPasswordToken", "resetPasswordExpire"}


@pytest.fixture
def ana(anonymous):
    """A registered user of role `read`; `id` and the token of the registration."""
    return anonymous.add("auth/register", **ANA)


def logged(caplog, pattern):
    """What the last line of the log that matches this pattern holds."""
    return re.findall(pattern, caplog.text)[-1]


def test_registering_answers_with_a_session(anonymous):
    response = anonymous.send("POST", "auth/register", {**ANA, "role": "admin"})

    data = response.json()["data"]
    assert response.status_code == 201
    assert data["user"] == {"id": data["user"]["id"], "username": "ana", "email": "ana@correo.gt", "role": "admin"}
    assert data["token"].count(".") == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"username": " "},
            "El nombre de usuario es requerido, El nombre de usuario debe tener entre 3 y 50 caracteres",
        ),
        ({"email": "ana"}, "Email inválido"),
        ({"password": "12345"}, "La contraseña debe tener al menos 6 caracteres"),
        ({"role": "root"}, "Rol inválido"),
        ({"role": None}, "Rol inválido"),
        (
            {"username": "demo"},
            "E11000 duplicate key error collection: kilometracker.users index: username_1 "
            'dup key: { username: "demo" }',
        ),
        (
            {"email": "DEMO@kilometracker.test"},
            "E11000 duplicate key error collection: kilometracker.users "
            'index: email_1 dup key: { email: "demo@kilometracker.test" }',
        ),
    ],
)
def test_a_registration_that_breaks_a_rule_is_refused(anonymous, changes, error):
    response = anonymous.send("POST", "auth/register", {**ANA, **changes})

    assert (response.status_code, response.json()["error"]) == (400, error)


def test_an_address_is_stored_normalised_but_looked_up_as_typed(anonymous):
    typed = {"email": "Ana.Lopez@gmail.com", "password": "secreto"}
    stored = anonymous.add("auth/register", username="ana", **typed)["user"]["email"]

    assert stored == "analopez@gmail.com"
    assert anonymous.send("POST", "auth/login", typed).status_code == 401
    assert anonymous.send("POST", "auth/login", {**typed, "email": " AnaLopez@Gmail.com "}).status_code == 200


def test_only_the_right_password_learns_that_a_user_is_inactive(anonymous, admin, ana):
    admin.send("DELETE", f"auth/users/{ana['user']['id']}")

    right = anonymous.send("POST", "auth/login", ANA)
    wrong = anonymous.send("POST", "auth/login", {**ANA, "password": "otra"})

    assert (right.status_code, right.json()["error"]) == (401, "Usuario inactivo")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "Credenciales inválidas")


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ({}, "No autorizado - Token no proporcionado"),
        ({"Authorization": "bearer {token}"}, "No autorizado - Token no proporcionado"),
        ({"Authorization": "Bearer  {token}"}, "No autorizado - Token inválido"),
        ({"Authorization": "Bearer a.b.c"}, "No autorizado - Token inválido"),
        ({"Authorization": "Bearer {token}x"}, "No autorizado - Token inválido"),
    ],
)
def test_a_token_comes_as_a_bearer_token_or_not_at_all(anonymous, ana, header, error):
    filled = {name: value.format(token=ana["token"]) for name, value in header.items()}

    response = anonymous.send("GET", "auth/me", headers=filled)

    assert (response.status_code, response.json()["error"]) == (401, error)


def test_a_token_lasts_seven_days(writer, clock):
    clock.advance(days=7, seconds=-1)
    last = writer.send("GET", "auth/me")
    clock.advance(seconds=1)
    expired = writer.send("GET", "auth/me")

    assert (last.status_code, expired.status_code) == (200, 401)
    assert expired.json()["error"] == "No autorizado - Token inválido"


def test_a_deactivated_user_is_out_and_comes_back_with_the_old_token(anonymous, admin, ana):
    bearer = {"Authorization": f"Bearer {ana['token']}"}
    admin.send("DELETE", f"auth/users/{ana['user']['id']}")
    out = anonymous.send("GET", "auth/me", headers=bearer)
    admin.send("PATCH", f"auth/users/{ana['user']['id']}/reactivate")
    back = anonymous.send("GET", "auth/me", headers=bearer)

    assert (out.status_code, out.json()["error"]) == (401, "Usuario no encontrado o inactivo")
    assert back.status_code == 200


def test_a_profile_shows_no_secret_and_takes_no_role(writer, clock):
    clock.advance(minutes=1)

    changed = writer.send("PUT", "auth/updateprofile", {"username": "nuevo", "role": "root"}).json()["data"]

    assert (changed["username"], changed["role"]) == ("nuevo", "write")
    assert changed["updatedAt"] == "2026-05-15T10:31:00.000Z"
    assert not SECRETS & changed.keys()


def test_an_empty_profile_update_moves_its_time_alone(writer, clock):
    clock.advance(minutes=1)

    response = writer.send("PUT", "auth/updateprofile", {})

    assert response.status_code == 200
    assert response.json()["data"]["updatedAt"] == "2026-05-15T10:31:00.000Z"


def test_a_password_is_changed_by_whoever_knows_it(writer, anonymous):
    wrong = writer.send("PUT", "auth/updatepassword", {"currentPassword": "x", "newPassword": "nuevisima"})
    right = writer.send("PUT", "auth/updatepassword", {"currentPassword": "Kilometros123", "newPassword": "nuevisima"})

    assert (wrong.status_code, wrong.json()["error"]) == (401, "Contraseña actual incorrecta")
    assert right.json() == {"success": True, "message": "Contraseña actualizada correctamente"}
    assert writer.send("GET", "auth/me").status_code == 200
    assert anonymous.sign_in("demo@kilometracker.test", "nuevisima").data("auth/me")["username"] == "demo"


@pytest.fixture
def reset_link(anonymous, ana, caplog):
    """The token of a reset link for ana, as it stands in the log."""
    caplog.set_level(logging.INFO, logger="sandbox")
    anonymous.send("POST", "auth/forgotpassword", {"email": "ANA@correo.gt"})
    return logged(caplog, r"Password reset for ana@correo\.gt: http://localhost:3000/reset-password/([0-9a-f]{64})")


def test_a_reset_link_works_once(anonymous, reset_link):
    path = f"auth/resetpassword/{reset_link}"

    short = anonymous.send("PUT", path, {"password": "12345"})
    first = anonymous.send("PUT", path, {"password": "nuevisima"})
    second = anonymous.send("PUT", path, {"password": "otra mas"})

    assert (short.status_code, short.json()["error"]) == (400, "La contraseña debe tener al menos 6 caracteres")
    assert (first.status_code, first.json()["data"]["user"]["username"]) == (200, "ana")
    assert (second.status_code, second.json()["error"]) == (400, "Token inválido o expirado")
    assert anonymous.send("POST", "auth/login", {**ANA, "password": "nuevisima"}).status_code == 200


@pytest.mark.parametrize(("minutes", "status"), [(59.9, 200), (60, 400)])
def test_a_reset_link_lasts_an_hour(anonymous, reset_link, clock, minutes, status):
    clock.advance(minutes=minutes)

    assert anonymous.send("PUT", f"auth/resetpassword/{reset_link}", {"password": "nuevisima"}).status_code == status


def test_a_new_reset_link_replaces_the_old(anonymous, reset_link):
    anonymous.send("POST", "auth/forgotpassword", {"email": "ana@correo.gt"})

    assert anonymous.send("PUT", f"auth/resetpassword/{reset_link}", {"password": "nuevisima"}).status_code == 400


def test_forgetting_does_not_tell_who_has_an_account(anonymous, ana, caplog):
    caplog.set_level(logging.INFO, logger="sandbox")

    known, unknown = (anonymous.send("POST", "auth/forgotpassword", {"email": e}) for e in (ANA["email"], "x@y.gt"))

    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert caplog.text.count("Password reset for") == 1


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, "El email es requerido"),
        ({"email": ""}, 400, "El email es requerido"),
        ({"email": 5}, 500, "email.toLowerCase is not a function"),
        (None, 400, "Cannot destructure property 'email' of 'req.body' as it is undefined."),
    ],
)
def test_forgetting_needs_an_address(anonymous, body, status, error):
    response = anonymous.send("POST", "auth/forgotpassword", body)

    assert (response.status_code, response.json()["error"]) == (status, error)


@pytest.mark.parametrize("role", ["reader", "writer"])
def test_users_are_for_admins(request, role):
    assert request.getfixturevalue(role).send("GET", "auth/users").status_code == 403


def test_the_list_hides_root_users_from_admins(admin, root):
    for_admin, for_root = admin.get("auth/users"), root.get("auth/users")

    assert [user["role"] for user in for_admin["data"]] == ["admin", "write", "read"]
    assert for_root["count"] == 4
    assert "pagination" not in for_root
    assert not SECRETS & for_root["data"][0].keys()


@pytest.mark.parametrize(("query", "found"), [("?isActive=true", 2), ("?isActive=false", 1), ("?isActive=", 1)])
def test_is_active_narrows_the_list(admin, reader, query, found):
    admin.send("DELETE", f"auth/users/{reader.data('auth/me')['_id']}")

    assert admin.get(f"auth/users{query}")["count"] == found


@pytest.mark.parametrize(
    ("caller", "target", "request_line", "status"),
    [
        ("admin", "admin", "DELETE", 400),
        ("admin", "root", "DELETE", 403),
        ("admin", "writer", "DELETE", 200),
        ("admin", "root", "GET", 200),
        ("admin", "root", "PATCH /reactivate", 200),
        ("admin", "admin", "PUT /role", 403),
        ("admin", "writer", "PUT /role", 200),
        ("root", "admin", "PUT /role", 200),
        ("root", "root", "PUT /role", 200),
        ("root", "root", "DELETE", 400),
        ("admin", "writer", "POST /permanent/request", 403),
        ("root", "root", "POST /permanent/request", 400),
    ],
)
def test_who_may_do_what_to_whom(request, caller, target, request_line, status):
    method, _, action = request_line.partition(" ")
    target_id = request.getfixturevalue(target).data("auth/me")["_id"]

    response = request.getfixturevalue(caller).send(method, f"auth/users/{target_id}{action}", {"role": "admin"})

    assert response.status_code == status


@pytest.mark.parametrize(
    ("body", "error"), [({}, "El rol es requerido, Rol inválido"), ({"role": "root"}, "Rol inválido")]
)
def test_root_is_not_a_role_to_be_given(root, writer, body, error):
    response = root.send("PUT", f"auth/users/{writer.data('auth/me')['_id']}/role", body)

    assert (response.status_code, response.json()["error"]) == (400, error)


@pytest.fixture
def code(root, ana, caplog):
    """The code with which root may delete ana, as it stands in the log."""
    caplog.set_level(logging.INFO, logger="sandbox")
    response = root.send("POST", f"auth/users/{ana['user']['id']}/permanent/request")
    assert response.json() == {"success": True, "message": "Código de confirmación enviado a tu correo"}
    return logged(caplog, r"Delete code for ana: (\d{6})")


def test_a_permanent_delete_takes_everything(root, anonymous, ana, code):
    root.send("PUT", f"auth/users/{ana['user']['id']}/role", {"role": "write"})
    anonymous.session.headers["Authorization"] = f"Bearer {ana['token']}"
    anonymous.add("vehicles", alias="SUYO", marca="Kia", modelo=2020)
    anonymous.add("routes", vehicleAlias="SUYO", distanciaRecorrida=5)

    path = f"auth/users/{ana['user']['id']}/permanent"
    response = root.send("DELETE", path, {"code": code, "confirmWord": "ELIMINAR"})

    assert response.json() == {"success": True, "message": "Usuario ana eliminado permanentemente"}
    assert anonymous.send("GET", "auth/me").json()["error"] == "Usuario no encontrado o inactivo"
    assert root.add("vehicles", alias="SUYO", marca="Kia", modelo=2020)["kilometrajeTotal"] == 0
    again = root.send("DELETE", path, {"code": code, "confirmWord": "ELIMINAR"})
    assert again.json()["error"] == "No hay una solicitud de eliminación activa. Inicia el proceso nuevamente."


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"confirmWord": "eliminar"}, "Palabra de confirmación incorrecta. Escribe ELIMINAR"),
        ({"code": 123456}, "Código incorrecto."),
        ({"code": "x"}, "Código incorrecto."),
    ],
)
def test_a_wrong_confirmation_does_not_use_up_the_code(root, ana, code, sent, error):
    path = f"auth/users/{ana['user']['id']}/permanent"
    right = {"code": code, "confirmWord": "ELIMINAR"}

    wrong = root.send("DELETE", path, {**right, **sent})

    assert (wrong.status_code, wrong.json()["error"]) == (400, error)
    assert root.send("DELETE", path, right).status_code == 200


def test_a_permanent_delete_needs_a_body(root, ana):
    response = root.send("DELETE", f"auth/users/{ana['user']['id']}/permanent")

    assert response.status_code == 400
    assert response.json()["error"] == "Cannot destructure property 'code' of 'req.body' as it is undefined."


def test_a_code_is_for_one_user(root, writer, code):
    path = f"auth/users/{writer.data('auth/me')['_id']}/permanent"

    response = root.send("DELETE", path, {"code": code, "confirmWord": "ELIMINAR"})

    assert (response.status_code, response.json()["error"]) == (400, "El código no corresponde a este usuario.")


def test_a_code_lasts_ten_minutes(root, ana, code, clock):
    clock.advance(minutes=10)

    path = f"auth/users/{ana['user']['id']}/permanent"
    response = root.send("DELETE", path, {"code": code, "confirmWord": "ELIMINAR"})

    assert response.json()["error"] == "El código ha expirado. Inicia el proceso nuevamente."

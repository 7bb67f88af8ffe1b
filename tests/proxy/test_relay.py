"""What the browser gets back. The wire is not at stake here, so requests-mock stands in for it."""

import pytest
import requests
import requests_mock
from flask.testing import FlaskClient

from app import create_app
from config import Settings

VEHICLES = "http://backend.test/api/vehicles"


@pytest.fixture
def browser() -> FlaskClient:
    settings = Settings(app_env="testing", api_base_url="http://backend.test", token_cookie_secure=False)
    client = create_app(settings).test_client()
    client.set_cookie("token", "a.b.c")
    return client


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>", "headers": {"Content-Type": "text/html"}},
        {"text": "<html>", "headers": {"Content-Type": "application/json"}},
        {"text": "{"},
        {"text": ""},
        {"content": b'{"a":"\xff"}'},
        {"text": "[NaN]"},
        {"text": "[-Infinity]"},
        {"text": "{}", "headers": {"Content-Encoding": "gzip"}},
        {"text": "[" * 100_000},
        {"status_code": 302, "headers": {"Location": "http://backend.test/login"}},
        {"status_code": 304},
        {"status_code": 999},
        {"status_code": 404, "text": "<h1>Cannot GET</h1>"},
        {"status_code": 500, "text": "boom"},
    ],
)
def test_what_is_not_json_is_a_502(browser, answer):
    """One rule, whatever the status: HTML of a proxy or a framework, an empty 200, a redirect (row 57)."""
    with requests_mock.Mocker() as backend:
        backend.get(VEHICLES, **answer)

        response = browser.get("/api/vehicles")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (502, "backend_invalid")
    assert response.json == {"error": "El servicio dio una respuesta no válida"}
    assert "Location" not in response.headers


def test_an_empty_204_stays_one(browser):
    """It has no body, and no type (RFC 9110 §15.3.5)."""
    with requests_mock.Mocker() as backend:
        backend.get(VEHICLES, status_code=204)

        response = browser.get("/api/vehicles")

    assert (response.status_code, response.data) == (204, b"")
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, '{"error": "a", "message": "b"}', "a"),
        (400, '{"error": "", "message": "b"}', "b"),
        (400, '{"error": {"code": 1}, "message": "b"}', "b"),
        (400, '{"message": " "}', "Error al obtener vehículos"),
        (400, '"text"', "Error al obtener vehículos"),
        (500, "[]", "Error al obtener vehículos"),
        (403, "", "Error al obtener vehículos"),
        (400, '{"error": "half a \\ud800 pair"}', "half a ? pair"),
        (413, '{"error": "request entity too large"}', "La solicitud es demasiado grande"),
        (
            400,
            '{"error": "E11000 duplicate key error collection: km.vehicles index: alias_1 dup key: { alias: 1 }"}',
            "El alias ya existe",
        ),
        (
            400,
            '{"error": "E11000 duplicate key error collection: km.users index: email_1 dup key: { email: 1 }"}',
            "El email ya existe",
        ),
    ],
)
def test_an_error_says_what_the_user_can_use(browser, status, body, message):
    """`error`, else `message`, else the endpoint's own; not the database's words, nor a parser's."""
    with requests_mock.Mocker() as backend:
        backend.get(VEHICLES, status_code=status, text=body)

        response = browser.get("/api/vehicles")

    assert (response.status_code, response.json) == (status, {"error": message})
    assert "X-BFF-Error" not in response.headers


def test_a_limit_of_the_backend_is_passed_on_with_its_wait(browser):
    """Row 58; the old front end lost the wait."""
    with requests_mock.Mocker() as backend:
        headers = {"Retry-After": "900", "X-RateLimit-Limit": "5", "Set-Cookie": "a=b"}
        backend.get(VEHICLES, status_code=429, json={"error": "Too many requests"}, headers=headers)

        response = browser.get("/api/vehicles")

    assert (response.status_code, response.json) == (429, {"error": "Too many requests"})
    assert response.headers["Retry-After"] == "900"
    assert {"X-RateLimit-Limit", "Set-Cookie"} & set(response.headers.keys()) == set()


@pytest.mark.parametrize("value", ["a\x01b", "1\r\n X-Evil: 2", "\xe9", "9" * 65, ""])
def test_a_wait_that_is_none_is_not_passed_on(browser, value):
    """A control character in it would make gunicorn fail, with the target in its log."""
    with requests_mock.Mocker() as backend:
        backend.get(VEHICLES, status_code=503, json={}, headers={"Retry-After": value})

        response = browser.get("/api/vehicles")

    assert response.status_code == 503
    assert "Retry-After" not in response.headers


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (requests.ConnectTimeout, 504, "backend_timeout"),
        (requests.ReadTimeout, 504, "backend_timeout"),
        (requests.exceptions.SSLError, 502, "backend_unreachable"),
        (requests.ConnectionError, 502, "backend_unreachable"),
    ],
)
def test_a_failure_of_the_network_has_its_status_and_a_fixed_text(browser, failure, status, code):
    """The exception's own text may name the backend."""
    with requests_mock.Mocker() as backend:
        backend.get(VEHICLES, exc=failure("http://backend.test is secret"))

        response = browser.get("/api/vehicles")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (status, code)
    assert "backend" not in response.text


def test_a_defect_of_ours_shows_nothing(browser, events):
    """The trace is in the log, the browser gets a fixed text."""
    with requests_mock.Mocker() as backend:
        backend.get(VEHICLES, exc=KeyError("canary"))

        response = browser.get("/api/vehicles")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (500, "internal")
    assert response.json == {"error": "Error interno del servidor"}
    [defect] = [event for event in events if event["event"] == "defect"]
    assert (defect["detail"], defect["exc_info"].args) == ("KeyError", ("canary",))


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/nope", "/api/vehicles/", "/api/vehicles/a/b", "/api//routes", "/api/proxy/x"]
)
def test_an_unknown_path_is_a_404_in_json(browser, path):
    """No HTML page, and no redirect for a trailing slash (defect 18)."""
    response = browser.get(path)

    assert (response.status_code, response.json) == (404, {"error": "No encontrado"})
    assert response.headers["X-BFF-Error"] == "not_found"


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "PURGE"])
def test_another_method_is_a_405_that_says_which_there_are(browser, method):
    """RFC 9110 §15.5.6."""
    response = browser.open("/api/vehicles", method=method)

    assert (response.status_code, response.json) == (405, {"error": "Método no permitido"})
    assert response.headers["X-BFF-Error"] == "method_not_allowed"
    assert response.allow == {"GET", "HEAD", "OPTIONS", "POST"}

"""Every endpoint of the contract, on the wire: what the backend hears, and what the browser gets."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from config import Settings
from tests.backend import Backend
from tests.conftest import TOKEN
from tests.proxy.api.endpoints import ENDPOINTS, FORWARDED, Endpoint

TOKEN_ROUTES = tuple(endpoint for endpoint in ENDPOINTS if endpoint.needs_token)
WITH_BODY = tuple(endpoint for endpoint in FORWARDED if endpoint.has_body)
WITH_TOKEN_AND_BODY = tuple(endpoint for endpoint in WITH_BODY if endpoint.needs_token)
REQUIRED = tuple((endpoint, field) for endpoint in ENDPOINTS for field in endpoint.required)

# Groups that `flask new-group` wrote: their tests hold their routes.
WITH_A_TABLE_OF_THEIR_OWN = {
    path.stem.removeprefix("test_")
    for path in Path(__file__).parent.glob("test_*.py")
    if "\nROUTES = (" in path.read_text("utf-8")
}

# Spaces and odd numbers of digits: what is parsed and written anew would not come out like this.
BODY = (
    b'{ "email":"ana@example.com",  "password":"secret-1", "username":"ana", "currentPassword":"secret-1",'
    b'"newPassword":"secret-2", "alias":"\xc3\xb1", "marca":"M", "modelo":2020.50, "plates":"P", "vehicleAlias":"V",'
    b'"distanciaRecorrida":1e1, "fecha":"2026-11-05", "tipoCombustible":"Diesel", "cantidadGastada":0,'
    b'"categoria":"Otro", "monto":0, "descripcion":"d" }'
)
PASSED_ON_ALONE = {
    1: {"email": "ana@example.com", "password": "secret-1"},
    2: {"username": "ana", "email": "ana@example.com", "password": "secret-1"},
}


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Backend, Flask]]:
    """One for all of these tests: there are many, and an app takes longer to make than to ask."""
    with Backend() as backend:
        settings = Settings(
            app_env="testing",
            api_base_url=backend.url,
            token_cookie_secure=False,
            ratelimit_auth="1000000 per minute",
        )
        yield backend, create_app(settings)


@pytest.fixture
def backend(service: tuple[Backend, Flask]) -> Backend:
    backend, _ = service
    backend.forget()
    return backend


@pytest.fixture
def anonymous(service: tuple[Backend, Flask]) -> FlaskClient:
    _, app = service
    return app.test_client()


def named(endpoint: object) -> str:
    return f"{endpoint.number}-{endpoint.method}" if isinstance(endpoint, Endpoint) else str(endpoint)


def ask(client: FlaskClient, endpoint: Endpoint, body: bytes | None = BODY):
    data = body if endpoint.has_body else None
    path = endpoint.path.format("A%2FB") + "?a=1&a=%2f&b=%zz&c=+%20"
    return client.open(path, method=endpoint.method, data=data, content_type="application/json" if data else None)


def answering(backend: Backend, endpoint: Endpoint, **answer) -> None:
    backend.answer(endpoint.backend_route.format("A%2FB"), **answer)


@pytest.mark.parametrize("endpoint", FORWARDED, ids=named)
def test_the_backend_is_asked_by_its_own_path_with_the_query_byte_for_byte(client, backend, endpoint):
    """A segment arrives as one segment; nothing in a query is judged, repaired or reordered."""
    answering(backend, endpoint, status=endpoint.status, json={"data": {"token": "x.y.z"}})

    ask(client, endpoint)

    wanted = endpoint.backend_route.format("A%2FB") + "?a=1&a=%2f&b=%zz&c=+%20"
    assert [f"{request.method} {request.target}" for request in backend.requests] == [wanted]


@pytest.mark.parametrize("endpoint", FORWARDED, ids=named)
def test_the_token_goes_along_where_the_contract_says_so(client, backend, endpoint):
    """`Bearer` with a capital and one space; the public endpoints do not send a token at all."""
    answering(backend, endpoint, json={"data": {"token": "x.y.z"}})

    ask(client, endpoint)

    assert backend.last.headers["Authorization"] == (f"Bearer {TOKEN}" if endpoint.needs_token else None)
    assert "Cookie" not in backend.last.headers


@pytest.mark.parametrize("endpoint", FORWARDED, ids=named)
def test_the_body_goes_out_byte_for_byte(client, backend, endpoint):
    """Decision 9 of the contract; login and register alone pass on named fields. Other requests have no body."""
    answering(backend, endpoint, json={"data": {"token": "x.y.z"}})

    ask(client, endpoint)

    only = PASSED_ON_ALONE.get(endpoint.number)
    whole = BODY if endpoint.has_body else b""
    assert backend.last.body == (json.dumps(only).encode() if only else whole)
    assert backend.last.headers["Content-Type"] == ("application/json" if endpoint.has_body else None)


@pytest.mark.parametrize("endpoint", [e for e in FORWARDED if e.number != 1], ids=named)
def test_the_answer_comes_back_byte_for_byte_with_the_backends_status(client, backend, endpoint):
    """201 stays 201. (Login, whose answer is our own, has its own tests.)"""
    answering(backend, endpoint, status=endpoint.status, body=b'{ "success":true, "n":1.50, "\xc3\xb1":"\\u00e9" }')

    response = ask(client, endpoint)

    assert response.status_code == endpoint.status
    assert response.data == b'{ "success":true, "n":1.50, "\xc3\xb1":"\\u00e9" }'
    assert response.content_type == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("endpoint", FORWARDED, ids=named)
@pytest.mark.parametrize("reply", [{"error": "dicho", "message": "no"}, {"message": "dicho"}])
def test_an_error_keeps_its_status_and_its_message(client, backend, endpoint, reply):
    """`error`, else `message`; and the mark of our own errors is not on it."""
    answering(backend, endpoint, status=400, json={"success": False, "details": ["secret"], **reply})

    response = ask(client, endpoint)

    assert (response.status_code, response.json) == (400, {"error": "dicho"})
    assert "X-BFF-Error" not in response.headers


@pytest.mark.parametrize("endpoint", FORWARDED, ids=named)
def test_an_error_without_a_message_gets_the_endpoints_own(client, backend, endpoint):
    """The last column of the contract's table."""
    answering(backend, endpoint, status=500, json={"success": False})

    response = ask(client, endpoint)

    assert (response.status_code, response.json) == (500, {"error": endpoint.fallback})


@pytest.mark.parametrize("endpoint", TOKEN_ROUTES, ids=named)
@pytest.mark.parametrize("body", [BODY, b"{"], ids=["good-body", "bad-body"])
def test_without_a_cookie_the_backend_hears_nothing(anonymous, backend, endpoint, body):
    """401 comes before anything else about the request is judged, and no connection is opened for it."""
    response = ask(anonymous, endpoint, body)

    assert (response.status_code, response.json) == (401, {"error": "No autorizado"})
    assert response.headers["X-BFF-Error"] == "no_session"
    assert (backend.requests, backend.connections) == ([], 0)


@pytest.mark.parametrize("endpoint", [e for e in TOKEN_ROUTES if e.number != 6], ids=named)
def test_a_401_of_the_backend_deletes_the_cookie(client, backend, endpoint):
    """Else the front end's middleware would lock the user out of the sign-in form."""
    answering(backend, endpoint, status=401, json={"error": "No autorizado - Token inválido"})

    response = ask(client, endpoint)

    assert (response.status_code, response.json) == (401, {"error": "No autorizado - Token inválido"})
    assert response.headers.getlist("Set-Cookie") == [
        "token=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/; SameSite=Strict"
    ]


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=named)
@pytest.mark.parametrize("body", [b"{", b'{"a":NaN}', b"null", b'"x"', b"[]", b"", b'{"a":"\xff"}', b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_ours_to_refuse(client, backend, endpoint, body):
    """Row 55 of the contract's edge cases."""
    response = client.open(
        endpoint.path.format("x"), method=endpoint.method, data=body, content_type="application/json"
    )

    assert (response.status_code, response.headers["X-BFF-Error"]) == (400, "bad_request")
    assert backend.requests == []


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=named)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_under_another_content_type_is_refused(client, backend, endpoint, content_type):
    """A form of another site can be sent under these without a preflight (Fetch §2.2.2)."""
    response = client.open(endpoint.path.format("x"), method=endpoint.method, data=BODY, content_type=content_type)

    assert (response.status_code, response.headers["X-BFF-Error"]) == (400, "bad_request")
    assert backend.requests == []


@pytest.mark.parametrize(("endpoint", "field"), REQUIRED, ids=named)
@pytest.mark.parametrize("blank", [None, "", "  "], ids=["null", "empty", "blank"])
def test_a_required_field_that_is_missing_is_ours_to_refuse(client, backend, endpoint, field, blank):
    """Absent, null or blank; 0 is not missing (decision 6 of the contract)."""
    body = json.dumps({**json.loads(BODY), field: blank}).encode()

    response = ask(client, endpoint, body)

    texts = {1: "Email y password son requeridos", 6: "Contraseña actual y nueva son requeridas"}
    assert (response.status_code, response.json) == (
        400,
        {"error": texts.get(endpoint.number, "Faltan campos requeridos")},
    )
    assert backend.requests == []


@pytest.mark.parametrize("endpoint", WITH_TOKEN_AND_BODY, ids=named)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_over_the_limit_is_refused(client, backend, endpoint, framing):
    """413 after the token is judged, before the body is; also where no length announces it."""
    data = b'{"a":1}' + b" " * 2**20
    chunked = {"wsgi.input_terminated": True} if framing == "chunked" else {}

    response = client.open(
        endpoint.path.format("x"),
        method=endpoint.method,
        input_stream=BytesIO(data),
        content_type="application/json",
        content_length=None if chunked else len(data),
        environ_overrides=chunked,
    )

    assert (response.status_code, response.headers["X-BFF-Error"]) == (413, "too_large")
    assert backend.requests == []


@pytest.mark.parametrize("endpoint", [e for e in FORWARDED if "{}" in e.path], ids=named)
@pytest.mark.parametrize(
    ("segment", "status"),
    [("%2E", 404), ("%2e%2e", 404), ("..", 404), ("50%", 400), ("%zz", 400), ("%00", 400), ("%ff", 400), ("%C3", 400)],
)
def test_a_segment_that_cannot_go_out_does_not(client, backend, endpoint, segment, status):
    """Dot segments would be folded on the way; a broken escape, NUL or half a character has no one meaning."""
    data = BODY if endpoint.has_body else None

    response = client.open(
        endpoint.path.format(segment), method=endpoint.method, data=data, content_type="application/json"
    )

    assert response.status_code == status
    assert backend.requests == []


def test_the_service_has_these_endpoints_and_no_others(client):
    """A route that is not in the contract is one that nobody looked at."""
    rules = {
        f"{method} {rule.rule}"
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] not in WITH_A_TABLE_OF_THEIR_OWN
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    names = ("alias", "user_id", "route_id", "refuel_id", "record_id", "expense_id", "reset_token")
    shapes = {rule.replace(f"<{name}>", "{}") for rule in rules for name in names if f"<{name}>" in rule}
    shapes |= {rule for rule in rules if "<" not in rule}
    ours = {"GET /healthz", "GET /readyz", "GET /metrics", "GET /api/auth/session", "GET /api/openapi.json"}

    assert shapes == {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS} | ours
    numbers = [endpoint.number for endpoint in ENDPOINTS]
    assert numbers == sorted(set(numbers))

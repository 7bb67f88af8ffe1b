"""HTTP itself: paths, bodies, header fields, and connections that stay open."""

import http.client
import json
from contextlib import closing

import pytest
import requests

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "nada"), ("PATCH", "vehicles"), ("POST", "vehicles/A"), ("POST", "auth/logout"), ("GET", "vehicles//A")],
)
def test_an_unknown_path_or_method_is_html(writer, method, path):
    response = writer.send(method, path)

    assert (response.status_code, response.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert f"Cannot {method} /api/{path}" in response.text


@pytest.mark.parametrize(
    "path", ["VEHICLES", "Vehicles/", "vehicles/corolla/STATS/", "refuels/Vehicle/corolla/Analysis"]
)
def test_paths_ignore_case_and_a_trailing_slash(writer, corolla, path):
    assert writer.send("GET", path).status_code == 200


@pytest.mark.parametrize("body", ["{", "null", '"x"', "5", '{"a": NaN}', "{'a': 1}"])
def test_a_body_is_a_json_object(anonymous, body):
    response = anonymous.send("POST", "auth/login", data=body, headers=JSON)

    assert response.status_code == 400
    assert response.json()["error"].endswith("is not valid JSON")


@pytest.mark.parametrize("levels", [101, 900, 15_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_body_has_100_levels_at_most(writer, corolla, opening, closing, levels):
    """One that the parser just takes could still be too deep for the answer that repeats it."""
    nested = opening * levels + "0" + closing * levels

    response = writer.send("PUT", "vehicles/COROLLA", data=f'{{"marca": {nested}}}', headers=JSON)

    assert response.status_code == 400
    assert response.json()["error"] == "A body of more than 100 levels is not taken"


def test_half_a_surrogate_pair_is_stored_as_a_replacement_character(writer, corolla):
    """As by Node: UTF-8 has no form for it (RFC 3629 §3). A whole pair is one character."""
    body = r'{"marca": "\ud83d\ude97 \ud800x\udc00", "\udfff": "\ud800"}'

    response = writer.send("PUT", "vehicles/COROLLA", data=body, headers=JSON)

    assert response.status_code == 200
    assert (
        writer.data("vehicles/COROLLA")["marca"] == "\N{AUTOMOBILE} \N{REPLACEMENT CHARACTER}x\N{REPLACEMENT CHARACTER}"
    )


def test_half_a_surrogate_pair_is_replaced_in_what_a_refusal_repeats(writer, corolla):
    body = r'{"marca": {"\ud800": ["\udc00"]}}'

    response = writer.send("PUT", "vehicles/COROLLA", data=body, headers=JSON)

    assert response.status_code == 400
    assert response.json()["details"][0]["value"] == {"\N{REPLACEMENT CHARACTER}": ["\N{REPLACEMENT CHARACTER}"]}


@pytest.mark.parametrize(("number", "repeated"), [("1e400", "null"), ("[2, -1e400]", "[2,null]")])
def test_an_infinite_number_is_repeated_as_null(writer, corolla, number, repeated):
    """JSON has no infinity (RFC 8259 §6); JavaScript writes null."""
    body = f'{{"kilometrajeInicial": {number}}}'

    response = writer.send("PUT", "vehicles/COROLLA", data=body, headers=JSON)

    assert response.status_code == 400
    assert f'"value":{repeated},' in response.text


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, None),
        (JSON, ""),
        (JSON, "[]"),
        ({"Content-Type": "text/plain"}, "{}"),
        ({"Content-Type": "text/json"}, "x"),
    ],
)
def test_any_other_body_is_empty(anonymous, headers, body):
    response = anonymous.send("POST", "auth/login", data=body, headers=headers)

    texts = "El email es requerido, Email inválido, La contraseña es requerida"
    assert (response.status_code, response.json()["error"]) == (400, texts)


def test_a_form_is_a_body_too(anonymous):
    account = {"email": "demo@kilometracker.test", "password": "Kilometros123"}

    assert anonymous.send("POST", "auth/login", data=account).status_code == 200


def test_a_chunked_body_is_read(anonymous):
    account = [b'{"email": "demo@kilometracker.test", ', b'"password": "Kilometros123"}']

    assert anonymous.send("POST", "auth/login", data=iter(account), headers=JSON).status_code == 200


def test_a_body_has_100_kib_max_length(anonymous):
    response = anonymous.send("POST", "auth/login", {"email": "x" * 150 * 1024})

    assert (response.status_code, response.json()) == (413, {"success": False, "error": "request entity too large"})


@pytest.mark.parametrize(("origin", "status"), [("http://localhost:3000", 200), ("https://example.com", 500)])
def test_an_origin_has_to_be_on_the_list(writer, origin, status):
    response = writer.send("GET", "vehicles", headers={"Origin": origin})

    assert response.status_code == status
    assert response.headers.get("Access-Control-Allow-Origin") == {200: origin}.get(status)
    assert response.json().get("error") == {500: "Not allowed by CORS"}.get(status)


def test_a_request_id_is_taken_over_or_made(anonymous):
    given = anonymous.send("GET", "auth/me", headers={"X-Request-ID": "el mío"})
    made = anonymous.send("GET", "nada")

    assert given.headers["X-Request-ID"] == "el mío"
    assert len(made.headers["X-Request-ID"]) == 36


def test_what_the_caller_has_is_not_sent_again(writer, corolla):
    etag = writer.send("GET", "vehicles").headers["ETag"]

    again = writer.send("GET", "vehicles", headers={"If-None-Match": etag})
    writer.send("DELETE", "vehicles/COROLLA")
    changed = writer.send("GET", "vehicles", headers={"If-None-Match": etag})

    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)


def test_text_is_utf_8_without_escapes(writer):
    writer.add("vehicles", alias="ñandú", marca="Citroën", modelo=2020)

    assert "ÑANDÚ".encode() in writer.send("GET", "vehicles").content


def test_a_connection_stays_open_after_a_body_that_nobody_read(sandbox):
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)

    with closing(connection):
        connection.request("POST", "/api/nada", body="GET / HTTP/1.1", headers={"Content-Type": "text/plain"})
        connection.getresponse().read()
        socket = connection.sock
        connection.request("GET", "/api/auth/me")
        reply = json.load(connection.getresponse())

        assert connection.sock is socket
        assert reply["error"] == "No autorizado - Token no proporcionado"


def test_stopping_ends_the_connections_that_are_open(sandbox, writer):
    writer.get("vehicles")

    sandbox.stop()

    with pytest.raises(requests.ConnectionError):
        writer.send("GET", "vehicles")

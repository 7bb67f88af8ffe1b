"""The document: valid, served, and never out of step with the routes, the errors, the views and the sandbox."""

import ast
import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

import sandbox
from app import create_app
from config import Settings
from proxy import errors
from setting_types import ProxyRule
from tests.proxy.api.endpoints import ENDPOINTS

ROOT = Path(__file__).parent.parent.parent
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "proxy/api/openapi.yaml").read_text("utf-8"))
# An operation each: its method in capitals, its path, and what is said of it.
OPERATIONS = [
    (method.upper(), path, {**operation, "parameters": item.get("parameters", []) + operation.get("parameters", [])})
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
]
WITH_BODY = [each for each in OPERATIONS if "application/json" in each[2].get("requestBody", {}).get("content", {})]
OF_THE_SANDBOX = {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS}
ANY_METHOD = {
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
}  # that a document can name; TRACE never passes
OF_THE_EXPLORER = "explorer"  # which shows the document, and is not in it


def operation_id(each: tuple[str, str, dict[str, Any]]) -> str:
    name: str = each[2]["operationId"]
    return name


def is_the_sandboxs(each: tuple[str, str, dict[str, Any]]) -> bool:
    """Whether it is of the contract; a group of another API's has tests of its own."""
    path = re.sub(r"{\w+}", "{}", each[1])
    return f"{each[0]} {path}" in OF_THE_SANDBOX


@pytest.fixture
def app(settings: Settings) -> Flask:
    """The service with everything it can offer."""
    everything = (ProxyRule(None, "*"),)
    return create_app(replace(settings, docs=True, proxy_allow=everything, proxy_base_url=settings.api_base_url))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for; what is none, itself."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return resolved(found)


def errors_in(value: Any, schema: dict[str, Any]) -> list[str]:
    """What a schema of the document has against a value."""
    whole = {"components": DOCUMENT["components"], "allOf": [schema]}
    return [error.message for error in OAS31Validator(whole).iter_errors(value)]


def parts_of(document: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document, at any depth."""
    if isinstance(document, dict):
        yield document
    for part in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from parts_of(part)


def test_it_is_valid():
    """By OpenAPI 3.1's own schema, every reference, and every default by its own."""
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(copy.deepcopy(DOCUMENT)).iter_errors()] == []


def test_every_component_is_used():
    """What nothing refers to is left over from something."""
    text = json.dumps(DOCUMENT)
    security = {name for part in parts_of(DOCUMENT) for need in part.get("security", ()) for name in need}

    unused = [
        f"{kind}/{name}"
        for kind, components in DOCUMENT["components"].items()
        for name in components
        if f'"#/components/{kind}/{name}"' not in text and name not in security
    ]

    assert unused == []


def test_it_has_the_routes_of_the_service_and_no_others(app):
    """Paths and methods, both ways."""
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith(f"{OF_THE_EXPLORER}.")
        for method in (rule.methods - {"HEAD", "OPTIONS"} if rule.methods else ANY_METHOD)
    }

    assert {(method, path) for method, path, _ in OPERATIONS} == served


@pytest.mark.parametrize("each", OPERATIONS, ids=operation_id)
def test_an_operation_is_named_after_its_view(app, each):
    """Its id is the view's name, its tag the group's; whether a session is needed is said of both."""
    method, path, operation = each
    rule = next(rule for rule in app.url_map.iter_rules() if rule.rule == re.sub(r"{(\w+)}", _rule_part, path))
    endpoint = app.url_map.bind("localhost").match(re.sub(r"{\w+}", "x", path), method)[0]
    is_public = getattr(app.view_functions[endpoint], "is_public", False)
    group, _, view = endpoint.rpartition(".")
    named = {resolved(parameter)["name"] for parameter in operation["parameters"]}
    in_path = {found["name"] for found in map(resolved, operation["parameters"]) if found["in"] == "path"}

    if endpoint == "passthrough":
        assert (operation["operationId"], operation["tags"]) == (f"forward_{method.lower()}", ["proxy"])
    else:
        assert (operation["operationId"], operation["tags"]) == (view, [group])
    assert ({"session": []} in operation.get("security", DOCUMENT["security"])) is not is_public
    assert in_path == set(rule.arguments)
    assert len(named) == len(operation["parameters"])


def _rule_part(found: re.Match[str]) -> str:
    return "<rest:path>" if found[1] == "path" else f"<{found[1]}>"


def test_it_has_the_codes_of_the_errors_and_no_others():
    """Each under its status, where a status is told apart."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BffError)]
    by_status = {
        (int(status), code)
        for _, _, operation in OPERATIONS
        for status, response in operation["responses"].items()
        if status != "default"
        for code in codes_of(resolved(response))
    }
    streamed = codes_of(DOCUMENT["components"]["responses"]["Streamed"])

    assert by_status <= {(kind.status, kind.code) for kind in kinds}
    assert {code for _, code in by_status} | streamed == {kind.code for kind in kinds}
    assert streamed == {kind.code for kind in kinds} - {"rate_limited"}  # of the sign-in routes alone
    told = DOCUMENT["components"]["responses"]["Streamed"]["headers"]["X-BFF-Error"]["description"]
    assert [kind.code for kind in kinds if kind.code in streamed and not re.search(_told(kind), told)] == []


def codes_of(response: dict[str, Any]) -> set[str]:
    return set(response["headers"].get("X-BFF-Error", {}).get("schema", {}).get("enum", ()))


def _told(kind: type[errors.BffError]) -> str:
    return rf"\b{kind.status}[^;\n0-9]*`{kind.code}`"


def checked_by_views() -> dict[str, set[str]]:
    """The fields that each view asks of its body itself, by the view's name."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "proxy/api").glob("*.py"):
        functions = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
        fields = {function.name: asked(function) for function in functions}
        for function in functions:
            called = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} & fields.keys()
            found[function.name] = fields[function.name].union(*(fields[name] for name in called))
    return found


def asked(function: ast.FunctionDef) -> set[str]:
    """What a function names in its call of `json_body`."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    named = [call.args for call in calls if isinstance(call.func, ast.Name) and call.func.id == "json_body"]
    return {field.value for fields in named for field in fields if isinstance(field, ast.Constant)}  # type: ignore[misc]


def required_of(operation: dict[str, Any]) -> set[str]:
    schema = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
    return set(schema.get("required", ()))


@pytest.mark.parametrize("each", WITH_BODY, ids=operation_id)
def test_what_a_view_requires_is_required(each):
    """Where the view leaves it to the API, the next test but one asks the sandbox."""
    named = checked_by_views()[each[2]["operationId"]]

    assert named in (set(), required_of(each[2]))


def test_views_that_require_something_are_found():
    """Else the test above would say nothing."""
    found = checked_by_views()

    assert found["login"] == {"email", "password"}
    assert found["create_vehicle"] == {"alias", "marca", "modelo", "plates"}
    assert sum(bool(fields) for fields in found.values()) >= 7


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The service in front of a sandbox of its own."""
    database = tmp_path_factory.mktemp("sandbox") / "sandbox.sqlite3"
    with sandbox.start(database, hash_method="pbkdf2:sha256:1") as backend:
        yield create_app(
            Settings(
                app_env="testing",
                api_base_url=backend.url,
                token_cookie_secure=False,
                ratelimit_auth="1000000 per minute",
            )
        )


def signed_in(app: Flask, role: str) -> Any:
    """A browser with the session of that demo account."""
    account = next(account for account in sandbox.DEMO_ACCOUNTS if account.role == role)
    browser = app.test_client()
    browser.post("/api/auth/login", json={"email": account.email, "password": account.password})
    return browser


def example_of(operation: dict[str, Any]) -> dict[str, Any]:
    example: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["example"]
    return example


@pytest.mark.parametrize("each", [each for each in WITH_BODY if is_the_sandboxs(each)], ids=operation_id)
def test_a_body_without_a_required_field_is_refused(live, each):
    """By the service or by the API; all other fields are those of the example."""
    method, path, operation = each
    url = re.sub(r"{\w+}", "682d17808c4cdc376f5ed437", path)
    browser = signed_in(live, "root")
    example = example_of(operation)

    statuses = {
        name: browser.open(url, method=method, json={key: example[key] for key in example if key != name}).status_code
        for name in required_of(operation)
    }

    assert set(statuses.values()) <= {400}


@pytest.mark.parametrize("each", WITH_BODY, ids=operation_id)
def test_the_example_of_a_body_is_one(each):
    """It fits the schema, and has what is required."""
    content = each[2]["requestBody"]["content"]["application/json"]

    assert errors_in(example_of(each[2]), content["schema"]) == []


def test_the_examples_fit():
    """Those of fields, parameters, headers and answers, each by the schema beside it."""
    wrong = []
    for part in parts_of(DOCUMENT):
        examples = part.get("examples", []) if isinstance(part.get("examples"), list) else []
        wrong += [error for example in examples for error in errors_in(example, part)]
        if "example" in part and isinstance(part.get("schema"), dict):
            wrong += errors_in(part["example"], part["schema"])

    assert wrong == []


CREATED = {
    "create_vehicle": "/api/vehicles/SEDAN",
    "create_route": "/api/routes/{}",
    "create_refuel": "/api/refuels/{}",
    "create_maintenance": "/api/maintenance/{}",
    "create_expense": "/api/expenses/{}",
}


@pytest.mark.parametrize("name", CREATED)
def test_the_example_makes_a_record_as_it_is_documented(live, name):
    """It is created, read, and has no field that is not told of."""
    method, path, operation = next(each for each in OPERATIONS if operation_id(each) == name)
    browser = signed_in(live, "write")

    created = browser.open(path, method=method, json=example_of(operation))
    read = browser.get(CREATED[name].format(created.json["data"]["_id"]))

    assert (created.status_code, read.status_code) == (201, 200)
    for answer in (created, read):
        assert problems_of(answer.json, resolved(operation["responses"]["201"])) == []


def problems_of(answer: Any, response: dict[str, Any]) -> list[str]:
    """What a documented answer has against a real one: its schema, and fields that it does not name."""
    schema = response["content"]["application/json"]["schema"]
    named = {name for part in parts_of(expanded(schema)) for name in part.get("properties", ())}
    named |= set(DOCUMENT["components"]["schemas"]["Fuel"]["enum"])  # names in `porTipoCombustible`
    sent = {name for part in parts_of(answer) for name in part}
    return errors_in(answer, schema) + sorted(sent - named)


def expanded(schema: Any) -> Any:
    """A schema with what it refers to in the place of references."""
    if isinstance(schema, dict):
        target = resolved(schema)
        return {name: expanded(part) for name, part in target.items()}
    return [expanded(part) for part in schema] if isinstance(schema, list) else schema


READ = [each for each in OPERATIONS if each[0] == "GET" and is_the_sandboxs(each) and "_id}" not in each[1]]


@pytest.mark.parametrize("each", READ, ids=operation_id)
def test_what_the_sandbox_answers_is_documented(live, each):
    """Every field of it, as the demo account's data has them."""
    _, path, operation = each
    role = "root" if operation["tags"] == ["users"] else "write"

    answer = signed_in(live, role).get(path.replace("{alias}", "COROLLA"))

    assert answer.status_code == 200
    assert problems_of(answer.json, resolved(operation["responses"]["200"])) == []


def test_the_login_of_the_document_signs_in(live):
    """With the account of its example; the answer is the documented one."""
    _, path, operation = next(each for each in OPERATIONS if operation_id(each) == "login")
    browser = live.test_client()

    answer = browser.post(path, json=example_of(operation))

    assert answer.status_code == 200
    assert problems_of(answer.json, resolved(operation["responses"]["200"])) == []
    assert browser.get("/api/auth/session").json["authenticated"] is True


def test_it_is_served_to_everybody(settings, backend):
    """In production and without DOCS too; no cookie is needed, and the backend is not asked."""
    browser = create_app(replace(settings, app_env="production", docs=False)).test_client()

    response = browser.get("/api/openapi.json")

    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json == DOCUMENT
    assert backend.requests == []


def test_it_is_not_sent_again_to_whom_has_it(anonymous):
    """RFC 9110 §13.1.2."""
    first = anonymous.get("/api/openapi.json")

    again = anonymous.get("/api/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    other = anonymous.get("/api/openapi.json", headers={"If-None-Match": '"other"'})

    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (other.status_code, other.data) == (200, first.data)


def test_its_addresses_are_relative(anonymous):
    """It is the same behind every name, and tells none."""
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]
    assert re.findall(rb"https?://[^\"\s]+", anonymous.get("/api/openapi.json").data) == []

"""The text of a route group and of its tests, as the formatter would leave it."""

import json
import re
from typing import Any

from scaffold.operations import Group, Operation

_WIDTH = 120


def module(group: Group) -> str:
    """proxy/api/<name>.py."""
    operations = group.operations
    of_fetch = ["bff_fetch"]
    of_fetch += ["backend_path"] if any(operation.segments for operation in operations) else []
    of_fetch += ["json_body"] if any(operation.body for operation in operations) else []
    of_fetch += ["public"] if any(operation.is_public for operation in operations) else []
    return "\n".join(
        [
            _docstring(f"{group.prefix}: {group.about}", indent=0),
            "",
            "from flask import Blueprint, Response",
            "",
            f"from proxy.fetch import {', '.join(sorted(of_fetch))}",
            "from proxy.relay import relay",
            "",
            _statement(
                "bp = Blueprint", [_text(group.name), "__name__", f"url_prefix={_text(group.prefix)}"], indent=0
            ),
            *(line for operation in operations for line in ("", "", _view(operation))),
            "",
        ]
    )


def _view(operation: Operation) -> str:
    rule = re.sub(r"{(\w+)}", r"<\1>", operation.path)
    lines = [_statement(f"@bp.{operation.method.lower()}", [_text(rule)], indent=0)]
    lines += ["@public"] if operation.is_public else []
    lines.append(
        _statement(
            f"def {operation.view}", [f"{name}: str" for name in operation.segments], indent=0, end=" -> Response:"
        )
    )
    lines.append("    " + _docstring(operation.summary, indent=4))
    lines += _asked(operation)
    lines.append(_statement("return relay", ["reply", f"otherwise={_text(operation.fallback)}"]))
    return "\n".join(lines)


def _asked(operation: Operation) -> list[str]:
    """In one line where it fits; else what does not fit has a name of its own."""
    template = _text(re.sub(r"{\w+}", "{}", operation.backend))
    path_arguments = [template, *operation.segments]
    path = f"backend_path({', '.join(path_arguments)})" if operation.segments else template
    body = f"json_body({', '.join(map(_text, operation.body.named))})" if operation.body else ""
    method = _text(operation.method)
    whole = f"    reply = bff_fetch({', '.join(filter(None, [method, path, body and f'body={body}']))})"
    if len(whole) <= _WIDTH:
        return [whole]
    lines = []
    if operation.body and operation.body.named:
        lines.append(_statement("body = json_body", [_text(name) for name in operation.body.named]))
        body = "body"
    if operation.segments:
        lines.append(_statement("path = backend_path", path_arguments))
        path = "path"
    return [*lines, _statement("reply = bff_fetch", [method, path, *([f"body={body}"] if body else [])])]


def tests(group: Group) -> str:
    """tests/proxy/api/test_<name>.py."""
    operations = group.operations
    text = _TESTS
    for mark, is_wanted in (
        ("BODY", any(operation.body for operation in operations)),
        ("NAMED", any(operation.body and operation.body.named for operation in operations)),
        ("SEGMENT", any(operation.segments for operation in operations)),
        ("TOKEN", any(not operation.is_public for operation in operations)),
    ):
        text = re.sub(rf"# if {mark}\n(.*?)# end\n", r"\1" if is_wanted else "", text, flags=re.DOTALL)
    for mark, filling in (
        ("«prefix»", group.prefix),
        ("«name»", _text(group.name)),
        ("«authorization»", _authorization(group)),
        ("«routes»", "\n".join(_route(group, operation) for operation in operations)),
    ):
        text = text.replace(mark, filling)
    return text.rstrip("\n") + "\n"


def _authorization(group: Group) -> str:
    if all(operation.is_public for operation in group.operations):
        return 'assert "Authorization" not in heard.headers'
    bearer = 'f"Bearer {TOKEN}"'
    is_mixed = any(operation.is_public for operation in group.operations)
    return (
        f'assert heard.headers["Authorization"] == {f"(None if route.is_public else {bearer})" if is_mixed else bearer}'
    )


def _route(group: Group, operation: Operation) -> str:
    asked = f"{operation.method} {group.prefix}{_anonymous(operation.path)}"
    backend = f"{operation.method} {_anonymous(operation.backend)}"
    arguments = [_text(asked), _text(backend), str(operation.status), _text(operation.fallback)]
    if operation.body:
        arguments.append(f"body={_literal(operation.body.example, 8, len('body=') + 1)}")
        arguments += [f"named={_literal(operation.body.named, 8, len('named=') + 1)}"] if operation.body.named else []
    arguments += ["is_public=True"] if operation.is_public else []
    return _statement("Route", arguments, end=",")


def _anonymous(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def _text(text: str) -> str:
    """A string as the formatter writes it."""
    return f"'{text}'" if '"' in text and "'" not in text and text.isprintable() and "\\" not in text else _json(text)


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _literal(value: Any, indent: int, used: int) -> str:
    """A value in Python, over several lines where it does not fit into what is left of one."""
    flat = _flat(value)
    if len(flat) + indent + used <= _WIDTH:
        return flat
    inside, blank = indent + 4, " " * (indent + 4)
    if isinstance(value, dict):
        items = [f"{_text(key)}: {_literal(item, inside, len(_text(key)) + 3)}" for key, item in value.items()]
        return "{\n" + "".join(f"{blank}{item},\n" for item in items) + " " * indent + "}"
    if isinstance(value, list | tuple):
        first, last = "()" if isinstance(value, tuple) else "[]"
        return f"{first}\n" + "".join(f"{blank}{_literal(item, inside, 1)},\n" for item in value) + " " * indent + last
    return flat


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_flat, value))}{',' if len(value) == 1 else ''})"
    return f"[{', '.join(map(_flat, value))}]" if isinstance(value, list) else repr(value)


def _statement(start: str, arguments: list[str], *, indent: int = 4, end: str = "") -> str:
    """A call: on one line, or an argument a line."""
    blank = " " * indent
    line = f"{blank}{start}({', '.join(arguments)}){end}"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    return f"{blank}{start}(\n" + "".join(f"{blank}    {argument},\n" for argument in arguments) + f"{blank}){end}"


def _docstring(text: str, *, indent: int) -> str:
    """One line, a whole sentence; what does not fit is left out."""
    sentence = re.sub(r"\s+", " ", text).strip().rstrip(".").replace("\\", "/").replace('"', "'")
    room = _WIDTH - indent - len('""".."""')
    if len(sentence) > room:
        sentence = sentence[:room].rpartition(" ")[0].rstrip(",;: ") + " …"
    return f'"""{sentence or "What the API answers"}."""'.replace("….", "…")


_TESTS = '''"""«prefix» on the wire: what the API is asked, and what the browser gets."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from config import Settings
from tests.backend import Backend
# if TOKEN
from tests.conftest import TOKEN
# end


class Route(NamedTuple):
    """What a browser asks, and what the API is asked then; `{}` stands for one segment.

    `fallback` is the message when an error of the API has none; `body` one that is taken, `named` those of its fields
    without which the API is not asked.
    """

    asked: str
    backend: str
    status: int
    fallback: str
    body: Mapping[str, Any] | None = None
    named: tuple[str, ...] = ()
    is_public: bool = False


ROUTES = (
«routes»
)
# if BODY
WITH_BODY = tuple(route for route in ROUTES if route.body is not None)
# end
# if SEGMENT
WITH_SEGMENT = tuple(route for route in ROUTES if "{}" in route.asked)
# end
# if TOKEN
SIGNED_IN = tuple(route for route in ROUTES if not route.is_public)
# end
QUERY = "?a=1&a=%2f&b=%zz&c=+%20"


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Backend, Flask]]:
    """One for all of these tests."""
    with Backend() as backend:
        yield backend, create_app(Settings(app_env="testing", api_base_url=backend.url, token_cookie_secure=False))


@pytest.fixture
def backend(service: tuple[Backend, Flask]) -> Backend:
    backend, _ = service
    backend.forget()
    return backend


@pytest.fixture
def anonymous(service: tuple[Backend, Flask]) -> FlaskClient:
    _, app = service
    return app.test_client()


def asked(route: object) -> str:
    return route.asked if isinstance(route, Route) else str(route)


def data_of(route: Route) -> bytes | None:
    return None if route.body is None else json.dumps(route.body, indent=1).encode()


def ask(client: FlaskClient, route: Route, data: bytes | None = None, segment: str = "A%2FB"):
    method, _, path = route.asked.partition(" ")
    sent = data_of(route) if data is None else data
    url = path.replace("{}", segment) + QUERY
    return client.open(url, method=method, data=sent, content_type="application/json" if sent else None)


@pytest.mark.parametrize("route", ROUTES, ids=asked)
def test_the_api_is_asked_by_its_own_path(client, backend, route):
    """A segment arrives as one segment, query and body byte for byte; and whose they are goes along."""
    backend.answer(route.backend.replace("{}", "A%2FB"), status=route.status, json={})

    response = ask(client, route)

    assert response.status_code == route.status
    [heard] = backend.requests
    assert f"{heard.method} {heard.target}" == route.backend.replace("{}", "A%2FB") + QUERY
    assert heard.body == (data_of(route) or b"")
    «authorization»


@pytest.mark.parametrize("route", [route for route in ROUTES if route.status != 204], ids=asked)
def test_the_answer_comes_back_byte_for_byte(client, backend, route):
    """Nothing is parsed and written anew."""
    backend.answer(route.backend.replace("{}", "A%2FB"), status=route.status, body=b'{ "n":1.50, "e":"\\\\u00e9" }')

    response = ask(client, route)

    assert (response.status_code, response.data) == (route.status, b'{ "n":1.50, "e":"\\\\u00e9" }')


@pytest.mark.parametrize("route", ROUTES, ids=asked)
@pytest.mark.parametrize("said", ["dicho", None])
def test_an_error_keeps_its_status_and_its_message(client, backend, route, said):
    """Or has the route's own, in Spanish."""
    backend.answer(route.backend.replace("{}", "A%2FB"), status=422, json={"error": said, "details": "secret"})

    response = ask(client, route)

    assert (response.status_code, response.json) == (422, {"error": said or route.fallback})


# if TOKEN
@pytest.mark.parametrize("route", SIGNED_IN, ids=asked)
def test_without_a_session_the_api_hears_nothing(anonymous, backend, route):
    """401 comes before anything else about the request is judged."""
    response = ask(anonymous, route, b"{")

    assert (response.status_code, response.headers["X-BFF-Error"]) == (401, "no_session")
    assert (backend.requests, backend.connections) == ([], 0)


# end
# if BODY
@pytest.mark.parametrize("route", WITH_BODY, ids=asked)
@pytest.mark.parametrize("data", [b"{", b"[]", b'"x"', b'{"a":NaN}'])
def test_a_body_that_is_not_a_json_object_is_refused(client, backend, route, data):
    """Before the API is asked."""
    response = ask(client, route, data)

    assert (response.status_code, response.headers["X-BFF-Error"]) == (400, "bad_request")
    assert backend.requests == []


# end
# if NAMED
@pytest.mark.parametrize(("route", "name"), [(route, name) for route in ROUTES for name in route.named], ids=asked)
def test_a_field_that_the_view_names_must_be_there(client, backend, route, name):
    """Else the API is not asked."""
    response = ask(client, route, json.dumps({**(route.body or {}), name: None}).encode())

    assert (response.status_code, response.headers["X-BFF-Error"]) == (400, "bad_request")
    assert backend.requests == []


# end
# if SEGMENT
@pytest.mark.parametrize("route", WITH_SEGMENT, ids=asked)
@pytest.mark.parametrize(("segment", "status"), [("%2e%2e", 404), ("..", 404), ("50%", 400), ("%ff", 400)])
def test_a_segment_that_cannot_go_out_does_not(client, backend, route, segment, status):
    """Dot segments would be folded on the way; a broken escape has no one meaning."""
    response = ask(client, route, segment=segment)

    assert response.status_code == status
    assert backend.requests == []


# end
def test_the_group_has_these_routes_and_no_others(client):
    """A route that is not in this table is one that nobody looked at."""
    rules = {
        f"{method} {rule.rule}"
        for rule in client.application.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] == «name»
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {re.sub(r"<\\w+>", "{}", rule) for rule in rules} == {route.asked for route in ROUTES}
'''

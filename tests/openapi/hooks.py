"""What Schemathesis has to know of the API beyond the document: what it is lenient about, and what must be unique."""

import importlib
import itertools
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

# Of the environment that Schemathesis runs in, and of no other: what checks types here does not know them.
jsonschema_rs = importlib.import_module("jsonschema_rs")
schemathesis = importlib.import_module("schemathesis")
Location = importlib.import_module("schemathesis.core.parameters").ParameterLocation

JsonObject = dict[str, Any]

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_DATES = ("startDate", "endDate")
_WITH_UNIQUE_FIELDS = {"create_vehicle", "update_vehicle", "register", "update_profile"}
_LARGE = 1000
_number = itertools.count(1)
_document: JsonObject = {}


@schemathesis.hook
def before_load_schema(_context: Any, raw_schema: JsonObject) -> None:
    """Keep the document, and say what it cannot: which year is the next."""
    raw_schema["components"]["schemas"]["Year"]["maximum"] = datetime.now(UTC).year + 1
    _document.update(raw_schema)


@schemathesis.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Leave out what the document forbids and the API takes all the same, as the document's introduction says.

    Also two requests that it answers with a 500 of its own, as the original does: an alias given twice in a query, and
    an address that is no text.
    """
    if case.meta is None or not case.meta.generation.mode.is_negative:
        return True
    if isinstance((case.query or {}).get("vehicleAlias"), list | tuple):
        return False
    if _name(case) == "request_password_reset" and _is_no_text(case.body):
        return False
    wrong = {where for where, component in case.meta.components.items() if component.mode.is_negative}
    if Location.QUERY in wrong and not _has_wrong_dates(case.query or {}):
        wrong.remove(Location.QUERY)
    if Location.BODY in wrong and _passes(case):
        wrong.remove(Location.BODY)
    return bool(wrong)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: JsonObject) -> None:
    """Give what must be unique a value that nobody has."""
    is_meant_to_pass = case.meta is None or case.meta.generation.mode.is_positive
    if is_meant_to_pass and _name(case) in _WITH_UNIQUE_FIELDS and isinstance(case.body, dict):
        number = next(_number)
        unique = {"alias": f"ST {number}", "username": f"user {number}", "email": f"user.{number}@kilometracker.test"}
        case.body = {name: unique.get(name, value) for name, value in case.body.items()}


def _name(case: Any) -> str:
    operation_id: str = case.operation.definition.raw["operationId"]
    return operation_id


def _is_no_text(body: Any) -> bool:
    return isinstance(body, dict) and not isinstance(body.get("email", ""), str)


def _has_wrong_dates(query: JsonObject) -> bool:
    """Of a query nothing else is judged: what makes no sense is the default, or finds nothing."""
    pattern = _document["components"]["schemas"]["DateText"]["pattern"]
    return any(not re.fullmatch(pattern, str(query[name])) for name in _DATES if name in query)


def _passes(case: Any) -> bool:
    """Whether the body is valid once each value is what the API takes it for."""
    body = case.operation.definition.raw.get("requestBody")
    if not isinstance(case.body, dict) or body is None:
        return False
    schema = body["content"]["application/json"]["schema"]
    properties = _properties(schema)
    read = {
        name: next((reading for reading in _readings(value) if _is_valid(reading, properties[name])), value)
        if name in properties
        else value
        for name, value in case.body.items()
    }
    return _is_valid(read, schema)


def _properties(schema: JsonObject) -> JsonObject:
    """The fields of a body, where it is a component or made of components."""
    if reference := schema.get("$ref"):
        return _properties(_document["components"]["schemas"][reference.rpartition("/")[2]])
    inherited = [_properties(part) for part in schema.get("allOf", ())]
    found: JsonObject = {}
    for properties in (*inherited, schema.get("properties", {})):
        for name, described in properties.items():
            found[name] = {"allOf": [found[name], described]} if name in found else described
    return found


def _readings(value: Any) -> Iterator[Any]:
    """What the API may take a value for, first the value itself."""
    yield value
    if value is None:
        yield ""
    if isinstance(value, str):
        yield value.strip()
        with suppress(ValueError):
            yield from _sensible(float(value))
    if isinstance(value, bool | int | float):
        yield str(value).lower()
        yield from _sensible(value)
    with suppress(KeyError):
        yield _BOOLEANS[str(value).lower()]


def _sensible(number: float) -> Iterator[float]:
    """The number, or one that makes sense where it is so large or so small that it makes none."""
    yield number
    if number > _LARGE or 0 < number < 1 / _LARGE:
        yield _LARGE if number > _LARGE else 0


def _is_valid(value: Any, schema: JsonObject) -> bool:
    whole = {"components": _document["components"], "allOf": [schema]}
    return bool(jsonschema_rs.is_valid(whole, value))

"""A value that fits a schema: what a description gives as one, else the plainest there is."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from scaffold.operations import Unusable

_DEEPEST = 12
_BY_FORMAT = {
    "date": "2026-11-20",
    "date-time": "2026-11-20T10:20:30Z",
    "time": "10:20:30Z",
    "email": "ana@example.com",
    "uuid": "5f2b8c0d-9e1a-4736-8b5c-2d1e0f9a8b7c",
    "uri": "urn:example:1",
    "url": "urn:example:1",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "YQ==",
    "password": "correct horse",
}
_GUESSES = (
    "text",
    "a",
    "A",
    "1",
    "A1",
    "a1",
    "abc",
    "ABC",
    "123",
    "a-b",
    "A-1",
    "ABC-123",
    "#a0b1c2",
    "#A0B1C2",
    "a0b1c2",
)

Resolve = Callable[[Any], dict[str, Any]]


def example_of(schema: Any, resolved: Resolve, given: Any = None) -> dict[str, Any]:
    """A JSON object that fits `schema`; `given` is the description's own, if it has one.

    Raises:
        Unusable: A required field has a pattern, and no example of it is given.
    """
    example = given if isinstance(given, dict) else _value("the body", schema, resolved, 0)
    return example if isinstance(example, dict) else {}


def _value(name: str, schema: Any, resolved: Resolve, depth: int) -> Any:
    if depth > _DEEPEST:
        raise Unusable(f"{name}: a required field holds itself")
    flat = _merged(schema, resolved)
    given = flat.get("example", next(iter(flat.get("examples", ())), flat.get("default")))
    if given is not None:
        return given
    if "const" in flat or flat.get("enum"):
        return flat.get("const", next(iter(flat.get("enum", [None]))))
    kind = flat.get("type", "object" if "properties" in flat else "string")
    kind = next((each for each in kind if each != "null"), "null") if isinstance(kind, list) else kind
    makers: Mapping[str, Callable[[], Any]] = {
        "object": lambda: _object(flat, resolved, depth),
        "array": lambda: [_value(name, flat.get("items", {}), resolved, depth + 1)] * flat.get("minItems", 1),
        "integer": lambda: _number(flat, 1),
        "number": lambda: _number(flat, 1),
        "boolean": lambda: True,
        "null": lambda: None,
        "string": lambda: _string(name, flat),
    }
    return makers.get(kind, makers["string"])()


def _merged(schema: Any, resolved: Resolve) -> dict[str, Any]:
    """A schema with what `allOf` adds, and the first of `oneOf` and `anyOf`."""
    flat = dict(resolved(schema))
    parts = [*flat.pop("allOf", ()), *flat.pop("oneOf", ())[:1], *flat.pop("anyOf", ())[:1]]
    for part in (_merged(part, resolved) for part in parts):
        together = {
            "properties": {**part.get("properties", {}), **flat.get("properties", {})},
            "required": [*part.get("required", ()), *flat.get("required", ())],
        }
        flat = {**part, **flat, **{key: value for key, value in together.items() if value}}
    return flat


def _object(flat: Mapping[str, Any], resolved: Resolve, depth: int) -> dict[str, Any]:
    """With what is required; of the rest what is plain, so that there is something to see."""
    made = {}
    for name, schema in flat.get("properties", {}).items():
        is_required = name in flat.get("required", ())
        told = _merged(schema, resolved)
        is_plain = told.get("type") in {"string", "integer", "number", "boolean"} and depth == 0
        if (is_required or is_plain) and not told.get("readOnly"):
            try:
                made[name] = _value(name, schema, resolved, depth + 1)
            except Unusable:
                if is_required:
                    raise
    return made


def _number(flat: Mapping[str, Any], plainest: int) -> Any:
    """One within the limits; OpenAPI 3.0 has exclusive ones as yes or no."""
    least, most = flat.get("minimum"), flat.get("maximum")
    above, below = flat.get("exclusiveMinimum"), flat.get("exclusiveMaximum")
    lowest = (
        least + 1 if above is True and least is not None else least if isinstance(above, bool | None) else above + 1
    )
    highest = most - 1 if below is True and most is not None else most if isinstance(below, bool | None) else below - 1
    number = plainest if lowest is None else max(plainest, lowest)
    number = number if highest is None else min(number, highest)
    step = flat.get("multipleOf")
    return -(-number // step) * step if step else number


def _string(name: str, flat: Mapping[str, Any]) -> str:
    least, most = flat.get("minLength", 0), flat.get("maxLength", 10_000)
    guesses = [_BY_FORMAT[flat["format"]]] if flat.get("format") in _BY_FORMAT else []
    guesses += [guess[:most].ljust(least, "a") for guess in _GUESSES] + ["a" * least, "1" * least, "a" * most][:2]
    pattern = flat.get("pattern")
    for guess in guesses:
        if least <= len(guess) <= most and (pattern is None or fits(pattern, guess)):
            return guess
    raise Unusable(f"{name} has a pattern: give it an example in the description")


def fits(pattern: str, text: str) -> bool:
    """Whether a text has what a pattern asks for, as JSON Schema searches for it."""
    try:
        return re.search(pattern, text) is not None
    except re.error:  # one of JavaScript's that Python does not know
        return False

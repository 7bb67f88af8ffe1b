"""The rules that a request must pass: a small engine, and the vocabulary of the tables written for it.

It works as express-validator does: every rule of every field is tried, each failed one gives an entry of `details`.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import ApiError
from sandbox.values import ABSENT, Absent, as_number, as_text

# A calendar, week or ordinal date, in the extended form or the basic one; behind it, perhaps, a time and a zone.
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_WEEK, _ORDINAL = r"W(?:[0-4]\d|5[0-3])(?:-?[1-7])?", r"(?:00[1-9]|0[1-9]\d|[12]\d\d|3[0-5]\d|36[0-6])"
_DATE = rf"\d{{4}}(?:-{_MONTH}(?:-{_DAY})?|{_MONTH}{_DAY}|-?{_WEEK}|-?{_ORDINAL})?"
_TIME = r"(?:[01]\d|2[0-3])(?::?[0-5]\d(?::?[0-5]\d(?:[.,]\d+)?)?)?"
_ZONE = r"(?:[Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)"
_ISO_8601 = re.compile(rf"{_DATE}(?:[T ]{_TIME}{_ZONE}?)?", re.ASCII)
_INTEGER = re.compile(r"[-+]?\d+", re.ASCII)
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_LOCAL_PART = r"[\w!#$%&'*+/=?^`{|}~-]+"
_EMAIL = re.compile(rf"{_LOCAL_PART}(\.{_LOCAL_PART})*@([^\W_]([\w-]*[^\W_])?\.)+[^\W\d_]{{2,}}")


@dataclass(frozen=True)
class Rule:
    """One condition, and what is said when it does not hold."""

    holds: Callable[[object], bool]
    message: str


@dataclass(frozen=True)
class Field:
    """One field of a request and its rules, in the order in which they are tried."""

    name: str
    rules: tuple[Rule, ...]
    location: str = "body"
    trimmed: bool = False
    optional: bool = False
    nullable: bool = False


@dataclass(frozen=True)
class Checked:
    """What passed: the known fields alone, trimmed, by the place they came from."""

    body: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)


_SCALAR = Rule(lambda value: not isinstance(value, list | dict), "Valor inválido")


def validate(fields: Iterable[Field], sources: Mapping[str, Mapping[str, object]]) -> Checked:
    """Check the fields of a request.

    Args:
        fields: The table of the endpoint.
        sources: What was sent, under `body`, `params` and `query`.

    Raises:
        ApiError: 400, with all the texts and the `details`.
    """
    checked = Checked()
    failures: list[dict[str, object]] = []
    for each in fields:
        value = sources[each.location].get(each.name, ABSENT)
        if value is ABSENT and each.optional:
            continue
        if not (value is None and each.nullable):
            value, failed = _judge(each, value)
            failures += failed
        getattr(checked, each.location)[each.name] = value
    if failures:
        raise ApiError(400, ", ".join(str(failure["msg"]) for failure in failures), details=failures)
    return checked


def _judge(each: Field, value: object) -> tuple[object, list[dict[str, object]]]:
    """The value that was judged, and an entry for each rule that it fails."""
    is_scalar = _SCALAR.holds(value)
    if each.trimmed and is_scalar:
        value = as_text(value).strip()
    rules = each.rules if is_scalar else (_SCALAR,)
    shown = {} if isinstance(value, Absent) else {"value": value}
    place = {"path": each.name, "location": each.location}
    return value, [{"type": "field", **shown, "msg": r.message, **place} for r in rules if not r.holds(value)]


def required(message: str) -> Rule:
    """Something must be there; zero is something."""
    return Rule(lambda value: as_text(value) != "", message)


def length(shortest: int, longest: float, message: str) -> Rule:
    """The text has so many code points."""
    return Rule(lambda value: shortest <= len(as_text(value)) <= longest, message)


def min_length(shortest: int, message: str) -> Rule:
    """The text has so many code points or more."""
    return length(shortest, math.inf, message)


def max_length(longest: int, message: str) -> Rule:
    """The text has so many code points or fewer."""
    return length(0, longest, message)


def at_least(smallest: float, message: str) -> Rule:
    """A number, or a text that spells one, that is not smaller."""

    def holds(value: object) -> bool:
        number = as_number(value)
        return number is not None and number >= smallest

    return Rule(holds, message)


def integer(smallest: int, largest: int, message: str) -> Rule:
    """A whole number within the bounds, both included."""

    def holds(value: object) -> bool:
        text = as_text(value)
        return _INTEGER.fullmatch(text) is not None and smallest <= float(text) <= largest

    return Rule(holds, message)


def one_of(options: Collection[str], message: str) -> Rule:
    """One of these texts, to the letter."""
    return Rule(lambda value: as_text(value) in options, message)


def boolean(message: str) -> Rule:
    """True or false, as a JSON value, as a text or as 1 and 0."""
    return one_of(("true", "false", "1", "0"), message)


def iso_date(message: str) -> Rule:
    """A text of ISO 8601's shape; whether there is such a day is not asked."""
    return Rule(lambda value: isinstance(value, str) and _ISO_8601.fullmatch(value) is not None, message)


def email(message: str) -> Rule:
    """An e-mail address."""
    return Rule(lambda value: _EMAIL.fullmatch(as_text(value)) is not None, message)


ID = Field(
    "id",
    (Rule(lambda value: _OBJECT_ID.fullmatch(as_text(value)) is not None, "ID inválido"),),
    location="params",
)

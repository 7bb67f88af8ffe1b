"""JSON values as the original backend's JavaScript saw them."""

import math
import re
from typing import Final


class Absent:
    """The type of `ABSENT`, which stands for a field that was not sent; null was."""


ABSENT: Final = Absent()

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def as_text(value: object) -> str:
    """The text of a scalar; empty for null and for what is absent."""
    if value is None or isinstance(value, Absent):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def as_number(value: object) -> float | None:
    """The number that a value is or spells out; None where it does neither, and for infinity."""
    text = as_text(value)
    if _NUMBER.fullmatch(text) is None:
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def is_falsy(value: object) -> bool:
    """Whether JavaScript takes the value for false: zero, the empty text, null."""
    return value is None or value is False or value in (0, "")


def type_name(value: object) -> str:
    """What JavaScript's `typeof` says of the value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, int | float) else "object"

"""JSON as RFC 8259 has it: in UTF-8, without NaN and infinities, and never so deep that reading it fails."""

import json
import math
from typing import Any, NoReturn

import msgspec

_skim = msgspec.json.Decoder(msgspec.Raw).decode  # sees that it is JSON, and builds nothing
_SURELY_FINITE = 308  # digits: the largest double is near 1.8e308


def parse(text: bytes) -> Any:
    """The value that a document spells.

    Raises:
        ValueError: It is no JSON document, or one that Python cannot hold.
    """
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def require(text: bytes) -> None:
    """Nothing, for a JSON document; what it spells is not asked, in a tenth of the time (1 MB: 0.4 ms).

    Raises:
        ValueError: As `parse`.
    """
    try:
        _skim(text)
        if not text.isascii():
            text.decode("utf-8")
    except (msgspec.DecodeError, RecursionError):  # half a surrogate pair, say, which RFC 8259 lets a text spell
        parse(text)


def parse_unambiguous(text: bytes) -> Any:
    """The value that a document spells, if every reader takes it for the same (RFC 8259 §4, §6).

    Raises:
        ValueError: As `parse`; or an object has a name twice, or a number is beyond a double's range.
    """
    try:
        document = text.decode("utf-8")
        return json.loads(
            document, parse_constant=_refuse, object_pairs_hook=_unique, parse_float=_finite, parse_int=_whole
        )
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def dumps(value: object) -> bytes:
    """A document that spells `value`.

    Raises:
        ValueError: A number in it is infinite: `1e999` is JSON, and to Python it is. Or it is nested too deep: what was
            just read can be.
    """
    try:
        return json.dumps(value, allow_nan=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _whole(digits: str) -> int:
    if len(digits) > _SURELY_FINITE:
        _finite(digits)
    return int(digits)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is JSON to Python alone")

"""JSON as RFC 8259 has it: in UTF-8, without NaN and infinities, and never so deep that reading it fails."""

import json
from typing import Any, NoReturn


def parse(text: bytes) -> Any:
    """The value that a document spells.

    Raises:
        ValueError: It is no JSON document, or one that Python cannot hold.
    """
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def dumps(value: object) -> bytes:
    """A document that spells `value`.

    Raises:
        ValueError: A number in it is infinite: `1e999` is JSON, and to Python it is.
    """
    return json.dumps(value, allow_nan=False).encode()


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is JSON to Python alone")

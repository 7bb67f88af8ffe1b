"""Lists: which documents, in which order, and which page of them."""

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from sandbox import store
from sandbox.errors import ApiError
from sandbox.instants import iso_text, parse_iso
from sandbox.models import Document, Model
from sandbox.store import Limit, Where
from sandbox.validation import Field, iso_date

DATE_RANGE = tuple(
    Field(name, (iso_date(f"{name} debe ser una fecha válida"),), location="query", optional=True)
    for name in ("startDate", "endDate")
)

_DEFAULT_LIMIT = 10
_MAX_LIMIT = 100
_LEADING_INTEGER = re.compile(r"\s*[-+]?\d{1,18}", re.ASCII)  # int() refuses thousands of digits


@dataclass(frozen=True)
class Page:
    """A page of a list, counted from 1."""

    number: int
    limit: int


def requested_page(args: Mapping[str, str]) -> Page:
    """The page that a query asks for; what makes no sense becomes the default, never an error."""
    number = _leading_integer(args.get("page", ""))
    limit = _leading_integer(args.get("limit", ""))
    return Page(max(number, 1), limit if 0 < limit <= _MAX_LIMIT else _DEFAULT_LIMIT)


def pagination(total: int, page: Page) -> dict[str, object]:
    """The `pagination` member of a list."""
    total_pages = -(-total // page.limit)
    return {
        "total": total,
        "page": page.number,
        "limit": page.limit,
        "totalPages": total_pages,
        "hasNextPage": page.number < total_pages,
        "hasPrevPage": page.number > 1,
        "nextPage": page.number + 1 if page.number < total_pages else None,
        "prevPage": page.number - 1 if page.number > 1 else None,
    }


def fetch_page(
    db: sqlite3.Connection, model: Model, where: Where, order: str, page: Page
) -> tuple[list[Document], dict[str, object]]:
    """One page of the documents that meet the conditions, and its `pagination`."""
    total = store.count(db, model, where)
    offset = min((page.number - 1) * page.limit, total)  # SQLite's integers end, the page asked for need not
    return store.select(db, model, where, order, Limit(page.limit, offset)), pagination(total, page)


def add_alias(where: Where, args: MultiDict[str, str]) -> None:
    """Narrow down to the vehicle of the query; an empty alias narrows nothing.

    Raises:
        ApiError: 500, where the alias is given twice: an array has no upper case.
    """
    aliases = args.getlist("vehicleAlias")
    if len(aliases) > 1:
        raise ApiError(500, "req.query.vehicleAlias.toUpperCase is not a function")
    if aliases and aliases[0]:
        where.add("vehicleAlias = ?", aliases[0].upper())


def add_any_of(where: Where, args: MultiDict[str, str], name: str) -> None:
    """Narrow down to the values that the query gives for a field; a single empty one narrows nothing."""
    values = args.getlist(name)
    if values and values != [""]:
        where.add(f"{name} IN ({', '.join('?' * len(values))})", *values)


def add_flag(where: Where, args: Mapping[str, str], name: str) -> None:
    """Narrow down by a boolean field; whatever is not `true` means false."""
    if name in args:
        where.add(f"{name} = ?", args[name] == "true")


def add_dates(where: Where, model: Model, dates: Mapping[str, str]) -> None:
    """Narrow down to the dates between `startDate` and `endDate`, as instants, both included.

    Raises:
        ApiError: 500, where a date passed the check and still is none, such as a week.
    """
    for name, comparison in (("startDate", ">="), ("endDate", "<=")):
        if name in dates:
            where.add(f"fecha {comparison} ?", _instant(dates[name], model))


def _instant(text: str, model: Model) -> str:
    instant = parse_iso(text)
    if instant is None:
        error = f'Cast to date failed for value "Invalid Date" (type Date) at path "fecha" for model "{model.name}"'
        raise ApiError(500, error)
    return iso_text(instant)


def _leading_integer(text: str) -> int:
    found = _LEADING_INTEGER.match(text)
    return int(found[0]) if found else 0

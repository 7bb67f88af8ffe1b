"""Documents in the database: found, added, changed and removed one at a time, or listed."""

# ruff: noqa: S608 -- the names put into the statements are those of our own models; values are always bound.

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sandbox.errors import ApiError
from sandbox.instants import iso_text
from sandbox.models import Document, Model


@dataclass
class Where:
    """Conditions that must all hold, and the values bound to them."""

    terms: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, term: str, *values: object) -> None:
        """Narrow down: one more condition."""
        self.terms.append(term)
        self.values += values

    def __str__(self) -> str:
        return " AND ".join(self.terms) or "TRUE"


class Limit(NamedTuple):
    """So many rows at most, after skipping some."""

    rows: int
    skipped: int = 0


NO_LIMIT = Limit(-1)  # what SQLite takes for none


def new_id(now: datetime) -> str:
    """An identifier like MongoDB's ObjectId: the seconds, then what makes it unique; 24 hex digits."""
    return f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"


def find(db: sqlite3.Connection, model: Model, **equal: object) -> Document | None:
    """The document whose fields equal these values, or None."""
    terms = " AND ".join(f"{name} = ?" for name in equal)
    row: Document | None = db.execute(f"SELECT * FROM {model.table} WHERE {terms}", tuple(equal.values())).fetchone()
    return row


def select(db: sqlite3.Connection, model: Model, where: Where, order: str, limit: Limit = NO_LIMIT) -> list[Document]:
    """The documents that meet the conditions, in this order."""
    statement = f"SELECT * FROM {model.table} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
    return db.execute(statement, (*where.values, *limit)).fetchall()


def count(db: sqlite3.Connection, model: Model, where: Where) -> int:
    """How many documents meet the conditions."""
    row = db.execute(f"SELECT COUNT(*) AS n FROM {model.table} WHERE {where}", where.values).fetchone()
    return int(row["n"])


def total(db: sqlite3.Connection, model: Model, column: str, where: Where) -> float:
    """The sum of a column, null counting as 0."""
    row = db.execute(f"SELECT TOTAL({column}) AS total FROM {model.table} WHERE {where}", where.values).fetchone()
    return float(row["total"])


def sums_by(db: sqlite3.Connection, model: Model, key: str, column: str, where: Where) -> list[tuple[str, float, int]]:
    """A column summed up by the values of another: value, sum and number of documents, the largest sum first."""
    statement = (
        f"SELECT {key} AS name, TOTAL({column}) AS total, COUNT(*) AS n FROM {model.table}"
        f" WHERE {where} GROUP BY {key} ORDER BY total DESC"
    )
    return [(row["name"], row["total"], row["n"]) for row in db.execute(statement, where.values)]


def insert(db: sqlite3.Connection, model: Model, values: Mapping[str, object], now: datetime) -> Document:
    """Add a document and return it as it was stored, defaults included.

    Raises:
        ApiError: 400, where another document has a value that must be unique.
    """
    stamp = iso_text(now)
    row = {"_id": new_id(now), **values, "createdAt": stamp, "updatedAt": stamp}
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    statement = f"INSERT INTO {model.table} ({columns}) VALUES ({marks}) RETURNING *"
    return _written(db, statement, row)


def change(
    db: sqlite3.Connection, model: Model, before: Document, changes: Mapping[str, object], now: datetime
) -> Document:
    """Change a document and return it; with nothing to change it stays as it is, `updatedAt` too.

    Raises:
        ApiError: 400, where another document has a value that must be unique.
    """
    differing = {name: value for name, value in changes.items() if before[name] != value}
    if not differing:
        return before
    row = {"updatedAt": iso_text(now), **differing}
    assignments = ", ".join(f"{name} = ?" for name in row)
    statement = f"UPDATE {model.table} SET {assignments} WHERE _id = ? RETURNING *"
    return _written(db, statement, {**row, "_id": before["_id"]})


def delete(db: sqlite3.Connection, model: Model, document: Document) -> None:
    """Remove a document for good, and what belongs to it."""
    db.execute(f"DELETE FROM {model.table} WHERE _id = ?", (document["_id"],))


def _written(db: sqlite3.Connection, statement: str, row: Mapping[str, object]) -> Document:
    try:
        written: list[Document] = db.execute(statement, tuple(row.values())).fetchall()
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorname != "SQLITE_CONSTRAINT_UNIQUE":
            raise
        # The text ends with the name of the column, as in: failed: vehicles.alias
        table, _, column = str(error).rpartition(" ")[2].partition(".")
        index = f"collection: kilometracker.{table} index: {column}_1"
        text = f'E11000 duplicate key error {index} dup key: {{ {column}: "{row.get(column)}" }}'
        raise ApiError(400, text) from error
    return written[0]

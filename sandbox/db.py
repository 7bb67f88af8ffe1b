"""The SQLite file: opening it, creating it exactly once, and writing in transactions."""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

BUSY_TIMEOUT_SECONDS = 30
_SCHEMA_VERSION = 1
_BOOLEANS = frozenset({"isActive", "esRecurrente", "esDeducibleImpuestos"})


def connect(database: Path) -> sqlite3.Connection:
    """Open a connection whose rows are documents: dictionaries, with booleans where a column holds them."""
    # isolation_level=None: transactions begin where `transaction` says, not where the driver guesses.
    connection = sqlite3.connect(database, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
    connection.row_factory = _as_document
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, with no other writer in between."""
    # IMMEDIATE waits for its turn here; a transaction that turns into a writer later cannot wait, and fails.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def prepare(database: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make the file ready: with a schema, filled, and with odometers that agree with the routes.

    Any number of processes may do this at once; the first one creates and fills, the others wait for it.

    Args:
        database: The file; it and its folder need not exist.
        fill: Puts the first data into a database that is new.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(connect(database)) as connection:
        _use_wal(connection)
        with transaction(connection):
            if _version(connection) != _SCHEMA_VERSION:
                _create(connection)
                fill(connection)
            _recompute_odometers(connection)


def setting(connection: sqlite3.Connection, name: str) -> str:
    """A value that all processes on this database share."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return str(row["value"])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and a writer go on side by side; the file keeps it."""
    # For this one lock SQLite does not wait by itself when several processes switch a new file at once.
    last_try = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > last_try:
                raise
            time.sleep(0.01)
        else:
            return


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()["user_version"])


def _create(connection: sqlite3.Connection) -> None:
    schema = resources.files("sandbox").joinpath("schema.sql").read_text(encoding="utf-8")
    for statement in schema.split(";\n"):  # executescript would commit first, and so let another process in
        connection.execute(statement)
    connection.execute("INSERT INTO settings VALUES ('jwtSecret', ?)", (secrets.token_hex(32),))
    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _recompute_odometers(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        UPDATE vehicles SET kilometrajeTotal = driven.total
        FROM (SELECT v._id, v.kilometrajeInicial + TOTAL(r.distanciaRecorrida) AS total
              FROM vehicles v LEFT JOIN routes r ON r.vehicle = v._id GROUP BY v._id) AS driven
        WHERE driven._id = vehicles._id AND ABS(driven.total - vehicles.kilometrajeTotal) > 0.01
        """
    )


def _as_document(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    names = (column[0] for column in cursor.description)
    return {name: bool(value) if name in _BOOLEANS else value for name, value in zip(names, row, strict=True)}

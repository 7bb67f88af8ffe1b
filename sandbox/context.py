"""What a request needs from its application: the clock, the database, the body, the user."""

import logging
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import current_app, g, request
from joserfc.jwk import OctKey

from sandbox.db import connect
from sandbox.errors import ApiError
from sandbox.instants import Clock
from sandbox.models import Document
from sandbox.validation import Checked, Field, validate

log = logging.getLogger("sandbox")


@dataclass(frozen=True)
class Parts:
    """The long-lived parts of one application."""

    database: Path
    clock: Clock
    hash_method: str
    jwt_key: OctKey


def parts() -> Parts:
    """The parts of the current application."""
    found: Parts = current_app.extensions["sandbox"]
    return found


def now() -> datetime:
    """The time by the application's clock."""
    return parts().clock()


def db() -> sqlite3.Connection:
    """The connection of this request, opened at its first use."""
    if "db" not in g:
        g.db = connect(parts().database)
    connection: sqlite3.Connection = g.db
    return connection


def close_db(_error: BaseException | None) -> None:
    """Close the connection of this request, if it has one."""
    if "db" in g:
        g.pop("db").close()


def current_user() -> Document:
    """The user whose token came with the request."""
    user: Document = g.user
    return user


def check(*fields: Field) -> Checked:
    """Validate fields of the current request: of its body, its path and its query.

    Raises:
        ApiError: 400, with all the texts and the `details`.
    """
    query = {name: values if len(values) > 1 else values[0] for name, values in request.args.lists()}
    return validate(fields, {"body": g.body or {}, "params": g.params, "query": query})


def sent_fields(*names: str) -> dict[str, object]:
    """Fields of the body where nothing is validated; None for what was not sent.

    Raises:
        ApiError: 400, where there is no body at all: Express leaves it undefined.
    """
    if g.body is None:
        raise ApiError(400, f"Cannot destructure property '{names[0]}' of 'req.body' as it is undefined.")
    return {name: g.body.get(name) for name in names}

"""What routes, refuels, maintenance and expenses have in common: five endpoints over the records of a vehicle."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flask import Blueprint, Response, request
from flask.views import MethodView

from sandbox import listing, store
from sandbox.access import WRITERS, allow, sign_in
from sandbox.context import check, current_user, db, now
from sandbox.db import transaction
from sandbox.errors import ApiError
from sandbox.fleet import active_vehicle, with_vehicles
from sandbox.instants import iso_text
from sandbox.models import NO_DESCRIPTION, Document, Model
from sandbox.replies import success
from sandbox.store import Where
from sandbox.validation import ID, Checked, Field, iso_date, max_length, required
from sandbox.values import is_falsy

NEWEST_FIRST = "fecha DESC, rowid DESC"

VEHICLE_ALIAS = Field("vehicleAlias", (required("El alias del vehículo es requerido"),), trimmed=True)
NEW_VEHICLE_ALIAS = Field("vehicleAlias", (), trimmed=True, optional=True)
FECHA = Field("fecha", (iso_date("Fecha inválida"),), optional=True)
NOTES = Field("notas", (max_length(500, "Las notas no pueden exceder 500 caracteres"),), trimmed=True, optional=True)
NEW_DESCRIPTION = Field(
    "descripcion", (max_length(500, "La descripción no puede exceder 500 caracteres"),), trimmed=True, optional=True
)
DESCRIPTION = replace(NEW_DESCRIPTION, rules=(required(NO_DESCRIPTION), *NEW_DESCRIPTION.rules), optional=False)


def nothing_computed(_record: Document) -> Document:
    """For records that show what is stored and no more."""
    return {}


def nothing_follows(_db: sqlite3.Connection, _before: Document | None, _after: Document | None) -> None:
    """For records on which nothing else depends."""


@dataclass(frozen=True)
class RecordKind:
    """One kind of record: its model and rules, and all in which it differs from the others."""

    model: Model
    create: tuple[Field, ...]
    update: tuple[Field, ...]
    not_found: str
    deleted: str
    any_of_filters: tuple[str, ...] = ()
    flag_filters: tuple[str, ...] = ()
    zero_is_null: tuple[str, ...] = ()  # on creation
    falsy_is_ignored: tuple[str, ...] = ("vehicleAlias",)  # on update
    computed: Callable[[Document], Document] = nothing_computed
    follow: Callable[[sqlite3.Connection, Document | None, Document | None], None] = nothing_follows

    def shown(self, record: Document) -> Document:
        """A record of a list."""
        return {**record, **self.computed(record)}

    def shown_alone(self, record: Document) -> Document:
        """A record that is the whole answer: Mongoose adds `id` where there are computed fields."""
        computed = self.computed(record)
        return {**record, **computed, "id": record["_id"]} if computed else record


def record_blueprint(name: str, kind: RecordKind) -> Blueprint:
    """A route group with the five endpoints; more may be added to it."""
    bp = Blueprint(name, __name__, url_prefix=f"/api/{name}")
    bp.before_request(sign_in)
    bp.add_url_rule("", view_func=RecordList.as_view("all", kind))
    bp.add_url_rule("/<id>", view_func=SingleRecord.as_view("one", kind))
    return bp


class RecordList(MethodView):
    """The records of a user."""

    init_every_request = False

    def __init__(self, kind: RecordKind) -> None:
        self.kind = kind

    def get(self) -> Response:
        """One page of the records, newest first."""
        where = self._matching(check(*listing.DATE_RANGE).query)
        page = listing.requested_page(request.args)
        records, pagination = listing.fetch_page(db(), self.kind.model, where, NEWEST_FIRST, page)
        shown = [self.kind.shown(record) for record in with_vehicles(records)]
        return success(shown, count=len(shown), pagination=pagination)

    @allow(*WRITERS)
    def post(self) -> Response:
        """The new record, for an active vehicle of the user."""
        kind = self.kind
        values = check(*kind.create).body
        with transaction(db()):
            vehicle = active_vehicle(values["vehicleAlias"])
            stored = {"fecha": iso_text(now()), **kind.model.cast(values)}
            nulls = {name: None for name in kind.zero_is_null if stored.get(name) == 0}
            belongs = {"vehicle": vehicle["_id"], "owner": current_user()["_id"]}
            record = store.insert(db(), kind.model, {**stored, **nulls, **belongs}, now())
            kind.follow(db(), None, record)
        return success(kind.shown_alone(record), status=201)

    def _matching(self, dates: Mapping[str, str]) -> Where:
        where = Where(["owner = ?"], [current_user()["_id"]])
        listing.add_alias(where, request.args)
        listing.add_dates(where, self.kind.model, dates)
        for name in self.kind.any_of_filters:
            listing.add_any_of(where, request.args, name)
        for name in self.kind.flag_filters:
            listing.add_flag(where, request.args, name)
        return where


class SingleRecord(MethodView):
    """One record of a user."""

    init_every_request = False

    def __init__(self, kind: RecordKind) -> None:
        self.kind = kind

    def get(self) -> Response:
        """The record, with its vehicle."""
        [record] = with_vehicles([self._own(check(ID))])
        return success(self.kind.shown_alone(record))

    @allow(*WRITERS)
    def put(self) -> Response:
        """The changed record; another `vehicleAlias` moves it to that vehicle."""
        kind = self.kind
        checked = check(ID, *kind.update)
        with transaction(db()):
            before = self._own(checked)
            changes = self._changes(before, checked.body)
            record = store.change(db(), kind.model, before, changes, now())
            kind.follow(db(), before, record)
        return success(kind.shown_alone(record))

    @allow(*WRITERS)
    def delete(self) -> Response:
        """A message; the record is gone for good."""
        checked = check(ID)
        with transaction(db()):
            record = self._own(checked)
            store.delete(db(), self.kind.model, record)
            self.kind.follow(db(), record, None)
        return success(message=self.kind.deleted)

    def _own(self, checked: Checked) -> Document:
        owner = current_user()["_id"]
        record = store.find(db(), self.kind.model, _id=checked.params["id"].lower(), owner=owner)
        if record is None:
            raise ApiError(404, self.kind.not_found)
        return record

    def _changes(self, before: Document, values: Document) -> Document:
        ignored = {name for name in self.kind.falsy_is_ignored if is_falsy(values.get(name))}
        meant = {name: value for name, value in values.items() if name not in ignored}
        alias = str(meant.get("vehicleAlias", before["vehicleAlias"])).upper()
        if alias == before["vehicleAlias"]:  # stays where it is, even if that vehicle is inactive by now
            return self.kind.model.cast(meant)
        vehicle = active_vehicle(alias, "Nuevo vehículo no encontrado")
        return {**self.kind.model.cast(meant), "vehicle": vehicle["_id"]}

"""The engine that checks requests."""

import pytest

from sandbox.errors import ApiError
from sandbox.validation import Field, at_least, boolean, email, integer, iso_date, length, required, validate
from sandbox.values import ABSENT

NAME = Field("nombre", (required("falta"), length(3, 5, "largo")), trimmed=True)


def sources(**body):
    return {"body": body, "params": {}, "query": {}}


def test_what_passes_is_trimmed_and_the_unknown_is_dropped():
    checked = validate([NAME], sources(nombre="  Ana ", edad=7))

    assert checked.body == {"nombre": "Ana"}


def test_each_failed_rule_gives_a_text_and_an_entry():
    with pytest.raises(ApiError) as refused:
        validate([NAME], sources())

    assert (refused.value.status, refused.value.error) == (400, "falta, largo")
    assert refused.value.extra["details"] == [
        {"type": "field", "value": "", "msg": "falta", "path": "nombre", "location": "body"},
        {"type": "field", "value": "", "msg": "largo", "path": "nombre", "location": "body"},
    ]


def test_a_missing_field_that_is_not_trimmed_shows_no_value():
    with pytest.raises(ApiError) as refused:
        validate([Field("monto", (required("falta"),))], sources())

    assert refused.value.extra["details"] == [{"type": "field", "msg": "falta", "path": "monto", "location": "body"}]


def test_optional_means_absent_and_not_null():
    optional = Field("monto", (at_least(0, "rango"),), optional=True)

    assert validate([optional], sources()).body == {}
    with pytest.raises(ApiError, match="rango"):
        validate([optional], sources(monto=None))


def test_a_nullable_field_keeps_its_null():
    nullable = Field("monto", (at_least(0, "rango"),), optional=True, nullable=True)

    assert validate([nullable], sources(monto=None)).body == {"monto": None}


@pytest.mark.parametrize("value", [{"a": 1}, ["Ana"]])
def test_an_object_or_an_array_is_never_a_value(value):
    with pytest.raises(ApiError, match="Valor inválido"):
        validate([NAME], sources(nombre=value))


@pytest.mark.parametrize(
    ("value", "holds"),
    [(5, True), (0.1, True), ("12.5", True), ("1e3", True), (".5", True)]
    + [(value, False) for value in (0, 0.05, -5, "abc", "12,5", " 5 ", "", None, True, "1e999", ABSENT)],
)
def test_a_number_may_be_spelled_out(value, holds):
    assert at_least(0.1, "").holds(value) is holds


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (1900, True),
        (2027, True),
        ("2020", True),
        (2020.0, True),
        (1899, False),
        ("9" * 5000, False),
        (2028, False),
        (2020.5, False),
        (None, False),
    ],
)
def test_an_integer_lies_within_its_bounds(value, holds):
    assert integer(1900, 2027, "").holds(value) is holds


@pytest.mark.parametrize("value", [True, False, "true", "false", 0, 1, "0", "1"])
def test_a_boolean_has_eight_spellings(value):
    assert boolean("").holds(value)


@pytest.mark.parametrize("value", [None, "", "yes", 2, "TRUE"])
def test_anything_else_is_no_boolean(value):
    assert not boolean("").holds(value)


@pytest.mark.parametrize(
    "value", ["2026-11-05", "2025-02-30", "2026-11-05T10:20:30-06:00", "2026-11-05T10:20:30.5Z", "2025-W10", "2025-060"]
)
def test_a_date_has_the_shape_of_iso_8601(value):
    assert iso_date("").holds(value)


@pytest.mark.parametrize("value", ["2025-02-32", "11/05/2026", "", None, 20261105, "2026-13-01"])
def test_anything_else_is_no_date(value):
    assert not iso_date("").holds(value)


@pytest.mark.parametrize(
    ("value", "holds"),
    [("a@b.gt", True), ("ñandú.o'x+y@correo.com.gt", True)]
    + [(value, False) for value in ("a@b", "a.b.gt", "@b.gt", "a b@c.gt", ".a@b.gt", "a@-b.gt", "", None)],
)
def test_an_address_has_a_mailbox_and_a_domain(value, holds):
    assert email("").holds(value) is holds


def test_emoji_count_as_one_code_point_each():
    assert length(0, 20, "").holds("🚗" * 20)
    assert not length(0, 20, "").holds("🚗" * 21)

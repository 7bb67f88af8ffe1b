"""Pages, filters and the order of lists."""

import pytest
from werkzeug.datastructures import MultiDict

from sandbox.listing import Page, pagination, requested_page


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({}, Page(1, 10)),
        ({"page": "3abc", "limit": "2.7"}, Page(3, 2)),
        ({"page": "0", "limit": "0"}, Page(1, 10)),
        ({"page": "-1", "limit": "-5"}, Page(1, 10)),
        ({"page": "abc", "limit": "abc"}, Page(1, 10)),
        ({"limit": "100"}, Page(1, 100)),
        ({"limit": "101"}, Page(1, 10)),
        ({"limit": "9" * 5000}, Page(1, 10)),
    ],
)
def test_a_page_that_makes_no_sense_becomes_the_default(query, page):
    assert requested_page(MultiDict(query)) == page


@pytest.mark.parametrize(
    ("total", "page", "pages", "following", "previous"),
    [(0, 1, 0, None, None), (10, 1, 1, None, None), (11, 1, 2, 2, None), (11, 2, 2, None, 1), (11, 99, 2, None, 98)],
)
def test_pagination_says_where_a_page_stands(total, page, pages, following, previous):
    assert pagination(total, Page(page, 10)) == {
        "total": total,
        "page": page,
        "limit": 10,
        "totalPages": pages,
        "hasNextPage": following is not None,
        "hasPrevPage": previous is not None,
        "nextPage": following,
        "prevPage": previous,
    }


@pytest.fixture
def three_routes(writer, corolla):
    """On the 4th, 5th (at midnight and at 10:20) of May."""
    return [
        writer.add("routes", vehicleAlias="COROLLA", distanciaRecorrida=10, fecha=fecha)["_id"]
        for fecha in ("2026-05-04", "2026-05-05", "2026-05-05T10:20:00Z")
    ]


def test_records_come_newest_first_a_page_at_a_time(writer, three_routes):
    first, second, third = three_routes

    pages = [writer.get(f"routes?limit=2&page={number}") for number in (1, 2, 99)]

    assert [[route["_id"] for route in page["data"]] for page in pages] == [[third, second], [first], []]
    assert [page["count"] for page in pages] == [2, 1, 0]
    assert pages[2]["pagination"]["prevPage"] == 98


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("startDate=2026-05-05&endDate=2026-05-05", 1),
        ("endDate=2026-05-05", 2),
        ("startDate=2026-05-05", 2),
        ("startDate=2026-05-06&endDate=2026-05-01", 0),
        ("vehicleAlias=corolla", 3),
        ("vehicleAlias=", 3),
        ("vehicleAlias=NADIE", 0),
        ("vehicleAlias=COROLLA%20", 0),
        ("isActive=true", 3),
    ],
)
def test_filters_narrow_a_list(writer, three_routes, query, found):
    """An end date means up to its midnight; an alias is not trimmed."""
    assert writer.get(f"routes?{query}")["pagination"]["total"] == found


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("startDate=foo", 400, "startDate debe ser una fecha válida"),
        ("startDate=", 400, "startDate debe ser una fecha válida"),
        ("endDate=foo", 400, "endDate debe ser una fecha válida"),
        ("vehicleAlias=A&vehicleAlias=B", 500, "req.query.vehicleAlias.toUpperCase is not a function"),
        (
            "startDate=2025-W10",
            500,
            'Cast to date failed for value "Invalid Date" (type Date) at path "fecha" for model "Route"',
        ),
    ],
)
def test_a_filter_that_cannot_be_read_is_an_error(writer, query, status, error):
    response = writer.send("GET", f"routes?{query}")

    assert (response.status_code, response.json()["error"]) == (status, error)


def test_a_filter_given_twice_takes_either(writer, corolla):
    bought = {"vehicleAlias": "COROLLA", "cantidadGastada": 100}
    [writer.add("refuels", **bought, tipoCombustible=fuel) for fuel in ("Regular", "Premium", "Diesel")]

    either = writer.data("refuels?tipoCombustible=Regular&tipoCombustible=Diesel")

    assert [refuel["tipoCombustible"] for refuel in either] == ["Diesel", "Regular"]


@pytest.mark.parametrize(
    ("query", "found"), [("", 2), ("?esDeducibleImpuestos=true", 1), ("?esDeducibleImpuestos=", 1)]
)
def test_a_flag_that_is_present_and_not_true_is_false(writer, corolla, query, found):
    spent = {"vehicleAlias": "COROLLA", "categoria": "Otro", "monto": 5, "descripcion": "x"}
    writer.add("expenses", **spent, esDeducibleImpuestos=True)
    writer.add("expenses", **spent)

    assert writer.get(f"expenses{query}")["count"] == found

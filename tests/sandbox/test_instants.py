"""Dates are read as JavaScript reads them, and written as MongoDB's driver writes them."""

from datetime import UTC, datetime

import pytest

from sandbox.instants import iso_text, month_start, parse_iso


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2026-11-05", "2026-11-05T00:00:00.000Z"),
        ("2026-11", "2026-11-01T00:00:00.000Z"),
        ("2026", "2026-01-01T00:00:00.000Z"),
        ("2025-02-30", "2025-03-02T00:00:00.000Z"),
        ("2026-11-05T10:20:30", "2026-11-05T10:20:30.000Z"),
        ("2026-11-05T10:20:30-06:00", "2026-11-05T16:20:30.000Z"),
        ("2026-11-05T10:20:30.123987Z", "2026-11-05T10:20:30.123Z"),
        ("2026-11-05T24:00:00Z", "2026-11-06T00:00:00.000Z"),
    ],
)
def test_a_date_is_stored_in_utc_with_milliseconds(text, stored):
    instant = parse_iso(text)

    assert instant is not None
    assert iso_text(instant) == stored


@pytest.mark.parametrize("text", ["2025-W10", "2025-060", "9999-12-31T24:00:00Z", "hoy", ""])
def test_what_javascript_calls_an_invalid_date_is_none(text):
    assert parse_iso(text) is None


@pytest.mark.parametrize(("months", "year", "month"), [(0, 2026, 5), (4, 2026, 1), (5, 2025, 12), (12, 2025, 5)])
def test_a_month_may_begin_in_an_earlier_year(months, year, month):
    assert month_start(datetime(2026, 5, 31, 23, tzinfo=UTC), months) == datetime(year, month, 1, tzinfo=UTC)

"""Points in time: how they are read from a request, and how they are stored and sent."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

_ISO_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:([Zz])|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)


def utc_now() -> datetime:
    """The current time, the clock of everything that is not under test."""
    return datetime.now(UTC)


def iso_text(instant: datetime) -> str:
    """Write an instant as MongoDB's driver does: UTC, milliseconds, `Z`.

    Texts of this form sort like the instants, so the database compares them as they are.
    """
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def parse_iso(text: str) -> datetime | None:
    """Read a date as JavaScript's `Date` does, or return None where that one gives `Invalid Date`.

    A day that its month does not have runs on into the next month; a time without a zone is UTC.
    """
    found = _ISO_DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hours, minutes, seconds, fraction, _, sign, zone_hours, zone_minutes = found.groups()
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    time = timedelta(
        days=int(day or 1) - 1,
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        milliseconds=int((fraction or "0").ljust(3, "0")[:3]),
    )
    try:
        return datetime(int(year), int(month or 1), 1, tzinfo=UTC) + time + (offset if sign == "-" else -offset)
    except (ValueError, OverflowError):
        return None


def month_start(instant: datetime, months_before: int = 0) -> datetime:
    """The first midnight (UTC) of the month of an instant, or of an earlier month."""
    years, month = divmod(instant.month - 1 - months_before, 12)
    return datetime(instant.year + years, month + 1, 1, tzinfo=UTC)

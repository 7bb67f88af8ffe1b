"""Whether traces are asked for, by the standard OTEL_* variables; else nothing of OpenTelemetry is loaded."""

import re
from collections.abc import Mapping

from flask import Flask

from config import SettingsError

_EXPORTER = "OTEL_TRACES_EXPORTER"
_ADDRESSES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
# Of several the first that is set counts. OpenTelemetry itself would go on with what it cannot use, and quote a header
# field, which may hold a key, in the log.
_TAKES = (
    ((_EXPORTER,), "otlp|none", "otlp or none"),
    (_ADDRESSES, r"https?://\S+", "the collector's address: http://collector.internal:4318"),
    (("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf", "http/protobuf"),
    (
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        r"(\s*([A-Za-z0-9_.-]+=[ !#-+\--:<-\[\]-~]*)?(,|$))*",
        "name=value, with commas between several",
    ),
)


def init_app(app: Flask, otel: Mapping[str, str]) -> None:
    """Record a span for each request and each question to the backend, and export them, if `otel` asks for it.

    Raises:
        SettingsError: It asks for what we do not have, or the packages of requirements-otel.txt are not installed.
    """
    name = asked_for_by(otel)
    if name is None:
        return
    try:
        from proxy import spans  # noqa: PLC0415 - whoever wants no traces need not have the packages
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{name} asks for traces, which need more packages: pip install -r requirements-otel.txt "
            "(or set OTEL_SDK_DISABLED=true)"
        ) from error
    try:
        spans.init_app(app)
    except ValueError as error:
        raise SettingsError(f"OpenTelemetry cannot use its OTEL_* variables: {error}") from error


def asked_for_by(otel: Mapping[str, str]) -> str | None:
    """The variable that asks for traces; None where none does.

    As in OpenTelemetry's specification a blank variable is not set, OTEL_SDK_DISABLED=true outdoes all others, and
    what is said for traces alone outdoes what is said for everything. Unlike there, silence means no traces.

    Raises:
        SettingsError: One that counts has a value that cannot be used.
    """
    if otel.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    name, value = _first(otel, _EXPORTER, *_ADDRESSES)
    if not name or (name, value) == (_EXPORTER, "none"):
        return None
    for names, pattern, takes in _TAKES:
        told, value = _first(otel, *names)
        if told and not re.fullmatch(pattern, value):
            raise SettingsError(f"{told} takes {takes}")
    return name


def _first(otel: Mapping[str, str], *names: str) -> tuple[str, str]:
    """The first variable that is set, and its value; blanks when none is."""
    return next(((name, value) for name in names if (value := otel.get(name, "").strip())), ("", ""))

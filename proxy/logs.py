"""How the log looks: JSON lines on stdout in production, a line for people elsewhere (twelve-factor app, XI).

An event is a name and fields: `log.info("signed_in", extra={"user": "…"})`.
"""

import json
import logging.config
from hashlib import blake2b
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from config import Settings

_OURS = frozenset({"taskName", "color_message", "message", "asctime", *RESERVED_ATTRS})


class Pseudonyms:
    """Names for users and accounts in the log: the same for the same one, and nothing to find them out by.

    Args:
        key: Whoever has it can tell whether a name is a given user's.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, text: str) -> str:
        """16 hexadecimal digits (BLAKE2b with a key, RFC 7693 §2.9)."""
        return blake2b(text.encode("utf-8", "replace"), digest_size=8, key=self._key).hexdigest()


class Lines(logging.Formatter):
    """A line for people: the time, the event, and its fields; a request in the order in which one reads it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; what came from elsewhere cannot begin a line of its own."""
        fields = {name: value for name, value in vars(record).items() if name not in _OURS and value is not None}
        event = record.getMessage()
        if event == "request":
            event = "{method} {path} {status} {duration_ms} ms".format_map(fields)
            fields = {name: fields[name] for name in ("code", "detail", "request_id") if name in fields}
        else:
            event = event.encode("unicode_escape").decode() if not event.isprintable() else event
        told = "".join(f" {name}={_one_line(value)}" for name, value in fields.items())
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{self.formatTime(record, '%H:%M:%S')} {record.levelname} {event}{told}{trace}"


def configure(settings: Settings) -> None:
    """Send the log to stdout, unless whoever runs us has said where it goes; keep secrets out of it in any case."""
    if not logging.getLogger().handlers:
        logging.config.dictConfig(dictionary(settings))
    # Both write request targets, and a password-reset token is part of one.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.getLogger("werkzeug").addFilter(_is_no_request_line)


def dictionary(settings: Settings) -> dict[str, Any]:
    """The configuration of `logging`, gunicorn's own log included."""
    level = settings.log_level.upper()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": JsonFormatter,
                "fmt": ["levelname", "message"],
                "timestamp": "time",
                "rename_fields": {"levelname": "level", "message": "event"},
            },
            "lines": {"()": Lines},
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "json" if settings.app_env == "production" else "lines",
            }
        },
        "root": {"level": level, "handlers": ["stdout"]},
        "loggers": {
            "gunicorn.error": {
                "level": level if settings.app_env == "production" else "WARNING",
                "handlers": [],
                "propagate": True,
            },
        },
    }


def _is_no_request_line(record: logging.LogRecord) -> bool:
    return "HTTP/1." not in record.getMessage()


def _one_line(value: object) -> str:
    """A word as it is, anything else as JSON, which has no line breaks."""
    text = str(value)
    return text if text.isascii() and text.isprintable() and " " not in text and text else json.dumps(text)

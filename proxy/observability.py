"""What an operator sees of a request: its id, and one line in the log."""

import logging
import re
import sys
import time
import uuid
from functools import partial

from flask import Flask, Response, g, request

from config import Settings
from proxy.metrics import Metrics

log = logging.getLogger("bff")

_FORWARDING_FIELDS = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def init_app(app: Flask, settings: Settings, metrics: Metrics) -> None:
    """Give every request an id and a log line, count it; warn once of forwarding fields that nobody may send."""
    app.before_request(_begin)
    app.after_request(partial(_end, metrics))
    if settings.trusted_proxies == 0:
        app.before_request(_ForwardingFieldWarning())


def configure_logging() -> None:
    """Send the log to stdout, a line an event (twelve-factor app, XI)."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Both write request targets, and a password-reset token is part of one.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    logging.getLogger("werkzeug").addFilter(_is_no_request_line)


def _is_no_request_line(record: logging.LogRecord) -> bool:
    return "HTTP/1." not in record.getMessage()


def _begin() -> None:
    g.started = time.monotonic()
    offered = request.headers.get("X-Request-ID", "")
    g.request_id = offered if _REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex


def _end(metrics: Metrics, response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    # The URL rule, not the path: a path holds what users typed, a password-reset token among it.
    rule = request.url_rule.rule if request.url_rule else "-"
    code = response.headers.get("X-BFF-Error")
    seconds = time.monotonic() - g.started
    metrics.answered(rule, request.method, response.status_code, code, seconds)
    line = f"{request.method} {rule} {response.status_code} {code or '-'} {seconds * 1000:.1f} ms {g.request_id}"
    detail = f": {g.error_detail}" if "error_detail" in g else ""
    log.log(logging.WARNING if response.status_code >= 500 else logging.INFO, "%s%s", line, detail)
    return response


class _ForwardingFieldWarning:
    """A guard that says, the first time, that a proxy seems to stand in front which TRUSTED_PROXIES does not count."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self) -> None:
        sent = [name for name in _FORWARDING_FIELDS if name in request.headers]
        if sent and not self._said:
            self._said = True
            log.warning("%s arrives and is ignored: set TRUSTED_PROXIES to the number of proxies in front", sent[0])

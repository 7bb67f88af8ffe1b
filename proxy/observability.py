"""What an operator sees of a request: its id, one event in the log, and the metrics."""

import re
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from random import getrandbits
from typing import Any

import structlog
from flask import Flask, Request, Response, g, request

from config import Settings
from proxy import logs
from proxy.errors import BackendDown
from proxy.logs import Pseudonyms
from proxy.metrics import Metrics
from proxy.tokens import Token
from proxy.upstream import Watch

Tell = Callable[[str, str, Mapping[str, Any]], None]

log = structlog.get_logger()

_FORWARDING_FIELDS = {
    "HTTP_X_FORWARDED_FOR": "X-Forwarded-For",
    "HTTP_X_FORWARDED_PROTO": "X-Forwarded-Proto",
    "HTTP_X_FORWARDED_HOST": "X-Forwarded-Host",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")  # W3C Trace Context §3.2.2
_SECRET_SEGMENT = re.compile(r"<\w*token>")
_NO_ROUTE = "-"


def init_app(app: Flask, settings: Settings, metrics: Metrics) -> None:
    """Give every request an id and an event, count it; warn once of forwarding fields that nobody may send."""
    pseudonyms = app.extensions["pseudonyms"] = Pseudonyms(settings.log_key())
    app.before_request(partial(_begin, metrics))
    app.after_request(partial(_end, metrics, pseudonyms, logs.teller(settings)))
    app.before_request(_ForwardingFieldWarning(settings.trusted_proxies))


def watch(metrics: Metrics, backend: str) -> Watch:
    """What an operator is told of the way to a backend, by this name."""

    def note_retry(why: str) -> None:
        g.retries = g.get("retries", 0) + 1
        metrics.retries.labels(why).inc()

    def note_breaker(state: str) -> None:
        is_open = state == "open"
        metrics.breakers_open.inc(1 if is_open else -1)
        tell = log.warning if is_open else log.info
        tell("breaker_opened" if is_open else "breaker_closed", backend=backend)

    return Watch(metrics.backend_connections.inc, note_retry, note_breaker)


def _begin(metrics: Metrics) -> None:
    noted = vars(g._get_current_object())
    noted["started"] = time.monotonic()
    offered = request.environ.get("HTTP_X_REQUEST_ID")
    is_usable = offered and _REQUEST_ID.fullmatch(offered)
    noted["request_id"] = offered if is_usable else f"{getrandbits(128):032x}"  # no secret
    noted["ticket"] = ticket = object()
    metrics.under_way.add(ticket)


def _end(metrics: Metrics, pseudonyms: Pseudonyms, tell: Tell, response: Response) -> Response:
    """Tell of the request: at once, or when its stream has ended."""
    noted = vars(g._get_current_object())
    response.headers["X-Request-ID"] = noted["request_id"]
    fields = _fields(pseudonyms, request._get_current_object(), response, noted)  # type: ignore[attr-defined]
    if "response_body" in noted:
        response.call_on_close(
            partial(_tell, metrics, tell, fields, noted.copy())
        )  # not the response: it would hold itself
    else:
        _tell(metrics, tell, fields, noted)
    return response


def _fields(pseudonyms: Pseudonyms, asked: Request, response: Response, noted: dict[str, Any]) -> dict[str, Any]:
    """What is known of a request when its response begins. Nothing here is a secret, or a line of its own."""
    token: Token | None = noted.get("token")
    rule = asked.url_rule
    return {
        "method": asked.method,
        "route": rule.rule if rule else _NO_ROUTE,
        "path": _path(asked.path, rule.rule if rule else None),
        "status": response.status_code,
        "code": noted.get("error_code"),
        "bytes_in": asked.content_length or 0,
        "bytes_out": 0 if response.is_streamed else response.calculate_content_length(),
        "request_id": noted["request_id"],
        "trace_id": noted.get("trace_id") or _trace_id(asked.environ.get("HTTP_TRACEPARENT")),
        "client": asked.remote_addr,
        "retries": noted.get("retries", 0),
        "user": token and pseudonyms.of(token.subject or token.value),
        "detail": noted.get("error_detail"),
    }


def _trace_id(trace_parent: str | None) -> str | None:
    trace = _TRACE_PARENT.fullmatch(trace_parent) if trace_parent else None
    return trace and trace[1]


def _path(path: str, route: str | None) -> str:
    """The path as it came, percent-encoded, without the query; of one that nobody serves, its beginning alone.

    A password-reset token is part of a path, and of a misspelt one too.
    """
    if route is None:
        beginning = "/".join(path.split("/")[:3])[:64]
        return beginning if beginning == path else f"{beginning}/..."
    return route if _has_a_secret(route) else path


@cache
def _has_a_secret(route: str) -> bool:
    return _SECRET_SEGMENT.search(route) is not None


def _tell(metrics: Metrics, tell: Tell, fields: dict[str, Any], noted: dict[str, Any]) -> None:
    """Complete the event and the metrics with what is known at the end.

    Args:
        metrics: To count in.
        tell: Writes the event.
        fields: From `_fields`.
        noted: What the parts noted in `g`: moments of the monotonic clock, and the bodies that were streamed.
    """
    now = time.monotonic()
    seconds, backend_seconds = now - noted["started"], None
    fields["duration_ms"] = round(seconds * 1000, 1)
    if "backend_started" in noted and fields["code"] != BackendDown.code:  # the breaker's refusal is no exchange
        backend_seconds = noted.get("backend_ended", now) - noted["backend_started"]
        fields["backend_ms"] = round(backend_seconds * 1000, 1)
    if "request_body" in noted:
        fields["bytes_in"] = noted["request_body"].passed
    if "response_body" in noted:
        fields["bytes_out"] = noted["response_body"].passed
        if failure := noted["response_body"].failure:  # its status had been sent
            fields["code"], fields["detail"] = failure.code, f"cut short: {failure}"
    metrics.under_way.discard(noted["ticket"])
    metrics.answered(fields, seconds, backend_seconds)
    is_bad = fields["status"] >= 500 or (fields["detail"] or "").startswith("cut short")
    tell("warning" if is_bad else "debug" if "is_quiet" in noted else "info", "request", fields)


class _ForwardingFieldWarning:
    """A guard that says, the first time, that there are more proxies in front than TRUSTED_PROXIES counts, or fewer."""

    def __init__(self, trusted: int) -> None:
        self._trusted = trusted
        self._said = False

    def __call__(self) -> None:
        if self._said or (not self._trusted and _FORWARDING_FIELDS.keys().isdisjoint(request.environ)):
            return
        if request.blueprint == "health":  # probes come from next door
            return
        if self._trusted:
            self._warn_of_too_few()
        else:
            self._warn_of_any()

    def _warn_of_any(self) -> None:
        sent = [name for variable, name in _FORWARDING_FIELDS.items() if variable in request.environ]
        self._said = True
        detail = f"{sent[0]} arrives and is ignored: set TRUSTED_PROXIES to the number of proxies in front"
        log.warning("forwarding_field_ignored", detail=detail)

    def _warn_of_too_few(self) -> None:
        entries = len(request.headers.get("X-Forwarded-For", "").split(","))
        if "X-Forwarded-For" not in request.headers or entries < self._trusted:
            self._said = True
            detail = (
                f"X-Forwarded-For has fewer entries than TRUSTED_PROXIES={self._trusted} proxies would have written"
            )
            log.warning("forwarding_field_missing", detail=detail)

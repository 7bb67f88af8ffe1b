"""The spans of OpenTelemetry: one for a browser's request and, below it, one for each request to the backend.

Written by hand, so that what a span says of a request stands here and nowhere else: words and numbers of ours, and of
what a browser said its ids alone (request id, trace context). `telemetry` imports this where it is asked for.
"""

import atexit
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPMethod
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from config import Settings
from setting_types import DEFAULT_PORTS

_Attributes = Mapping[str, str | int]

_SERVICE = "kilometracker-bff"
_LAST_EXPORT_MILLIS = 2000
_TRACE_CONTEXT = TraceContextTextMapPropagator()  # whatever OTEL_PROPAGATORS says: `baggage` would cross unseen


def init_app(app: Flask) -> None:
    """Record and export spans, as the OTEL_* variables say; OpenTelemetry reads them by itself."""
    # Not the process's provider: no library is to send spans of its own. What ends it is `_Export`.
    provider = app.extensions["tracer_provider"] = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    tracer, export = provider.get_tracer(_SERVICE), _Export(provider)

    # Around everything else: what refuses a request is part of it.
    app.before_request_funcs.setdefault(None, []).insert(0, partial(_begin, tracer, export))
    app.after_request_funcs.setdefault(None, []).insert(0, _end)
    settings: Settings = app.extensions["settings"]
    _trace(tracer, app.extensions["upstream"], settings.api_base_url)
    passthrough = app.extensions.get("passthrough")
    if passthrough and passthrough.upstream is not app.extensions["upstream"]:
        _trace(tracer, passthrough.upstream, settings.proxy_base_url)


class _Export:
    """The SDK's own export in batches, begun with the first span: so its thread is a worker's.

    The SDK could take it over a fork. But Python warns of forks from a process with threads (3.12), for good reasons.

    Raises:
        ValueError: A variable has a value that the SDK cannot use.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._has_begun = False
        # What cannot begin says so now.
        BatchSpanProcessor(OTLPSpanExporter()).shutdown()  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """Begin, unless that is done."""
        with self._lock:
            if not self._has_begun:
                self._has_begun = True
                processor = BatchSpanProcessor(OTLPSpanExporter())
                self._provider.add_span_processor(processor)
                # The SDK's own end has no public limit: with a collector that hangs, a worker would take 30 s to end.
                atexit.register(processor._batch_processor.shutdown, _LAST_EXPORT_MILLIS)


def _resource() -> Resource:
    resource = Resource.create()
    is_named = not str(resource.attributes["service.name"]).startswith("unknown_service")
    return resource if is_named else resource.merge(Resource({"service.name": _SERVICE}))


def _trace(tracer: Tracer, upstream: Any, base_url: str | None) -> None:
    url = urlsplit(base_url or "")
    address: _Attributes = {"server.address": url.hostname or "", "server.port": url.port or DEFAULT_PORTS[url.scheme]}
    upstream.send = partial(_send, tracer, address, upstream.send)


def _begin(tracer: Tracer, export: _Export) -> None:
    """Begin the span of a browser's request, below the one that its `traceparent` names."""
    if request.blueprint == "health":  # machines ask, every few seconds
        return
    export.begin()
    told = {"url.scheme": "https" if request.is_secure else "http"}
    if request.url_rule:
        told["http.route"] = request.url_rule.rule
    g.span = _start(tracer, SpanKind.SERVER, _TRACE_CONTEXT.extract(request.headers, Context()), request.method, told)
    g.trace_id = format_trace_id(g.span.get_span_context().trace_id)


def _end(response: Response) -> Response:
    """End the span: at once, or with the stream."""
    if "span" in g:
        g.span.set_attribute("bff.request_id", g.request_id)
        _tell_status(g.span, response.status_code, 500, response.headers.get("X-BFF-Error"))
        if "response_body" in g:
            response.call_on_close(g.span.end)
        else:
            g.span.end()
    return response


def _send(
    tracer: Tracer,
    address: _Attributes,
    send: Callable[..., Any],
    method: str,
    target: str,
    headers: Mapping[str, str],
    *rest: Any,
    **options: Any,
) -> Any:
    """`Upstream.send` in a span that ends with the reply's head; it is the parent that the backend is told."""
    if "span" not in g:
        return send(method, target, headers, *rest, **options)
    span = _start(tracer, SpanKind.CLIENT, set_span_in_context(g.span, Context()), method, address)
    fields = {name: value for name, value in headers.items() if name.lower() not in _TRACE_CONTEXT.fields}
    _TRACE_CONTEXT.inject(fields, set_span_in_context(span, Context()))
    try:
        reply = send(method, target, fields, *rest, **options)
        _tell_status(span, reply.status_code, 400)
    except Exception as error:
        span.set_status(StatusCode.ERROR)  # and not `record_exception`: the text of requests' quotes the URL
        span.set_attribute("error.type", getattr(error, "code", type(error).__name__))
        raise
    finally:
        span.end()
    return reply


def _start(tracer: Tracer, kind: SpanKind, parent: Context, method: str, told: _Attributes) -> Span:
    """A span named by method and route; a browser can make up any method, and say anything by it."""
    is_known = method in HTTPMethod.__members__
    name = f"{method if is_known else 'HTTP'} {told.get('http.route', '')}".strip()
    return tracer.start_span(name, parent, kind, {**told, "http.request.method": method if is_known else "_OTHER"})


def _tell_status(span: Span, status: int, error_from: int, code: str | None = None) -> None:
    """A 4xx is an error of whoever asked: in the browser's span it is none, in ours at the backend it is one."""
    span.set_attribute("http.response.status_code", status)
    if status >= error_from:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", code or str(status))

"""A stand-in for an OpenTelemetry collector: takes OTLP over HTTP, and keeps the spans and the bytes they came in."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.backend import Backend


@dataclass(frozen=True)
class Span:
    """A span as it was exported; ids in hexadecimal, `parent` empty for a root."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, object]
    is_error: bool
    instance: object
    told: trace_pb2.Span


class Collector(Backend):
    """Accepts every export."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.answer("POST /v1/traces", body=b"")
        return self

    @property
    def bytes(self) -> bytes:
        """All that was exported, header fields included."""
        return b"".join(request.headers.as_bytes() + request.body for request in self.requests)

    @property
    def spans(self) -> list[Span]:
        """What was exported, in the order in which spans began."""
        exports = [ExportTraceServiceRequest.FromString(request.body) for request in self.requests]
        spans = [
            _span(told, _values(resource.resource.attributes))
            for export in exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for told in scope.spans
        ]
        return sorted(spans, key=lambda span: span.told.start_time_unix_nano)

    def wait_for(self, count: int) -> list[Span]:
        """The spans, once there are that many."""
        give_up = time.monotonic() + 10
        while len(self.spans) < count:
            assert time.monotonic() < give_up, self.spans
            time.sleep(0.01)
        return self.spans


def _span(told: trace_pb2.Span, resource: dict[str, object]) -> Span:
    return Span(
        name=told.name,
        kind=trace_pb2.Span.SpanKind.Name(told.kind).removeprefix("SPAN_KIND_"),
        trace=told.trace_id.hex(),
        id=told.span_id.hex(),
        parent=told.parent_span_id.hex(),
        attributes=_values(told.attributes),
        is_error=told.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        instance=resource["service.instance.id"],
        told=told,
    )


def _values(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}

"""Spans with OpenTelemetry, sent over HTTP in batches from a bounded queue; needs the extra `tracing`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from helix_pipeline.tracing import Attributes, Ended, Kind

_KINDS = {"client": SpanKind.CLIENT, "producer": SpanKind.PRODUCER}
_FAULT = 500


class OpenTelemetryTracer:
    """Makes spans of one service. What is queued is sent when the process ends."""

    def __init__(self, service: str) -> None:
        provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = provider.get_tracer("helix_pipeline")

    @contextmanager
    def span(self, name: str, kind: Kind, attributes: Attributes) -> Iterator[None]:
        """See Tracer."""
        with self._tracer.start_as_current_span(name, kind=_KINDS[kind], attributes=attributes):
            yield

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Ended]:
        """See Tracer."""
        context = extract(dict(headers))
        with self._tracer.start_as_current_span(method, context, kind=SpanKind.SERVER) as span:

            def ended(route: str, status: int) -> None:
                span.update_name(f"{method} {route}")
                span.set_attributes(
                    {"http.request.method": method, "http.route": route, "http.response.status_code": status}
                )
                if status >= _FAULT:
                    span.set_status(StatusCode.ERROR)

            yield ended

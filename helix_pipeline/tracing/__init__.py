"""Traces: a span of each request, and of what it asks of the stores.

Off, and then nearly free, unless the extra `tracing` is installed and OTEL_EXPORTER_OTLP_ENDPOINT is set. The other
OTEL_* variables hold as OpenTelemetry describes them.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

import structlog

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

Attributes = Mapping[str, str | int]
Kind = Literal["client", "producer"]

Ended = Callable[[str, int], None]
"""Is told the route template of a request and the status of its answer."""

_log = structlog.get_logger(__name__)


class Tracer(Protocol):
    """What makes spans."""

    def span(self, name: str, kind: Kind, attributes: Attributes) -> AbstractContextManager[None]:
        """Return a span around a block; an error that leaves the block is noted in it."""
        ...

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[Ended]:
        """Return the span of a request to us, which goes on with the trace that its headers name."""
        ...


class _Off:
    """Makes no spans."""

    @contextmanager
    def span(self, name: str, kind: Kind, attributes: Attributes) -> Iterator[None]:
        yield

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Ended]:
        yield lambda route, status: None


_tracer: Tracer = _Off()


def start(service: str) -> None:
    """Send the spans of this process from now on, as those of a service, where traces are on.

    An endpoint without the packages is logged: in a cluster the variable may be set for everybody.
    """
    global _tracer  # noqa: PLW0603 - one per process, as for logs and metrics
    if not os.environ.get(ENDPOINT):
        return
    try:
        from helix_pipeline.tracing.otlp import OpenTelemetryTracer
    except ModuleNotFoundError as error:
        _log.warning("no traces", reason=f"{ENDPOINT} is set, but {error.name} is missing: install the extra `tracing`")
        return
    _tracer = OpenTelemetryTracer(service)


def span(name: str, kind: Kind = "client", **attributes: str | int) -> AbstractContextManager[None]:
    """Return a span around a block. `_` in the names of attributes stands for `.`."""
    return _tracer.span(name, kind, {key.replace("_", "."): value for key, value in attributes.items()})


def request(method: str, headers: Mapping[str, str]) -> AbstractContextManager[Ended]:
    """Return the span of a request to us; what it yields is told the route and the status at the end."""
    return _tracer.request(method, headers)

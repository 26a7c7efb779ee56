"""Traces: real spans from a process of the API, received over HTTP by a collector of the test."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api_process import Api

from helix_pipeline.settings import Settings
from helix_pipeline.tracing import ENDPOINT

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra `tracing` is not installed")
pytestmark = pytest.mark.servers

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
ASKED = {
    "POST /v1/analytics/query": "clickhouse select",
    "GET /v1/knowledge/related": "neo4j read",
    "POST /v1/context/messages": "kafka publish",
}
"""Span of a request -> span of what it asks of a store."""


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """An OTLP collector: its address, and the spans that it received, each with its service."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            raw = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            sent = ExportTraceServiceRequest.FromString(raw)
            spans.extend(span for part in sent.resource_spans for scope in part.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()


def test_a_request_and_what_it_asks_of_the_stores_are_one_trace(
    api_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as (endpoint, spans):
        monkeypatch.setenv(ENDPOINT, endpoint)
        api = Api(api_settings)
        api.start()
        try:
            ask(api)
        finally:
            assert api.stop() == 0
    traced = [span for span in spans if span.trace_id.hex() == TRACE]
    requests = {span.name: span for span in traced if span.parent_span_id.hex() == PARENT}
    assert set(requests) == set(ASKED)
    for request, store in ASKED.items():
        outer = requests[request]
        inner = [span for span in traced if (span.name, span.parent_span_id) == (store, outer.span_id)]
        assert inner, (request, [span.name for span in traced])
        for span in inner:
            assert outer.start_time_unix_nano <= span.start_time_unix_nano < span.end_time_unix_nano
            assert span.end_time_unix_nano <= outer.end_time_unix_nano
    attributes = {one.key: one.value for one in requests["GET /v1/knowledge/related"].attributes}
    assert attributes["http.response.status_code"].int_value == 404
    assert attributes["http.route"].string_value == "/v1/knowledge/related"


def ask(api: Api) -> None:
    """Ask for something of each store, as a part of one trace."""
    with httpx.Client(base_url=api.url, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"}, timeout=30) as client:
        sql = {"sql": "SELECT count() FROM provider_metrics"}
        assert client.post("/v1/analytics/query", json=sql).status_code == 200
        assert client.get("/v1/knowledge/related", params={"entity": uuid4().hex}).status_code == 404
        body = {"conversation_id": uuid4().hex, "messages": [{"role": "user", "content": "hello"}]}
        assert client.post("/v1/context/messages", json=body).status_code == 201


def test_an_endpoint_that_is_away_harms_no_request(api_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    api = Api(api_settings)
    api.start()
    try:
        assert httpx.get(f"{api.url}/readyz", timeout=5).status_code == 200
    finally:
        assert api.stop() == 0

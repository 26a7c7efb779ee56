"""Counts every request to ClickHouse, and the time of each, where all of them pass: in the pool of connections.

Behind a proxy that the environment names, the driver keeps a pool of its own, and nothing is counted.
"""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog
from clickhouse_connect.driver.httputil import check_env_proxy, get_pool_manager_options
from urllib3 import BaseHTTPResponse, PoolManager

from helix_pipeline.telemetry import CLICKHOUSE_QUERIES, CLICKHOUSE_SECONDS, OTHER, result
from helix_pipeline.tracing import span

_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("select", "with", "show", "describe", "desc", "exists", "explain"), "select"),
    "insert": "insert",
    **dict.fromkeys(("create", "alter", "drop", "truncate", "rename", "optimize"), "ddl"),
}
_WHOSE = ("request_id", "job_id")
_FAILED = "X-ClickHouse-Exception-Code"
_HEAD = 200
"""Characters of a statement that tell its kind."""


class CountingPool(PoolManager):
    """A pool of connections that counts what is asked over it."""

    def request(self, method: str, url: str, *args: Any, **options: Any) -> BaseHTTPResponse:
        """Send a request and count it. Raises what urllib3 raises."""
        kind, begin, answered = kind_of(url, options.get("body")), time.monotonic(), False
        try:
            with span(f"clickhouse {kind}", db_system_name="clickhouse"):
                response = super().request(method, url, *args, **options)
            answered = response.status < 400 and _FAILED not in response.headers
        finally:
            count_query(kind, time.monotonic() - begin, answered)
        return response


def count_query(kind: str, seconds: float, succeeded: bool = True) -> None:
    """Count a request of this kind that took so long, also one that another process made."""
    CLICKHOUSE_QUERIES.labels(kind, result(succeeded)).inc()
    CLICKHOUSE_SECONDS.labels(kind).observe(seconds)


def log_comment(about: str) -> str:
    """Return what the server's log notes of a statement: what it is about, and whose it is, by the ids of our log."""
    known = structlog.contextvars.get_contextvars()
    return " ".join([f"helix:{about}", *(f"{key}={known[key]}" for key in _WHOSE if key in known)])


def counting_pool(scheme: str, host: str, port: int) -> CountingPool | None:
    """Return the pool of this process; none where the environment names a proxy for the server."""
    return None if check_env_proxy(scheme, host, port) else _pool()


@cache
def _pool() -> CountingPool:
    return CountingPool(**get_pool_manager_options())


def kind_of(url: str, body: Any) -> str:
    """Return the kind of a request, from the statement in its address or at the beginning of its body."""
    named = parse_qs(urlsplit(url).query).get("query")
    head = named[0] if named else body[:_HEAD].decode(errors="replace") if isinstance(body, bytes) else ""
    words = head.split(None, 1)
    return _KINDS.get(words[0].lower(), OTHER) if words else OTHER

"""What is told of every request: a line in the log, metrics by route, and an id that all of its log lines carry."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helix_pipeline.contracts.figures import RequestRow
from helix_pipeline.telemetry import HTTP_REQUESTS, HTTP_SECONDS, OTHER, bounded
from helix_pipeline.tracing import request

REQUEST_ID = "X-Request-ID"
"""The header, and the key of the ASGI scope under which handlers of faults find the id."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_SANE = re.compile(r"[\w.-]{1,64}", re.ASCII)
_FAULT = 500
"""The status of a request that ends with an exception before an answer has begun."""

_log = structlog.get_logger(__name__)


class Observed:
    """ASGI middleware, the outermost. A client may give the id; one that is long or odd is replaced.

    `record` takes a row of figures for each request.
    """

    def __init__(self, app: ASGIApp, record: Callable[[RequestRow], None]) -> None:
        self._app = app
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and tell of it when it has ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status, id_ = time.monotonic(), _FAULT, _request_id(scope)
        method, scope[REQUEST_ID] = bounded(scope["method"], METHODS), id_

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                MutableHeaders(scope=message)[REQUEST_ID] = id_
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=id_), request(method, Headers(scope=scope)) as ended:
            try:
                await self._app(scope, receive, watched)
            finally:
                route = getattr(scope.get("route"), "path", OTHER)
                ended(route, status)
                seconds = time.monotonic() - begin
                _tell(scope["path"], route, method, status, seconds)
                self._record(RequestRow(datetime.now(UTC), id_, method, route, status, seconds * 1000))


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _SANE.fullmatch(given) else uuid4().hex


def _tell(path: str, route: str, method: str, status: int, seconds: float) -> None:
    HTTP_REQUESTS.labels(route, method, str(status)).inc()
    HTTP_SECONDS.labels(route, method).observe(seconds)
    _log.info("request", method=method, path=path, status=status, seconds=round(seconds, 4))

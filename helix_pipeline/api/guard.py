"""What stands in front of every request: its host and origin, and the size of its body.

The API has no users: it listens on loopback. A page of some web site in a browser of this machine must not reach it,
neither with a request across origins nor through a name that resolves to loopback.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helix_pipeline.api.problems import problem

MAX_BODY = 64 << 10
"""Bytes of a body where a path has no bound of its own: the largest such request is a job with its parameters."""

_FORM = "application/x-www-form-urlencoded"


class Guard:
    """ASGI middleware. `host` is where the API listens: on another than loopback any Host header is taken.

    `bounds` are the largest bodies by path, in bytes, where that is not `MAX_BODY`.
    """

    def __init__(self, app: ASGIApp, host: str, bounds: Mapping[str, int]) -> None:
        self._app = app
        self._bounds = bounds
        self._any_host = not _is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, bound = Headers(scope=scope), self._bounds.get(scope["path"], MAX_BODY)
        refusal = self._refusal(headers, bound)
        if refusal:
            await problem(*refusal)(scope, receive, send)
            return
        scope["headers"] = list(_as_json(scope["headers"]))  # in place: who stands before this sees the route chosen
        await self._app(scope, _bounded(receive, bound), send)

    def _refusal(self, headers: Headers, bound: int) -> tuple[HTTPStatus, str, str, str] | None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if not (self._any_host or _is_loopback(host)):
            hint = "call it as 127.0.0.1 or localhost"
            return HTTPStatus.MISDIRECTED_REQUEST, "host", f"this API does not answer as {host[:80]!r}", hint
        origin = headers.get("origin")
        if origin and urlsplit(origin).netloc != headers.get("host"):
            return (
                HTTPStatus.FORBIDDEN,
                "origin",
                f"a page of {origin[:80]!r} may not call this API",
                "use its own /docs",
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > bound:
            detail = f"the body has more than {bound:,} bytes"
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail, "send a smaller one"
        return None


def _bounded(receive: Receive, bound: int) -> Receive:
    """Return a receiver that ends a body which goes on past its bound."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > bound:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {bound:,} bytes")
        return message

    return bounded


def _as_json(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """Take what `curl -d` sends without a type as the JSON that it is."""
    for name, value in headers:
        yield name, b"application/json" if name == b"content-type" and value.decode("latin-1") == _FORM else value


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

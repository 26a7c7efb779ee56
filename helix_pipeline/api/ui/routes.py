"""/ui: the pages, and their files from a fixed list; a browser may load and call nothing but this server for them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Response
from fastapi.responses import RedirectResponse

from helix_pipeline.api.ui.files import PAGES, names, page_file

START = "/ui"
"""Where one who names no page is sent."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""`no-cache` has a browser ask each time whether its copy still holds: after an update nothing old is left."""

router = APIRouter(include_in_schema=False)
graph_router = APIRouter(include_in_schema=False)
"""Apart, since it goes with the knowledge graph; the status is there always."""

Etag = Annotated[str, Header(alias="If-None-Match")]


@router.get("/")
@router.get("/ui/")
def start() -> RedirectResponse:
    """Lead to the page of the status."""
    return RedirectResponse(START)


@router.get("/ui")
def status(known: Etag = "") -> Response:
    """Return the page of the status."""
    return _sent(PAGES["/ui"], known)


@graph_router.get("/ui/graph")
def graph(known: Etag = "") -> Response:
    """Return the page of the knowledge graph."""
    return _sent(PAGES["/ui/graph"], known)


@router.get("/ui/static/{name}")
def static(name: str, known: Etag = "") -> Response:
    """Return a file of the pages."""
    if name not in names():
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _sent(name, known)


def _sent(name: str, known: str) -> Response:
    file = page_file(name)
    headers = {**_HEADERS, "ETag": file.etag}
    if file.etag in {etag.strip().removeprefix("W/") for etag in known.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)

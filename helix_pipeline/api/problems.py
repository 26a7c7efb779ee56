"""Errors as problem details (RFC 9457): `type`, `title`, `status`, `detail`, and a `hint` of what to do."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from helix_pipeline.api.features import ComponentOffError
from helix_pipeline.api.observed import REQUEST_ID
from helix_pipeline.domain.analytics.refusal import RefusedQueryError
from helix_pipeline.errors import HelixError, NotFoundError, StoreError, UsageError
from helix_pipeline.services.jobs.desk import FinishedError, KeyReusedError, UnknownJobError
from helix_pipeline.services.jobs.requests import ParameterError
from helix_pipeline.services.jobs.roots import OutsideRootsError
from helix_pipeline.services.knowledge.questions import NoPathError, UnknownEntityError
from helix_pipeline.services.outbox import Stored
from helix_pipeline.stores.analyst import QueryLimitError, WrongQueryError
from helix_pipeline.stores.journal import JournalFullError

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """What went wrong, and what to do about it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str


_SEE_DOCS = "see /docs for the fields and examples"
_JOBS_HINT = "GET /v1/spark/jobs lists the jobs"
_KINDS: tuple[tuple[type[HelixError], HTTPStatus, str, str], ...] = (
    (UnknownJobError, HTTPStatus.NOT_FOUND, "unknown-job", _JOBS_HINT),
    (KeyReusedError, HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", "send a new Idempotency-Key with a new request"),
    (FinishedError, HTTPStatus.CONFLICT, "wrong-state", "GET …/status shows how the job stands"),
    (OutsideRootsError, HTTPStatus.FORBIDDEN, "outside-roots", "name a path under a root, or set jobs.allowed_roots"),
    (ParameterError, HTTPStatus.UNPROCESSABLE_ENTITY, "bad-parameter", "GET /v1/spark/job-types lists the parameters"),
    (UnknownEntityError, HTTPStatus.NOT_FOUND, "unknown-entity", "POST /v1/knowledge/search finds parts of names"),
    (NoPathError, HTTPStatus.NOT_FOUND, "no-path", "ask for a longer way, up to longest=6"),
    (RefusedQueryError, HTTPStatus.BAD_REQUEST, "refused-query", "see docs/API.md for what a query may say"),
    (WrongQueryError, HTTPStatus.BAD_REQUEST, "wrong-query", "check its columns and arguments against the message"),
    (QueryLimitError, HTTPStatus.GATEWAY_TIMEOUT, "query-limit", "ask for a shorter time, fewer rows or less at once"),
    (NotFoundError, HTTPStatus.NOT_FOUND, "not-found", "check the id; what Kafka has acknowledged is found at once"),
    (UsageError, HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request", _SEE_DOCS),
    (
        JournalFullError,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "journal-full",
        "start Kafka and PostgreSQL, which empties it, or set kafka.journal_max_mb; then send the same again",
    ),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE, "store-away", "GET /readyz names what is away; try again then"),
    (HelixError, HTTPStatus.INTERNAL_SERVER_ERROR, "failed", "the log of the API says more"),
)


def problems(*codes: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return how a route's problems with these codes are described."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {int(code): {"description": code.phrase, "model": Problem, "content": content} for code in codes}


def status_of(stored: Stored) -> int:
    """Return the status of an answer to a write: what the journal has is accepted, and on its way."""
    return int(HTTPStatus.CREATED if stored == "kafka" else HTTPStatus.ACCEPTED)


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem."""
    app.add_exception_handler(ComponentOffError, _component_off)
    app.add_exception_handler(HelixError, _helix_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def problem(status: HTTPStatus, kind: str, detail: str, hint: str) -> JSONResponse:
    """Return an answer with a problem; `kind` names it in its `type`."""
    found = Problem(type=f"urn:helix:problem:{kind}", title=status.phrase, status=status, detail=detail, hint=hint)
    return JSONResponse(found.model_dump(), status_code=status, media_type=MEDIA_TYPE)


async def _component_off(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ComponentOffError)
    hint = f"set {error.switch}=true and start the API again; GET /health shows what is on"
    return problem(HTTPStatus.NOT_FOUND, "component-off", str(error), hint)


async def _helix_error(request: Request, error: Exception) -> JSONResponse:
    for kind, status, name, hint in _KINDS:
        if isinstance(error, kind):
            return problem(status, name, str(error), hint)
    raise error


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    detail = f"{place}: {first['msg']}"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request", detail, _SEE_DOCS)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.BAD_REQUEST:  # FastAPI's answer to a body that is no text; to one that is no JSON it is 422
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-request", f"body: {error.detail}", _SEE_DOCS)
    answer = problem(status, "http", f"{request.method} {request.url.path}: {error.detail}", "see /docs for the calls")
    answer.headers.update(error.headers or {})
    return answer


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    id_ = request.scope[REQUEST_ID]  # what stands before the routes has forgotten it by now
    _log.error("request failed", path=request.url.path, error=type(error).__name__, request_id=id_)
    hint = "this is a fault of the API: its log has the traceback"
    answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "failed", f"{type(error).__name__} in the API", hint)
    answer.headers[REQUEST_ID] = id_
    return answer

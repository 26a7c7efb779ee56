"""/livez, /readyz, /health and /v1/bigdata/health: what `services.health` found, as answers over HTTP.

They have threads of their own: a store that hangs may hold all others for some seconds.
"""

from asyncio import get_running_loop
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response

from helix_pipeline.api.health_models import LongHealth, ShortHealth, long_health, short_health
from helix_pipeline.api.models import Health
from helix_pipeline.domain.health import Status, StoreState
from helix_pipeline.services.health.caveats import journal_said
from helix_pipeline.services.health.report import Health as Asked

OFF, DEGRADED = "disabled", "degraded: "
router = APIRouter(tags=["Health"])
_threads = ThreadPoolExecutor(16, "asked")
_T = TypeVar("_T")
_AWAY: dict[int | str, dict[str, Any]] = {
    int(HTTPStatus.SERVICE_UNAVAILABLE): {"description": "Nothing stands in for something that is away"}
}


@router.get("/livez")
async def livez() -> Health:
    """Answer as long as requests are answered at all."""
    return Health(status="alive", checks={})


@router.get("/readyz", responses={int(HTTPStatus.SERVICE_UNAVAILABLE): {"model": Health}})
async def readyz(request: Request, response: Response) -> Health:
    """Ask PostgreSQL, the lake, Kafka and the graph, a second at most, and whether jobs are followed.

    Without Neo4j the API is still ready: `graph` says `degraded` and why, and questions go to the last snapshot. So it
    is without Kafka: new events go into the journal.
    """
    stores = await _aside(_asked(request).stores)
    found = {name: _said(stores, name) for name in ("postgres", "lake")}
    found |= {"graph": _said(stores, "neo4j", DEGRADED), "kafka": _said(stores, "kafka", DEGRADED)}
    said = journal_said(await _aside(request.app.state.outbox.state))
    found["journal"] = f"{DEGRADED}{said}" if said else "ok"
    found["supervisor"] = "ok" if request.app.state.supervisor.alive else "ended: restart the API"
    ready = all(state in ("ok", OFF) or state.startswith(DEGRADED) for state in found.values())
    response.status_code = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status="ready" if ready else "not ready", checks=found)


@router.get("/health", responses=_AWAY)
async def health(request: Request, response: Response) -> ShortHealth:
    """Say in a word each how components and services are; every one is asked, a second at most.

    200 also where something is degraded, 503 where a component that is on cannot work at all.
    """
    report = await _aside(_asked(request).report)
    response.status_code = _code(report.status)
    return short_health(report, "minio" if request.app.state.settings.lake_on_s3 else "lake")


@router.get("/v1/bigdata/health", response_model_exclude_none=True, responses=_AWAY)
async def bigdata_health(request: Request, response: Response) -> LongHealth:
    """Say how components, stores and streams are: what is lost and why, latencies, versions, lag. Codes as /health."""
    report = await _aside(_asked(request).report)
    response.status_code = _code(report.status)
    return long_health(report)


async def _aside(call: Callable[[], _T]) -> _T:
    return await get_running_loop().run_in_executor(_threads, copy_context().run, call)


def _asked(request: Request) -> Asked:
    found: Asked = request.app.state.health
    return found


def _said(stores: Mapping[str, StoreState], name: str, otherwise: str = "") -> str:
    state = stores.get(name)
    if state is None:
        return OFF
    return "ok" if state.answers else f"{otherwise}{state.detail}"


def _code(status: Status) -> HTTPStatus:
    return HTTPStatus.SERVICE_UNAVAILABLE if status == "unhealthy" else HTTPStatus.OK

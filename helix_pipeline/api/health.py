"""/livez and /readyz: whether the API lives, and whether what it needs answers, asked for real."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as SlowError
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pyarrow import fs

from helix_pipeline.api.models import Health
from helix_pipeline.errors import HelixError, StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import open_lake
from helix_pipeline.stores.postgres import connect

LIMIT_S = 1.0
router = APIRouter(tags=["Health"])
_pool = ThreadPoolExecutor(4, "readiness")


@router.get("/livez")
def livez() -> Health:
    """Answer as long as requests are answered at all."""
    return Health(status="alive", checks={})


@router.get("/readyz", responses={int(HTTPStatus.SERVICE_UNAVAILABLE): {"model": Health}})
def readyz(request: Request, response: Response) -> Health:
    """Ask PostgreSQL, the lake and the graph, a second at most, and whether jobs are followed.

    Without Neo4j the API is still ready: `graph` says `degraded` and why, and questions go to the last snapshot.
    """
    settings: Settings = request.app.state.settings
    checks = {"postgres": lambda: _ask_postgres(settings), "lake": lambda: _ask_lake(settings)}
    found = _checked({**checks, "graph": lambda: request.app.state.knowledge.ping(LIMIT_S)})
    found["supervisor"] = "ok" if request.app.state.supervisor.alive else "ended: restart the API"
    ready = all(state == "ok" for name, state in found.items() if name != "graph")
    if found["graph"] != "ok":
        found["graph"] = f"degraded: {found['graph']}"
    response.status_code = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status="ready" if ready else "not ready", checks=found)


def _checked(checks: Mapping[str, Callable[[], None]]) -> dict[str, str]:
    asked = {name: _pool.submit(check) for name, check in checks.items()}
    found = {}
    for name, answer in asked.items():
        try:
            answer.result(LIMIT_S)
            found[name] = "ok"
        except SlowError:
            found[name] = f"no answer within {LIMIT_S:g} s"
        except HelixError as error:
            found[name] = str(error)
    return found


def _ask_postgres(settings: Settings) -> None:
    with connect(settings, "readiness") as connection:
        connection.execute("SELECT 1")


def _ask_lake(settings: Settings) -> None:
    filesystem, path = open_lake(settings).filesystem("conversations")
    try:
        info = filesystem.get_file_info(path)
    except OSError as error:
        raise StoreError(f"the lake {settings.lake_root} does not answer: {error}") from None
    if info.type != fs.FileType.Directory:
        raise StoreError(f"no table conversations in the lake {settings.lake_root}: run `helix stream` once")

"""/livez and /readyz: whether the API lives, and whether what it needs answers, asked for real."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as SlowError
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pyarrow import fs

from helix_pipeline.api.models import Health
from helix_pipeline.errors import HelixError, StoreError
from helix_pipeline.services.outbox import JournalState
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import open_lake
from helix_pipeline.stores.postgres import connect

LIMIT_S = 1.0
router = APIRouter(tags=["Health"])
_pool = ThreadPoolExecutor(8, "readiness")


@router.get("/livez")
def livez() -> Health:
    """Answer as long as requests are answered at all."""
    return Health(status="alive", checks={})


@router.get("/readyz", responses={int(HTTPStatus.SERVICE_UNAVAILABLE): {"model": Health}})
def readyz(request: Request, response: Response) -> Health:
    """Ask PostgreSQL, the lake, Kafka and the graph, a second at most, and whether jobs are followed.

    Without Neo4j the API is still ready: `graph` says `degraded` and why, and questions go to the last snapshot. So it
    is without Kafka: new events go into the journal.
    """
    settings: Settings = request.app.state.settings
    needed: dict[str, Callable[[], object]] = {
        "postgres": lambda: _ask_postgres(settings),
        "lake": lambda: _ask_lake(settings),
    }
    spared: dict[str, Callable[[], object]] = {
        "graph": lambda: request.app.state.knowledge.ping(LIMIT_S),
        "kafka": request.app.state.context.log.state,
    }
    found = _checked({**needed, **spared})
    found["journal"] = _journal(request.app.state.outbox.state())
    found["supervisor"] = "ok" if request.app.state.supervisor.alive else "ended: restart the API"
    for name in (*spared, "journal"):
        found[name] = found[name] if found[name] == "ok" else f"degraded: {found[name]}"
    ready = all(state == "ok" or state.startswith("degraded") for state in found.values())
    response.status_code = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status="ready" if ready else "not ready", checks=found)


def _journal(found: JournalState) -> str:
    if found.state == "empty":
        return "ok"
    size = f"{found.nbytes:,} of {found.max_bytes:,} bytes"
    kept = f"{found.events} events in {size}, the oldest {found.oldest_s or 0:.0f} s old"
    return f"{found.state}, {kept}: {found.reason}" if found.events else f"{found.state}: {found.reason}"


def _checked(checks: Mapping[str, Callable[[], object]]) -> dict[str, str]:
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

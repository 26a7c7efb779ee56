"""SQL over the lake with Trino: run a statement within limits, and keep the lake's tables registered.

Trino knows a Delta table once it is registered with its location. From then on it reads the table's log at each query,
so that commits of any writer are seen without more ado.
"""

import logging
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from tenacity import before_sleep_log, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from helix_pipeline.errors import StoreError, ToolchainError, UsageError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import open_lake, table_names

REGISTRAR = "helix-registrar"
"""The user that may register tables, in a catalog of its own; see helix_pipeline/local/trino_access.json."""

LOCAL_LAKE = "local:///lake"
"""Where Trino's catalog finds a lake that is a folder."""


_NODE_WAIT_S = 0.5
_NODES = """
    SELECT node_version, count(*)
    FROM system.runtime.nodes CROSS JOIN information_schema.schemata
    GROUP BY node_version
"""
_log = logging.getLogger(__name__)


class _NoNodeError(StoreError):
    """No node is known to be alive at the moment: nothing was run, and Trino looks again every few seconds."""


@dataclass(frozen=True)
class Answer:
    """The rows of a statement, at most as many as asked for; `truncated` tells whether there were more."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool


def query(settings: Settings, statement: str, limit: int = 1000) -> Answer:
    """Run one statement as a reader and return its first `limit` rows.

    Raises UsageError with Trino's message for a statement that is wrong or not allowed, StoreError where Trino does not
    answer, is out of resources, or needs longer than `trino.timeout_s`.
    """
    return _run(settings, settings.trino.username, statement.strip().rstrip(";"), settings.trino.timeout_s, limit)


def version(settings: Settings, timeout_s: float) -> str:
    """Run a query whose grouping and whose catalog need a working node; return the node's version.

    Raises StoreError without an answer in time.
    """
    found = _run(settings, REGISTRAR, _NODES, timeout_s)
    return str(found.rows[0][0])


def refresh_tables(settings: Settings) -> tuple[str, ...]:
    """Register the tables that are new in the lake, forget those that are gone; return the names of all that are there.

    Raises StoreError where Trino or the lake does not answer, UsageError where Trino's rules forbid it.
    """
    lake, schema = open_lake(settings), settings.trino.database
    there = set(table_names(lake))
    if _answers(settings, f"SHOW SCHEMAS LIKE '{schema}'") == set():
        _answers(settings, f"CREATE SCHEMA IF NOT EXISTS {schema}")
    new, gone = changes(there, _answers(settings, f"SHOW TABLES FROM {schema}"))
    for name in new:
        location = lake.uri(name) if settings.lake_on_s3 else f"{LOCAL_LAKE}/{name}"
        _answers(settings, f"CALL system.register_table('{schema}', '{name}', '{location}')")
    for name in gone:
        _answers(settings, f"CALL system.unregister_table('{schema}', '{name}')")
    return tuple(sorted(there))


def changes(there: Set[str], registered: Set[str]) -> tuple[list[str], list[str]]:
    """Return the names to register and the names to forget, both sorted."""
    return sorted(there - registered), sorted(registered - there)


def _answers(settings: Settings, statement: str) -> set[str]:
    return {str(row[0]) for row in _run(settings, REGISTRAR, statement, settings.trino.timeout_s).rows if row}


def _run(settings: Settings, user: str, statement: str, timeout_s: float, limit: int = 10_000) -> Answer:
    again = retry(
        retry=retry_if_exception_type(_NoNodeError),
        stop=stop_after_delay(timeout_s),
        wait=wait_fixed(_NODE_WAIT_S),
        before_sleep=before_sleep_log(_log, logging.WARNING),
        reraise=True,
    )
    return again(_run_once)(settings, user, statement, timeout_s, limit)


def _run_once(settings: Settings, user: str, statement: str, timeout_s: float, limit: int) -> Answer:
    with _cursor(settings, user, timeout_s) as cursor:
        cursor.execute(statement)
        rows = [tuple(row) for row in islice(iter(cursor.fetchone, None), limit + 1)]
        described = cursor.description or []
        names, types = tuple(column[0] for column in described), tuple(column[1] for column in described)
        return Answer(names, types, rows[:limit], len(rows) > limit)


@contextmanager
def _cursor(settings: Settings, user: str, timeout_s: float) -> Iterator[Any]:
    trino = _driver()
    place = urlsplit(settings.trino.address)
    connection = trino.dbapi.connect(
        host=place.hostname,
        port=place.port or (443 if place.scheme == "https" else 80),
        http_scheme=place.scheme,
        user=user,
        source="helix",
        catalog=settings.trino.catalog if user != REGISTRAR else f"{settings.trino.catalog}_admin",
        schema=settings.trino.database,
        request_timeout=timeout_s,
        session_properties={"query_max_run_time": f"{timeout_s:.3f}s"},
    )
    try:
        with connection:
            cursor = connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()
    except trino.exceptions.TrinoUserError as error:
        raise UsageError(f"Trino: {_plain(error.message)}") from None
    except trino.exceptions.TrinoQueryError as error:
        kind = _NoNodeError if error.error_name == "NO_NODES_AVAILABLE" else StoreError
        raise kind(f"Trino: {_plain(error.message)}") from None
    except (trino.exceptions.Error, OSError) as error:  # what its HTTP client raises is an OSError
        raise StoreError(f"no answer from Trino at {settings.trino.address}: {_plain(error)}") from None


def _driver() -> ModuleType:
    """Import the client when it is first needed: it is an extra, and `helix up` must work without it."""
    try:
        import trino
    except ImportError:
        raise ToolchainError("the client of Trino is not installed: install the extra `trino`") from None
    return trino


def _plain(message: object) -> str:
    return " ".join(str(message).split())[:500]

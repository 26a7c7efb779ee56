"""The accepted batch jobs (PostgreSQL, table `spark_job`): stored when accepted, followed by supervisor and job.

Each call uses a connection of its own, so that all may be called from any thread, and an outage of PostgreSQL ends
with it. All raise StoreError where PostgreSQL fails.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from math import isfinite
from threading import Lock
from typing import Any, LiteralString

import psycopg
from psycopg.rows import TupleRow, class_row
from psycopg.types.json import Jsonb

from helix_pipeline.settings import Settings
from helix_pipeline.stores import postgres

FINISHED = ("succeeded", "failed", "cancelled")
STATUSES = ("queued", "running", *FINISHED)

_COLUMNS = """id, number, job_type, backend, request, request_hash, status, progress, rows_processed, stages, tasks,
record, error, exit_code, cancel_requested, host, pid, started, created_at, handed_at, started_at, ended_at,
heartbeat"""
_INSERT = f"""
INSERT INTO spark_job (id, idempotency_key, request_hash, job_type, backend, request)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (idempotency_key) DO NOTHING RETURNING {_COLUMNS}
"""  # noqa: S608 - a constant
_SELECT = f"SELECT {_COLUMNS} FROM spark_job "  # noqa: S608 - a constant
_LIST = (
    _SELECT
    + """
WHERE (%(job_type)s::text IS NULL OR job_type = %(job_type)s) AND (%(status)s::text IS NULL OR status = %(status)s)
AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s) AND (%(before)s::bigint IS NULL OR number < %(before)s)
ORDER BY number DESC LIMIT %(limit)s
"""
)
_FINISH = """
UPDATE spark_job SET status = %(status)s, ended_at = now(),
error = CASE WHEN %(status)s = 'cancelled' THEN NULL ELSE coalesce(error, %(error)s) END,
exit_code = CASE WHEN %(status)s = 'cancelled' THEN NULL ELSE coalesce(exit_code, %(exit_code)s) END,
progress = CASE WHEN %(status)s = 'succeeded' THEN 1 ELSE progress END
WHERE id = %(id)s AND status IN ('queued', 'running')
"""


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A row of `spark_job`. `request` has input, output, date (ISO or None) and params; times are UTC."""

    id: str
    number: int
    job_type: str
    backend: str
    request: Mapping[str, Any]
    request_hash: str
    status: str
    progress: float
    rows_processed: int
    stages: int
    tasks: int
    record: Mapping[str, Any] | None
    error: str | None
    exit_code: int | None
    cancel_requested: bool
    host: str | None
    pid: int | None
    started: float | None
    created_at: datetime
    handed_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    heartbeat: datetime | None

    @property
    def finished(self) -> bool:
        """Return whether nothing more happens to it."""
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs a list shows: of a type, with a status, accepted since, with a lower number than `before`."""

    job_type: str | None = None
    status: str | None = None
    since: datetime | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be stored; `key` makes submitting it again the same job, `request_hash` tells other requests apart."""

    id: str
    job_type: str
    backend: str
    request: Mapping[str, Any]
    request_hash: str
    key: str | None = None


class Jobs:
    """The table of accepted jobs; it is made at the first call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made = False
        self._making = Lock()

    def add(self, new: NewJob) -> tuple[StoredJob, bool]:
        """Store a job unless its key is known; return the stored one of that key, and whether it is new."""
        values = new.id, new.key, new.request_hash, new.job_type, new.backend, Jsonb(new.request)
        with self._cursor() as cursor:
            row = cursor.execute(_INSERT, values).fetchone()
            if row is not None:
                return row, True
            (known,) = cursor.execute(_SELECT + "WHERE idempotency_key = %s", (new.key,)).fetchall()
        return known, False

    def get(self, job_id: str) -> StoredJob | None:
        """Return a job, or None where there is none of this id."""
        with self._cursor() as cursor:
            return cursor.execute(_SELECT + "WHERE id = %s", (job_id,)).fetchone()

    def find(self, wanted: Filter, limit: int) -> list[StoredJob]:
        """Return jobs, the newest first."""
        with self._cursor() as cursor:
            return cursor.execute(_LIST, {**asdict(wanted), "limit": limit}).fetchall()

    def unfinished(self, backend: str) -> list[StoredJob]:
        """Return a backend's queued and running jobs in the order of their acceptance."""
        with self._cursor() as cursor:
            query = _SELECT + "WHERE status IN ('queued', 'running') AND backend = %s ORDER BY number"
            return cursor.execute(query, (backend,)).fetchall()

    def last_tasks(self, job_type: str) -> int | None:
        """Return how many tasks the last run of a type took that succeeded; None where there was none."""
        with self._cursor() as cursor:
            query = _SELECT + "WHERE job_type = %s AND status = 'succeeded' ORDER BY number DESC LIMIT 1"
            last = cursor.execute(query, (job_type,)).fetchone()
        return last.tasks or None if last else None

    def claim(self, job_id: str) -> bool:
        """Mark a queued job as handed to its backend; returns whether it still was to be handed over."""
        return self._update("handed_at = now()", "handed_at IS NULL AND NOT cancel_requested", job_id)

    def hand_back(self, job_id: str) -> None:
        """Undo a claim whose backend could not be reached."""
        self._update("handed_at = NULL", "status = 'queued'", job_id)

    def running(self, job_id: str) -> None:
        """Say that a job runs now."""
        self._update("status = 'running', started_at = now()", "status = 'queued'", job_id)

    def process(self, job_id: str, host: str, pid: int, started: float) -> None:
        """Name the process of a job: host as `postgres.this_host`, start in seconds since 1970."""
        change = "host = %s, pid = %s, started = %s, heartbeat = now()"
        self._update(change, "status IN ('queued', 'running')", job_id, host, pid, started)

    def progress(self, job_id: str, share: float, rows: int, stages: int, tasks: int) -> None:
        """Say how far a job is: the share done (0 to 1, never less than before), rows read, stages and tasks done."""
        change = (
            "progress = greatest(progress, %s), rows_processed = greatest(rows_processed, %s),"
            " stages = %s, tasks = %s, heartbeat = now()"
        )
        self._update(change, "status IN ('queued', 'running')", job_id, share, rows, stages, tasks)

    def recorded(self, job_id: str, record: Mapping[str, Any]) -> None:
        """Keep the record of a run that came to its end."""
        change = "record = %s, rows_processed = %s, error = NULL, exit_code = NULL, heartbeat = now()"
        self._update(change, "true", job_id, Jsonb(record, dumps=_dumps), record["rows_in"])

    def failed(self, job_id: str, error: str, exit_code: int) -> None:
        """Keep why a run failed, in the words of its own process."""
        self._update("error = %s, exit_code = %s, heartbeat = now()", "true", job_id, error, exit_code)

    def finish(self, job_id: str, status: str, error: str | None = None, exit_code: int | None = None) -> None:
        """Settle a job that has no process any more; what its process said of an error stays."""
        values = {"id": job_id, "status": status, "error": error, "exit_code": exit_code}
        with self._cursor() as cursor:
            cursor.execute(_FINISH, values)

    def request_cancel(self, job_id: str) -> None:
        """Ask the supervisor to end a job."""
        self._update("cancel_requested = true", "status IN ('queued', 'running')", job_id)

    def _update(self, change: LiteralString, condition: LiteralString, job_id: str, *values: object) -> bool:
        query = f"UPDATE spark_job SET {change} WHERE id = %s AND {condition}"  # noqa: S608 - constants, see the types
        with self._cursor() as cursor:
            return cursor.execute(query, (*values, job_id)).rowcount > 0

    @contextmanager
    def _cursor(self) -> Iterator[psycopg.Cursor[StoredJob]]:
        with postgres.connect(self._settings, "jobs") as connection:
            try:
                self._make(connection)
                with connection.cursor(row_factory=class_row(StoredJob)) as cursor:
                    yield cursor
            except psycopg.Error as error:
                raise postgres.failed("jobs", error) from error

    def _make(self, connection: psycopg.Connection[TupleRow]) -> None:
        with self._making:
            if not self._made:
                postgres.migrate(connection)
                self._made = True


def _dumps(document: object) -> str:
    """Return JSON without the numbers that it does not know: they become null."""
    return json.dumps(_finite(document), default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value

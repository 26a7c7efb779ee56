"""Follows the accepted jobs: hands the queued ones to the backend, settles the ended ones, ends the cancelled ones.

One thread in the API. Everything it knows is in PostgreSQL or asked of the backend, so that another API takes over
where this one stopped; of several APIs on one database, the one with the advisory lock does the work.
"""

import time
from collections.abc import Iterable
from threading import Event, Thread
from typing import Self

import psycopg
import structlog
from psycopg.rows import TupleRow

from helix_pipeline.errors import HelixError, UsageError
from helix_pipeline.services.jobs.backend import Backend, RefusedError
from helix_pipeline.settings import Settings
from helix_pipeline.stores import postgres
from helix_pipeline.stores.jobs import Jobs, StoredJob

POLL_S = 1.0
LEADER = 0x48454C4A4F4253
"""The advisory lock of the one supervisor that works."""

STOP_S = 30.0

_log = structlog.get_logger(__name__)


class Supervisor:
    """Use as a context manager: the thread runs inside. Jobs go on when it ends."""

    def __init__(self, settings: Settings, jobs: Jobs, backends: Iterable[Backend]) -> None:
        self._settings = settings
        self._jobs = jobs
        self._backends = list(backends)
        self._looked: dict[str, float] = {}
        self._session: psycopg.Connection[TupleRow] | None = None
        self._wake, self._stop = Event(), Event()
        self._troubles: dict[str, str] = {}
        self._thread = Thread(target=self._run, name="job-supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join(STOP_S)

    @property
    def alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Have a look at the jobs now."""
        self._wake.set()

    def step(self) -> None:
        """Bring every unfinished job one step further. Raises StoreError without PostgreSQL."""
        for backend in self._backends:
            self._step(backend)

    def _step(self, backend: Backend) -> None:
        found = self._jobs.unfinished(backend.name)
        room = backend.capacity - sum(job.handed_at is not None for job in found)
        for job in found:
            try:
                room += self._advance(backend, job, room > 0)
            except (RefusedError, UsageError) as error:
                self._settle(job, "failed", str(error), error.exit_code)
            except (HelixError, OSError) as error:
                self._say(job.id, str(error))

    def _advance(self, backend: Backend, job: StoredJob, has_room: bool) -> int:
        """Return by how many the backend's free places have changed."""
        if job.handed_at is not None:
            return 0 if self._follow(backend, job) else 1
        if job.cancel_requested:
            self._settle(job, "cancelled")
        elif has_room and self._jobs.claim(job.id):
            self._start(backend, job)
            return -1
        return 0

    def _start(self, backend: Backend, job: StoredJob) -> None:
        try:
            backend.start(job)
        except (RefusedError, UsageError):
            raise
        except (HelixError, OSError):
            self._jobs.hand_back(job.id)
            raise
        self._troubles.pop(job.id, None)
        _log.info("job started", job_id=job.id, job_type=job.job_type, backend=backend.name)

    def _follow(self, backend: Backend, job: StoredJob) -> bool:
        """Return whether the job goes on."""
        now, last = time.monotonic(), self._looked.get(job.id, -backend.interval_s)
        if now - last < backend.interval_s and not job.cancel_requested:
            return True
        self._looked[job.id] = now
        state = backend.look(job)
        if state.status in ("succeeded", "failed"):
            if state.status == "failed" and job.cancel_requested:
                self._settle(job, "cancelled")
            else:
                self._settle(job, state.status, state.error, state.exit_code)
            return False
        if state.status == "running" and job.status == "queued":
            self._jobs.running(job.id)
        if job.cancel_requested:
            backend.stop(job)
        return True

    def _settle(self, job: StoredJob, status: str, error: str | None = None, code: int | None = None) -> None:
        self._jobs.finish(job.id, status, error, code)
        self._troubles.pop(job.id, None)
        self._looked.pop(job.id, None)
        _log.info("job ended", job_id=job.id, job_type=job.job_type, status=status, error=error)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(POLL_S)
            self._wake.clear()
            try:
                if self._leads():
                    self.step()
                self._troubles.pop("", None)
            except HelixError as error:
                self._say("", str(error))
        if self._session:
            self._session.close()

    def _leads(self) -> bool:
        """Return whether this is the one supervisor that works: it holds the lock as long as its session lives."""
        try:
            if self._session is not None:
                self._session.execute("SELECT 1")
                return True
            session = postgres.connect(self._settings, "job supervisor")
            row = session.execute("SELECT pg_try_advisory_lock(%s)", (LEADER,)).fetchone()
        except psycopg.Error as error:
            self._session = None
            raise postgres.failed("job supervisor", error) from error
        if row and row[0]:
            self._session = session
            return True
        session.close()
        return False

    def _say(self, about: str, trouble: str) -> None:
        """Log a trouble when it begins, not at every look."""
        if self._troubles.get(about) != trouble:
            self._troubles[about] = trouble
            _log.warning("jobs cannot be followed", job_id=about or None, reason=trouble)

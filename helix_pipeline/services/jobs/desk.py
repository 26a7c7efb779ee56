"""What can be done with jobs from outside: submit, show, list, cancel, read log and result."""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from helix_pipeline.errors import HelixError, UsageError
from helix_pipeline.services.jobs.airflow import AirflowBackend
from helix_pipeline.services.jobs.backend import Backend
from helix_pipeline.services.jobs.local import LocalBackend
from helix_pipeline.services.jobs.requests import Submission, checked
from helix_pipeline.services.jobs.results import result
from helix_pipeline.services.jobs.supervisor import Supervisor
from helix_pipeline.settings import Settings
from helix_pipeline.stores.jobs import Filter, Jobs, StoredJob

CANCEL_WAIT_S = 15.0
"""How long a cancellation waits for the job's processes to be gone; after it they are still being ended."""

_LOOK_S = 0.1


class UnknownJobError(HelixError):
    """There is no job of this id."""


class KeyReusedError(HelixError):
    """An Idempotency-Key came with another request than the first time."""


class FinishedError(HelixError):
    """A job is finished, and cannot be cancelled any more; or is not finished, and has no result yet."""


class Desk:
    """The jobs of one installation; start its supervisor once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jobs = Jobs(settings)
        kinds: dict[str, type[LocalBackend] | type[AirflowBackend]] = {"local": LocalBackend, "airflow": AirflowBackend}
        self._backends: dict[str, Backend] = {name: kind(settings, self._jobs) for name, kind in kinds.items()}
        self._supervisor = Supervisor(settings, self._jobs, self._backends.values())

    def supervised(self) -> Supervisor:
        """Return the supervisor: jobs are run and followed inside it."""
        return self._supervisor

    def submit(self, asked: Submission, key: str | None = None) -> tuple[StoredJob, bool]:
        """Accept a job: it is stored when this returns. Also returns whether it is new: a known key is the same job.

        Raises UsageError for a bad request, KeyReusedError for a key that came with another one.
        """
        new = checked(self._settings, asked, key)
        stored, is_new = self._jobs.add(new)
        if not is_new and stored.request_hash != new.request_hash:
            raise KeyReusedError(f"Idempotency-Key {key!r} was used for another request, which became {stored.id}")
        self._supervisor.wake()
        return stored, is_new

    def get(self, job_id: str) -> StoredJob:
        """Return a job. Raises UnknownJobError."""
        job = self._jobs.get(job_id)
        if job is None:
            raise UnknownJobError(f"no job has the id {job_id[:80]!r}")
        return job

    def page(self, wanted: Filter, limit: int, cursor: str | None) -> tuple[list[StoredJob], str | None]:
        """Return jobs, the newest first, and the cursor of the next page. Raises UsageError for a bad cursor."""
        before = _number(cursor) if cursor else None
        found = self._jobs.find(replace(wanted, before=before), limit + 1)
        more = len(found) > limit
        return found[:limit], _cursor(found[limit - 1].number) if more else None

    def cancel(self, job_id: str) -> StoredJob:
        """End a job and wait for its processes to be gone, up to CANCEL_WAIT_S; then it is `cancelled`.

        Doing it again changes nothing. Raises FinishedError where the job came to an end by itself.
        """
        job = self.get(job_id)
        if not job.finished:
            self._jobs.request_cancel(job_id)
        deadline = time.monotonic() + CANCEL_WAIT_S
        while not job.finished and time.monotonic() < deadline:
            self._supervisor.wake()
            time.sleep(_LOOK_S)
            job = self.get(job_id)
        if job.finished and job.status != "cancelled":
            raise FinishedError(f"{job_id} has {job.status} already and cannot be cancelled")
        return job

    def log(self, job_id: str, lines: int) -> str:
        """Return the last lines of a job's log."""
        job = self.get(job_id)
        return self._backends[job.backend].log(job, lines)

    def result(self, job_id: str, rows: int) -> dict[str, Any]:
        """Return what a job left in the lake. Raises FinishedError unless it succeeded."""
        job = self.get(job_id)
        if job.status != "succeeded":
            raise FinishedError(f"{job_id} is {job.status}: only a job that succeeded has a result")
        return result(self._settings, job, rows)


def counters(job: StoredJob) -> Mapping[str, float]:
    """Return the job's own figures, from its record."""
    return (job.record or {}).get("metrics") or {}


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"before": number}).encode()).decode().rstrip("=")


def _number(cursor: str) -> int:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        number = found["before"]
    except (binascii.Error, ValueError, TypeError, KeyError):
        number = None
    if not isinstance(number, int) or not 0 < number < 1 << 63:
        raise UsageError(f"{cursor[:80]!r} is no cursor: take `next_cursor` of the page before")
    return number

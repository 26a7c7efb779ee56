"""What a job's own process tells of itself: progress while it runs, its record or its error at the end."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from helix_pipeline.errors import HelixError, StoreError
from helix_pipeline.settings import load
from helix_pipeline.spark.progress import Reading
from helix_pipeline.stores.jobs import Jobs
from helix_pipeline.stores.postgres import this_process

_MAX_ERROR = 2000
_log = structlog.get_logger(__name__)


class Report:
    """Tells of one run; of a run that is nobody's accepted job it tells nothing. PostgreSQL may be away."""

    def __init__(self, jobs: Jobs | None, run_id: str, last_tasks: int | None = None) -> None:
        self._jobs = jobs
        self._run_id = run_id
        self.last_tasks = last_tasks
        """Tasks of the last run of the same type, where one is known."""
        self.missed = 0
        """Times that PostgreSQL did not take what was told."""

    @property
    def heard(self) -> bool:
        """Return whether the run is an accepted job, so that somebody may follow it."""
        return self._jobs is not None

    def tell(self, reading: Reading) -> None:
        """Report how far the run is."""
        if self._jobs:
            with self._tolerant():
                self._jobs.progress(self._run_id, reading.progress, reading.rows, reading.stages, reading.tasks)

    def recorded(self, record: Mapping[str, Any]) -> None:
        """Report the record of a run that came to its end."""
        if self._jobs:
            with self._tolerant():
                self._jobs.recorded(self._run_id, record)

    def failed(self, error: BaseException) -> None:
        """Report why a run failed, in one line."""
        if self._jobs:
            with self._tolerant():
                self._jobs.failed(self._run_id, one_line(error), exit_code(error))

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Let the run go on without its report; the first time it is said."""
        try:
            yield
        except StoreError as error:
            self.missed += 1
            if self.missed == 1:
                _log.warning("progress is not reported", reason=str(error))


@contextmanager
def reporting(run_id: str | None) -> Iterator[Report]:
    """Report a run under its id, and the error that it ends with, which is raised again."""
    report = _known(run_id) if run_id else Report(None, "")
    try:
        yield report
    except BaseException as error:
        report.failed(error)
        raise


def exit_code(error: BaseException) -> int:
    """Return the exit code of a process that ends with this error."""
    return error.exit_code if isinstance(error, HelixError) else 1


def one_line(error: BaseException) -> str:
    """Return an error as the last line of its traceback begins: type and message, on one line."""
    if isinstance(error, HelixError):
        return str(error)
    return " ".join("".join(traceback.format_exception_only(error)).split())[:_MAX_ERROR]


def _known(run_id: str) -> Report:
    """Return the report of an accepted job; a mute one where it is none, or PostgreSQL is away."""
    try:
        jobs = Jobs(load())
        stored = jobs.get(run_id)
        if stored is None:
            _log.info("progress is not reported", reason="this run is no accepted job", run_id=run_id)
            return Report(None, run_id)
        if stored.backend != "local":  # there the supervisor knows the process better: its whole session
            jobs.process(run_id, *this_process())
        return Report(jobs, run_id, jobs.last_tasks(stored.job_type))
    except HelixError as error:
        _log.warning("progress is not reported", reason=str(error))
        return Report(None, run_id)

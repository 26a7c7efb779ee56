"""The protocol between the supervisor and what runs jobs."""

from dataclasses import dataclass
from typing import Literal, Protocol

from helix_pipeline.errors import HelixError
from helix_pipeline.stores.jobs import StoredJob


class RefusedError(HelixError):
    """A backend will not run a job, however often it is asked."""


@dataclass(frozen=True, slots=True)
class State:
    """What a backend says of a job that it was handed; `error` and `exit_code` where it failed."""

    status: Literal["queued", "running", "succeeded", "failed"]
    error: str | None = None
    exit_code: int | None = None


class Backend(Protocol):
    """Runs jobs. No call waits for a job to end; each may be repeated after a restart of the API."""

    name: str
    capacity: int
    """How many jobs it is handed at a time; the others stay queued."""
    interval_s: float
    """How often it is asked for a job."""

    def start(self, job: StoredJob) -> None:
        """Hand a job over.

        Raises RefusedError where it will never be run, another HelixError where asking again later may help.
        """

    def look(self, job: StoredJob) -> State:
        """Return how a job stands. Raises HelixError where the backend does not answer."""

    def stop(self, job: StoredJob) -> None:
        """Ask a job to end; called again and again until it has, and more forcefully after a while."""

    def log(self, job: StoredJob, lines: int) -> str:
        """Return the last lines of a job's log, bounded. Raises HelixError where the backend does not answer."""

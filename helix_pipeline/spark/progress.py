"""How far a batch job is, read from Spark's own status store while the job runs.

Where it is known how many tasks the last run of the same job took, progress is the share of those that are done, at
most NEARLY: their number hangs on the plan more than on the rows. Else a run is a known number of steps (compute, count
and write each table, finish), and its progress the steps done and a share of the current one. How many Spark jobs a
step will take is not known before they are there: with x Spark jobs' worth of tasks done it counts as x / (1 + x) of a
step. Either moves with every task and never falls.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any, Self

import structlog
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.sql import SparkSession

POLL_S = 1.0
NEARLY = 0.99

_DELTA = "Delta:"
"""What begins the description of the Spark jobs in which Delta reads its own log."""

_ENDED = ("COMPLETE", "FAILED", "SKIPPED")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a run is: share of the whole (0 to 1), rows of its largest scan so far, stages and tasks completed."""

    progress: float = 0.0
    rows: int = 0
    stages: int = 0
    tasks: int = 0


class Progress:
    """Tells a function about once a second where a run is; use as a context manager around the run."""

    def __init__(
        self, spark: SparkSession, steps: int, tell: Callable[[Reading], None], last_tasks: int | None = None
    ) -> None:
        self._status = _Status(spark)
        self._steps = steps
        self._last_tasks = last_tasks
        self._tell = tell
        self._lock = Lock()
        self._done = 0
        self._jobs_before = self._status.jobs()
        self._best = 0.0
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def step(self) -> None:
        """Say that a step is done."""
        with self._lock:
            self._done += 1
            self._jobs_before = self._status.jobs()

    def reading(self) -> Reading:
        """Return where the run is now. Raises Py4JError where the session is gone."""
        with self._lock:
            rows, stages, tasks = self._status.figures()
            share = tasks / self._last_tasks if self._last_tasks else self._share_of_steps()
            self._best = max(self._best, min(share, NEARLY))
            return Reading(self._best, rows, stages, tasks)

    def _share_of_steps(self) -> float:
        work = max(0.0, self._status.jobs() - self._jobs_before)
        return (self._done + work / (1 + work)) / self._steps

    def _watch(self) -> None:
        while not self._stop.wait(POLL_S):
            try:
                found = self.reading()
            except (Py4JError, OSError) as error:
                _log.warning("progress ends: Spark does not answer", error=type(error).__name__)
                return
            self._tell(found)


class _Status:
    """Spark's status store, asked only for what changed: finished stages are not read again."""

    def __init__(self, spark: SparkSession) -> None:
        context = spark.sparkContext
        self._tracker = context.statusTracker()
        self._store: Any = context._jsc.sc().statusStore()
        self._scheduler: Any = context._jsc.sc().dagScheduler()
        self._next = int(self._scheduler.nextStageId())
        self._stages_before = int(self._store.appSummary().numCompletedStages())
        self._open: dict[int, Any] = {}
        self._ended_tasks = 0
        self._rows = 0

    def jobs(self) -> float:
        """Return how many Spark jobs' worth of tasks are done: the finished, and the shares of the active ones."""
        active = sum(self._share(job) for job in self._tracker.getActiveJobsIds())
        return float(self._store.appSummary().numCompletedJobs()) + active

    def figures(self) -> tuple[int, int, int]:
        """Return the rows of the largest scan so far, and the stages and tasks completed."""
        newest = int(self._scheduler.nextStageId())
        self._open.update(dict.fromkeys(range(self._next, newest)))
        self._next = newest
        for stage in list(self._open):
            self._read(stage)
        tasks = self._ended_tasks + sum(int(data.numCompleteTasks()) for data in self._open.values() if data)
        return self._rows, int(self._store.appSummary().numCompletedStages()) - self._stages_before, tasks

    def _read(self, stage: int) -> None:
        data = self._open[stage] = self._stage(stage) or self._open[stage]
        if data is None:
            return
        described = data.description()
        if not (described.isDefined() and described.get().startswith(_DELTA)):
            self._rows = max(self._rows, int(data.inputRecords()))
        if data.status().toString() in _ENDED:
            self._ended_tasks += int(data.numCompleteTasks())
            del self._open[stage]

    def _stage(self, number: int) -> Any:
        """Return the data of a stage, or None where its job is only being submitted."""
        try:
            return self._store.lastStageAttempt(number)
        except Py4JJavaError:
            return None

    def _share(self, job: int) -> float:
        data = self._store.job(job)
        left = data.numTasks() - data.numSkippedTasks()
        return float(data.numCompletedTasks() / left) if left > 0 else 0.0

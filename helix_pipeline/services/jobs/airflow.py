"""The backend `airflow`: each job is a run of the DAG `spark_job`, with the job's id as the run's.

Airflow says whether it waits, runs or has ended; how far it is the job's own process tells PostgreSQL.
"""

from functools import partial

from helix_pipeline.local.airflow import password
from helix_pipeline.services.jobs.backend import State
from helix_pipeline.settings import Settings
from helix_pipeline.stores.jobs import Jobs, StoredJob
from helix_pipeline.stores.postgres import is_running, this_host
from helix_pipeline.stores.scheduler import Scheduler

DAG = "spark_job"
TASK = "submit"
WAITING = (None, "scheduled", "queued", "deferred")
CAPACITY = 100
"""Airflow has its own queue and pool; this only bounds what it is asked about."""


class AirflowBackend:
    """Hands jobs to the scheduler at once; how many run at a time is Airflow's pool."""

    name = "airflow"
    capacity = CAPACITY
    interval_s = 2.0

    def __init__(self, settings: Settings, jobs: Jobs) -> None:
        self._scheduler = Scheduler(settings, partial(password, settings))

    def start(self, job: StoredJob) -> None:
        """Start the run; asked again, it is the same run."""
        conf = {"job_type": job.job_type, "options": job.request["params"]}
        conf |= {name: job.request[name] for name in ("input", "output", "date")}
        self._scheduler.trigger(DAG, job.id, conf)

    def look(self, job: StoredJob) -> State:
        """Return the state of the run; it has ended when the driver's process, if it is on this host, is gone too."""
        state = self._scheduler.state(DAG, job.id)
        if state == "queued" or (state == "running" and job.status == "queued" and self._waits(job)):
            return State("queued")
        if state == "running" or _has_process(job):
            return State("running")
        if state == "success":
            return State("succeeded", exit_code=0)
        reason = f"the run of DAG {DAG} failed" if state else f"Airflow has no run {job.id} of DAG {DAG} any more"
        return State("failed", f"{reason}: see its log", 1)

    def stop(self, job: StoredJob) -> None:
        """Set the run to failed: the task's supervisor ends `spark-submit`."""
        if self._scheduler.state(DAG, job.id) in ("queued", "running"):
            self._scheduler.end(DAG, job.id)

    def log(self, job: StoredJob, lines: int) -> str:
        """Return the end of the log of the last try."""
        _, tries = self._scheduler.task(DAG, job.id, TASK)
        found = self._scheduler.log(DAG, job.id, TASK, tries, lines) if tries else []
        return "".join(f"{line}\n" for line in found)

    def _waits(self, job: StoredJob) -> bool:
        """Return whether the task still waits for a place: the run counts as running before that."""
        state, _ = self._scheduler.task(DAG, job.id, TASK)
        return state in WAITING


def _has_process(job: StoredJob) -> bool:
    if job.pid is None or job.started is None or job.host != this_host():
        return False
    return is_running(job.pid, job.started)

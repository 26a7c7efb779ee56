"""The backend `local`: a supervised `spark-submit` of this machine, in a session of its own.

It outlives the API: a shell in front of it leaves the exit code in a file, and all of its processes, the Python
workers with their own process group too, are found by the session's id.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from helix_pipeline import settings_export
from helix_pipeline.catalog import find
from helix_pipeline.errors import StoreError
from helix_pipeline.services.jobs.backend import RefusedError, State
from helix_pipeline.services.jobs.log_tail import last_words, tail
from helix_pipeline.settings import Settings
from helix_pipeline.stores.jobs import Jobs, StoredJob
from helix_pipeline.stores.postgres import is_running, this_host

KILL_AFTER_S = 10.0
"""How long a job may take to end by itself once it was told to."""

QUIET_S = 60.0
"""How long a job of another host may say nothing until it counts as gone."""

_PROJECT = Path(__file__).parents[3]
_SHELL = 'status="$1"; shift; "$@"; code=$?; echo $code > "$status.new" && mv "$status.new" "$status"; exit $code'


class LocalBackend:
    """Runs up to `jobs.concurrency` jobs at a time."""

    name = "local"
    interval_s = 0.0

    def __init__(self, settings: Settings, jobs: Jobs) -> None:
        self._settings = settings
        self._jobs = jobs
        self._children: list[subprocess.Popen[bytes]] = []
        self._told: dict[str, float] = {}
        self.capacity = settings.jobs.concurrency

    def start(self, job: StoredJob) -> None:
        """Start the process and store its id."""
        folder = self._folder(job)
        folder.mkdir(parents=True, exist_ok=True)
        settings_export.write(self._settings, folder / "settings.yaml")
        variables = settings_export.variables(self._settings, folder / "settings.yaml")
        with (folder / "log").open("ab") as log:
            child = subprocess.Popen(
                ["/bin/sh", "-c", _SHELL, "helix-job", str(folder / "exit"), *self._command(job)],
                cwd=_PROJECT,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children.append(child)
        try:
            self._jobs.process(job.id, this_host(), child.pid, psutil.Process(child.pid).create_time())
        except StoreError:
            os.killpg(child.pid, signal.SIGKILL)  # the job will be started again
            raise

    def look(self, job: StoredJob) -> State:
        """Return the state that its processes and the exit file tell."""
        self._children = [child for child in self._children if child.poll() is None]
        if _members(job) or _lives_elsewhere(job):
            if _is_overdue(job):
                self.stop(job)
            return State("running")
        self._told.pop(job.id, None)
        if _is_overdue(job):
            return State("failed", f"took longer than {find(job.job_type).timeout_minutes} minutes and was ended", 1)
        return self._ended(job)

    def stop(self, job: StoredJob) -> None:
        """Send TERM to all processes of the job, and KILL once they had their time."""
        since = self._told.setdefault(job.id, time.monotonic())
        number = signal.SIGKILL if time.monotonic() - since > KILL_AFTER_S else signal.SIGTERM
        for pid in _members(job):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def log(self, job: StoredJob, lines: int) -> str:
        """Return the end of what the process wrote."""
        return tail(self._folder(job) / "log", lines)

    def _ended(self, job: StoredJob) -> State:
        folder = self._folder(job)
        try:
            code = int((folder / "exit").read_text())
        except (OSError, ValueError):
            reason = "its process vanished without an exit code: killed, out of memory, or the machine was restarted"
            return State("failed", reason)
        if code == 0:
            return State("succeeded", exit_code=0)
        return State("failed", last_words(folder / "log") or f"spark-submit ended with {code}", code)

    def _command(self, job: StoredJob) -> list[str]:
        found = find(job.job_type)
        if not (_PROJECT / found.script).is_file():
            raise RefusedError(f"no {found.script} in {_PROJECT}: run `helix api` in a checkout")
        spark = self._settings.spark
        flags = ["--master", spark.master, "--driver-memory", spark.driver_memory]
        flags += ["--jars", spark.jars] if spark.jars else []
        for key in ("spark.pyspark.python", "spark.pyspark.driver.python"):
            flags += ["--conf", f"{key}={sys.executable}"]
        properties = ["--properties-file", str(_PROJECT / "spark-conf" / "spark-defaults.conf")]
        return [_spark_submit(), *properties, *flags, str(_PROJECT / found.script), *_arguments(job)]

    def _folder(self, job: StoredJob) -> Path:
        return self._settings.home.resolve() / "jobs" / job.id


def _arguments(job: StoredJob) -> list[str]:
    given = {"input": job.request["input"], "output": job.request["output"], "run-id": job.id}
    if job.request["date"]:
        given["date"] = job.request["date"]
    given |= {name.replace("_", "-"): value for name, value in job.request["params"].items()}
    return [f"--{name}={value}" for name, value in given.items()]


def _spark_submit() -> str:
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise RefusedError("PySpark is not installed: install requirements.lock")
    return str(Path(spec.origin).parent / "bin" / "spark-submit")


def _members(job: StoredJob) -> list[int]:
    """Return the pids of the job's session that run. A session's id is given to no other process while one does."""
    leader = _leader(job)
    if leader is None:
        return []
    pid, started = leader
    if psutil.pid_exists(pid) and not is_running(pid, started) and not _is_zombie(pid):
        return []
    return [found for found in psutil.pids() if _session(found) == pid and not _is_zombie(found)]


def _leader(job: StoredJob) -> tuple[int, float] | None:
    """Return pid and start of the process of a job: as stored, or by its command where the API died before that."""
    if job.pid is not None and job.started is not None:
        return (job.pid, job.started) if job.host == this_host() else None
    for process in psutil.process_iter(["cmdline", "create_time"]):
        command = process.info["cmdline"] or []
        if "helix-job" in command and f"--run-id={job.id}" in command:
            return process.pid, process.info["create_time"]
    return None


def _lives_elsewhere(job: StoredJob) -> bool:
    """Return whether another host runs the job and was heard of lately: the API has moved, the job has not."""
    quiet = timedelta(seconds=QUIET_S)
    heard = job.heartbeat is not None and datetime.now(UTC) - job.heartbeat < quiet
    return job.host is not None and job.host != this_host() and heard


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _is_overdue(job: StoredJob) -> bool:
    limit = timedelta(minutes=find(job.job_type).timeout_minutes)
    return job.started_at is not None and datetime.now(UTC) - job.started_at > limit

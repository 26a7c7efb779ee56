"""Makes the DAGs from the catalogue: order, schedule, time-outs, retries, checks and assets."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param
from airflow.sdk.bases.operator import BaseOperator

from helix_pipeline import catalog
from helix_pipeline.catalog import JOBS, Dag, Job
from helix_pipeline.scheduling import tasks
from helix_pipeline.scheduling.operator import SparkJobOperator
from helix_pipeline.settings import load

START = datetime(2020, 1, 1, tzinfo=UTC)
"""No day before it can be backfilled."""

_CHECK_MINUTES = 5
_DEFAULT_ARGS = {
    "owner": "data-platform",
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "on_failure_callback": tasks.alert,
    "on_success_callback": tasks.all_clear,
}
_DATE = Param(None, type=["null", "string"], format="date", description="YYYY-MM-DD")
_DAY = "{{ params.date or (dag_run.logical_date or dag_run.run_after) | ds }}"


def pipeline(name: str) -> DAG:
    """Return the DAG that runs the jobs of this name: each between its checks, after those that it depends on."""
    entry, settings = catalog.find_dag(name), load()
    with _dag(
        entry, params={"date": _DATE} if entry.daily else {}, dagrun_timeout=_longest(entry.jobs), max_active_runs=1
    ) as dag:
        ends = {job.type: _job(job, settings.lake_root, _DAY if entry.daily else "") for job in entry.jobs}
        for job in entry.jobs:
            for earlier in job.after:
                ends[earlier].last >> ends[job.type].submit
    return dag


def stream_watch(name: str) -> DAG:
    """Return the DAG that fails while a stream is down, silent or behind."""
    with _dag(catalog.find_dag(name), dagrun_timeout=timedelta(minutes=_CHECK_MINUTES), max_active_runs=1) as dag:
        _python("watch", tasks.watch, priority_weight=100)
    return dag


def single_job(name: str) -> DAG:
    """Return the DAG that runs one job with the parameters of its run; the run's id is the job's id."""
    settings, minutes = load(), max((job.timeout_minutes for job in JOBS), default=60)
    root = settings.lake_root
    params = {
        "job_type": Param(type="string", enum=[job.type for job in JOBS]),
        "input": Param(root, type="string", minLength=1, description="the lake's root, or a table or partition of it"),
        "output": Param(root, type="string", minLength=1, description="root of the tables that the job writes"),
        "date": _DATE,
        "options": Param({}, type="object", description="parameters of the job; see docs/JOBS.md"),
    }
    with _dag(catalog.find_dag(name), params=params, max_active_runs=settings.jobs.concurrency) as dag:
        SparkJobOperator(
            task_id="submit",
            job="{{ params.job_type }}",
            source="{{ params.input }}",
            target="{{ params.output }}",
            day="{{ params.date or '' }}",
            options="{{ params.options | tojson }}",
            timeout_minutes=minutes,
        )
    return dag


@dataclass(frozen=True)
class _Steps:
    """The tasks of a job that others come before or after."""

    submit: BaseOperator
    last: BaseOperator


def _job(job: Job, root: str, day: str) -> _Steps:
    """Add the tasks of a job: its check before (where it reads what the streams write), itself, its check after."""
    submit = SparkJobOperator(
        task_id=job.type, job=job.type, source=root, target=root, day=day, timeout_minutes=job.timeout_minutes
    )
    if set(job.reads) - {table for other in JOBS for table in other.writes}:
        _python(f"before_{job.type}", tasks.before, op_kwargs={"job": job.type, "day": day}) >> submit
    outlets = [_asset(root, table) for table in job.writes]
    last = _python(f"after_{job.type}", tasks.after, op_kwargs={"job": job.type, "day": day}, outlets=outlets)
    submit >> last
    return _Steps(submit, last)


def _dag(entry: Dag, **options: Any) -> DAG:
    return DAG(
        entry.name,
        description=entry.summary,
        doc_md=_documentation(entry),
        schedule=_schedule(entry),
        start_date=START,
        catchup=False,
        default_args=_DEFAULT_ARGS,
        tags=["helix", "jobs" if entry.jobs else "platform"],
        **options,
    )


def _schedule(entry: Dag) -> CronDataIntervalTimetable | list[Asset] | None:
    if entry.updated_by:
        return [_asset(load().lake_root, table) for table in entry.updated_by]
    return CronDataIntervalTimetable(entry.schedule, timezone="UTC") if entry.schedule else None


def _python(task_id: str, function: Callable[..., Any], **options: Any) -> PythonOperator:
    limit = timedelta(minutes=_CHECK_MINUTES)
    return PythonOperator(task_id=task_id, python_callable=function, execution_timeout=limit, **options)


def _asset(root: str, table: str) -> Asset:
    uri = f"{root}/{table}" if urlsplit(root).scheme else f"file://{root}/{table}"
    return Asset(name=f"lake/{table}", uri=uri, group="lake")


def _longest(jobs: tuple[Job, ...]) -> timedelta:
    """Return how long a run may take: the jobs one after another, with their checks."""
    return timedelta(minutes=sum(job.timeout_minutes + 2 * _CHECK_MINUTES for job in jobs) or _CHECK_MINUTES)


def _documentation(entry: Dag) -> str:
    jobs = "\n".join(f"- **{job.type}**: {job.summary} Writes {', '.join(job.writes)}." for job in entry.jobs)
    return f"### {entry.name}\n{entry.summary}\n\n{jobs}\n\nSee docs/AIRFLOW.md and docs/JOBS.md."

"""Running a batch job: arguments, checks before anything is written, run record, one line of JSON, exit code.

Exit codes: 0 done, 2 usage, 3 a check of the data failed and nothing was written, 1 anything else.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any
from uuid import uuid4

import pyarrow as pa
import structlog
from pyspark.sql import DataFrame, SparkSession

from helix_pipeline.catalog import Job, find
from helix_pipeline.contracts.job_tables import JOB_RUNS, JOB_TABLES
from helix_pipeline.errors import HelixError, QualityError
from helix_pipeline.services.job_metrics import push
from helix_pipeline.services.job_report import Report, reporting
from helix_pipeline.services.quality import failed_check
from helix_pipeline.settings import load
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.spark.lake_tables import append, prepared, replace
from helix_pipeline.spark.progress import Progress
from helix_pipeline.spark.s3 import require_s3a
from helix_pipeline.spark.session import submitted_session
from helix_pipeline.telemetry import configure_logs


def submitted(job_type: str) -> int:
    """Run the job of an entry point with the session that `spark-submit` configured; return the exit code."""
    job = find(job_type)
    options = vars(_parser(job).parse_args())
    configure_logs()
    structlog.contextvars.bind_contextvars(job=job.type, job_id=options["run_id"])
    try:
        record = _reported(job, options, options.pop("run_id"))
    except HelixError as error:
        print(f"{job.name}: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    print(json.dumps(record))  # noqa: T201
    return 0


def execute(
    job: Job, run: JobRun, run_id: str | None = None, step: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Run a job, write its tables, append its record to `job_runs` under the output, and return the record.

    `step` is called when the tables are computed, and when each of them is counted and written: `steps(job)` times
    at most.

    Raises UsageError for an input that is not there, QualityError where one of the job's checks fails (the record
    says `refused`, the tables stay as they were), and what Spark raises.
    """
    record: dict[str, Any] = {"run_id": run_id or uuid4().hex, "job": job.type, "status": "succeeded"}
    started, begin = datetime.now(UTC), time.monotonic()
    result: Result = import_module(job.module).run(run)
    frames = {name: prepared(run, JOB_TABLES[name], rows) for name, rows in result.tables.items()}
    step()
    record |= {"rows_in": result.rows_in, "rows_out": _rows(frames, step), "rejected": result.rejected, "reason": None}
    problem = failed_check(job, record | result.metrics)
    metrics = result.metrics if problem else {**result.metrics, **_write(run, frames, result, step)}
    run.spark.catalog.clearCache()
    if problem:
        record |= {"status": "refused", "reason": problem}
    record |= {"started_at": started, "seconds": round(time.monotonic() - begin, 3), "metrics": metrics}
    append(run, JOB_RUNS, pa.Table.from_pylist([{**record, "metrics": json.dumps(metrics)}], JOB_RUNS.schema))
    if problem:
        raise QualityError(f"{problem}; nothing was written, see job_runs under {run.output_root}")
    return {**record, "period": run.period, "started_at": started.isoformat()}


def steps(job: Job) -> int:
    """Return the steps of a run: compute, count and write each table, and what comes afterwards."""
    return 2 + 2 * len(job.writes)


def _reported(job: Job, options: dict[str, Any], run_id: str | None) -> dict[str, Any]:
    """Run a job from its options, telling how far it is where the run is an accepted job."""
    with reporting(run_id) as report:
        place = options.pop("input"), options.pop("output"), options.pop("date")
        settings = load()
        spark = submitted_session(job.name, settings)
        require_s3a(spark, place[0], place[1])
        with _watched(spark, job, report) as step:
            record = execute(job, JobRun(spark, *place, options), run_id, step)
        report.recorded(record)
        push(settings.metrics, job.type, record)
    return record


@contextmanager
def _watched(spark: SparkSession, job: Job, report: Report) -> Iterator[Callable[[], None]]:
    """Watch the progress of a run that somebody follows; yield what is to be called after each step."""
    if not report.heard:
        yield lambda: None
        return
    with Progress(spark, steps(job), report.tell, report.last_tasks) as progress:
        yield progress.step


def _rows(frames: Mapping[str, DataFrame], step: Callable[[], None]) -> int:
    rows = 0
    for frame in frames.values():
        rows += frame.count()
        step()
    return rows


def _write(run: JobRun, frames: Mapping[str, DataFrame], result: Result, step: Callable[[], None]) -> dict[str, float]:
    for name, frame in frames.items():
        replace(run, JOB_TABLES[name], frame)
        step()
    return result.afterwards()


def _parser(job: Job) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=job.name, description=job.summary)
    parser.add_argument("--input", required=True, help="the lake's root, one of its tables, or a partition of one")
    parser.add_argument("--output", required=True, help=f"root of the tables {', '.join(job.writes)}, or one of them")
    parser.add_argument("--date", type=date.fromisoformat, help="only this day (YYYY-MM-DD); without it all days")
    parser.add_argument("--run-id", help="name of this run in job_runs; made up where it is not given")
    for parameter in job.parameters:
        flag = f"--{parameter.name.replace('_', '-')}"
        parser.add_argument(flag, type=parameter.kind, default=parameter.default, help=parameter.summary)
    return parser

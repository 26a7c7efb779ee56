"""Running a batch job: arguments, checks before anything is written, run record, one line of JSON, exit code.

Exit codes: 0 done, 2 usage, 3 a check of the data failed and nothing was written, 1 anything else.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyspark.sql import DataFrame

from helix_pipeline.catalog import Job, find
from helix_pipeline.contracts.job_tables import JOB_RUNS, JOB_TABLES
from helix_pipeline.errors import HelixError, QualityError
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.spark.lake_tables import append, prepared, replace
from helix_pipeline.spark.session import submitted_session
from helix_pipeline.telemetry import configure_logs


def submitted(job_type: str) -> int:
    """Run the job of an entry point with the session that `spark-submit` configured; return the exit code."""
    job = find(job_type)
    options = vars(_parser(job).parse_args())
    configure_logs()
    run_id, place = options.pop("run_id"), (options.pop("input"), options.pop("output"), options.pop("date"))
    try:
        record = execute(job, JobRun(submitted_session(job.name), *place, options), run_id)
    except HelixError as error:
        print(f"{job.name}: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    print(json.dumps(record))  # noqa: T201
    return 0


def execute(job: Job, run: JobRun, run_id: str | None = None) -> dict[str, Any]:
    """Run a job, write its tables, append its record to `job_runs` under the output, and return the record.

    Raises UsageError for an input that is not there, QualityError where one of the job's checks fails (the record
    says `refused`, the tables stay as they were), and what Spark raises.
    """
    record: dict[str, Any] = {"run_id": run_id or uuid4().hex, "job": job.type, "status": "succeeded"}
    started, begin = datetime.now(UTC), time.monotonic()
    result: Result = import_module(job.module).run(run)
    frames = {name: prepared(run, JOB_TABLES[name], rows) for name, rows in result.tables.items()}
    record |= {"rows_in": result.rows_in, "rows_out": _rows(frames), "rejected": result.rejected, "reason": None}
    problem = failed_check(job, record | result.metrics)
    metrics = result.metrics if problem else {**result.metrics, **_write(run, frames, result)}
    for frame in frames.values():
        frame.unpersist()
    if problem:
        record |= {"status": "refused", "reason": problem}
    record |= {"started_at": started, "seconds": round(time.monotonic() - begin, 3), "metrics": metrics}
    append(run, JOB_RUNS, pa.Table.from_pylist([{**record, "metrics": json.dumps(metrics)}], JOB_RUNS.schema))
    if problem:
        raise QualityError(f"{problem}; nothing was written, see job_runs under {run.output_root}")
    return {**record, "period": run.period, "started_at": started.isoformat()}


def failed_check(job: Job, figures: Mapping[str, Any]) -> str | None:
    """Return what the first check that fails has to say about a run's figures; None where all hold."""
    if not figures["rows_in"]:
        return None
    known = {**figures, "rejected_share": figures["rejected"] / figures["rows_in"]}
    for check in job.checks:
        value = known[check.figure]
        if not check.holds(value):
            limit = f"at least {check.at_least}" if check.at_least is not None else f"at most {check.at_most}"
            return f"{job.type}: {check.figure} is {value:.6g} and must be {limit}"
    return None


def _rows(frames: Mapping[str, DataFrame]) -> int:
    return sum(frame.count() for frame in frames.values())


def _write(run: JobRun, frames: Mapping[str, DataFrame], result: Result) -> dict[str, float]:
    for name, frame in frames.items():
        replace(run, JOB_TABLES[name], frame)
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

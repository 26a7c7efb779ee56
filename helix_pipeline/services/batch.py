"""Running a batch job from its command line: arguments, run record, one line of JSON, exit code.

Exit codes: 0 done, 2 usage, 1 anything else.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any
from uuid import uuid4

import pyarrow as pa

from helix_pipeline.catalog import Job, find
from helix_pipeline.contracts.job_tables import JOB_RUNS
from helix_pipeline.errors import HelixError
from helix_pipeline.spark.lake_tables import JobRun, Outcome, append_rows
from helix_pipeline.spark.session import submitted_session
from helix_pipeline.telemetry import configure_logs


def submitted(job_type: str) -> int:
    """Run the job of an entry point with the session that `spark-submit` configured; return the exit code."""
    job = find(job_type)
    options = vars(_parser(job).parse_args())
    configure_logs()
    place = options.pop("input"), options.pop("output"), options.pop("date")
    try:
        record = execute(job, JobRun(submitted_session(job.name), *place, options))
    except HelixError as error:
        print(f"{job.name}: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    print(json.dumps(record))  # noqa: T201
    return 0


def execute(job: Job, run: JobRun) -> dict[str, Any]:
    """Run a job, append its record to the table `job_runs` under the output, and return the record.

    Raises UsageError for an input that is not there, and what Spark raises.
    """
    started, begin = datetime.now(UTC), time.monotonic()
    outcome: Outcome = import_module(job.module).run(run)
    record = {
        "run_id": uuid4().hex,
        "job": job.type,
        "period": run.period,
        "started_at": started,
        "seconds": round(time.monotonic() - begin, 3),
        **asdict(outcome),
        "metrics": json.dumps(outcome.metrics),
    }
    append_rows(run, "job_runs", pa.Table.from_pylist([record], schema=JOB_RUNS))
    return {**record, "started_at": started.isoformat(), "metrics": outcome.metrics}


def _parser(job: Job) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=job.name, description=job.summary)
    parser.add_argument("--input", required=True, help="the lake's root, one of its tables, or a partition of one")
    parser.add_argument("--output", required=True, help=f"folder of the tables {', '.join(job.writes)}")
    parser.add_argument("--date", type=date.fromisoformat, help="only this day (YYYY-MM-DD); without it all days")
    for parameter in job.parameters:
        flag = f"--{parameter.name.replace('_', '-')}"
        parser.add_argument(flag, type=parameter.kind, default=parameter.default, help=parameter.summary)
    return parser

"""Checks around the run of a job, read from the lake without Spark: is there work to do, and did it come out right?"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from helix_pipeline.catalog import FEW_QUARANTINED, Check, Job
from helix_pipeline.contracts.job_tables import JOB_RUNS
from helix_pipeline.contracts.rows import PARTITION_COLUMNS
from helix_pipeline.contracts.tables import EVENT_TABLES, LAKE_QUARANTINE, LakeTable
from helix_pipeline.errors import QualityError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import Lake, count_rows, open_lake, open_table


def check_input(settings: Settings, job: Job, day: date | None = None) -> dict[str, int]:
    """Return how many rows of the day (none: of all days) each table has that the streams write and the job reads.

    Raises QualityError where there is no such table, or where too many of its records went into quarantine: more
    than `catalog.FEW_QUARANTINED` allows, counting those that arrived on the day beside the day's rows. A job that
    reads the quarantine itself is not held back by it.
    """
    lake, found = open_lake(settings), {}
    for table in EVENT_TABLES:
        if table.name in job.reads:
            found[table.name] = _rows_of(_existing(lake, table.name), day)
            if LAKE_QUARANTINE.name not in job.reads:
                _check_quarantine(lake, table, found[table.name], day)
    return found


def check_output(settings: Settings, job: Job, run_id: str, day: date | None = None) -> dict[str, Any]:
    """Return the newest record that the run of a job left in `job_runs`, its metrics read.

    Raises QualityError where there is none, where it was refused, or where its figures break a check of the job.
    """
    period = day.isoformat() if day else "all"
    runs = _existing(open_lake(settings), JOB_RUNS.name).to_pyarrow_table(
        filters=[("period", "=", period), ("run_id", "=", run_id), ("job", "=", job.type)]
    )
    if not runs.num_rows:
        raise QualityError(
            f"{job.type}: run {run_id} left no record in job_runs for {period}: it did not get to its end"
        )
    record: dict[str, Any] = runs.sort_by([("started_at", "descending")]).slice(0, 1).to_pylist()[0]
    record["metrics"] = json.loads(record["metrics"])
    problem = record["reason"] if record["status"] != "succeeded" else failed_check(job, record | record["metrics"])
    if problem:
        raise QualityError(f"{problem} (run {run_id}, {period})")
    return record


def failed_check(job: Job, figures: Mapping[str, Any]) -> str | None:
    """Return what the first check that fails has to say about a run's figures; None where all hold."""
    if not figures["rows_in"]:
        return None
    known = {**figures, "rejected_share": figures["rejected"] / figures["rows_in"]}
    for check in job.checks:
        if not check.holds(known[check.figure]):
            return f"{job.type}: {_complaint(check, known[check.figure])}"
    return None


def _complaint(check: Check, value: float) -> str:
    return f"{check.figure} is {value:.6g} and must be {check.limit}"


def _existing(lake: Lake, name: str) -> DeltaTable:
    if not DeltaTable.is_deltatable(lake.uri(name), storage_options=lake.storage_options):
        raise QualityError(f"no lake table {name} under {lake.root}: run `helix stream`, or set HELIX_LAKE_ROOT")
    return open_table(lake, name)


def _rows_of(table: DeltaTable, day: date | None) -> int:
    """Count from the log alone."""
    if day is None:
        return count_rows(table)
    added = pa.table(table.get_add_actions(flatten=True))
    parts = (day.year, day.month, day.day)
    chosen = [pc.equal(added[f"partition.{name}"], part) for name, part in zip(PARTITION_COLUMNS, parts, strict=True)]
    of_day = pc.and_(pc.and_(chosen[0], chosen[1]), chosen[2])
    return int(pc.sum(added["num_records"].filter(of_day)).as_py() or 0)


def _check_quarantine(lake: Lake, table: LakeTable, rows: int, day: date | None) -> None:
    topic = table.topic.name if table.topic else ""
    put_aside = _quarantined(lake, topic, day)
    share = put_aside / (rows + put_aside) if put_aside else 0.0
    if not FEW_QUARANTINED.holds(share):
        period = day.isoformat() if day else "all days"
        what = f"{put_aside} records of {topic} are in quarantine beside {rows} rows ({period})"
        raise QualityError(f"{what}: {_complaint(FEW_QUARANTINED, share)}; see `helix quarantine list`")


def _quarantined(lake: Lake, topic: str, day: date | None) -> int:
    parts = zip(PARTITION_COLUMNS, (day.year, day.month, day.day), strict=True) if day else ()
    of_day = [(name, "=", part) for name, part in parts]  # not by topic: deltalake drops files without its statistics
    kept = _existing(lake, LAKE_QUARANTINE.name).to_pyarrow_table(columns=["topic"], filters=of_day or None)
    return int(pc.sum(pc.equal(kept["topic"], topic)).as_py() or 0)

"""Checks before and after a job, on real Delta tables without Spark."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from helix_pipeline.catalog import Check, Job
from helix_pipeline.contracts.job_tables import JOB_RUNS
from helix_pipeline.contracts.tables import LAKE_PROVIDER_CALLS, LAKE_QUARANTINE, LAKE_TABLES, LakeTable
from helix_pipeline.errors import QualityError
from helix_pipeline.services.quality import check_input, check_output
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores.lake import commit, create_tables, open_lake, open_table, write_files

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, NEXT = date(2026, 6, 1), date(2026, 6, 2)
JOB = Job("Thing", "thing", "", ("provider_calls",), ("things",), "dag", checks=(Check("rows_out", at_least=2),))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load(environ={}, flags={"home": tmp_path})
    create_tables(open_lake(made), LAKE_TABLES)
    return made


def add(settings: Settings, table: LakeTable, rows: list[dict[str, Any]]) -> None:
    blank = {field.name: b"" if pa.types.is_binary(field.type) else "" for field in table.schema if _is_text(field)}
    numbers = {field.name: 0 for field in table.schema if field.name not in blank}
    made = [{**numbers, **blank, "ingested_at": START, **row} for row in rows]
    lake = open_lake(settings)
    files = write_files(lake, table, pa.Table.from_pylist(made, schema=table.schema))
    commit(open_table(lake, table.name), files, f"test-{len(made)}-{table.name}", 0)


def _is_text(field: pa.Field) -> bool:
    return pa.types.is_string(field.type) or pa.types.is_binary(field.type)


def calls(count: int, day: int = 0) -> list[dict[str, Any]]:
    return [{"timestamp": START + timedelta(days=day), "event_id": f"{day}-{n}", "success": True} for n in range(count)]


def put_aside(count: int, topic: str = "helixagent.providers", day: int = 0) -> list[dict[str, Any]]:
    return [{"topic": topic, "ingested_at": START + timedelta(days=day), "kafka_offset": n} for n in range(count)]


def record(settings: Settings, **changes: Any) -> None:
    row = {"run_id": "r1", "job": "Thing", "status": "succeeded", "started_at": START, "seconds": 1.0}
    row |= {"rows_in": 9, "rows_out": 3, "rejected": 0, "metrics": json.dumps({"found": 2}), "reason": None}
    table = pa.Table.from_pylist([{**row, "period": "all", **changes}], schema=JOB_RUNS.stored)
    write_deltalake(f"{settings.lake_root}/job_runs", table, mode="append", partition_by=["period"])


def test_rows_are_counted_for_the_day_and_for_all(settings: Settings) -> None:
    add(settings, LAKE_PROVIDER_CALLS, [*calls(5), *calls(3, day=1)])
    assert check_input(settings, JOB, DAY) == {"provider_calls": 5}
    assert check_input(settings, JOB, NEXT) == {"provider_calls": 3}
    assert check_input(settings, JOB, date(2025, 1, 1)) == {"provider_calls": 0}
    assert check_input(settings, JOB) == {"provider_calls": 8}


def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(QualityError, match=r"no lake table provider_calls under .*: run `helix stream`"):
        check_input(load(environ={}, flags={"home": tmp_path}), JOB)


def test_many_quarantined_records_of_the_day_hold_a_job_back(settings: Settings) -> None:
    add(settings, LAKE_PROVIDER_CALLS, [*calls(90), *calls(90, day=1)])
    add(settings, LAKE_QUARANTINE, put_aside(10))
    with pytest.raises(QualityError, match=r"10 records of helixagent\.providers are in quarantine beside 90 rows"):
        check_input(settings, JOB, DAY)
    assert check_input(settings, JOB, NEXT) == {"provider_calls": 90}
    with pytest.raises(QualityError, match=r"quarantined_share is 0.0526316 and must be at most 0.05"):
        check_input(settings, JOB)


def test_few_of_them_and_those_of_other_topics_do_not(settings: Settings) -> None:
    add(settings, LAKE_PROVIDER_CALLS, calls(95))
    add(settings, LAKE_QUARANTINE, [*put_aside(5), *put_aside(50, topic="helixagent.debates")])
    assert check_input(settings, JOB, DAY) == {"provider_calls": 95}


def test_the_newest_record_of_the_run_is_returned(settings: Settings) -> None:
    record(settings, status="refused", reason="too few")
    record(settings, started_at=START + timedelta(hours=1))
    record(settings, run_id="other", started_at=START + timedelta(hours=2), rows_out=7)
    found = check_output(settings, JOB, "r1")
    assert (found["rows_out"], found["metrics"]) == (3, {"found": 2})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "refused", "reason": "Thing: too few"}, r"^Thing: too few \(run r1, all\)$"),
        ({"rows_out": 1}, "Thing: rows_out is 1 and must be at least 2"),
        ({"run_id": "r2"}, r"Thing: run r1 left no record in job_runs for all"),
        ({"period": "2026-06-01"}, "left no record"),
        ({"job": "Other"}, "left no record"),
    ],
    ids=["refused", "a check broken", "another run", "another period", "another job"],
)
def test_a_run_that_is_not_as_it_should_be_is_told(settings: Settings, changes: dict[str, Any], reason: str) -> None:
    record(settings, **changes)
    with pytest.raises(QualityError, match=reason):
        check_output(settings, JOB, "r1")

"""LakeMaintenance on small lakes in a real Spark session, beside a stream's own commits."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from helix_pipeline.catalog import find
from helix_pipeline.contracts.job_tables import JOB_RUNS
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.errors import UsageError
from helix_pipeline.services.batch import execute
from helix_pipeline.spark.delta_files import Partition
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.jobs.lake_maintenance import FILE_BYTES, surplus
from helix_pipeline.stores.lake import Lake, commit, create_tables, open_table, write_files

pytestmark = pytest.mark.spark

JOB = find("LakeMaintenance")
START = datetime(2026, 6, 1, 12, 0, 0, 999_500, tzinfo=UTC)
IDS = ["a", "conversation-" + "x" * 60, "ü" * 60, "\U0001f600" * 50, "zz"]
WAIT_S = 60


def rows(batch: int, day: int = 0, ids: list[str] | None = None) -> pa.Table:
    """A batch of one message for each id, on a day after `START`."""
    names = ids or ["a", "b"]
    columns = {"schema_version": 1, "metadata": "{}", "event_type": "message.added", "role": "user", "content": "hi"}
    return pa.Table.from_pylist(
        [
            columns
            | {
                "event_id": f"e{batch}-{number}",
                "timestamp": START + timedelta(days=day),
                "conversation_id": name,
                "message_id": f"m{batch}-{number}",
                "sequence": batch,
                "kafka_partition": 0,
                "kafka_offset": batch * len(names) + number,
                "ingested_at": START,
            }
            for number, name in enumerate(names)
        ],
        schema=LAKE_CONVERSATIONS.schema,
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    create_tables(made, [LAKE_CONVERSATIONS])
    return made


def stream(lake: Lake, batches: range, day: int = 0) -> None:
    """Write and commit batches as the lake's stream does, one after the other."""
    target = open_table(lake, "conversations")
    for batch in batches:
        assert commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(batch, day)), "query", batch)


@contextmanager
def streaming(lake: Lake, first: int) -> Iterator[list[int]]:
    """Stream meanwhile, with a table that was opened before; gives the batches that were committed."""
    target, end, done, problems = open_table(lake, "conversations"), Event(), [], []

    def carry() -> None:
        batch = first
        while not end.is_set():
            try:
                assert commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(batch)), "query", batch)
            except BaseException as error:
                problems.append(error)
                raise
            done.append(batch)
            batch += 1
            end.wait(0.5)

    thread = Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        end.set()
        thread.join(WAIT_S)
    assert not problems and not thread.is_alive()


def maintain(
    spark: SparkSession, lake: Lake, day: date | None = None, about: str = "conversations", **parameters: int
) -> dict[str, Any]:
    """Run the job; return what `lake_files`, in another folder, says about a table, and the metrics."""
    out = Lake(f"{lake.root}-{uuid4().hex}")
    record = execute(JOB, JobRun(spark, lake.root, out.root, day, {**JOB.defaults, **parameters}))
    found = open_table(out, "lake_files").to_pyarrow_table().to_pylist()
    return next(row for row in found if row["table"] == about) | {"metrics": record["metrics"]}


def event_ids(lake: Lake) -> list[str]:
    return sorted(open_table(lake, "conversations").to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist())


def log(lake: Lake) -> Path:
    return Path(lake.uri("conversations")) / "_delta_log"


def make_older(paths: list[Path], **age: int) -> None:
    then = time.time() - timedelta(**age).total_seconds()
    for path in paths:
        os.utime(path, (then, then))


def test_many_small_commits_become_few_files_while_the_stream_goes_on(spark: SparkSession, lake: Lake) -> None:
    stream(lake, range(100))
    with streaming(lake, first=100) as done:
        row = maintain(spark, lake)
        arrived = len(done)
    assert arrived > 0
    assert row["files_before"] >= 100
    assert row["partition_files_after"] <= 1 + arrived
    last = 99 + len(done)
    assert event_ids(lake) == sorted(f"e{batch}-{number}" for batch in range(last + 1) for number in range(2))
    again = write_files(lake, LAKE_CONVERSATIONS, rows(last))
    assert not commit(open_table(lake, "conversations"), again, "query", last)
    stream(lake, range(last + 1, last + 3))
    assert len(event_ids(lake)) == 2 * (last + 3)


def test_a_log_that_is_past_its_time_is_cut_by_the_stream_and_batches_are_still_known(
    spark: SparkSession, lake: Lake
) -> None:
    """Commits write a checkpoint now and then, and delete what is older than it and past its time."""
    stream(lake, range(104))
    make_older([path for path in log(lake).iterdir() if path.is_file()], days=3)
    idle = open_table(lake, "conversations")
    maintain(spark, lake)
    stream(lake, range(104, 210))
    assert len(list(log(lake).glob("*.json"))) < 150
    for target in (idle, open_table(lake, "conversations")):
        assert not commit(target, write_files(lake, LAKE_CONVERSATIONS, rows(103)), "query", 103)
    assert len(event_ids(lake)) == 420


def test_crowded_days_are_compacted_dead_files_removed_and_old_days_deleted(spark: SparkSession, lake: Lake) -> None:
    """Five commits on the first day and six on the second; a batch under way, a dead one, and an archive."""
    stream(lake, range(5))
    stream(lake, range(5, 11), day=1)
    root = Path(lake.uri("conversations"))
    dead = [root / file.path for file in write_files(lake, LAKE_CONVERSATIONS, rows(90))]
    archived = Path(lake.root) / "archive" / "conversations" / "conversation_a.parquet"
    archived.parent.mkdir(parents=True)
    archived.write_bytes(b"PAR1")
    make_older([*dead, archived], hours=169)
    under_way = write_files(lake, LAKE_CONVERSATIONS, rows(11))
    first_day = {uri for uri in open_table(lake, "conversations").file_uris() if "day=01" in uri}

    row = maintain(spark, lake)
    assert (row["partitions_compacted"], row["files_before"], row["files_after"]) == (1, 11, 6)
    assert (row["files_vacuumed"], row["rows_deleted"], row["metrics"]["files_vacuumed"]) == (1, 0, 1)
    assert first_day < set(open_table(lake, "conversations").file_uris())
    assert not dead[0].exists() and archived.exists()
    assert commit(open_table(lake, "conversations"), under_way, "query", 11)
    assert len(event_ids(lake)) == 24

    under_way = write_files(lake, LAKE_CONVERSATIONS, rows(12))
    row = maintain(spark, lake, date(2026, 6, 3), retention_days=1, spare_files=0)
    assert (row["rows_deleted"], row["rows_after"], row["partitions"], row["partitions_compacted"]) == (12, 12, 1, 0)
    assert row["files_vacuumed"] == 0 and archived.exists()
    assert commit(open_table(lake, "conversations"), under_way, "query", 12)
    assert set(open_table(lake, "conversations").to_pyarrow_table(columns=["day"])["day"].to_pylist()) == {1, 2}


def test_tables_of_jobs_are_maintained_too(spark: SparkSession, tmp_path: Path) -> None:
    place = Lake(str(tmp_path / "lake"))
    for number in range(6):
        run = dict.fromkeys(JOB_RUNS.stored.names) | {"run_id": str(number), "period": "all"}
        write_deltalake(
            place.uri("job_runs"),
            pa.Table.from_pylist([run], JOB_RUNS.stored),
            mode="append",
            partition_by=list(JOB_RUNS.partitions),
        )
    row = maintain(spark, place, about="job_runs")
    assert (row["files_before"], row["files_after"], row["rows_after"]) == (6, 1, 6)


@pytest.mark.parametrize("name", IDS, ids=range(len(IDS)))
def test_readers_that_skip_files_find_every_row_of_a_compacted_table(
    spark: SparkSession, compacted: Lake, name: str
) -> None:
    table = open_table(compacted, "conversations").to_pyarrow_dataset()
    assert table.to_table(filter=ds.field("conversation_id") == name).num_rows == 2


@pytest.fixture(scope="module")
def compacted(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(str(tmp_path_factory.mktemp("compacted") / "lake"))
    create_tables(made, [LAKE_CONVERSATIONS])
    target = open_table(made, "conversations")
    for batch in range(2):
        for day in range(2):
            part = rows(batch, day, [name for place, name in enumerate(IDS) if place % 2 == day])
            commit(target, write_files(made, LAKE_CONVERSATIONS, part), f"query-{day}", batch)
    maintain(spark, made, spare_files=0)
    return made


def test_what_a_partition_may_have_grows_with_its_bytes() -> None:
    assert surplus(Partition({}, files=5, bytes=1, rows=1)) == 4
    assert surplus(Partition({}, files=5, bytes=10 * FILE_BYTES, rows=1)) == -15


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"vacuum_hours": 167}, "vacuum_hours is 167: .* give 168 or more"),
        ({"retention_days": -1}, "must not be negative"),
    ],
)
def test_what_could_hurt_is_refused(spark: SparkSession, lake: Lake, parameters: dict[str, int], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        maintain(spark, lake, **parameters)


def test_a_lake_without_tables_is_an_error_and_an_empty_one_a_clean_run(spark: SparkSession, tmp_path: Path) -> None:
    place = Lake(str(tmp_path / "lake"))
    with pytest.raises(UsageError, match="no lake table under"):
        maintain(spark, place)
    create_tables(place, LAKE_TABLES[:1])
    row = maintain(spark, place)
    assert (row["rows_after"], row["files_after"], row["partition_files_after"]) == (0, 0, 0)

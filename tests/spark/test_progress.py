"""How far a run is, read from a real Spark session."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from helix_pipeline.spark.progress import NEARLY, Progress, Reading

pytestmark = pytest.mark.spark

ROWS = 1000


@pytest.fixture
def table(spark: SparkSession, tmp_path: Path) -> str:
    path = str(tmp_path / "table")
    for part in range(3):
        spark.range(part * ROWS // 3, (part + 1) * ROWS // 3).write.format("delta").mode("append").save(path)
    return path


def readings(progress: Progress, *works: Callable[[], object]) -> list[Reading]:
    """Do each piece of work as a step; return the reading at the start, after each work and after each step."""
    found = [progress.reading()]
    for work in works:
        work()
        found.append(progress.reading())
        progress.step()
        found.append(progress.reading())
    return found


def test_progress_rises_with_the_work_and_the_steps(spark: SparkSession, table: str) -> None:
    def scan() -> int:
        return spark.read.format("delta").load(table).groupBy().sum("id").collect()[0][0]

    progress = Progress(spark, 2, lambda reading: None)
    before = progress.reading()
    start, worked, stepped, again, end = readings(progress, scan, scan)
    shares = [reading.progress for reading in (start, worked, stepped, again, end)]
    assert all(earlier <= later for earlier, later in pairwise(shares))
    assert 0 == start.progress < worked.progress < stepped.progress == 0.5 < again.progress < end.progress == NEARLY
    assert before.rows == 0
    assert worked.rows == again.rows == ROWS
    assert before.tasks < worked.tasks < again.tasks
    assert before.stages < worked.stages < again.stages


def test_a_run_that_is_known_is_measured_by_its_tasks(spark: SparkSession) -> None:
    def four_tasks() -> int:
        return spark.sparkContext.parallelize(range(4), 4).count()

    progress = Progress(spark, 2, lambda reading: None, 8)
    found = [reading.progress for reading in readings(progress, four_tasks, four_tasks)]
    assert found == [0, 0.5, 0.5, NEARLY, NEARLY]


def test_it_is_told_while_the_work_goes_on(spark: SparkSession) -> None:
    def slowly(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        time.sleep(0.5)
        yield from batches

    told: list[Reading] = []
    with Progress(spark, 1, told.append):
        spark.range(0, 12, 1, 12).mapInArrow(slowly, "id long").count()
    assert [reading.progress for reading in told] == sorted(reading.progress for reading in told)
    assert 0 < told[-1].progress < 1

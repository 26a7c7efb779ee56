"""A job whose figures break a limit of the catalogue writes nothing, leaves a record and ends with 3."""

from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from test_job_provider_performance import CALLS, JOB, fill, lake, written

from helix_pipeline.catalog import Check
from helix_pipeline.errors import QualityError
from helix_pipeline.services.batch import execute
from helix_pipeline.services.quality import failed_check
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.stores.lake import Lake

pytestmark = pytest.mark.spark
__all__ = ["lake"]

NO_FAILURES = replace(JOB, checks=(Check("failed_calls", at_most=0),))
FIGURES = {"rows_in": 200, "rows_out": 3, "rejected": 4, "npmi": 0.2}


def test_a_refused_run_leaves_the_table_as_it_was_and_says_why(spark: SparkSession, lake: Lake, tmp_path: Path) -> None:
    run = JobRun(spark, lake.root, str(tmp_path / "out"))
    execute(JOB, run)
    fill(lake, CALLS)
    with pytest.raises(QualityError, match=r"failed_calls is .* and must be at most 0; nothing was written") as refused:
        execute(NO_FAILURES, run, "night")
    assert refused.value.exit_code == 3
    assert written(tmp_path / "out") == []
    runs = DeltaTable(str(tmp_path / "out" / "job_runs")).to_pyarrow_table().to_pylist()
    [record] = [row for row in runs if row["run_id"] == "night"]
    assert (record["status"], record["reason"].split(" is ")[0]) == ("refused", "ProviderPerformance: failed_calls")


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (Check("rejected_share", at_most=0.02), None),
        (Check("rejected_share", at_most=0.01), "rejected_share is 0.02 and must be at most 0.01"),
        (Check("rows_out", at_least=4), "rows_out is 3 and must be at least 4"),
        (Check("npmi", at_least=0.1, at_most=0.3), None),
        (Check("npmi", at_least=0.1, at_most=0.15), "npmi is 0.2 and must be from 0.1 to 0.15"),
    ],
)
def test_a_check_holds_a_figure_against_its_limits(check: Check, reason: str | None) -> None:
    found = failed_check(replace(JOB, checks=(check,)), FIGURES)
    assert found == (reason and f"ProviderPerformance: {reason}")


def test_a_run_that_read_nothing_passes_every_check() -> None:
    strict = replace(JOB, checks=(Check("rows_out", at_least=1),))
    assert failed_check(strict, {"rows_in": 0, "rows_out": 0, "rejected": 0}) is None

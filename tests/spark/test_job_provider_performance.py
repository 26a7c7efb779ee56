"""ProviderPerformance on a small lake in a real Spark session."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from helix_pipeline.catalog import find
from helix_pipeline.contracts.tables import LAKE_DEBATES, LAKE_PROVIDER_CALLS, LAKE_TABLES, LakeTable
from helix_pipeline.errors import QualityError, UsageError
from helix_pipeline.services.batch import execute
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.stores.lake import Lake, commit, create_tables, open_table, write_files

pytestmark = pytest.mark.spark

JOB = find("ProviderPerformance")
START = datetime(2026, 6, 1, 12, tzinfo=UTC)


def call(number: int, model: str, day: int = 0, success: bool = True, latency_ms: float = 100.0) -> dict[str, Any]:
    at = START + timedelta(days=day, seconds=number)
    return {
        "schema_version": 1,
        "event_id": f"e{number}",
        "timestamp": at,
        "metadata": "{}",
        "event_type": "provider.called",
        "request_id": f"r{number}",
        "provider": "acme",
        "model": model,
        "latency_ms": latency_ms,
        "tokens_prompt": 10,
        "tokens_completion": 5,
        "success": success,
        "error_type": None if success else "timeout",
        "cost": 0.5,
        "kafka_partition": 0,
        "kafka_offset": number,
        "ingested_at": at,
    }


CALLS = [call(n, "large", latency_ms=float(n + 1)) for n in range(100)] + [
    call(100, "small"),
    call(101, "small", success=False),
    call(102, "small", day=1),
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    create_tables(made, LAKE_TABLES)
    return made


def duel(number: int, models: tuple[str, str], at: datetime = START, **verdict: Any) -> list[dict[str, Any]]:
    """The events of a debate of two turns, a second apart, and of one judge's verdict where one is given."""
    debate = f"d{number}"
    talk: list[dict[str, Any]] = [
        {
            "event_type": "debate.turn",
            "topic": f"t{number}",
            "turn": turn,
            "participant": side,
            "position": side,
            "model": model,
            "content": "x" * turn,
        }
        for turn, (side, model) in enumerate(zip(("pro", "con"), models, strict=True), start=1)
    ]
    judged = [{"event_type": "debate.judged", "judge": "j", **verdict}] if verdict else []
    return [
        {
            **found,
            "schema_version": 1,
            "event_id": f"{debate}-{place}",
            "timestamp": at + timedelta(seconds=place),
            "metadata": "{}",
            "debate_id": debate,
            "kafka_partition": 0,
            "kafka_offset": place,
            "ingested_at": at,
        }
        for place, found in enumerate([*talk, *judged])
    ]


def fill(lake: Lake, rows: list[dict[str, Any]], table: LakeTable = LAKE_PROVIDER_CALLS) -> None:
    found = pa.Table.from_pylist(rows, schema=table.schema)
    commit(open_table(lake, table.name), write_files(lake, table, found), "test", 0)


def written(out: Path, period: str = "all", table: str = "provider_performance") -> list[dict[str, Any]]:
    rows = DeltaTable(str(out / table)).to_pyarrow_table().to_pylist()
    return sorted(
        (row for row in rows if row["period"] == period), key=lambda row: (row["model"], row.get("position") or "")
    )


def test_calls_are_counted_per_model(spark: SparkSession, lake: Lake, tmp_path: Path) -> None:
    fill(lake, CALLS)
    record = execute(JOB, JobRun(spark, lake.root, str(tmp_path / "out")))
    assert (record["rows_in"], record["rows_out"], record["metrics"]) == (103, 2, {"failed_calls": 1, "verdicts": 0})
    large, small = written(tmp_path / "out")
    assert (large["latency_p50_ms"], large["latency_p95_ms"], large["latency_p99_ms"]) == (50.0, 95.0, 99.0)
    assert (small["requests"], small["successes"], small["tokens_prompt"], small["cost"]) == (3, 2, 30, 1.5)
    # Wilson's limits of 2 in 3, worked by hand: centre 0.5967, half width 0.3890.
    assert (small["success_rate_low"], small["success_rate_high"]) == pytest.approx((0.2077, 0.9385), abs=1e-4)
    assert (small["first_call"], small["last_call"]) == (CALLS[100]["timestamp"], CALLS[102]["timestamp"])


def test_a_second_run_leaves_equal_tables_and_a_day_leaves_the_others(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    fill(lake, CALLS)
    run = JobRun(spark, f"{lake.root}/provider_calls", str(tmp_path / "out"))
    execute(JOB, run)
    first = written(tmp_path / "out")
    execute(JOB, run)
    execute(JOB, JobRun(spark, lake.root, run.output, date(2026, 6, 2)))
    assert written(tmp_path / "out") == first
    assert [(row["model"], row["requests"]) for row in written(tmp_path / "out", "2026-06-02")] == [("small", 1)]
    runs = DeltaTable(str(tmp_path / "out" / "job_runs")).to_pyarrow_table()
    assert sorted(zip(runs["period"].to_pylist(), runs["rows_in"].to_pylist(), strict=True)) == [
        ("2026-06-02", 1),
        ("all", 103),
        ("all", 103),
    ]


def test_a_partition_of_the_table_can_be_the_input(spark: SparkSession, lake: Lake, tmp_path: Path) -> None:
    fill(lake, CALLS)
    source = f"{lake.root}/provider_calls/year=2026/month=06/day=02/"
    assert execute(JOB, JobRun(spark, source, str(tmp_path / "out")))["rows_in"] == 1


def test_an_empty_lake_is_a_clean_run_and_a_missing_one_an_error(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    record = execute(JOB, JobRun(spark, lake.root, str(tmp_path / "out")))
    assert (record["rows_in"], record["rows_out"]) == (0, 0)
    assert written(tmp_path / "out") == []
    with pytest.raises(UsageError, match=r"no lake table at .*/provider_calls"):
        execute(JOB, JobRun(spark, str(tmp_path / "nowhere"), str(tmp_path / "out")))


def test_debates_rate_models_over_all_and_by_position(spark: SparkSession, lake: Lake, tmp_path: Path) -> None:
    debates = [
        *duel(1, ("a", "b"), winner="pro", margin=1.5),
        *duel(2, ("a", "b"), winner=None),
        *duel(3, ("b", "a"), winner="con"),
        *duel(4, ("x", "y"), winner="con", preference=0.2),
        *duel(5, ("a", "a"), winner="pro"),
        *duel(6, ("a", "b")),
    ]
    fill(lake, [*debates, debates[-1]], LAKE_DEBATES)
    record = execute(JOB, JobRun(spark, lake.root, str(tmp_path / "out")))
    assert (record["rows_in"], record["metrics"]["verdicts"]) == (5, 5)
    rows = {(row["model"], row["position"]): row for row in written(tmp_path / "out", table="model_ratings")}
    assert rows.keys() == {(model, side) for model in "abxy" for side in (None, "pro", "con")} - {
        ("x", "con"),
        ("y", "pro"),
    }
    a, b, x = rows["a", None], rows["b", None], rows["x", None]
    assert [a[name] for name in ("debates", "wins", "losses", "ties", "win_rate")] == [3, 2, 0, 1, 2.5 / 3]
    assert [rows["a", "pro"][name] for name in ("debates", "wins", "ties", "win_rate")] == [2, 1, 1, 0.75]
    # Wilson's limits of 2.5 in 3, worked by hand: centre 0.6462, half width 0.3362.
    assert (a["win_rate_low"], a["win_rate_high"]) == pytest.approx((0.3100, 0.9823), abs=1e-4)
    assert (x["losses"], x["win_rate"], x["baseline"], rows["a", "pro"]["rating"]) == (1, 0.2, "y", None)
    assert a["rating"] + b["rating"] == pytest.approx(3000)
    assert b["rating"] < a["rating_low"] < a["rating"] < a["rating_high"]
    assert a["pool"] == b["pool"] != x["pool"]


def test_a_debate_past_midnight_belongs_to_the_day_it_began(spark: SparkSession, lake: Lake, tmp_path: Path) -> None:
    late = datetime(2026, 6, 1, 23, 59, 58, 500_000, tzinfo=UTC)
    fill(lake, duel(1, ("a", "b"), late, winner="pro"), LAKE_DEBATES)
    fill(lake, [call(0, "large"), call(1, "large", day=1)])
    for day, verdicts in ((1, 1), (2, 0)):
        record = execute(JOB, JobRun(spark, lake.root, str(tmp_path / "out"), date(2026, 6, day)))
        assert (record["metrics"]["verdicts"], record["rejected"]) == (verdicts, 0)
    rows = written(tmp_path / "out", "2026-06-01", "model_ratings")
    assert [(row["model"], row["wins"]) for row in rows if row["position"] is None] == [("a", 1), ("b", 0)]


def test_verdicts_without_their_debate_hold_a_run_back(spark: SparkSession, lake: Lake, tmp_path: Path) -> None:
    fill(lake, duel(1, ("a", "b"), winner="pro")[-1:], LAKE_DEBATES)
    with pytest.raises(QualityError, match="rejected_share is 1"):
        execute(JOB, JobRun(spark, lake.root, str(tmp_path / "out")))

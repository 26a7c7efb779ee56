"""DebateAnalysis on small lakes in a real Spark session: a debate by hand, a league to learn from, and days."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from helix_pipeline.catalog import find
from helix_pipeline.contracts.tables import LAKE_DEBATES, LAKE_TABLES
from helix_pipeline.services.batch import execute
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.stores.lake import Lake, commit, create_tables, open_table, write_files

pytestmark = pytest.mark.spark

JOB = find("DebateAnalysis")
MODELS = ("poor", "fair", "good")
START = datetime(2026, 6, 1, 23, 59, 56, tzinfo=UTC)
SAID = (("pro", "taxes rise"), ("con", "taxes fall"), ("pro", "wages grow"), ("con", "PRO says wages grow"))


def debate(
    name: str, models: tuple[str, str], margins: tuple[float, ...], *, topic: str = "t", day: int = 0
) -> list[dict[str, Any]]:
    """The events of a debate, two seconds apart: `SAID`, then a judge for each margin."""
    model = dict(zip(("pro", "con"), models, strict=True))
    start = {"event_type": "debate.started", "topic": topic, "participants": ["pro", "con"], "metadata": "{}"}
    turns = [
        {
            "event_type": "debate.turn",
            "topic": topic,
            "round": 1 + place // 2,
            "turn": place + 1,
            "participant": side,
            "position": side,
            "model": model[side],
            "content": content,
        }
        for place, (side, content) in enumerate(SAID)
    ]
    judged = [
        {"event_type": "debate.judged", "judge": f"j{n}", "winner": "pro" if margin > 0 else "con", "margin": margin}
        for n, margin in enumerate(margins)
    ]
    return [
        {
            "schema_version": 1,
            "event_id": f"{name}-{place}",
            "timestamp": START + timedelta(days=day, seconds=2 * place),
            "metadata": "{}",
            "debate_id": name,
            "kafka_partition": 0,
            "kafka_offset": place,
            "ingested_at": START,
            **found,
        }
        for place, found in enumerate([start, *turns, *judged])
    ]


def ran(
    spark: SparkSession, folder: Path, events: list[dict[str, Any]], day: date | None = None, **parameters: Any
) -> dict[str, Any]:
    """Run the job over a lake of these events; return the run's record."""
    lake = Lake(str(folder / "lake"))
    if not (folder / "lake").exists():
        create_tables(lake, LAKE_TABLES)
        rows = pa.Table.from_pylist(events, schema=LAKE_DEBATES.schema)
        if events:
            commit(open_table(lake, "debates"), write_files(lake, LAKE_DEBATES, rows), "test", 0)
    return execute(JOB, JobRun(spark, lake.root, str(folder / "out"), day, {**JOB.defaults, **parameters}))


def table(folder: Path, name: str, key: str) -> list[dict[str, Any]]:
    return sorted(DeltaTable(str(folder / "out" / name)).to_pyarrow_table().to_pylist(), key=lambda row: row[key])


def test_a_debate_by_hand(spark: SparkSession, tmp_path: Path) -> None:
    record = ran(spark, tmp_path, debate("d", ("m", "n"), (2.0, 1.0, -0.5)))
    assert (record["rows_in"], record["rejected"], record["metrics"]["debates"]) == (8, 0, 1)
    (row,) = table(tmp_path, "debate_analysis", "debate_id")
    assert (row["rounds"], row["turns"], row["words"]) == (2, 4, 10)
    assert (row["agreement_first"], row["agreement_last"]) == pytest.approx((0.5, 0.5**0.5))
    assert [(p["participant"], p["model"], p["turns"], p["change"]) for p in row["participants"]] == [
        ("pro", "m", 2, 1.0),
        ("con", "n", 2, 1.0),
    ]
    assert {(r["participant"], r["target"], r["replies"], r["named"]) for r in row["rebuttals"]} == {
        ("con", "pro", 2, 1),
        ("pro", "con", 1, 0),
    }
    assert (row["judges"], row["votes_first"], row["votes_second"]) == (3, 2, 1)
    assert (row["margin"], row["disagreement"]) == pytest.approx((2.5 / 3, 2 / 3))
    assert (row["majority"], row["winner"], row["winner_position"], row["winner_model"]) == ("pro", "pro", "pro", "m")
    assert [judgment["margin"] for judgment in row["judgments"]] == [2.0, 1.0, -0.5]
    assert (row["chance_first"], row["held_out"]) == (None, None)
    assert (row["year"], row["month"], row["day"]) == (2026, 6, 1)


def league(topics: int) -> list[dict[str, Any]]:
    """Each pair of models on each topic in both orders; the later of `MODELS` wins."""
    return [
        event
        for topic in range(topics)
        for first, second in permutations(range(len(MODELS)), 2)
        for event in debate(
            f"{topic:02}-{first}{second}",
            (MODELS[first], MODELS[second]),
            (2.0 * (first - second), 1.0 * (first - second)),
            topic=f"topic {topic}",
        )
    ]


def test_a_league_is_predicted_on_topics_held_out(spark: SparkSession, tmp_path: Path) -> None:
    record = ran(spark, tmp_path, [*league(12), *debate("unjudged", ("good", "poor"), (), topic="new")])
    scores = {(row["predictor"], row["winner_by"]): row for row in table(tmp_path, "debate_predictor", "predictor")}
    assert scores["ratings + side + text", "majority"]["accuracy"] == record["metrics"]["accuracy"] == 1.0
    assert scores["side alone", "majority"]["accuracy"] < 0.7
    assert scores["majority of the other judges", "verdict"]["debates"] == 2 * 12 * 6
    rows = {row["debate_id"]: row for row in table(tmp_path, "debate_analysis", "debate_id")}
    assert {row["held_out"] for name, row in rows.items() if name != "unjudged"} == {True}
    assert (rows["unjudged"]["held_out"], rows["unjudged"]["winner"]) == (False, None)
    assert rows["00-02"]["chance_first"] < 0.2 < 0.8 < rows["unjudged"]["chance_first"]
    records = table(tmp_path, "debate_positions", "position")
    assert [(row["position"], row["model"], row["debates"], row["wins"]) for row in records if row["best"]] == [
        ("con", "good", 24, 24),
        ("pro", "good", 24, 24),
    ]
    assert (record["metrics"]["side_bias"], record["metrics"]["side_bias_p"]) == (0.5, 1.0)


def test_the_sample_bounds_what_is_learnt_from(spark: SparkSession, tmp_path: Path) -> None:
    ran(spark, tmp_path, league(14), sample=6 * 11)
    held_out = [row["held_out"] for row in table(tmp_path, "debate_analysis", "debate_id")]
    assert (held_out.count(True), held_out.count(False)) == (66, 18)


def test_a_second_run_leaves_equal_tables_and_a_day_keeps_the_others(spark: SparkSession, tmp_path: Path) -> None:
    events = [*debate("a", ("m", "n"), (1.0,)), *debate("b", ("m", "n"), (-1.0,), day=1)]
    ran(spark, tmp_path, events)
    first = table(tmp_path, "debate_analysis", "debate_id")
    ran(spark, tmp_path, events)
    record = ran(spark, tmp_path, events, date(2026, 6, 2))
    assert (record["rows_in"], record["rows_out"]) == (6, 3)
    assert table(tmp_path, "debate_analysis", "debate_id") == first
    assert [(row["debate_id"], row["turns"], row["day"]) for row in first] == [("a", 4, 1), ("b", 4, 2)]


def test_preferences_and_lost_turns_have_no_row(spark: SparkSession, tmp_path: Path) -> None:
    silent = [{**event, "content": ""} if "content" in event else event for event in debate("p", ("m", "n"), (1.0,))]
    lost = [event for event in debate("q", ("m", "n"), (1.0,)) if event["event_type"] == "debate.judged"]
    many = [event for n in range(30) for event in debate(f"d{n}", ("m", "n"), (1.0,))]
    record = ran(spark, tmp_path, [*many, *silent, *lost])
    assert (record["rejected"], record["metrics"]["without_words"]) == (1, 2)
    assert len(table(tmp_path, "debate_analysis", "debate_id")) == 30


def test_an_empty_lake_is_a_clean_run(spark: SparkSession, tmp_path: Path) -> None:
    record = ran(spark, tmp_path, [])
    assert (record["rows_in"], record["rows_out"]) == (0, 0)
    assert table(tmp_path, "debate_positions", "position") == []

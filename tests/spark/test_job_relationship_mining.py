"""RelationshipMining on small lakes in a real Spark session."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conversation_lake import START, Row, message, write_entities, written
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812
from scipy.stats import false_discovery_control

from helix_pipeline.catalog import find
from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.domain.entities.cooccurrence import MAX_ENTITIES_PER_MESSAGE
from helix_pipeline.domain.entities.extractor import load_extractor
from helix_pipeline.domain.entities.gazetteer import load
from helix_pipeline.domain.sample.corpus import generate
from helix_pipeline.domain.sample.vocabulary import planted_pairs
from helix_pipeline.errors import UsageError
from helix_pipeline.services.batch import execute
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.jobs.relationship_mining import corrected

pytestmark = pytest.mark.spark

JOB = find("RelationshipMining")

# Forty conversations of three messages, half of them a day later: Docker, then Docker with Redis, then nothing; every
# fourth is about Java instead.
TALK = [
    message(f"c{number}", place, text, day=number // 20)
    for number in range(40)
    for place, text in enumerate(("Java",) if number % 4 == 3 else ("Docker", "Redis for Docker", "nothing"))
]
DAY = date(2026, 1, 31)


def mine(spark: SparkSession, root: str, out: Path, day: date | None = None, **parameters: Any) -> dict[str, Any]:
    return execute(JOB, JobRun(spark, root, str(out), day, {**JOB.defaults, **parameters}))


def related(out: Path, period: str = "all") -> dict[tuple[str, str], Row]:
    rows = [row for row in written(out, "relationships") if row["period"] == period]
    return {(row["a_name"], row["b_name"]): row for row in rows}


@pytest.fixture(scope="module")
def talk(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, dict[str, Any]]:
    """The lake of `TALK`, what a run made of it, and the run's record."""
    folder = tmp_path_factory.mktemp("talk")
    root = write_entities(folder / "lake", TALK)
    return root, folder / "out", mine(spark, root, folder / "out")


def test_counts_and_measures_are_those_worked_by_hand(talk: tuple[str, Path, dict[str, Any]]) -> None:
    _, out, record = talk
    # 30 + 30 messages name Docker, 10 Java. Windows begin at -2 to 1 in the 30 conversations, at -2 to 0 in the 10.
    assert record["metrics"] == {"entities": 3, "messages": 70, "windows": 150, "entities_left_out": 0}
    assert (record["rows_in"], record["rows_out"], record["rejected"]) == (100, 1, 0)
    [(names, row)] = related(out).items()
    assert (names, row["a_id"], row["b_id"]) == (("Docker", "Redis"), "tech:docker", "tech:redis")
    assert (row["frequency"], row["a_frequency"], row["b_frequency"]) == (30, 60, 30)
    # Together in 30 of 70 messages: lift = (30 / 70) / (60 / 70 * 30 / 70) = 7 / 6, NPMI = ln(7 / 6) / -ln(3 / 7).
    assert (row["lift"], row["npmi"]) == pytest.approx((7 / 6, np.log(7 / 6) / -np.log(3 / 7)))
    # Begun at -1, 0 and 1 a window holds both: 90 of 150, Docker in 120, Redis in 90.
    assert row["window_frequency"] == 90
    assert (row["window_lift"], row["window_npmi"]) == pytest.approx((150 / 120, np.log(1.25) / -np.log(0.6)))
    # Docker comes first in all 30: 2 * (1 / 2) ** 30. It is the only pair tested for direction.
    assert (row["a_first"], row["b_first"], row["introduced_by"]) == (30, 0, "tech:docker")
    assert (row["direction_p_value"], row["direction_q_value"]) == pytest.approx((2**-29, 2**-29))
    # Three pairs of three entities are possible, and one is tested.
    assert row["q_value"] == pytest.approx(3 * row["p_value"])
    assert row["evidence"] == [{"conversation_id": f"c{number}", "message_id": "m1"} for number in (0, 1, 10)]
    first = START + timedelta(minutes=1)
    assert (row["first_seen"], row["last_seen"]) == (first, first + timedelta(days=1))


def test_what_is_rare_or_may_be_chance_is_left_out(
    spark: SparkSession, talk: tuple[str, Path, dict[str, Any]], tmp_path: Path
) -> None:
    assert mine(spark, talk[0], tmp_path, min_frequency=31)["rows_out"] == 0
    assert mine(spark, talk[0], tmp_path, max_fdr=1e-12)["rows_out"] == 0


def test_a_second_run_leaves_equal_rows_and_a_day_is_a_period_of_its_own(
    spark: SparkSession, talk: tuple[str, Path, dict[str, Any]]
) -> None:
    root, out, _ = talk
    first = related(out)
    mine(spark, root, out)
    mine(spark, root, out, DAY)
    assert related(out) == first
    [row] = related(out, "2026-01-31").values()
    assert (row["frequency"], row["a_first"], row["first_seen"].date()) == (15, 15, DAY)


def test_entities_of_neighbouring_messages_are_near_each_other(spark: SparkSession, tmp_path: Path) -> None:
    apart = [
        message(f"c{number}", place, text)
        for number in range(60)
        for place, text in enumerate(("Java",) if number % 3 else ("Docker", "Redis"))
    ]
    root = write_entities(tmp_path / "lake", apart)
    assert mine(spark, root, tmp_path / "out", window=1)["rows_out"] == 0
    assert mine(spark, root, tmp_path / "out", window=3)["rows_out"] == 1
    [row] = related(tmp_path / "out").values()
    assert (row["frequency"], row["npmi"], row["p_value"], row["window_frequency"]) == (0, -1.0, 1.0, 40)
    assert row["evidence"] == [{"conversation_id": "c0", "message_id": "m1"}]


def test_the_planted_pairs_of_the_sample_come_out_on_top(spark: SparkSession, tmp_path: Path) -> None:
    events = generate(conversations=160, debates=0, provider_calls=0)
    root = write_entities(
        tmp_path / "lake", [event.model_dump() for event in events if isinstance(event, MessageAdded)]
    )
    mine(spark, root, tmp_path / "out")
    extractor = load_extractor()
    planted = {
        tuple(sorted(extractor.extract_ids_batch([f"we use {first} and {second}"])[0]))
        for first, second in planted_pairs()
    }
    ranked = sorted(related(tmp_path / "out").values(), key=lambda row: row["npmi"], reverse=True)
    assert {(row["a_id"], row["b_id"]) for row in ranked[: len(planted)]} == planted
    assert len(ranked) > len(planted)
    assert all(row["a_id"] < row["b_id"] for row in ranked)
    assert all(1 <= len(row["evidence"]) <= 3 for row in ranked)
    assert all(min(row["q_value"], row["window_q_value"]) <= 0.05 for row in ranked)


def test_a_crowded_message_takes_part_with_its_first_entities(spark: SparkSession, tmp_path: Path) -> None:
    names = [entry.name for entry in load().entries.values() if not entry.forms[0][0]][:70]
    crowds = [("c1", 0, names), ("c2", 0, names[:40]), ("c2", 1, names[40:])]
    root = write_entities(tmp_path / "lake", [message(c, place, ", ".join(crowd)) for c, place, crowd in crowds])
    # Of 70 entities the one message leaves out what is beyond the bound, and so do two windows over the other two
    # messages, and their conversation.
    left_out = 4 * (len(names) - MAX_ENTITIES_PER_MESSAGE)
    assert mine(spark, root, tmp_path / "out")["metrics"]["entities_left_out"] == left_out > 0


def test_no_entities_are_a_clean_run_and_no_table_an_error(spark: SparkSession, tmp_path: Path) -> None:
    record = mine(spark, write_entities(tmp_path / "lake", []), tmp_path / "out")
    assert (record["rows_in"], record["rows_out"]) == (0, 0)
    with pytest.raises(UsageError, match=r"no lake table at .*/entities"):
        mine(spark, str(tmp_path / "nowhere"), tmp_path / "out")


@pytest.mark.parametrize("bad", [{"window": 0}, {"min_frequency": 0}, {"max_fdr": -0.1}, {"max_fdr": 1.5}])
def test_parameters_out_of_range_are_an_error(spark: SparkSession, tmp_path: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="bad parameters: window"):
        mine(spark, str(tmp_path), tmp_path, **bad)


def test_the_correction_is_that_of_scipy_with_the_pairs_that_never_met(spark: SparkSession) -> None:
    p = [0.01, 0.02, 0.02, 0.03, 0.9, 1e-9, 0.5, 0.04]
    rows = [(f"a{place}", "b", value) for place, value in enumerate(p)]
    found = corrected(spark.createDataFrame(rows, ["a_id", "b_id", "p_value"]), "", F.lit(20)).orderBy("a_id")
    assert [row.q_value for row in found.collect()] == pytest.approx(false_discovery_control([*p, *[1.0] * 12])[:8])

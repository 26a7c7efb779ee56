"""ContextCompression on small lakes and on LoCoMo in a real Spark session."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conversation_lake import fill, message, new_lake
from deltalake import DeltaTable
from lakes import build
from pyspark.sql import SparkSession

from helix_pipeline.catalog import find
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS
from helix_pipeline.domain.context.compression import GAP, message_tokens
from helix_pipeline.errors import UsageError
from helix_pipeline.services.batch import execute
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.jobs.context_compression import STRETCH
from helix_pipeline.stores.lake import Lake, open_table

pytestmark = pytest.mark.spark

JOB = find("ContextCompression")
START = datetime(2026, 6, 1, 23, 59, tzinfo=UTC)
WORDS = ("river", "mountain", "garden", "letter", "window", "teacher", "journey", "kitchen", "summer", "violin")


def said(conversation: str, number: int, day: int = 0) -> dict[str, Any]:
    words = [WORDS[(number * step) % len(WORDS)] for step in range(1, 9)]
    text = f"In the {number}th week we saw the {words[0]} and the {words[1]}. {' '.join(words)} were {number}."
    at = START + timedelta(days=day, seconds=number)
    return {**message(conversation, number, text), "timestamp": at, "name": ("Ann", "Bob", None)[number % 3]}


def made(tmp_path: Path, messages: list[dict[str, Any]]) -> str:
    lake = new_lake(tmp_path / "lake")
    if messages:
        fill(lake, messages)
    return lake.root


def compressed(
    spark: SparkSession, root: str, out: Path, day: date | None = None, **parameters: float
) -> dict[str, Any]:
    return execute(JOB, JobRun(spark, root, str(out), day, {**JOB.defaults, **parameters}))


def contexts(out: Path) -> dict[str, dict[str, Any]]:
    rows = DeltaTable(str(out / "compressed_contexts")).to_pyarrow_table().to_pylist()
    return {row["conversation_id"]: row for row in rows}


def test_only_conversations_over_the_budget_are_cut_and_tell_what_they_were(
    spark: SparkSession, tmp_path: Path
) -> None:
    messages = [said("long", number) for number in range(100)] + [said("short", number) for number in range(3)]
    record = compressed(spark, made(tmp_path, messages), tmp_path / "out", budget=500)
    assert (record["rows_in"], record["rows_out"], record["rejected"]) == (103, 1, 0)
    row = contexts(tmp_path / "out")["long"]
    texts = {message["message_id"]: message for message in messages}
    original = sum(message_tokens(said["name"] or "user", said["content"]) for said in messages[:100])
    assert (row["original_messages"], row["original_tokens"]) == (100, original)
    assert row["target_tokens"] == int(0.3 * original)
    assert 0.98 * row["target_tokens"] <= row["compressed_tokens"] <= row["target_tokens"]
    assert row["compressed_tokens"] == sum(message_tokens(kept["speaker"], kept["text"]) for kept in row["messages"])
    for kept in row["messages"]:
        source = texts[kept["message_id"]]
        assert (kept["speaker"], kept["timestamp"]) == (source["name"] or "user", source["timestamp"])
        assert all(part in source["content"] for part in kept["text"].removesuffix(GAP.rstrip()).split(GAP))
        assert kept["complete"] == (kept["text"] == source["content"])
    assert [kept["sequence"] for kept in row["messages"]] == sorted({kept["sequence"] for kept in row["messages"]})
    assert row["messages"][-1] | {"complete": True} == row["messages"][-1] and row["messages"][-1]["sequence"] == 99
    assert (row["first_message"], row["last_message"]) == (START, START + timedelta(seconds=99))
    assert (row["year"], row["month"], row["day"], row["strategy"]) == (2026, 6, 1, "extractive")


def test_a_message_that_was_sent_twice_counts_once(spark: SparkSession, tmp_path: Path) -> None:
    messages = [said("c", number) for number in range(60)]
    copies = [message | {"kafka_offset": 1000 + n} for n, message in enumerate(messages[::2])]
    compressed(spark, made(tmp_path / "once", messages), tmp_path / "a", budget=100)
    record = compressed(spark, made(tmp_path / "twice", messages + copies), tmp_path / "b", budget=100)
    assert record["rows_in"] == 90
    assert contexts(tmp_path / "a") == contexts(tmp_path / "b")


def test_a_day_has_the_whole_conversations_that_began_on_it(spark: SparkSession, tmp_path: Path) -> None:
    """Of three conversations two begin on the first day, and one of these goes on into the second."""
    messages = [said("one", n) for n in range(40)] + [said("both", n) for n in range(120)]
    messages += [said("two", n, day=1) for n in range(40)]
    root, out = made(tmp_path, messages), tmp_path / "out"
    compressed(spark, root, out, budget=100)
    whole = contexts(out)
    assert {name: row["day"] for name, row in whole.items()} == {"one": 1, "both": 1, "two": 2}
    for day in (1, 2):
        compressed(spark, root, out, date(2026, 6, day), budget=100)
        assert contexts(out) == whole
    record = compressed(spark, root, tmp_path / "day", date(2026, 6, 2), budget=100)
    assert (record["rows_in"], set(contexts(tmp_path / "day"))) == (160, {"two"})


def test_a_conversation_longer_than_a_stretch_keeps_its_target_and_its_order(
    spark: SparkSession, tmp_path: Path
) -> None:
    messages = 2 * STRETCH + 5_000
    root = made(tmp_path, [said("c", number) for number in range(messages)])
    compressed(spark, root, tmp_path / "out")
    row = contexts(tmp_path / "out")["c"]
    assert 0.98 * row["target_tokens"] <= row["compressed_tokens"] <= row["target_tokens"]
    sequences = [kept["sequence"] for kept in row["messages"]]
    assert sequences == sorted(set(sequences))
    assert {sequence // STRETCH for sequence in sequences} == {0, 1, 2}
    newest = [kept["sequence"] for kept in row["messages"] if kept["complete"]][-8:]
    assert newest == list(range(messages - 8, messages))


def test_every_long_conversation_of_locomo_is_within_two_percent_of_its_target(
    spark: SparkSession, tmp_path: Path, data: Path
) -> None:
    root = build(tmp_path / "lake", [data / "locomo" / "conversations.jsonl"], [LAKE_CONVERSATIONS])
    record = compressed(spark, root, tmp_path / "out")
    found = contexts(tmp_path / "out")
    table = open_table(Lake(root), "conversations").to_pyarrow_table(columns=["conversation_id"])
    assert set(found) == set(table["conversation_id"].to_pylist())
    for row in found.values():
        assert 0.98 * 0.3 <= row["ratio"] <= 0.3
    assert record["metrics"]["over_target"] == 0
    assert record["metrics"]["short_of_target"] <= 0.02
    assert record["metrics"]["compressed_conversations"] == len(found)


def test_a_second_run_leaves_equal_rows_and_an_empty_lake_is_a_clean_run(spark: SparkSession, tmp_path: Path) -> None:
    root, out = made(tmp_path / "full", [said("c", number) for number in range(60)]), tmp_path / "out"
    compressed(spark, root, out, budget=100)
    first = contexts(out)
    compressed(spark, root, out, budget=100)
    assert contexts(out) == first and len(first) == 1
    record = compressed(spark, made(tmp_path / "empty", []), tmp_path / "none")
    assert (record["rows_in"], record["rows_out"], record["metrics"]["short_of_target"]) == (0, 0, 0)


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"ratio": 0.0}, {"ratio": 1.0}, {"recent": 1.5}])
def test_parameters_without_sense_are_refused(spark: SparkSession, tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="budget must be at least 1, ratio between 0 and 1"):
        compressed(spark, str(tmp_path), tmp_path / "out", **wrong)

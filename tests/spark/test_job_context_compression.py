"""ContextCompression on small lakes and on LoCoMo in a real Spark session."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conversation_lake import fill, message, new_lake
from deltalake import DeltaTable
from lakes import build
from pyspark.sql import SparkSession

from helix_pipeline.catalog import find
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS
from helix_pipeline.domain.context.conversation import CONVERSATION, ordered
from helix_pipeline.domain.context.engine import compress
from helix_pipeline.domain.context.layout import GAP
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.errors import UsageError
from helix_pipeline.services.batch import execute
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.stretches import STRETCH
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
    """The rows of conversations that have one each."""
    return {row["conversation_id"]: row for row in stretches(out)}


def stretches(out: Path) -> list[dict[str, Any]]:
    rows = DeltaTable(str(out / "compressed_contexts")).to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: (row["conversation_id"], row["stretch"]))


def test_only_conversations_over_the_budget_are_cut_and_as_the_api_would(spark: SparkSession, tmp_path: Path) -> None:
    messages = [said("long", number) for number in range(100)] + [said("short", number) for number in range(3)]
    record = compressed(spark, made(tmp_path, messages), tmp_path / "out", budget=500)
    assert (record["rows_in"], record["rows_out"], record["rejected"]) == (103, 1, 0)
    row = contexts(tmp_path / "out")["long"]
    wanted = compress(ordered(pa.Table.from_pylist(messages[:100], CONVERSATION)), CompressionRequest(ratio=0.3))
    stats = wanted.stats
    assert (row["original_messages"], row["original_tokens"]) == (100, stats.original_tokens)
    assert (row["target_tokens"], row["compressed_tokens"]) == (stats.budget_tokens, stats.compressed_tokens)
    assert 0.98 * row["target_tokens"] <= row["compressed_tokens"] <= row["target_tokens"]
    assert (row["quality_score"], row["summary"]) == (stats.quality_score, wanted.summary)
    assert (row["key_entities"], row["key_decisions"]) == (list(wanted.key_entities), list(wanted.key_decisions))
    kept = [*wanted.selected, *wanted.recent]
    assert row["messages"] == [{name: getattr(one, name) for name in row["messages"][0]} for one in kept]
    assert row["messages"][-1]["sequence"] == 99
    assert (row["first_message"], row["last_message"]) == (START, START + timedelta(seconds=99))
    assert (row["year"], row["month"], row["day"], row["strategy"]) == (2026, 6, 1, "hybrid")
    assert (row["stretch"], row["closed"]) == (0, False)


def test_what_is_kept_is_in_the_source_and_in_order(spark: SparkSession, tmp_path: Path) -> None:
    messages = [said("c", number) for number in range(100)]
    compressed(spark, made(tmp_path, messages), tmp_path / "out", budget=500)
    texts = {message["message_id"]: message for message in messages}
    found = contexts(tmp_path / "out")["c"]["messages"]
    for kept in found:
        source = texts[kept["message_id"]]
        assert (kept["speaker"], kept["timestamp"]) == (source["name"] or "user", source["timestamp"])
        assert all(part in source["content"] for part in kept["text"].removesuffix(GAP.rstrip()).split(GAP))
        assert kept["complete"] == (kept["text"] == source["content"])
    assert [kept["sequence"] for kept in found] == sorted({kept["sequence"] for kept in found})


def test_a_conversation_whose_part_of_the_budget_holds_no_word_is_counted(spark: SparkSession, tmp_path: Path) -> None:
    messages = [said("c", number) for number in range(2)]
    record = compressed(spark, made(tmp_path, messages), tmp_path / "out", budget=20, ratio=0.01)
    assert record["metrics"]["too_small"] == 1
    row = contexts(tmp_path / "out")["c"]
    assert (row["messages"], row["compressed_tokens"], row["original_messages"]) == ([], 0, 2)


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


def test_new_messages_leave_closed_stretches_alone_and_the_result_as_if_all_were_new(
    spark: SparkSession, tmp_path: Path
) -> None:
    """One conversation grows, one does not, and one gets a message late, before the end of a closed stretch."""
    sizes = {"grows": 2 * STRETCH + 900, "stays": 2 * STRETCH + 10, "late": 2 * STRETCH + 20}
    now = [
        said(name, number) for name, size in sizes.items() for number in range(size) if (name, number) != ("late", 7)
    ]
    later = [said("late", 7), *(said("grows", number) for number in range(sizes["grows"], 3 * STRETCH + 100))]
    root, out = made(tmp_path, now), tmp_path / "out"
    compressed(spark, root, out)
    assert [(row["conversation_id"], row["stretch"], row["closed"]) for row in stretches(out)] == [
        (name, stretch, stretch == 0) for name in sorted(sizes) for stretch in (0, 1)
    ]
    fill(Lake(root), later, "later")
    record = compressed(spark, root, out)
    assert record["metrics"]["stretches_kept"] == 3, "the closed one of what grew, and both of what stayed"
    compressed(spark, root, tmp_path / "anew")
    assert stretches(out) == stretches(tmp_path / "anew")
    grown = [row for row in stretches(out) if row["conversation_id"] == "grows"]
    assert [(row["original_messages"], row["closed"]) for row in grown] == [
        (STRETCH, True),
        (STRETCH, True),
        (STRETCH + 100, False),
    ]
    assert all(
        0.98 * row["target_tokens"] <= row["compressed_tokens"] <= row["target_tokens"] for row in stretches(out)
    )
    assert grown[-1]["messages"][-1]["sequence"] == 3 * STRETCH + 99


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
    assert compressed(spark, root, out, budget=100)["metrics"]["stretches_kept"] == 1
    record = compressed(spark, made(tmp_path / "empty", []), tmp_path / "none")
    assert (record["rows_in"], record["rows_out"], record["metrics"]["short_of_target"]) == (0, 0, 0)


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"ratio": 0.0}, {"ratio": 1.0}])
def test_parameters_without_sense_are_refused(spark: SparkSession, tmp_path: Path, wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="budget must be at least 1, ratio between 0 and 1"):
        compressed(spark, str(tmp_path), tmp_path / "out", **wrong)

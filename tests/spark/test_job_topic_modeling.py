"""TopicModeling on small lakes in a real Spark session: planted topics, lineage, fall-backs, bounds."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import conversation_lake
import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.catalog import find
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS
from helix_pipeline.errors import QualityError, UsageError
from helix_pipeline.services.batch import execute
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.topics.documents import (
    DOCUMENT,
    MAX_CHARACTERS,
    SAMPLE_DOCUMENTS,
    SAMPLE_WORDS,
    documents,
    sample,
    vocabulary,
)
from helix_pipeline.stores.lake import Lake, commit, create_tables, open_table, write_files

pytestmark = pytest.mark.spark

JOB = find("TopicModeling")
START = datetime(2026, 6, 1, 12, tzinfo=UTC)
THEMES = {
    "sport": ["goal", "match", "team", "player", "coach", "league", "stadium", "referee"],
    "money": ["bank", "rate", "loan", "share", "profit", "invest", "dividend", "market"],
    "film": ["actor", "scene", "star", "movie", "cinema", "director", "script", "oscar"],
}
NAMES = list(THEMES)


def message(conversation: str, sequence: int, content: str, day: int = 0, offset: int = 0) -> dict[str, Any]:
    at = START + timedelta(days=day, seconds=sequence)
    placed = {"timestamp": at, "kafka_partition": 0, "kafka_offset": offset, "ingested_at": at}
    return {**conversation_lake.message(conversation, sequence, content), **placed}


def planted(conversations: int = 60, day: int = 0, themes: int = 3) -> list[dict[str, Any]]:
    """Conversations of two messages, each of three words of one theme, which its id names."""
    random = np.random.default_rng(day)
    rows = []
    for number in range(conversations):
        name = NAMES[number % themes]
        words = random.choice(THEMES[name], 6, replace=False)
        rows += [message(f"{name}-{day}-{number}", n, " ".join(words[3 * n : 3 * n + 3]), day) for n in range(2)]
    return rows


def lake_of(folder: Path, rows: list[dict[str, Any]]) -> Lake:
    lake = Lake(str(folder / "lake"))
    create_tables(lake, [LAKE_CONVERSATIONS])
    if rows:
        add(lake, rows, 0)
    return lake


def add(lake: Lake, rows: list[dict[str, Any]], version: int) -> None:
    table = pa.Table.from_pylist(rows, schema=LAKE_CONVERSATIONS.schema)
    commit(open_table(lake, "conversations"), write_files(lake, LAKE_CONVERSATIONS, table), "test", version)


def job(spark: SparkSession, lake: Lake, out: Path, day: date | None = None, **parameters: Any) -> JobRun:
    return JobRun(spark, lake.root, str(out), day, {**JOB.defaults, "topics": 3, **parameters})


def written(out: Path, table: str, period: str = "all") -> list[dict[str, Any]]:
    rows = DeltaTable(str(out / table)).to_pyarrow_table(filters=[("period", "=", period)]).to_pylist()
    return sorted(rows, key=lambda row: (row["topic"], row.get("conversation_id", "")))


def theme_of(words: list[str]) -> str:
    """The one theme that all words are of; fails where there are several."""
    [name] = [name for name, theme in THEMES.items() if set(words) <= set(theme)]
    return name


@pytest.mark.parametrize("model", ["nmf", "lda"])
def test_planted_topics_are_found_and_a_second_run_leaves_equal_tables(
    spark: SparkSession, tmp_path: Path, model: str
) -> None:
    lake = lake_of(tmp_path, planted())
    record = execute(JOB, job(spark, lake, tmp_path, model=model))
    topics, found = written(tmp_path, "topics"), written(tmp_path, "document_topics")
    themes = [theme_of(topic["words"][:5]) for topic in topics]  # LDA gives every word some weight in every topic
    assert sorted(themes) == sorted(THEMES)
    assert {row["conversation_id"] for row in found} == {row["conversation_id"] for row in planted()}
    assert all(row["conversation_id"].startswith(themes[row["topic"]]) for row in found)
    assert all(theme_of(topic["label"].split(" · ")) == themes[topic["topic"]] for topic in topics)
    assert [(topic["documents"], topic["share"]) for topic in topics] == [(20, pytest.approx(1 / 3))] * 3
    assert all(row["topic_id"] == topics[row["topic"]]["topic_id"] and 0.5 < row["weight"] <= 1 for row in found)
    assert {(row["year"], row["month"], row["day"], row["fallback"]) for row in found} == {(2026, 6, 1, False)}
    counts = {"documents": 60, "sample": 60, "vocabulary": 24, "topics": 3, "fallback_documents": 0}
    assert record["rows_in"] == 120
    assert counts.items() <= record["metrics"].items()
    assert record["metrics"]["npmi"] == pytest.approx(np.mean([topic["npmi"] for topic in topics]))
    picture = (tmp_path / "archive" / "topics" / "topics_all.svg").read_bytes()
    execute(JOB, job(spark, lake, tmp_path, model=model))
    assert written(tmp_path, "topics") == topics
    assert written(tmp_path, "document_topics") == found
    assert (tmp_path / "archive" / "topics" / "topics_all.svg").read_bytes() == picture
    texts = {text for node in ElementTree.fromstring(picture).iter() for text in [(node.text or "").strip()] if text}
    assert {word for topic in topics for word in topic["label"].split(" · ")} <= texts


def test_topics_are_matched_with_those_of_the_day_before(spark: SparkSession, tmp_path: Path) -> None:
    """Two themes on the first day, all three on the second: two identifiers are kept and one is new."""
    lake = lake_of(tmp_path, planted(40, day=0, themes=2) + planted(60, day=1))
    execute(JOB, job(spark, lake, tmp_path, date(2026, 6, 1), topics=2))
    execute(JOB, job(spark, lake, tmp_path, date(2026, 6, 2)))
    first, second = (written(tmp_path, "topics", period) for period in ("2026-06-01", "2026-06-02"))
    names, later = ({theme_of(row["words"]): row for row in rows} for rows in (first, second))
    assert [row["matched_from"] for row in first] == [None, None]
    for theme in ("sport", "money"):
        assert later[theme]["topic_id"] == names[theme]["topic_id"]
        assert later[theme]["matched_from"] == f"2026-06-01/{names[theme]['topic']}"
        assert 0.3 <= later[theme]["similarity"] <= 1
    assert (later["film"]["matched_from"], later["film"]["similarity"]) == (None, None)
    assert later["film"]["topic_id"] not in {row["topic_id"] for row in first}
    found = Counter((row["day"], row["period"]) for row in written(tmp_path, "document_topics", "2026-06-01"))
    assert found == {(1, "2026-06-01"): 40}
    execute(JOB, job(spark, lake, tmp_path, date(2026, 6, 2)))
    assert written(tmp_path, "topics", "2026-06-02") == second


def test_a_document_without_a_known_word_has_the_heaviest_topic_and_is_counted(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = [*planted(), message("silent", 0, ""), message("stranger", 0, "xylophone")]
    record = execute(JOB, job(spark, lake_of(tmp_path, rows), tmp_path))
    odd = [row for row in written(tmp_path, "document_topics") if row["fallback"]]
    assert [(row["conversation_id"], row["topic"]) for row in odd] == [("silent", 0), ("stranger", 0)]
    assert [row["weight"] for row in odd] == pytest.approx([1 / 3] * 2, abs=0.05)
    assert record["metrics"]["fallback_documents"] == 2
    assert record["metrics"]["fallback_share"] == 2 / 62


def test_a_lake_without_words_is_refused_and_a_single_conversation_has_a_topic(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake = lake_of(tmp_path, [message("silent", n, "?!", day=1) for n in range(3)] + [message("one", 0, "goal match")])
    with pytest.raises(QualityError, match=r"fallback_share is 1 and must be at most 0\.5"):
        execute(JOB, job(spark, lake, tmp_path, date(2026, 6, 2)))
    assert not (tmp_path / "topics").exists()
    assert not (tmp_path / "archive").exists()
    execute(JOB, job(spark, lake, tmp_path, date(2026, 6, 1), topics=0))
    [topic] = written(tmp_path, "topics", "2026-06-01")
    assert (topic["words"], topic["documents"], topic["share"]) == (["goal", "match"], 1, 1.0)


def test_an_empty_lake_is_a_clean_run_and_a_bad_parameter_an_error(spark: SparkSession, tmp_path: Path) -> None:
    lake = lake_of(tmp_path, [])
    record = execute(JOB, job(spark, lake, tmp_path))
    assert (record["rows_in"], record["rows_out"], record["metrics"]) == (0, 0, {})
    for bad, wanted in (
        ({"model": "bert"}, "unknown model 'bert'"),
        ({"topics": -1}, "topics is -1"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(UsageError, match=wanted):
            execute(JOB, job(spark, lake, tmp_path, **bad))


def test_messages_are_joined_in_order_once_each_up_to_the_bound(spark: SparkSession, tmp_path: Path) -> None:
    """Of 50,000 characters, `last` is beyond the bound, and the word that crosses it is cut."""
    fillers = (MAX_CHARACTERS - len("alpha beta gamma del")) // len("pad ")
    texts = ["alpha", "beta", "pad " * fillers + "gamma delta", "last"]
    rows = [message("c", n, text, offset=n) for n, text in enumerate(texts)]
    rows = [
        *rows[::-1],
        message("c", 1, "beta", offset=9),
        message("d", 7, "omega", day=1),
        message("d", 8, "psi", day=2),
    ]
    lake = lake_of(tmp_path, rows)
    found = documents(spark.read.format("delta").load(f"{lake.root}/conversations")).orderBy("conversation_id")
    first, second = (row.asDict() for row in found.collect())
    assert first == {"conversation_id": "c", "year": 2026, "month": 6, "day": 1, "messages": 5} | {
        "words": ["alpha", "beta", *["pad"] * fillers, "gamma", "del"]
    }
    assert (second["day"], second["words"], second["messages"]) == (2, ["omega", "psi"], 2)


def test_words_are_counted_by_document_and_the_sample_is_chosen_by_id_and_seed(spark: SparkSession) -> None:
    total = SAMPLE_DOCUMENTS + 40
    known = F.format_string("w%d", F.col("id") % 8)
    found = spark.range(total).select(
        F.format_string("c%d", F.col("id")).alias("conversation_id"),
        F.array(F.lit("common"), known, known).alias("words"),
    )
    words = vocabulary(found, total)
    assert dict(zip(words.words, words.documents.tolist(), strict=True)) == {f"w{n}": total // 8 for n in range(8)}
    one, again, other = (sample(found.repartition(n), words, seed) for n, seed in ((2, 0), (5, 0), (2, 1)))
    assert one.texts == again.texts != other.texts
    assert [len(text) for text in one.texts] == [2] * SAMPLE_DOCUMENTS
    assert set(one.vocabulary.words) == {word for text in one.texts for word in text}


def test_the_sample_takes_the_first_words_of_a_long_document(spark: SparkSession) -> None:
    """Each says `common` 998 times and a word of its own thrice: the last is the 1,001st."""
    before = SAMPLE_WORDS - 2
    rows = [(f"c{n}", 2026, 1, 1, 1, ["common"] * before + [f"w{n % 8}"] * 3) for n in range(40)]
    found = spark.createDataFrame(rows, DOCUMENT)
    assert [len(text) for text in sample(found, vocabulary(found, 40), 0).texts] == [2] * 40


def test_words_of_a_corpus_that_is_too_uniform_are_all_taken(spark: SparkSession) -> None:
    found = spark.createDataFrame([("a", 2026, 1, 1, 1, ["same", "same"])], DOCUMENT)
    assert vocabulary(found, 1).words == ("same",)

"""EntityExtraction on small lakes in a real Spark session."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conversation_lake import START, Row, fill, message, new_lake, written
from pyspark.sql import DataFrame, SparkSession

from helix_pipeline.catalog import find
from helix_pipeline.contracts.job_tables.entities import ENTITIES_SNAPSHOT, ENTITY_ALIASES
from helix_pipeline.domain.entities.resolution.resolver import load
from helix_pipeline.errors import QualityError, SettingsError, UsageError
from helix_pipeline.services.batch import execute
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.spark.aliases import aliases, names
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.jobs.entity_extraction import with_other_days
from helix_pipeline.stores.extractors.extraction import load_extraction

pytestmark = pytest.mark.spark

JOB = find("EntityExtraction")
GAZETTEER = {"extractor": "gazetteer"}
CHAT = [
    # conversation, message, start, surface, type
    ("c1", "m0", 0, "Kuberentes", "TECH"),
    ("c1", "m0", 20, "Kubernetes", "TECH"),
    ("c1", "m1", 0, "Ann Lee", "PERSON"),
    ("c1", "m2", 0, "Lee", "PERSON"),
    ("c2", "m0", 0, "Quick Rate", "CONCEPT"),
    ("c2", "m0", 12, "QR", "CONCEPT"),
    ("c2", "m1", 0, "Bob Stone", "PERSON"),
    ("c3", "m0", 0, "Stone", "PERSON"),
    ("c3", "m1", 0, "frobnicator", "TECH"),
    ("c3", "m2", 0, "FrobniCator", "TECH"),
]
ENDED = {**message("c1", 9, None), "event_type": "conversation.completed", "message_id": None, "sequence": None}
TEXTS = ["🐳 Docker runs on k8s", "nothing of note", "", "k8s — cafe\u0301 日本 — with Postgres"]
MESSAGES = [message("c1", place, text) for place, text in enumerate(TEXTS)]
NEXT_DAY = message("c2", 0, "Docker", day=1)


def run_of(spark: SparkSession, lake: str, out: Path, day: date | None = None, **parameters: str) -> JobRun:
    return JobRun(spark, lake, str(out), day, {**JOB.defaults, **GAZETTEER, **parameters})


def extract(spark: SparkSession, folder: Path, rows: list[Row], **parameters: str) -> dict[str, Any]:
    lake = new_lake(folder / "lake")
    fill(lake, rows)
    return execute(JOB, run_of(spark, lake.root, folder / "out", **parameters))


def named(spark: SparkSession, rows: list[tuple[str, str, int, str, str]]) -> DataFrame:
    """Return a frame of `ENTITIES` as far as aliases need it."""
    resolver = load()
    found = []
    for conversation, message_id, start, surface, kind in rows:
        entity = resolver.resolve(surface, kind, "")
        at = (conversation, message_id, start, start + len(surface), surface)
        found.append((entity.id, entity.name, entity.type, entity.subtype, *at))
    columns = "entity_id, entity_name, entity_type, entity_subtype, conversation_id, message_id, start, end, surface"
    schema = ", ".join(f"{name} {'int' if name in {'start', 'end'} else 'string'}" for name in columns.split(", "))
    return spark.createDataFrame(found, schema)


def place(row: Row) -> tuple[str, str, int]:
    return row["conversation_id"], row["message_id"], row["start"]


@pytest.fixture(scope="module")
def done(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a lake and what a run made of it, and the run's record."""
    folder = tmp_path_factory.mktemp("entities")
    return folder, extract(spark, folder, [*MESSAGES, NEXT_DAY, ENDED])


def test_mentions_have_exact_spans_and_their_message(done: tuple[Path, dict[str, Any]]) -> None:
    folder, record = done
    assert (record["rows_in"], record["rows_out"], record["rejected"]) == (5, 5, 0)
    assert record["metrics"] == {"duplicates": 0, "entities_extracted": 5, "snapshot_entities": 3}
    rows = sorted(written(folder / "out", "entities"), key=place)
    assert [(row["entity_id"], row["start"], row["surface"]) for row in rows] == [
        ("tech:docker", 2, "Docker"),
        ("tech:kubernetes", 17, "k8s"),
        ("tech:kubernetes", 0, "k8s"),
        ("tech:postgresql", 22, "Postgres"),
        ("tech:docker", 0, "Docker"),
    ]
    texts = {(row["conversation_id"], row["message_id"]): row["content"] for row in [*MESSAGES, NEXT_DAY]}
    assert all(texts[place(row)[:2]][row["start"] : row["end"]] == row["surface"] for row in rows)
    assert rows[0] == {
        **{name: MESSAGES[0][name] for name in ("conversation_id", "message_id", "sequence", "role", "user_id")},
        **{"entity_id": "tech:docker", "entity_name": "Docker", "entity_type": "TECH", "entity_subtype": "tool"},
        **{"start": 2, "end": 8, "surface": "Docker", "confidence": rows[0]["confidence"], "reason": "name"},
        **{"extractor": load_extraction(GraphSettings(**GAZETTEER)).version, "timestamp": START},
        **{"year": 2026, "month": 1, "day": 30},
    }


def test_the_query_of_the_requirements_runs_as_written(spark: SparkSession, done: tuple[Path, dict[str, Any]]) -> None:
    spark.read.format("delta").load(f"{done[0]}/out/entities").createOrReplaceTempView("entities")
    query = """
        SELECT entity_name, entity_type, COUNT(*) AS mention_count
        FROM entities WHERE year = 2026 AND month = 1
        GROUP BY entity_name, entity_type ORDER BY mention_count DESC, entity_name LIMIT 10
    """
    expected = [("Docker", "TECH", 2), ("Kubernetes", "TECH", 2), ("PostgreSQL", "TECH", 1)]
    assert [tuple(row) for row in spark.sql(query).collect()] == expected


def test_the_snapshot_is_one_file_with_the_distinct_entities(done: tuple[Path, dict[str, Any]]) -> None:
    folder = done[0] / "out" / "archive" / "entities"
    path = min(folder.glob("snapshot_????-??-??T??-??-??.parquet"))
    found = pq.read_table(path)
    assert (path.is_file(), found.schema.names) == (True, ENTITIES_SNAPSHOT.names)
    docker, kubernetes, _ = found.sort_by("entity_id").to_pylist()
    assert (docker["mentions"], docker["messages"], docker["conversations"]) == (2, 2, 2)
    assert (docker["first_seen"], docker["last_seen"]) == (START, NEXT_DAY["timestamp"])
    assert (kubernetes["entity_name"], kubernetes["mentions"], kubernetes["conversations"]) == ("Kubernetes", 2, 1)
    assert not [entry for entry in folder.iterdir() if entry.is_dir()]


def test_a_second_run_leaves_equal_tables_and_a_day_leaves_the_others(
    spark: SparkSession, done: tuple[Path, dict[str, Any]]
) -> None:
    folder, _ = done
    first = sorted(written(folder / "out", "entities"), key=place)
    execute(JOB, run_of(spark, f"{folder}/lake", folder / "out"))
    assert sorted(written(folder / "out", "entities"), key=place) == first
    record = execute(JOB, run_of(spark, f"{folder}/lake", folder / "out", date(2026, 1, 31)))
    assert (record["rows_in"], record["metrics"]["entities_extracted"]) == (1, 1)
    assert record["metrics"]["snapshot_entities"] == 3
    assert sorted(written(folder / "out", "entities"), key=place) == first


def test_entities_that_are_one_are_linked_and_say_why(spark: SparkSession) -> None:
    found = aliases(named(spark, CHAT))
    assert found.schema.names == ENTITY_ALIASES.schema.names
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        ("concept:quickrate", "concept:qr", "Quick Rate", "QR", "acronym stated in a text", 0.98),
        # Stone and Bob Stone are named in different conversations.
        ("person:lee", "person:ann-lee", "Lee", "Ann Lee", "part of a name", 0.85),
        ("tech:kuberente", "tech:kubernetes", "Kuberentes", "Kubernetes", "spelling", 0.95),
    ]


def test_the_distinct_entities_have_the_preferred_name_and_their_surfaces(spark: SparkSession) -> None:
    [row] = names(named(spark, CHAT[-2:])).to_pylist()
    assert row == {
        **{"entity_id": "tech:frobnicator", "name": "FrobniCator", "type": "TECH", "subtype": "", "mentions": 2},
        "surfaces": ["FrobniCator", "frobnicator"],
    }


def test_no_entities_have_no_aliases(spark: SparkSession) -> None:
    assert aliases(named(spark, [])).equals(ENTITY_ALIASES.schema.empty_table())


def test_aliases_of_a_day_are_of_the_whole_table(spark: SparkSession, done: tuple[Path, dict[str, Any]]) -> None:
    run = run_of(spark, f"{done[0]}/lake", done[0] / "out", date(2026, 1, 31))
    entities = spark.read.format("delta").load(f"{done[0]}/out/entities")
    of_day = entities.where("day = 31")
    assert (of_day.count(), with_other_days(run, of_day).count(), entities.count()) == (1, 5, 5)
    assert with_other_days(run_of(spark, f"{done[0]}/lake", done[0] / "out"), of_day).count() == 1
    assert written(done[0] / "out", "entity_aliases") == []


def test_a_table_of_an_earlier_release_gets_the_new_columns(spark: SparkSession, tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    fill(lake, [*MESSAGES, NEXT_DAY])
    execute(JOB, run_of(spark, lake.root, tmp_path / "out"))
    path = f"{tmp_path}/out/entities"
    old = spark.read.format("delta").load(path).drop("entity_subtype", "reason").localCheckpoint()
    writer = old.write.format("delta").mode("overwrite").partitionBy("year", "month")
    writer.option("overwriteSchema", "true").save(path)
    record = execute(JOB, run_of(spark, lake.root, tmp_path / "out", date(2026, 1, 31)))
    assert record["metrics"]["snapshot_entities"] == 3
    rows = {place(row): row["entity_subtype"] for row in written(tmp_path / "out", "entities")}
    assert rows[place({**NEXT_DAY, "start": 0})] == "tool"
    assert rows["c1", "m3", 0] is None


def test_a_message_that_is_there_twice_counts_once(spark: SparkSession, tmp_path: Path) -> None:
    changed = {**MESSAGES[0], "content": "Redis and Docker and Redis"}
    other = {**message("c3", 0, "Docker"), "message_id": MESSAGES[0]["message_id"]}
    record = extract(spark, tmp_path, [*MESSAGES, MESSAGES[0], changed, other])
    assert (record["rows_in"], record["metrics"]["duplicates"]) == (7, 2)
    rows = sorted(written(tmp_path / "out", "entities"), key=place)
    assert [(*place(row), row["surface"]) for row in rows] == [
        ("c1", "m0", 2, "Docker"),
        ("c1", "m0", 17, "k8s"),
        ("c1", "m3", 0, "k8s"),
        ("c1", "m3", 22, "Postgres"),
        ("c3", "m0", 0, "Docker"),
    ]


def test_messages_without_text_or_ids_are_rejected_and_many_of_them_refused(
    spark: SparkSession, tmp_path: Path
) -> None:
    good = [message("c1", number, "Docker") for number in range(400)]
    bad = [message("c1", 900, None), {**message("c1", 901, "Docker"), "message_id": None}, message("", 902, "Docker")]
    record = extract(spark, tmp_path / "few", [*good, *bad])
    assert (record["rows_in"], record["rows_out"], record["rejected"]) == (403, 400, 3)
    with pytest.raises(QualityError, match=r"rejected_share is 0\.5 "):
        extract(spark, tmp_path / "many", [*bad, *good[:3]])
    assert not (tmp_path / "many" / "out" / "archive").exists()


def test_an_empty_lake_is_a_clean_run_and_a_missing_one_an_error(spark: SparkSession, tmp_path: Path) -> None:
    record = execute(JOB, run_of(spark, new_lake(tmp_path / "lake").root, tmp_path / "out"))
    assert (record["rows_in"], record["rows_out"], record["metrics"]["snapshot_entities"]) == (0, 0, 0)
    assert written(tmp_path / "out", "entities") == []
    with pytest.raises(UsageError, match=r"no lake table at .*/conversations"):
        execute(JOB, run_of(spark, str(tmp_path / "nowhere"), tmp_path / "out"))


def test_an_extractor_that_is_not_there_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown 'nope'"):
        extract(spark, tmp_path, MESSAGES, extractor="nope")

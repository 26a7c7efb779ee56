"""RelationshipMining on small lakes in a real Spark session."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conversation_lake import START, Row, fill, message, new_lake, write_entities, written
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812
from scipy.stats import false_discovery_control

from helix_pipeline.catalog import find
from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.job_tables import JOB_TABLES
from helix_pipeline.contracts.tables import LAKE_KNOWLEDGE
from helix_pipeline.domain.entities.cooccurrence import MAX_ENTITIES_PER_MESSAGE
from helix_pipeline.domain.entities.gazetteer import load
from helix_pipeline.domain.entities.resolution.resolver import load as resolution
from helix_pipeline.domain.entities.types import in_graph
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


def lake_of(folder: Path, messages: list[Row]) -> str:
    """Write a lake of messages and their entities."""
    fill(new_lake(folder), messages)
    return write_entities(folder, messages)


def related(out: Path, period: str = "all") -> dict[tuple[str, str], Row]:
    rows = [row for row in written(out, "relationships") if row["period"] == period]
    return {(row["a_name"], row["b_name"]): row for row in rows}


@pytest.fixture(scope="module")
def talk(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, dict[str, Any]]:
    """The lake of `TALK`, what a run made of it, and the run's record."""
    folder = tmp_path_factory.mktemp("talk")
    root = lake_of(folder / "lake", TALK)
    return root, folder / "out", mine(spark, root, folder / "out")


def test_counts_and_measures_are_those_worked_by_hand(talk: tuple[str, Path, dict[str, Any]]) -> None:
    _, out, record = talk
    # 30 + 30 messages name Docker, 10 Java. Windows begin at -2 to 1 in the 30 conversations, at -2 to 0 in the 10.
    assert record["metrics"] == {"entities": 3, "messages": 70, "windows": 150, "entities_left_out": 0}
    assert (record["rows_in"], record["rejected"]) == (100, 0)
    # One pair, the two entities of its community, and nothing stated.
    assert record["rows_out"] == 3
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
    # 30 messages name both, and the rarer one: the discount is (30 / 31) ** 2. It was last seen in the last message.
    assert row["strength"] == pytest.approx(row["npmi"] * (30 / 31) ** 2)
    found = [(one["entity_id"], one["community"], one["size"]) for one in written(out, "communities")]
    assert sorted(found) == [("tech:docker", 0, 2), ("tech:redis", 0, 2)]


def test_what_is_rare_or_may_be_chance_is_left_out(
    spark: SparkSession, talk: tuple[str, Path, dict[str, Any]], tmp_path: Path
) -> None:
    assert mine(spark, talk[0], tmp_path, min_frequency=31)["rows_out"] == 0
    assert mine(spark, talk[0], tmp_path, max_fdr=1e-12)["rows_out"] == 0
    assert written(tmp_path, "communities") == []


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
    root = lake_of(tmp_path / "lake", apart)
    assert mine(spark, root, tmp_path / "out", window=1)["rows_out"] == 0
    assert mine(spark, root, tmp_path / "out", window=3)["rows_out"] == 1
    assert written(tmp_path / "out", "communities") == []
    [row] = related(tmp_path / "out").values()
    assert (row["frequency"], row["npmi"], row["p_value"], row["window_frequency"]) == (0, -1.0, 1.0, 40)
    assert row["evidence"] == [{"conversation_id": "c0", "message_id": "m1"}]


def test_the_planted_pairs_of_the_sample_come_out_on_top(spark: SparkSession, tmp_path: Path) -> None:
    events = generate(conversations=160, debates=0, provider_calls=0)
    said = [{**event.model_dump(), "metadata": "{}"} for event in events if isinstance(event, MessageAdded)]
    root = lake_of(tmp_path / "lake", said)
    mine(spark, root, tmp_path / "out")
    resolver = resolution()
    planted = {tuple(sorted(resolver.resolve(name, "TECH", "").id for name in pair)) for pair in planted_pairs()}
    ranked = sorted(related(tmp_path / "out").values(), key=lambda row: row["npmi"], reverse=True)
    assert {(row["a_id"], row["b_id"]) for row in ranked[: len(planted)]} == planted
    assert len(ranked) > len(planted)
    assert all(row["a_id"] < row["b_id"] for row in ranked)
    assert all(1 <= len(row["evidence"]) <= 3 for row in ranked)
    assert all(min(row["q_value"], row["window_q_value"]) <= 0.05 for row in ranked)


def test_what_messages_state_is_kept_and_holds_until_it_is_closed(spark: SparkSession, tmp_path: Path) -> None:
    said = [
        message("c1", 0, "We use MySQL. Kafka is written in Scala and Java."),
        message("c1", 1, "Do we use Redis?"),
        {**message("c1", 2, "I use Docker."), "role": "assistant"},
        message("c2", 0, "We switched from MySQL to PostgreSQL.", day=1),
    ]
    # The same message once more, and one of the same id whose text names nothing where the mentions are.
    copies = [said[3], {**said[3], "content": "We no longer use PostgreSQL."}]
    fill(new_lake(tmp_path / "lake"), [*said, *copies])
    root = write_entities(tmp_path / "lake", said)
    mine(spark, root, tmp_path / "out")
    stated = {
        (row["subject_id"], row["relation"], row["object_id"], row["ended"]): row
        for row in written(tmp_path / "out", "relation_statements")
    }
    assert set(stated) == {
        ("user:u1", "uses", "tech:mysql", False),
        ("tech:apache-kafka", "written_in", "tech:scala", False),
        ("tech:apache-kafka", "written_in", "tech:java", False),
        ("user:u1", "uses", "tech:mysql", True),
        ("user:u1", "uses", "tech:postgresql", False),
    }
    first = stated["user:u1", "uses", "tech:mysql", False]
    assert said[0]["content"][first["start"] : first["end"]] == "use MySQL"
    assert (first["stated_at"], first["learnt_at"], first["day"]) == (START, START, START.day)
    held = {row["object_id"]: row for row in written(tmp_path / "out", "relation_intervals")}
    assert {name: row["valid_to"] for name, row in held.items()} == {
        "tech:mysql": START + timedelta(days=1),
        "tech:postgresql": None,
        "tech:scala": None,
        "tech:java": None,
    }
    closed = held["tech:mysql"]["closed_by"]
    assert (closed["conversation_id"], closed["message_id"]) == ("c2", "m0")
    assert closed["statement_id"] == stated["user:u1", "uses", "tech:mysql", True]["statement_id"]
    assert held["tech:mysql"]["evidence"] == [{"conversation_id": "c1", "message_id": "m0"}]
    assert [row["statements"] for row in held.values()] == [1] * 4


def test_what_was_posted_closes_what_messages_state(spark: SparkSession, tmp_path: Path) -> None:
    lake, said = new_lake(tmp_path / "lake"), [message("c1", 0, "We use MySQL.")]
    about = {"entity_id": "user:u1", "relation": "uses", "object_id": "tech:mysql", "confidence": 0.75}
    event = {"schema_version": 1, "event_type": "relationship.stated", "metadata": "{}", **about}
    over = {**event, "event_id": "e1", "ended": True, "timestamp": START + timedelta(days=1), "message_id": "m9"}
    named = {"schema_version": 1, "event_type": "entity.stated", "event_id": "e2", "metadata": "{}", "timestamp": START}
    fill(lake, said)
    fill(lake, [over, over, {**named, "entity_id": "tech:x", "name": "X", "type": "TECH"}], table=LAKE_KNOWLEDGE)
    mine(spark, write_entities(tmp_path / "lake", said), tmp_path / "out")
    rows = {row["statement_id"]: row for row in written(tmp_path / "out", "relation_statements")}
    assert len(rows) == 2
    posted = rows["e1"]
    assert (posted["object_kind"], posted["confidence"], posted["day"]) == ("database", 0.75, 31)
    assert (posted["start"], posted["cue"], posted["conversation_id"], posted["message_id"]) == (None, "", "", "m9")
    [held] = written(tmp_path / "out", "relation_intervals")
    assert (held["valid_from"], held["valid_to"], held["statements"]) == (START, START + timedelta(days=1), 1)
    assert held["closed_by"] == {"statement_id": "e1", "conversation_id": "", "message_id": "m9"}


def test_aliases_count_as_one_under_the_name_they_lead_to(spark: SparkSession, tmp_path: Path) -> None:
    aliased = [message("x", 0, "Memcached uses Docker", day=2)]
    root = lake_of(tmp_path / "lake", [*TALK, *aliased])
    link = {"entity_id": "tech:memcached", "into_id": "tech:redis", "name": "Memcached", "into_name": "Redis"}
    rows = [{**link, "period": "all"}, {**link, "into_id": "tech:elsewhere", "period": "2020-01-01"}]
    write_deltalake(f"{root}/entity_aliases", pa.Table.from_pylist(rows, JOB_TABLES["entity_aliases"].stored))
    assert mine(spark, root, tmp_path / "out")["metrics"]["entities"] == 3
    [(names, row)] = related(tmp_path / "out").items()
    assert (names, row["frequency"], row["b_frequency"]) == (("Docker", "Redis"), 31, 31)
    [stated] = written(tmp_path / "out", "relation_statements")
    assert (stated["subject_id"], stated["object_id"]) == ("tech:redis", "tech:docker")


@pytest.mark.parametrize("subtype", ["version", "data type"])
def test_only_kinds_that_are_nodes_are_paired(
    spark: SparkSession, talk: tuple[str, Path, dict[str, Any]], tmp_path: Path, subtype: str
) -> None:
    rows = DeltaTable(f"{talk[0]}/entities").to_pyarrow_table().to_pylist()
    assert not in_graph("TECH", subtype)
    versions = [{**row, "entity_subtype": subtype} if row["entity_name"] == "Redis" else row for row in rows]
    fill(new_lake(tmp_path / "lake"), TALK)
    write_deltalake(f"{tmp_path}/lake/entities", pa.Table.from_pylist(versions, JOB_TABLES["entities"].schema))
    record = mine(spark, str(tmp_path / "lake"), tmp_path / "out")
    assert (record["rows_out"], record["metrics"]["entities"]) == (0, 2)


def test_a_crowded_message_takes_part_with_its_first_entities(spark: SparkSession, tmp_path: Path) -> None:
    names = [entry.name for entry in load().entries.values() if not entry.forms[0][0]][:70]
    crowds = [("c1", 0, names), ("c2", 0, names[:40]), ("c2", 1, names[40:])]
    root = lake_of(tmp_path / "lake", [message(c, place, ", ".join(crowd)) for c, place, crowd in crowds])
    # Of 70 entities the one message leaves out what is beyond the bound, and so do two windows over the other two
    # messages, and their conversation.
    left_out = 4 * (len(names) - MAX_ENTITIES_PER_MESSAGE)
    assert mine(spark, root, tmp_path / "out")["metrics"]["entities_left_out"] == left_out > 0


def test_no_entities_are_a_clean_run_and_no_table_an_error(spark: SparkSession, tmp_path: Path) -> None:
    record = mine(spark, lake_of(tmp_path / "lake", []), tmp_path / "out")
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

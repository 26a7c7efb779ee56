"""`verify` against real stores: all agree, and each way in which a store can be wrong is counted exactly."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from verify_stores import HOUSE, NOW, Pipeline, check, corpus, empty_stores, message, only, renamed, wrong

from helix_pipeline.contracts.tables import EVENT_TABLES, LAKE_QUARANTINE
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES, TOPICS
from helix_pipeline.errors import StoreError
from helix_pipeline.services.verify import StoreCheck
from helix_pipeline.settings import Settings
from helix_pipeline.settings_sections import RetentionSettings
from helix_pipeline.stores import bus, lake, warehouse

pytestmark = pytest.mark.servers


@pytest.fixture
def pipeline(settings: Settings, tmp_path: Path) -> Pipeline:
    return empty_stores(settings, tmp_path)


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """The corpus, in all stores."""
    pipeline.publish(corpus())
    pipeline.carry()
    return pipeline


def test_stores_that_agree_pass_and_are_counted(loaded: Pipeline) -> None:
    report = loaded.verify()
    assert wrong(report) == {}
    assert report.ok and not report.examples
    assert check(report, "lake", "conversation events") == StoreCheck("lake", "conversation events", 25, 25)
    assert check(report, "clickhouse", "conversation events").expected == 24
    assert check(report, "lake", "debate events").found == 1
    assert check(report, "clickhouse", "request events").found == 2
    assert check(report, "graph", "messages per conversation").found == 24
    assert check(report, "graph", "mentions per entity").found == 3 * 2 * (3 + 3 + 4)
    assert check(report, "graph", "pair frequencies").found == 3 * 2 * (3 + 1 + 3)
    assert check(report, "graph", "completed conversations").found == 1


def test_empty_stores_agree(pipeline: Pipeline) -> None:
    report = pipeline.verify()
    assert report.ok
    assert {c.found for c in report.stores} == {0}


def test_rows_missing_from_lake_and_clickhouse(pipeline: Pipeline) -> None:
    pipeline.publish(corpus())
    pipeline.carry(skip_lake={"c1/3", "c1/4", "d0/start"}, skip_house={"c2/0", "r1"})
    report = pipeline.verify()
    assert wrong(report) == {
        ("lake", "conversation events"): (2, 0, 0),
        ("lake", "debate events"): (1, 0, 0),
        ("clickhouse", "conversation events"): (1, 0, 0),
        ("clickhouse", "request events"): (1, 0, 0),
    }
    examples = [("conversation", "c1"), ("conversation", "c2"), ("debate", "d0"), ("request", "r1")]
    assert [(e.kind, e.id) for e in report.examples] == examples
    assert report.examples[0].problems[0].startswith("lake, conversation events: 2 missing")


def test_rows_twice_or_too_many(loaded: Pipeline) -> None:
    table = EVENT_TABLES[0]
    rows = loaded.rows(table)
    for write, twice in ((loaded.to_lake, ["c0/1", "c0/1"]), (loaded.to_house, ["c0/2"])):
        for event_id in twice:
            write(table, only(rows, event_id))
        write(table, renamed(only(rows, "c2/5"), "never published"))
    report = loaded.verify()
    assert wrong(report) == {
        ("lake", "conversation events"): (0, 2, 1),
        ("clickhouse", "conversation events"): (0, 1, 1),
    }
    assert [e.id for e in report.examples] == ["c0", "c2"]
    assert len(report.examples[0].problems) == 2


def test_clickhouse_keeps_messages_only(loaded: Pipeline) -> None:
    with warehouse.client(loaded.house) as client:
        rows = loaded.rows(EVENT_TABLES[0])
        end = only(rows, "c0/end").to_pylist()[0]
        made = pa.Table.from_pylist([{**end, "message_id": "", "sequence": 0, "role": "", "content": ""}], rows.schema)
        warehouse.insert(client, "conversation_messages", made.drop_columns(["messages"]), "end")
    assert wrong(loaded.verify()) == {("clickhouse", "conversation events"): (0, 0, 1)}


def test_rows_past_their_time_to_live_may_be_gone(loaded: Pipeline) -> None:
    """As if months had passed: the shortest time to live, and broker times from two days ago."""
    past = pa.scalar(NOW - timedelta(days=2), pa.timestamp("us", tz="UTC"))
    for topic in TOPICS:
        loaded.forget(topic.name)
    for table in EVENT_TABLES:
        rows = loaded.rows(table)
        index = rows.schema.get_field_index("ingested_at")
        target = lake.open_table(loaded.lake, table.name)
        target.delete()
        aged = rows.set_column(index, rows.schema.field(index), pa.repeat(past, rows.num_rows))
        loaded.to_lake(table, aged)
        if table.name not in HOUSE:
            continue
        with warehouse.client(loaded.house) as client:
            client.command(f"TRUNCATE TABLE {HOUSE[table.name]}")
    assert wrong(loaded.verify()) != {}
    loaded.settings = loaded.settings.model_copy(update={"retention": RetentionSettings(clickhouse_days=1)})
    assert wrong(loaded.verify()) == {}


def test_what_kafka_dropped_is_not_missing(loaded: Pipeline) -> None:
    for topic in TOPICS:
        loaded.forget(topic.name)
    loaded.publish([message("c0", 8), message("c9", 0)])
    loaded.carry()
    report = loaded.verify()
    assert wrong(report) == {}
    assert check(report, "lake", "conversation events").expected == 27
    assert check(report, "graph", "messages per conversation").expected == 26


def test_what_kafka_dropped_is_compared_with_the_lake(loaded: Pipeline) -> None:
    loaded.forget(CONVERSATIONS.name)
    with warehouse.client(loaded.house) as client:
        client.command("DELETE FROM conversation_messages WHERE event_id = 'c1/1'")
    loaded.cypher("MATCH (c:Conversation {id: 'c2'}) SET c.messages = 1")
    assert wrong(loaded.verify()) == {
        ("clickhouse", "conversation events"): (1, 0, 0),
        ("graph", "messages per conversation"): (7, 0, 0),
    }


def test_an_event_published_twice_is_shown_and_agrees(pipeline: Pipeline) -> None:
    pipeline.publish([*corpus(), message("c0", 0)])
    pipeline.carry()
    report = pipeline.verify()
    assert check(report, "kafka", "conversation events").duplicate == 1
    assert report.ok


def test_what_does_not_decode_must_be_in_quarantine(loaded: Pipeline) -> None:
    loaded.publish_raw(b"{broken")
    loaded.publish_raw(b"\xff", DEBATES.name)
    before = loaded.verify()
    assert wrong(before) == {
        ("quarantine", "conversation records"): (1, 0, 0),
        ("quarantine", "debate records"): (1, 0, 0),
    }
    assert before.examples[0].kind == CONVERSATIONS.name
    loaded.carry()
    after = loaded.verify()
    assert wrong(after) == {}
    assert check(after, "quarantine", "conversation records").found == 1
    for topic in TOPICS:
        loaded.forget(topic.name)
    assert wrong(loaded.verify()) == {}


def test_quarantined_records_twice_elsewhere_or_in_the_lake(loaded: Pipeline) -> None:
    loaded.publish_raw(b"{broken")
    loaded.carry()
    place = loaded.rows(LAKE_QUARANTINE)
    loaded.to_lake(LAKE_QUARANTINE, place)
    offset = place.schema.get_field_index("kafka_offset")
    elsewhere = place.set_column(offset, place.schema.field(offset), pc.add(place["kafka_offset"], 1000))
    loaded.to_lake(LAKE_QUARANTINE, elsewhere)
    rows = renamed(only(loaded.rows(EVENT_TABLES[0]), "c0/0"), "broken")
    for name in ("kafka_partition", "kafka_offset"):
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), place[name].slice(0, 1))
    loaded.to_lake(EVENT_TABLES[0], rows)
    assert wrong(loaded.verify()) == {
        ("quarantine", "conversation records"): (0, 1, 1),
        ("lake", "conversation events"): (0, 0, 1),
    }


def test_a_readable_record_in_quarantine_waits_until_it_is_sent_again(loaded: Pipeline) -> None:
    """An earlier version could not read it; this one can."""
    late = message("c5", 0)
    ends = {p: end for p, (_, end) in bus.record_ranges(loaded.settings, CONVERSATIONS.name).items()}
    loaded.publish([late])
    ranges = {p: (ends[p], end) for p, (_, end) in bus.record_ranges(loaded.settings, CONVERSATIONS.name).items()}
    records = [m for batch in bus.read_records(loaded.settings, CONVERSATIONS.name, ranges) for m in batch]
    loaded.quarantine(CONVERSATIONS.name, [(record, "not known to the last version") for record in records])
    loaded.ends[CONVERSATIONS.name] = {p: end for p, (_, end) in ranges.items()}
    waiting = loaded.verify()
    assert (waiting.ok, waiting.waiting) == (True, 1)
    loaded.publish([late])
    loaded.carry()
    sent = loaded.verify()
    assert (sent.ok, sent.waiting, wrong(sent)) == (True, 0, {})


def test_the_command_ends_with_what_was_found(loaded: Pipeline) -> None:
    agree = loaded.invoke("--json")
    document = json.loads(agree.stdout)
    assert (agree.exit_code, document["ok"], document["examples"]) == (0, True, [])
    assert {check["store"] for check in document["stores"]} == {"kafka", "lake", "clickhouse", "quarantine", "graph"}
    loaded.cypher("MATCH (c:Conversation {id: 'c1'}) SET c.messages = 5")
    differ = loaded.invoke()
    assert differ.exit_code == 1
    assert "graph, messages per conversation: 3 missing" in differ.stdout
    assert "the stores disagree" in differ.stdout


@pytest.mark.parametrize(
    ("section", "change", "name"),
    [
        ("kafka", {"bootstrap_servers": "127.0.0.1:9"}, "Kafka"),
        ("clickhouse", {"host": "127.0.0.1", "port": 9}, "ClickHouse"),
        ("neo4j", {"uri": "bolt://127.0.0.1:9"}, "Neo4j"),
        ("lake", {"root": "/nowhere/at/all"}, "lake"),
    ],
)
def test_a_store_that_does_not_answer_is_named(
    pipeline: Pipeline, section: str, change: dict[str, object], name: str
) -> None:
    pipeline.publish([message("c0", 0)])
    broken = getattr(pipeline.settings, section).model_copy(update=change)
    pipeline.settings = pipeline.settings.model_copy(update={section: broken})
    with pytest.raises(StoreError, match=name):
        pipeline.verify()

"""A conversation from the hot copy, the lake and Kafka: the same table from each, whatever the streams have carried."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from context_stores import message, said

from helix_pipeline.contracts.events import ConversationCompleted
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.context.conversation import CONVERSATION
from helix_pipeline.errors import NotFoundError, StoreError
from helix_pipeline.local import servers
from helix_pipeline.services.context.conversations import find
from helix_pipeline.services.context.current import current
from helix_pipeline.services.context.holdings import lake_of
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.settings import Settings
from helix_pipeline.stores import warehouse
from helix_pipeline.stores.log_reader import partition_of

pytestmark = pytest.mark.servers


def read(settings: Settings, name: str) -> tuple[str, pa.Table]:
    with ContextStores(settings) as stores:
        one = find(stores, name)
        return one.source, one.table()


def expected(name: str, count: int) -> pa.Table:
    rows = [one.model_dump() for one in said(name, count)]
    return pa.Table.from_pylist([{field: row[field] for field in CONVERSATION.names} for row in rows], CONVERSATION)


def test_each_source_gives_the_same_table(place, name, tmp_path):
    place.publish(*said(name, 40), message(f"{name}-other", 0))
    place.carry()
    for settings, source in (
        (place.settings, "clickhouse"),
        (place.without_house(), "lake"),
        (place.without_stores(tmp_path), "kafka"),
    ):
        where, table = read(settings, name)
        assert where == source
        assert table.equals(expected(name, 40)), source


def test_the_answer_says_why_a_better_source_was_not_used(place, name, tmp_path):
    place.publish(*said(name, 3))
    place.carry()
    with ContextStores(place.settings) as stores:
        assert find(stores, name).notes == ()
    with ContextStores(place.without_stores(tmp_path)) as stores:
        hot, lake = find(stores, name).notes
    assert "hot copy not used" in hot and "127.0.0.1:1" in hot
    assert "lake not used" in lake and "nothing/conversations" in lake


def test_what_no_stream_has_carried_is_there_from_each_source(place, name, tmp_path):
    place.publish(*said(name, 10))
    place.carry()
    place.publish(*said(name, 12)[10:])
    for settings in (place.settings, place.without_house(), place.without_stores(tmp_path)):
        assert read(settings, name)[1].equals(expected(name, 12))


def test_a_conversation_that_no_stream_has_carried_is_found(place, name):
    place.publish(*said(name, 2))
    assert read(place.settings, name)[1].equals(expected(name, 2))


def test_a_batch_that_is_visible_in_part_hides_nothing(place, name):
    """Rows of a batch appear one by one: the newest row being there says nothing of those before it."""
    place.publish(*said(name, 10))
    place.carry()
    before = dict(place.carried)
    place.publish(*said(name, 20)[10:])
    rows = place.rows({p: (before[p], end) for p, end in place.ends().items() if before[p] < end})
    place.to_house(rows.filter(pc.equal(rows["sequence"], 19)))
    source, table = read(place.settings, name)
    assert source == "clickhouse" and table.equals(expected(name, 20))


def test_a_stream_that_has_noted_nothing_makes_kafka_read_as_a_whole(place, name):
    place.publish(*said(name, 5))
    extents = {p: (place.carried[p], end) for p, end in place.ends().items() if place.carried[p] < end}
    rows = place.rows(extents)
    place.to_house(rows.slice(0, rows.num_rows - 1))
    assert read(place.settings, name)[1].equals(expected(name, 5))


def test_order_is_by_sequence_and_each_event_is_there_once(place, name):
    messages = said(name, 6)
    place.publish(*reversed(messages), messages[2])
    place.carry()
    place.publish(messages[3])
    assert read(place.settings, name)[1].equals(expected(name, 6))


def test_other_events_of_the_conversation_are_no_messages(place, name):
    end = ConversationCompleted(event_id=f"{name}/end", timestamp=datetime.now(UTC), conversation_id=name, messages=2)
    place.publish(*said(name, 2), end)
    for carry in (lambda: None, place.carry):
        carry()
        assert read(place.settings, name)[1].equals(expected(name, 2))
    with ContextStores(place.settings) as stores:
        assert sorted(lake_of(stores, name, None).sequence.tolist()) == [0, 1]


def test_an_unknown_conversation_is_said_to_be_unknown(place, tmp_path):
    for settings in (place.settings, place.without_house(), place.without_stores(tmp_path)):
        with ContextStores(settings) as stores, pytest.raises(NotFoundError, match="'nobody'"):
            find(stores, "nobody")


def test_messages_that_have_left_the_hot_copy_come_from_the_lake(place, name):
    """The hot copy drops rows 90 days after they came; here those of the first five messages."""
    place.publish(*said(name, 8))
    extents = {p: (place.carried[p], end) for p, end in place.ends().items() if place.carried[p] < end}
    place.carry(to_house=False)
    rows = place.rows(extents)
    aged = pa.scalar(datetime.now(UTC) - timedelta(days=91), rows.schema.field("ingested_at").type)
    came = pc.if_else(pc.less(rows["sequence"], 5), aged, rows["ingested_at"])
    place.to_house(rows.set_column(rows.schema.get_field_index("ingested_at"), "ingested_at", came))
    with warehouse.client(warehouse.open_warehouse(place.settings)) as client:
        warehouse.record_progress(client, "conversation_messages", place.topic_id, "query", extents)
        client.command("ALTER TABLE conversation_messages DELETE WHERE sequence < 5", settings={"mutations_sync": 1})
    with ContextStores(place.settings) as stores:
        one = find(stores, name)
        assert one.source == "lake" and one.complete
        assert "leave the hot copy after 90 days" in one.notes[0]
        assert one.table().equals(expected(name, 8))


def test_clickhouse_stopped_and_started_again(place, name, settings):
    place.publish(*said(name, 4))
    place.carry()
    with ContextStores(place.settings) as stores:
        before = find(stores, name)
        assert current(stores, name).source == before.source == "clickhouse"
        servers.down(settings, ["clickhouse"])
        try:
            assert before.table().equals(expected(name, 4)), "what was found before is read from where it still is"
            for one in (find(stores, name), current(stores, name)):
                assert one.source == "lake" and one.complete and one.table().equals(expected(name, 4))
        finally:
            servers.up(settings, ["clickhouse"])
    assert read(place.settings, name)[0] == "clickhouse"


def test_without_kafka_what_the_stores_have_is_given_with_a_warning(place, name):
    place.publish(*said(name, 4))
    place.carry()
    away = place.settings.model_copy(
        update={"kafka": place.settings.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})}
    )
    with ContextStores(away) as stores:
        one = find(stores, name)
        assert (one.source, one.complete, one.head) == ("clickhouse", False, None)
        assert "messages of the last moments may be missing" in one.notes[0]
        assert one.table().equals(expected(name, 4))
        with pytest.raises(StoreError, match="'nobody' cannot be told now: kafka not used"):
            find(stores, "nobody")


def test_records_that_cannot_be_read_in_time_are_said_to_be_missing(place, name):
    place.publish(*said(name, 5))
    place.carry()
    place.publish(*said(name, 9)[5:])
    hasty = place.settings.context.model_copy(update={"tail_timeout_s": 1e-9})
    with ContextStores(place.settings.model_copy(update={"context": hasty})) as stores:
        one = find(stores, name)
        assert (one.complete, one.head) == (False, None)
        assert re.search(
            r"records \d+ to \d+ of partition \d+ could not be read: the time allowed is over", one.notes[0]
        )
        assert one.table().equals(expected(name, 5))
        place.publish(*said(f"{name}-new", 1))
        with pytest.raises(StoreError, match="cannot be told now"):
            find(stores, f"{name}-new")


def test_many_ask_at_once_where_the_log_is(place):
    """The client is idle in between, and must be the same for all: one that is dropped takes their answers with it."""
    with ContextStores(place.settings) as stores, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: stores.log.state(), range(400)))
    assert {one.topic_id for one in found} == {place.topic_id}


def test_without_any_source_the_answer_is_that_none_answers(place, tmp_path):
    nothing = place.without_stores(tmp_path)
    nowhere = nothing.model_copy(
        update={"kafka": nothing.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})}
    )
    with ContextStores(nowhere) as stores, pytest.raises(StoreError, match="no source can be asked"):
        find(stores, "whatever")


def test_what_kafka_no_longer_keeps_is_not_passed_over(place, name, tmp_path):
    """Kafka has dropped the first messages, and no store has them: the answer says so. Last: it empties a partition."""
    place.publish(*said(name, 5))
    partition = partition_of(name.encode(), CONVERSATIONS.partitions)
    admin = AdminClient({"bootstrap.servers": place.settings.kafka.address})
    gone = TopicPartition(CONVERSATIONS.name, partition, place.ends()[partition])
    admin.delete_records([gone], request_timeout=20)[gone].result(20)
    place.publish(*said(name, 8)[5:])
    with ContextStores(place.without_stores(tmp_path)) as stores:
        one = find(stores, name)
    assert not one.complete and "records that Kafka no longer keeps" in one.notes[-1]
    assert one.table()["sequence"].to_pylist() == [5, 6, 7]

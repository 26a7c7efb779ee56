"""Graph deltas: counts as a plain counter has them, the same however the events are cut into batches."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations
from zlib import crc32

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.contracts.rows import event_schema
from helix_pipeline.contracts.topics import CONVERSATIONS, KNOWLEDGE
from helix_pipeline.domain.entities.cooccurrence import MAX_ENTITIES_PER_MESSAGE
from helix_pipeline.domain.entities.extraction import MENTIONS
from helix_pipeline.domain.graph import knowledge
from helix_pipeline.domain.graph.deltas import (
    BUCKETS,
    COMPLETED,
    CONVERSATION,
    ENTITY,
    MENTION,
    NAMING,
    PAIR,
    PARTICIPANT,
    SCHEMA,
    add_up,
    bucket,
)
from helix_pipeline.domain.graph.labels import LONGEST_ID, LONGEST_NAME, packed
from helix_pipeline.domain.graph.messages import COLUMNS, END, MESSAGE, deltas, nodes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 6, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
names = st.sampled_from(["a", "b", "ü", "d"])
surfaces = st.tuples(names, st.sampled_from(["", "s", "\t'\"\n"]))
messages = st.tuples(names, st.none() | names, st.lists(surfaces, max_size=5), st.integers(0, 10**6))
Message = tuple[str, str | None, list[tuple[str, str]], int]
Key = tuple[int, str, str, str]


def label(entity: str) -> str:
    return packed(entity.upper(), "TECH", "tool")


def batch(rows: list[dict[str, object]]) -> pa.RecordBatch:
    """Conversation events, with the columns that the graph needs."""
    return pa.RecordBatch.from_pylist(rows, pa.schema([event_schema(CONVERSATIONS).field(c) for c in COLUMNS]))


def mention(row: int, entity: str, surface: str, type: str = "TECH", subtype: str = "tool") -> dict[str, object]:
    where = {"row": row, "start": 0, "end": len(surface), "surface": surface, "confidence": 1.0, "reason": "test"}
    return {**where, "type": type, "subtype": subtype, "entity_id": entity, "entity_name": entity.upper()}


def named(texts: list[list[tuple[str, str]]]) -> pa.Table:
    """The mentions of messages that name (entity, end of its surface) pairs."""
    rows = [mention(row, entity, entity + end) for row, text in enumerate(texts) for entity, end in text]
    return nodes(pa.Table.from_pylist(rows, MENTIONS))


def gathered(found: list[Message]) -> pa.Table:
    rows = [
        {"event_type": MESSAGE, "conversation_id": conversation, "user_id": user, "timestamp": EPOCH + at * MS}
        for conversation, user, _, at in found
    ]
    return deltas(batch(rows), named([entities for _, _, entities, _ in found]))


def times(found: list[Message]) -> dict[Key, list[int]]:
    """The model: when each thing was seen, once per sighting."""
    seen: dict[Key, list[int]] = {}
    for conversation, user, named, at in found:
        entities = [entity for entity, _ in named]
        keys = [(CONVERSATION, conversation, "", "")]
        keys += [(PARTICIPANT, conversation, user, "")] if user else []
        keys += [(ENTITY, entity, entity + end, label(entity)) for entity, end in named]
        keys += [(MENTION, entity, conversation, "") for entity in entities]
        keys += [(PAIR, *pair, "") for pair in combinations(sorted(set(entities)), 2)]
        keys += [(NAMING, "", "", "")] if entities else []
        for key in keys:
            seen.setdefault(key, []).append(at)
    return seen


def by_key(table: pa.Table) -> dict[Key, tuple[int, int, int]]:
    rows = table.to_pylist()
    found = {(r["kind"], r["a"], r["b"], r["detail"]): (r["n"], r["first"], r["last"]) for r in rows}
    assert len(found) == len(rows)
    return found


def per_entity(table: pa.Table, column: str) -> Counter[str]:
    totals: Counter[str] = Counter()
    for row in table.to_pylist():
        if row["kind"] == ENTITY:
            totals[row["a"]] += row[column]
    return totals


@given(st.lists(messages, max_size=12))
def test_counts_and_times_are_those_of_a_plain_counter(found):
    wanted = {key: (len(at), min(at), max(at)) for key, at in times(found).items()}
    assert by_key(gathered(found)) == wanted


@given(st.lists(messages, max_size=12))
def test_each_message_counts_once_for_an_entity_however_often_and_by_whatever_name(found):
    wanted = Counter(entity for _, _, named, _ in found for entity in {entity for entity, _ in named})
    assert per_entity(gathered(found), "messages") == wanted
    assert per_entity(gathered(found), "n") == Counter(entity for _, _, named, _ in found for entity, _ in named)


@given(st.lists(messages, max_size=12), st.data())
def test_any_split_in_any_order_adds_up_to_the_whole(found, data):
    shuffled = data.draw(st.permutations(found))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(found)), max_size=4)))
    parts = [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(found)], strict=True)]
    split, whole = add_up(map(gathered, parts)), add_up([gathered(found)])
    assert by_key(split) == by_key(whole) == by_key(gathered(found))
    assert per_entity(split, "messages") == per_entity(whole, "messages")


@given(st.lists(messages, max_size=12))
def test_sums_do_not_depend_on_the_order_of_messages(found):
    forth, back = add_up([gathered(found)]), add_up([gathered(found[::-1])])
    assert by_key(forth) == by_key(back)
    assert list(by_key(forth)) == list(by_key(back))


@given(st.lists(messages, max_size=12))
def test_sums_are_ordered_by_bucket_kind_and_key_and_firsts_come_first(found):
    rows = add_up([gathered(found)]).to_pylist()
    keys = [(r["bucket"], r["kind"], r["a"].encode(), r["b"].encode()) for r in rows]
    assert keys == sorted(keys)
    assert all(r["first"] <= r["last"] and r["n"] > 0 for r in rows)


def test_nothing_adds_up_to_an_empty_table():
    assert gathered([]).schema == add_up([]).schema == SCHEMA
    assert add_up([]).num_rows == add_up([gathered([])]).num_rows == 0


@given(st.lists(messages, min_size=1, max_size=12))
def test_the_bucket_depends_on_a_alone(found):
    for row in gathered(found).to_pylist():
        assert row["bucket"] == bucket(row["a"]) == crc32(row["a"].encode()) % BUCKETS


def test_buckets_are_all_used():
    assert Counter(bucket(f"conversation-{n}") for n in range(200)).keys() == set(range(BUCKETS))


@given(st.lists(surfaces, max_size=8))
def test_a_pair_counts_once_per_message_and_never_with_itself(entities):
    pairs = {key: n for key, (n, _, _) in by_key(gathered([("c", None, entities, 1)])).items() if key[0] == PAIR}
    assert set(pairs.values()) <= {1}
    assert all(a < b for _, a, b, _ in pairs)
    distinct = {entity for entity, _ in entities}
    assert len(pairs) == len(distinct) * (len(distinct) - 1) // 2


def test_a_message_of_very_many_entities_has_a_bounded_number_of_pairs():
    entities = [(f"e{n:03}", "") for n in range(MAX_ENTITIES_PER_MESSAGE + 20)]
    kinds = Counter(kind for kind, _, _, _ in by_key(gathered([("c", None, entities, 1)])))
    assert kinds[MENTION] == len(entities)
    assert kinds[PAIR] == MAX_ENTITIES_PER_MESSAGE * (MAX_ENTITIES_PER_MESSAGE - 1) // 2


def test_rows_become_messages_and_ends_at_milliseconds():
    at = START + timedelta(microseconds=1_999)
    rows = [
        {"event_type": MESSAGE, "conversation_id": "c", "user_id": "u", "timestamp": at},
        {"event_type": END, "conversation_id": "c", "timestamp": at + timedelta(seconds=1)},
        {"event_type": END, "conversation_id": "d", "user_id": "u", "timestamp": at},
    ]
    ms = int(START.timestamp() * 1000) + 1
    assert by_key(deltas(batch(rows), named([[("x", "")], [], []]))) == {
        (CONVERSATION, "c", "", ""): (1, ms, ms),
        (PARTICIPANT, "c", "u", ""): (1, ms, ms),
        (ENTITY, "x", "x", label("x")): (1, ms, ms),
        (MENTION, "x", "c", ""): (1, ms, ms),
        (NAMING, "", "", ""): (1, ms, ms),
        (COMPLETED, "c", "", ""): (1, ms + 1000, ms + 1000),
        (COMPLETED, "d", "", ""): (1, ms, ms),
    }


def test_what_is_no_node_is_left_out():
    """Dates, numbers and the inside of programs; and names beyond what an index can hold."""
    rows = [
        mention(0, "tech:docker", "Docker"),
        mention(0, "date:today", "today", "DATE", ""),
        mention(0, "tech:x", "x", "TECH", "variable"),
        mention(0, "tech:2.0", "2.0", "TECH", "version"),
        mention(0, "tech:long", "x" * (LONGEST_NAME + 1)),
        mention(0, "tech:" + "x" * LONGEST_ID, "x"),
    ]
    assert nodes(pa.Table.from_pylist(rows, MENTIONS))["entity_id"].to_pylist() == ["tech:docker"]


def stated(**changes: object) -> dict[str, object]:
    event = {"event_type": "entity.stated", "entity_id": "tech:x", "name": "X", "type": "TECH", "subtype": "tool"}
    return {**event, "aliases": [], "timestamp": START, **changes}


def of_knowledge(*rows: dict[str, object]) -> pa.Table:
    schema = pa.schema([event_schema(KNOWLEDGE).field(c) for c in knowledge.COLUMNS])
    return knowledge.deltas(pa.RecordBatch.from_pylist(list(rows), schema))


def test_a_stated_entity_has_its_names_and_counts_for_no_message():
    ms = int(START.timestamp() * 1000)
    found = of_knowledge(stated(aliases=["ex", "", "y" * (LONGEST_NAME + 1)]), stated(subtype=None))
    assert by_key(found) == {
        (ENTITY, "tech:x", "X", packed("X", "TECH", "tool")): (0, ms, ms),
        (ENTITY, "tech:x", "ex", packed("X", "TECH", "tool")): (0, ms, ms),
        (ENTITY, "tech:x", "X", packed("X", "TECH", "")): (0, ms, ms),
    }
    assert per_entity(found, "messages") == Counter({"tech:x": 0})


def test_a_stated_entity_that_is_no_node_is_left_out():
    assert of_knowledge(stated(type="DATE", subtype=None)).num_rows == of_knowledge().num_rows == 0

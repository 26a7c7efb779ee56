"""Graph deltas: counts as a plain counter has them, the same however the events are cut into batches."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import combinations
from zlib import crc32

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.contracts.rows import event_schema
from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.entities.cooccurrence import MAX_ENTITIES_PER_MESSAGE
from helix_pipeline.domain.graph_deltas import (
    BUCKETS,
    COMPLETED,
    CONVERSATION,
    END,
    ENTITY,
    MENTION,
    MESSAGE,
    PAIR,
    PARTICIPANT,
    SCHEMA,
    add_up,
    bucket,
    deltas,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 6, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
names = st.sampled_from(["a", "b", "ü", "d"])
messages = st.tuples(names, st.none() | names, st.lists(names, max_size=5), st.integers(0, 10**6))
Message = tuple[str, str | None, list[str], int]


def label(entity: str) -> tuple[str, str]:
    return entity.upper(), "TECH"


def batch(rows: list[dict[str, object]]) -> pa.RecordBatch:
    """Conversation events, with the columns that the graph needs."""
    columns = ["event_type", "conversation_id", "user_id", "timestamp"]
    return pa.RecordBatch.from_pylist(rows, pa.schema([event_schema(CONVERSATIONS).field(c) for c in columns]))


def gathered(found: list[Message]) -> pa.Table:
    rows = [
        {"event_type": MESSAGE, "conversation_id": conversation, "user_id": user, "timestamp": EPOCH + at * MS}
        for conversation, user, _, at in found
    ]
    return deltas(batch(rows), [entities for _, _, entities, _ in found], label)


def times(found: list[Message]) -> dict[tuple[int, str, str], list[int]]:
    """The model: when each thing was seen, once per sighting."""
    seen: dict[tuple[int, str, str], list[int]] = {}
    for conversation, user, entities, at in found:
        keys = [(CONVERSATION, conversation, ""), *([(PARTICIPANT, conversation, user)] if user else [])]
        keys += [key for e in entities for key in ((ENTITY, e, f"TECH\t{e.upper()}"), (MENTION, conversation, e))]
        keys += [(PAIR, *pair) for pair in combinations(sorted(set(entities)), 2)]
        for key in keys:
            seen.setdefault(key, []).append(at)
    return seen


def by_key(table: pa.Table) -> dict[tuple[int, str, str], tuple[int, int, int]]:
    rows = table.to_pylist()
    found = {(r["kind"], r["a"], r["b"]): (r["n"], r["first"], r["last"]) for r in rows}
    assert len(found) == len(rows)
    return found


@given(st.lists(messages, max_size=12))
def test_counts_and_times_are_those_of_a_plain_counter(found):
    wanted = {key: (len(at), min(at), max(at)) for key, at in times(found).items()}
    assert by_key(gathered(found)) == wanted


@given(st.lists(messages, max_size=12), st.data())
def test_any_split_adds_up_to_the_whole(found, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(found)), max_size=4)))
    parts = [found[start:end] for start, end in zip([0, *cuts], [*cuts, len(found)], strict=True)]
    assert add_up(map(gathered, parts)).equals(add_up([gathered(found)]))
    assert by_key(add_up(map(gathered, parts))) == by_key(gathered(found))


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


@given(st.lists(names, max_size=8))
def test_a_pair_counts_once_per_message_and_never_with_itself(entities):
    pairs = {key: n for key, (n, _, _) in by_key(gathered([("c", None, entities, 1)])).items() if key[0] == PAIR}
    assert set(pairs.values()) <= {1}
    assert all(a < b for _, a, b in pairs)
    assert len(pairs) == len(set(entities)) * (len(set(entities)) - 1) // 2


def test_a_message_of_very_many_entities_has_a_bounded_number_of_pairs():
    entities = [f"e{n:03}" for n in range(MAX_ENTITIES_PER_MESSAGE + 20)]
    kinds = Counter(kind for kind, _, _ in by_key(gathered([("c", None, entities, 1)])))
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
    assert by_key(deltas(batch(rows), [["x"], [], []], label)) == {
        (CONVERSATION, "c", ""): (1, ms, ms),
        (PARTICIPANT, "c", "u"): (1, ms, ms),
        (ENTITY, "x", "TECH\tX"): (1, ms, ms),
        (MENTION, "c", "x"): (1, ms, ms),
        (COMPLETED, "c", ""): (1, ms + 1000, ms + 1000),
        (COMPLETED, "d", ""): (1, ms, ms),
    }

"""Conversations of one message per line, and positions within them."""

import tracemalloc
from datetime import UTC, datetime

from formats_reading import events, jsonl, rejections, said
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.formats.sequences import Positions


def test_all_fields_are_kept():
    record = said(name="Ann", user_id="u1", session=3, tokens=7, entities=[{"text": "x"}], domains=["d"])
    (event,) = events(jsonl([record]))
    assert isinstance(event, MessageAdded)
    assert (event.conversation_id, event.message_id, event.sequence, event.role) == ("c1", "m0", 0, "user")
    assert (event.name, event.user_id, event.session, event.tokens) == ("Ann", "u1", "3", 7)
    assert event.content == "text 0"
    assert event.timestamp == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.metadata == {"entities": [{"text": "x"}], "domains": ["d"]}


def test_given_metadata_is_merged_with_unknown_keys():
    (event,) = events(jsonl([said(metadata={"a": 1}, b=2)]))
    assert event.metadata == {"a": 1, "b": 2}


def test_event_id_depends_on_conversation_and_message_only():
    one, other, again = events(jsonl([said(), said(conversation_id="c2"), said(content="edited")]))
    assert one.event_id == again.event_id != other.event_id


def test_missing_message_id_is_stable_and_differs_by_position_and_text():
    records = [said(0, message_id=...), said(1, message_id=...)]
    first, second = events(jsonl(records))
    assert [first.event_id, second.event_id] == [event.event_id for event in events(jsonl(records))]
    assert first.message_id != second.message_id


def test_times_in_other_forms():
    given_times = [
        1767225600,
        1767225600.0,
        1767225600000,
        "2026-01-01T01:00:00+01:00",
        "2026-01-01T00:00:00",
    ]
    found = events(jsonl(said(number, timestamp=time) for number, time in enumerate(given_times)))
    assert {event.timestamp for event in found} == {datetime(2026, 1, 1, tzinfo=UTC)}


def test_missing_times_are_seconds_from_a_fixed_epoch_and_marked():
    found = events(jsonl([said(0, timestamp=...), said(1, timestamp=...)]))
    assert [event.timestamp for event in found] == [datetime(2000, 1, 1, 0, 0, second, tzinfo=UTC) for second in (0, 1)]
    assert all(event.metadata["timestamp_assumed"] for event in found)


def test_positions_of_mixed_conversations():
    order = ["a", "b", "a", "c", "b", "a"]
    found = events(jsonl(said(number, conversation_id=name) for number, name in enumerate(order)))
    assert [event.sequence for event in found] == [0, 0, 1, 0, 1, 2]


def test_given_sequence_is_kept():
    assert [event.sequence for event in events(jsonl([said(sequence=41), said(1, sequence=9)]))] == [41, 9]


@given(st.lists(st.integers(0, 30)), st.integers(2, 5))
def test_positions_are_exact_beyond_memory(order, in_memory):
    positions = Positions(in_memory)
    counted: dict[int, int] = {}
    for conversation in order:
        assert positions.next(str(conversation)) == counted.get(conversation, 0)
        counted[conversation] = counted.get(conversation, 0) + 1


def test_positions_of_many_conversations_take_bounded_memory():
    positions = Positions(in_memory=1_000)
    tracemalloc.start()
    for conversation in range(50_000):
        positions.next(str(conversation))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 1 << 20


def test_what_the_contract_refuses_is_rejected_with_its_line():
    records = [
        said(0),
        said(1, role=...),
        said(2, content=...),
        said(3, conversation_id=...),
        said(4, content=5),
        said(5, content=None),
        said(6, role=7),
        said(7, timestamp="yesterday"),
        said(8, timestamp="1999-12-31T23:59:59Z"),
        said(9, timestamp="2100-01-01T00:00:00Z"),
        said(10, timestamp=1e300),
        said(11, timestamp=True),
        said(12, tokens=-1),
        said(13, metadata=[1]),
        said(14, role=""),
        said(15, timestamp="9999-12-31T23:59:59-23:00"),
    ]
    assert rejections(jsonl(records)) == [
        ("line 2", "missing field"),
        ("line 3", "missing field"),
        ("line 4", "missing field"),
        ("line 5", "wrong type"),
        ("line 6", "wrong type"),
        ("line 7", "wrong type"),
        ("line 8", "bad timestamp"),
        ("line 9", "absurd timestamp"),
        ("line 10", "absurd timestamp"),
        ("line 11", "absurd timestamp"),
        ("line 12", "bad timestamp"),
        ("line 13", "bad value"),
        ("line 14", "wrong type"),
        ("line 15", "bad value"),
        ("line 16", "absurd timestamp"),
    ]

"""Requests of the context service: what is refused, what the settings fill in, and where a page ends."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.context.conversation import CONVERSATION, ordered
from helix_pipeline.errors import UsageError
from helix_pipeline.services.context.cursors import Place, after, cursor_of, place_of, place_of_last
from helix_pipeline.services.context.requests import ReplayRequest, compression, within
from helix_pipeline.services.context.search import SearchRequest
from helix_pipeline.settings import load

AT = datetime(2026, 6, 1, tzinfo=UTC)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))
PLACES = st.builds(Place, st.integers(0, 2**63 - 1), TIMES, st.text(min_size=1).filter(lambda text: text.isprintable()))


def table(*keys: tuple[int, int, str]) -> pa.Table:
    """Messages of these sequence numbers, seconds and event ids, in order."""
    rows = [
        {
            "conversation_id": "c",
            "event_id": event_id,
            "message_id": event_id,
            "sequence": sequence,
            "timestamp": AT + timedelta(seconds=second),
            "role": "user",
            "content": "x",
        }
        for sequence, second, event_id in keys
    ]
    return ordered(pa.Table.from_pylist(rows, CONVERSATION))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"conversation_id": ""}, "conversation_id"),
        ({"conversation_id": "x" * 513}, "512"),
        ({"conversation_id": "a\0b"}, "null byte"),
        ({"conversation_id": "\ud800"}, "not valid Unicode"),
        ({"compression_strategy": "zip"}, "'zip': must be one of none, window, entity, full, hybrid"),
        ({"limit": 0}, "limit 0"),
        ({"limit": 10_001}, "limit 10001"),
        ({"start": datetime(2026, 6, 1)}, "time zone"),
        ({"start": AT, "end": AT}, "is not before"),
    ],
)
def test_a_bad_request_is_refused(fields, told):
    with pytest.raises(UsageError, match=told):
        ReplayRequest(**({"conversation_id": "c"} | fields))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"query": " "}, "query is empty"),
        ({"conversation_id": None}, "neither conversation_id nor user_id"),
        ({"user_id": ""}, "user_id"),
        ({"top_k": 0}, "top_k 0"),
        ({"neighbours": 21}, "neighbours 21"),
    ],
)
def test_a_bad_search_is_refused(fields, told):
    with pytest.raises(UsageError, match=told):
        SearchRequest(**({"query": "q", "conversation_id": "c"} | fields))


def test_what_a_request_leaves_open_comes_from_the_settings():
    chosen = load(environ={"CONTEXT_COMPRESSION_STRATEGY": "entity", "CONTEXT_COMPRESSION_RATIO": "0.4"})
    how = compression(ReplayRequest(conversation_id="c"), chosen)
    assert (how.strategy, how.ratio, how.max_tokens, how.min_quality) == ("entity", 0.4, 1_000_000, 0.95)
    given_one = compression(ReplayRequest(conversation_id="c", max_tokens=500, compression_strategy="full"), chosen)
    assert (given_one.strategy, given_one.ratio, given_one.max_tokens) == ("full", None, 500)
    both = compression(ReplayRequest(conversation_id="c", max_tokens=500, ratio=0.1, min_quality=0.0), chosen)
    assert (both.ratio, both.max_tokens, both.min_quality) == (0.1, 500, 0.0)


@pytest.mark.parametrize("fields", [{"max_tokens": 0}, {"ratio": 0.0}, {"ratio": 1.1}, {"retrieval_top_k": 0}])
def test_a_bad_budget_is_refused(fields):
    with pytest.raises(UsageError):
        compression(ReplayRequest(conversation_id="c", **fields), load(environ={}))


@settings(deadline=None)
@given(PLACES)
def test_a_cursor_names_its_place(place):
    cursor = cursor_of(place)
    assert place_of(cursor) == place
    assert cursor.isascii() and not set(cursor) & set("+/=&?# ")


@pytest.mark.parametrize(
    "cursor", ["x", "!!", "e30", "", "日本", "WzFd", "eyJzZXF1ZW5jZSI6LTF9", cursor_of(Place(-1, AT, "e"))]
)
def test_another_text_is_no_cursor(cursor):
    with pytest.raises(UsageError, match="next_cursor"):
        place_of(cursor)


def test_a_place_in_another_time_zone_is_the_same():
    east = AT.astimezone(timezone(timedelta(hours=5)))
    assert place_of(cursor_of(Place(1, east, "e"))) == Place(1, AT, "e")


def test_after_a_place_comes_what_is_sorted_behind_it():
    messages = table((0, 0, "a"), (1, 0, "b"), (1, 0, "c"), (1, 5, "a"), (2, 0, "a"))
    for number in range(5):
        place = place_of_last(messages.slice(0, number + 1))
        assert after(messages, place).equals(messages.slice(number + 1))


def test_a_time_includes_its_begin_and_not_its_end():
    messages = table((0, 0, "a"), (1, 1, "b"), (2, 2, "c"))
    second = timedelta(seconds=1)
    for start, end, kept in ((None, None, "abc"), (AT + second, None, "bc"), (None, AT + second, "a")):
        asked = ReplayRequest(conversation_id="c", start=start, end=end)
        assert within(messages, asked)["event_id"].to_pylist() == list(kept)
    one = ReplayRequest(conversation_id="c", start=AT + second, end=AT + 2 * second)
    assert within(messages, one)["event_id"].to_pylist() == ["b"]
